"""Regions: the decision is by country, never by a prefix of the region's name."""

import json
from importlib.resources import files

import pytest

from shared.regions import country_of, in_eea

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
    """Twenty-seven states of the EU, three more of the EEA, and a country for each region."""
    assert (27, 3) == (len(set(TABLE["eu"])), len(set(TABLE["eea_extra"])))
    providers = {name: of for name, of in TABLE.items() if isinstance(of, dict)}
    assert providers
    assert not [one for of in providers.values() for one in of.values() if not (len(one) == 2 and one.isupper())]
