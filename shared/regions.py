"""Which country a region is in; the EU/EEA decision is by country, never by a prefix of the region's name."""

import json
from functools import cache
from importlib.resources import files
from typing import Any


@cache
def _table() -> dict[str, Any]:
    table: dict[str, Any] = json.loads(files("shared").joinpath("regions.json").read_text())
    return table


def country_of(region: str) -> str | None:
    """Return the ISO 3166-1 country of `provider:region` or `country:DE`; None if the region is not known."""
    provider, _, name = region.partition(":")
    if provider == "country":
        return name.upper() if len(name) == 2 else None
    country: str | None = _table()["providers"].get(provider, {}).get("regions", {}).get(name.lower())
    return country


def in_eea(country: str) -> bool:
    """Say whether a country belongs to the EU or the EEA."""
    table = _table()
    return country in table["eu"] or country in table["eea_extra"]


def may_keep(country: str, ground: str) -> bool:
    """Say whether data may be kept in a country: in the EU/EEA, or where the agreement's `adequacy:CH,GB` covers it."""
    named, _, covered = ground.partition(":")
    return in_eea(country) or bool(named and country in covered.split(","))
