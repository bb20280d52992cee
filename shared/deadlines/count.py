"""The counting itself; what each rule did is told in one sentence."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from shared.deadlines.holiday import Holiday, holidays_of
from shared.deadlines.periods import Period
from shared.deadlines.periods import period as parse
from shared.deadlines.rules import RuleSet, in_force
from shared.domain.errors import UsageError

_DAY, _HOUR = timedelta(days=1), timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Deadline:
    """When a period ends.

    `on`: its last day (None for hours). `at`: when it has expired (for days: 00:00 of the next day, local).
    `strict_at`: the earliest reading, never later than `at`: hours from the very moment, days without prolongation.
    `trace`: a sentence for each rule that acted.
    """

    on: date | None
    at: datetime
    strict_at: datetime
    trace: tuple[str, ...]


def due(
    period: str,
    start: datetime | date,
    *,
    country: str | None = None,
    subdivision: str | None = None,
    tz: str = "UTC",
    as_of: date | None = None,
    rested: int = 0,
) -> Deadline:
    """Return when `period` ends that an event at `start` sets off, by the rules of `as_of` (default: of that day).

    `rested` whole days in which it stood still come before the end is looked at: a rest day is no end then either.
    """
    length, zone, holiday = parse(period), _zone(tz), holidays_of(country, subdivision)
    rules = in_force(as_of or _day(start, zone))
    if length.hours:
        if rested:
            raise UsageError(f"{period!r} is counted in hours, which run on; only days can rest")
        return _hours(length.hours, start, zone, rules)
    return _days(period, length, start, zone, rules, holiday, rested)


def extended(
    start: datetime | date,
    *,
    months: int = 2,
    country: str | None = None,
    subdivision: str | None = None,
    tz: str = "UTC",
    period: str = "P1M",
    as_of: date | None = None,
    rested: int = 0,
) -> Deadline:
    """Return when `period` ends that was extended by `months` (GDPR 12(3)): one period from the original start.

    The strictest reading adds the months to the end of the first period instead: 31 January, 28 February, 28 April.
    """
    length, zone = parse(period), _zone(tz)
    if length.hours or months < 1:
        raise UsageError(
            f"{period!r} cannot be extended by {months} months: give a period not in hours and a month or more"
        )
    day = _day(start, zone)
    whole = replace(length, months=length.months + months)
    name, holiday = f"{period} extended by {months} months", holidays_of(country, subdivision)
    end = _days(name, whole, start, zone, in_force(as_of or day), holiday, rested)
    chained = _end_of(Period(months=months).after(length.after(day)) + rested * _DAY, zone)
    return replace(end, strict_at=min(end.strict_at, chained))


def milestone(start: datetime, end: datetime, fraction: float) -> datetime:
    """Return the moment when `fraction` of the time between has elapsed, in the zone of `end`."""
    # Two datetimes of one zone subtract by wall clock, which is an hour wrong across a clock change.
    return (start.astimezone(UTC) + (end.astimezone(UTC) - start.astimezone(UTC)) * fraction).astimezone(end.tzinfo)


def _hours(hours: int, start: datetime | date, zone: ZoneInfo, rules: RuleSet) -> Deadline:
    if not isinstance(start, datetime):
        raise UsageError(f"a period in hours needs the moment of the event, not only the day {start}")
    event = start.astimezone(zone)
    into = timedelta(minutes=event.minute, seconds=event.second, microseconds=event.microsecond)
    try:
        begin = (event.astimezone(UTC) - into + _HOUR).astimezone(zone)
        end, strict = (_plus(moment, timedelta(hours=hours), zone) for moment in (begin, event))
    except OverflowError:
        raise UsageError(f"{hours} hours from {event} end beyond the calendar") from None
    return Deadline(
        on=None,
        at=end,
        strict_at=strict,
        trace=(
            f"{rules.source}, Art. 3(1): the hour of the event, {event:%Y-%m-%d %H:%M %z}, is not counted.",
            f"Art. 3(2)(a): {hours} hours from {begin:%Y-%m-%d %H:%M %z} end at {end:%Y-%m-%d %H:%M %z}.",
            "Art. 3(3), (4): weekends and public holidays count, and hours are not prolonged for them.",
        ),
    )


def _days(
    name: str, length: Period, start: datetime | date, zone: ZoneInfo, rules: RuleSet, holiday: Holiday, rested: int
) -> Deadline:
    day = _day(start, zone)
    try:
        unrested = length.after(day)
        counted = unrested + rested * _DAY
        last, prolonged = _prolonged(day, counted, rules, holiday)
        end, strict = _end_of(last, zone), _end_of(counted, zone)
    except (OverflowError, ValueError):
        raise UsageError(f"{name} from {day} ends beyond the calendar") from None
    trace = (
        f"{rules.source}, Art. 3(1): the day of the event ({day:%A} {day} in {zone.key}) is not counted.",
        _where_it_ends(name, length, day, unrested),
        *([f"It stood still for {rested} days, so it ends with {counted:%A} {counted}."] if rested else []),
        *prolonged,
    )
    return Deadline(on=last, at=end, strict_at=strict, trace=trace)


def _where_it_ends(name: str, length: Period, day: date, counted: date) -> str:
    if length.years or length.months:
        months_end = replace(length, weeks=0, days=0).after(day)
        if months_end.day != day.day:
            return f"Art. 3(2)(c): {months_end:%B %Y} has no day {day.day}, so {name} ends with {counted:%A} {counted}."
        return f"Art. 3(2)(c): {name} ends with {counted:%A} {counted}, months and years on the same date."
    if length.weeks:
        return f"Art. 3(2)(c): {name} ends with {counted:%A} {counted}, weeks on the same weekday."
    return f"Art. 3(2)(b): {name} ends with {counted:%A} {counted}."


def _prolonged(day: date, last: date, rules: RuleSet, holiday: Holiday) -> tuple[date, tuple[str, ...]]:
    """Apply 3(4), then 3(5); return the last day and what was done."""
    trace: list[str] = []
    long_enough = (last - day).days >= 2
    if rest := _rest(last, rules, holiday):
        end = next(later for later in _from(last) if not _rest(later, rules, holiday))
        trace.append(f"Art. 3(4): {last} is {rest}, so it ends with the next working day, {end:%A} {end}.")
        last = end
    if long_enough:
        working = (later for later in _from(day + _DAY) if not _rest(later, rules, holiday))
        least = [next(working) for _ in range(rules.least_working_days)][-1]
        if least > last:
            trace.append(f"Art. 3(5): two days or more include two working days, so it ends with {least:%A} {least}.")
            last = least
    return last, tuple(trace)


def _rest(day: date, rules: RuleSet, holiday: Holiday) -> str | None:
    name = holiday(day)
    if name:
        return f"a public holiday ({name})"
    return f"a {day:%A}" if day.weekday() in rules.rest_days else None


def _from(day: date) -> Iterator[date]:
    while True:
        yield day
        day += _DAY


def _day(start: datetime | date, zone: ZoneInfo) -> date:
    """Return the local day of the event: a request at 23:30 in London arrives the next day in Berlin."""
    if not isinstance(start, datetime):
        return start
    if start.tzinfo is None:
        raise UsageError(f"the start {start.isoformat()} needs its UTC offset, such as {start.isoformat()}+01:00")
    return start.astimezone(zone).date()


def _end_of(day: date, zone: ZoneInfo) -> datetime:
    """Return the first moment of the next day; where clocks skip midnight, that is 01:00."""
    return datetime.combine(day + _DAY, time(), zone).astimezone(UTC).astimezone(zone)


def _plus(moment: datetime, length: timedelta, zone: ZoneInfo) -> datetime:
    """Add elapsed time: what a zone's own clock adds is an hour wrong across a change."""
    return (moment.astimezone(UTC) + length).astimezone(zone)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UsageError(f"no time zone {name!r}; give an IANA name, such as Europe/Berlin") from None
