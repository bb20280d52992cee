"""Quiet hours."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from shared.on_call.settings import Quiet

_DAY = timedelta(days=1)


def quiet_until(quiet: Quiet, zone: ZoneInfo, at: datetime) -> datetime | None:
    """Return when the quiet hours around a moment end; None if it is in none. A weekend runs on into its night."""
    end = at
    while later := max((until for start, until in _around(quiet, zone, end) if start <= end < until), default=None):
        end = later
    return end if end > at else None


def _around(quiet: Quiet, zone: ZoneInfo, at: datetime) -> Iterator[tuple[datetime, datetime]]:
    today = at.astimezone(zone).date()
    over_midnight = quiet.until <= quiet.starts
    for day in (today - _DAY, today):
        yield _moment(day, quiet.starts, zone), _moment(day + over_midnight * _DAY, quiet.until, zone)
    if quiet.weekends and today.weekday() >= 5:
        saturday = today - (today.weekday() - 5) * _DAY
        yield _moment(saturday, time(), zone), _moment(saturday + 2 * _DAY, time(), zone)


def _moment(day: date, clock: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, clock, zone).astimezone(UTC)
