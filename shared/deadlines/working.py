"""Hours of work: what a contract may count in, where the law counts none."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import count
from zoneinfo import ZoneInfo

from shared.deadlines.count import Deadline
from shared.deadlines.holiday import Holiday, holidays_of
from shared.domain.errors import UsageError

Span = tuple[timedelta, timedelta]  # when work begins and ends, from midnight on the wall's clock
Spell = tuple[datetime, datetime]
Week = Mapping[int, Span]  # by weekday, as `date.weekday` counts

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]|24(?=:00)):([0-5]\d)", re.ASCII)
_FARTHEST = 36_525  # days


def week(hours: Mapping[str, str]) -> Week:
    """Read the hours of a week, such as `{"mon": "09:00-17:00"}`; a UsageError says what is wrong."""
    found: dict[int, Span] = {}
    for day, text in hours.items():
        match = _HOURS.fullmatch(text)
        if day not in WEEKDAYS or match is None:
            raise UsageError(f'{day} = {text!r} are no working hours: write mon = "09:00-17:00", and so on to sun')
        first, last = (timedelta(hours=int(match[n]), minutes=int(match[n + 1])) for n in (1, 3))
        if last <= first:
            raise UsageError(f"{day}: work ends at {text[6:]}, which is not after {text[:5]}")
        found[WEEKDAYS.index(day)] = first, last
    if not found:
        raise UsageError('working hours need a day, such as mon = "09:00-17:00"')
    return found


def worked(
    hours: int,
    start: datetime,
    hours_of: Week,
    *,
    country: str | None,
    subdivision: str | None,
    tz: str,
    pauses: Sequence[Spell] = (),
) -> Deadline:
    """Return when `hours` of work have passed since `start`: none on a public holiday or outside of the week's hours.

    Nor does any pass in `pauses` (from, until; in order).

    What a contract says is counted as it says: from the very moment, without Regulation 1182/71.
    """
    zone, left, at = ZoneInfo(tz), timedelta(hours=hours), start.astimezone(UTC)
    for begin, end in _without(pauses, _spells(at, zone, hours_of, holidays_of(country, subdivision))):
        if left <= end - begin:
            at = (begin + left).astimezone(zone)
            told = f"The contract: {hours} working hours from {start.astimezone(zone):%A %Y-%m-%d %H:%M %z} end at"
            return Deadline(on=None, at=at, strict_at=at, trace=(f"{told} {at:%A %Y-%m-%d %H:%M %z}.",))
        left -= end - begin
    raise UsageError(f"{hours} working hours from {start} end beyond the calendar")


def _without(pauses: Sequence[Spell], spells: Iterable[Spell]) -> Iterator[Spell]:
    for begin, end in spells:
        at = begin
        for out, back in pauses:
            if at < out < end:
                yield at, out
            if out < end and at < back:
                at = back
        if at < end:
            yield at, end


def _spells(since: datetime, zone: ZoneInfo, hours_of: Week, holiday: Holiday) -> Iterator[Spell]:
    """Yield the times of work from `since` on, in UTC: a clock change inside them is time that passes or does not."""
    first: date = since.astimezone(zone).date()
    for days in count():
        day = first + timedelta(days=days)
        if days > _FARTHEST:
            return
        if day.weekday() in hours_of and not holiday(day):
            midnight = datetime.combine(day, time(), zone)
            begin, end = ((midnight + span).astimezone(UTC) for span in hours_of[day.weekday()])
            if max(begin, since) < end:
                yield max(begin, since), end
