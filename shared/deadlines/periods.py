"""Periods as ISO 8601 writes them, and what day they lead to."""

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta

from shared.domain.errors import UsageError

# No library: isodate would be one more dependency for this pattern, and pydantic and dateutil read no months.
_ISO = re.compile(
    r"P(?=[\dT])(?:(?P<years>\d{1,4})Y)?(?:(?P<months>\d{1,4})(?:[.,](?P<part>\d{1,4}))?M)?"
    r"(?:(?P<weeks>\d{1,4})W)?(?:(?P<days>\d{1,5})D)?(?:T(?P<hours>\d{1,5})H)?",
    re.ASCII,
)
_HELP = "P1M means one month; P3W, P10D, P1Y6M and, for hours alone, PT72H are understood too"


@dataclass(frozen=True, slots=True)
class Period:
    """A length of calendar time, or of hours."""

    years: int = 0
    months: int = 0
    weeks: int = 0
    days: int = 0
    hours: int = 0

    def after(self, start: date) -> date:
        """Return the last day of the period when `start` is the day of the event; the longest unit goes first."""
        months = start.year * 12 + start.month - 1 + self.years * 12 + self.months
        year, month = months // 12, months % 12 + 1
        return date(year, month, min(start.day, monthrange(year, month)[1])) + timedelta(
            weeks=self.weeks, days=self.days
        )


def period(text: str) -> Period:
    """Read an ISO 8601 period; a part of a month (`P1.5M`) is counted at thirty days a month, as 3(2)(d) says."""
    match = _ISO.fullmatch(text)
    if match is None:
        raise UsageError(f"{text!r} is no period: {_HELP}")
    part = match["part"] or "0"
    thirtieths, remainder = divmod(int(part) * 30, 10 ** len(part))
    number = {unit: int(match[unit] or 0) for unit in ("years", "months", "weeks", "days", "hours")}
    number["days"] += thirtieths
    found = Period(**number)
    if found == Period() or remainder or (found.hours and found != Period(hours=found.hours)):
        raise UsageError(f"{text!r} is no period that can be counted (none, broken days, or hours mixed in): {_HELP}")
    return found
