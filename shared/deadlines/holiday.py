"""The public holidays of the place where the act is due (Article 2(1))."""

from collections.abc import Callable
from datetime import date
from functools import lru_cache

from shared.domain.errors import UsageError

Holiday = Callable[[date], str | None]

# The EU's own codes where they are not ISO 3166-1.
_ALIASES = {"EL": "GR", "UK": "GB"}


def holidays_of(country: str | None, subdivision: str | None) -> Holiday:
    """Return a function that names the public holiday on a day, or says None; without a country there are none."""
    if country is None:
        if subdivision is not None:
            raise UsageError(f"subdivision {subdivision!r} needs its country")
        return lambda _: None
    code = country.upper()
    code = _ALIASES.get(code, code)
    return _calendar(code, subdivision and subdivision.removeprefix(f"{code}-"))


@lru_cache(maxsize=256)
def _calendar(country: str, subdivision: str | None) -> Holiday:
    import holidays  # noqa: PLC0415 - takes longer to import than everything else here together

    known = holidays.list_supported_countries(include_aliases=True)
    if country not in known:
        hint = " (write the subdivision by itself)" if "-" in country else ""
        raise UsageError(f"no public holidays known for country {country!r}{hint}; give an ISO 3166-1 code, such as DE")
    try:
        found: Holiday = holidays.country_holidays(country, subdiv=subdivision, categories=holidays.PUBLIC).get
    except NotImplementedError:
        there = ", ".join(known[country]) or "none"
        raise UsageError(f"{country} has no subdivision {subdivision!r}; there are: {there}") from None
    return found
