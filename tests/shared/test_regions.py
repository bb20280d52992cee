"""Regions: the decision is by country, never by a prefix of the region's name."""

import json
from importlib.resources import files

import pytest

from shared.regions import country_of, in_eea, may_keep

TABLE = json.loads(files("shared").joinpath("regions.json").read_text())


@pytest.mark.parametrize(
    ("region", "country"),
    [
        ("aws:eu-central-1", "DE"),
        ("aws:eu-west-2", "GB"),
        ("aws:eu-central-2", "CH"),
        ("aws:eu-nowhere-9", None),
        ("country:DE", "DE"),
        ("country:fi", "FI"),
        ("country:", None),
        ("country:Germany", None),
        ("eu-central-1", None),
        ("unknown:eu-central-1", None),
        ("ovh:EU-SOUTH-MIL", "IT"),
        ("ovh:UK1", "GB"),
        ("hetzner:hel1", "FI"),
        ("hetzner:ash", "US"),
        ("scaleway:it-mil", None),
        ("azure:denmarkeast", "DK"),
        ("azure:swedensouth", "SE"),
        ("gcp:europe-north2", "SE"),
        ("source:aws", None),
        ("eu:AT", None),
        ("", None),
    ],
)
def test_a_region_is_in_a_country(region, country):
    """A region that is not known has no country, and is never guessed."""
    assert country == country_of(region)


@pytest.mark.parametrize(
    ("country", "inside"),
    [("DE", True), ("IE", True), ("NO", True), ("IS", True), ("LI", True), ("GB", False), ("CH", False), ("US", False)],
)
def test_the_eea_is_the_eu_and_three(country, inside):
    """Norway, Iceland and Liechtenstein belong to it; the United Kingdom and Switzerland do not."""
    assert inside == in_eea(country)


def test_the_table_is_whole():
    """Twenty-seven states of the EU, three more of the EEA, a country for each region, and where it is known from."""
    assert (27, 3) == (len(set(TABLE["eu"])), len(set(TABLE["eea_extra"])))
    providers = TABLE["providers"]
    assert {"aws", "azure", "gcp", "hetzner", "ovh", "scaleway"} == set(providers)
    assert not [name for name, of in providers.items() if not of["source"]]
    regions = {
        f"{name}:{region}": country for name, of in providers.items() for region, country in of["regions"].items()
    }
    assert regions == {region: country_of(region) for region in regions}
    assert not [one for one in regions if one != one.lower()]
    assert not [country for country in regions.values() if not (len(country) == 2 and country.isupper())]


_CITIES = {
    "Frankfurt": "DE", "Germany": "DE", "Zurich": "CH", "Stockholm": "SE", "Milan": "IT", "Spain": "ES",
    "Ireland": "IE", "London": "GB", "Paris": "FR",
}  # fmt: skip


def test_amazons_regions_are_those_of_its_library():
    """Each region of the library that moto and s3fs bring is in the table; its European places are where it says."""
    pytest.importorskip("botocore", reason="botocore comes with the extra s3")
    partitions = json.loads(files("botocore").joinpath("data/endpoints.json").read_text())["partitions"]
    named = {
        region: what["description"].rpartition("(")[2].rstrip(")")
        for partition in partitions
        if partition["partition"] in ("aws", "aws-eusc")
        for region, what in partition["regions"].items()
    }
    assert set(named) == set(TABLE["providers"]["aws"]["regions"])
    european = {region: place for region, place in named.items() if region.startswith("eu")}
    assert {region: _CITIES[place] for region, place in european.items()} == {
        region: country_of(f"aws:{region}") for region in european
    }


@pytest.mark.parametrize(
    ("country", "ground", "may"),
    [
        ("DE", "", True),
        ("CH", "", False),
        ("CH", "adequacy:CH", True),
        ("CH", "adequacy:GB", False),
        ("US", "scc:US,CH", True),
        ("US", ":US", False),
        ("US", "adequacy", False),
    ],
)
def test_a_ground_covers_the_countries_that_it_names(country, ground, may):
    """Outside the EEA only what the client's agreement names."""
    assert may == may_keep(country, ground)
