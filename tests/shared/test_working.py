"""Hours of work, as contracts count them."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.deadlines.working import WEEKDAYS, week, worked
from shared.domain.errors import UsageError

OFFICE = week(dict.fromkeys(WEEKDAYS[:5], "09:00-17:00"))
NIGHT = week({"sat": "22:00-24:00", "sun": "00:00-06:00"})


def end(hours, start, hours_of=OFFICE, *, country="DE", subdivision=None, tz="Europe/Berlin", pauses=()):
    """Return when the work is done, as ISO 8601."""
    found = worked(
        hours, datetime.fromisoformat(start), hours_of, country=country, subdivision=subdivision, tz=tz,
        pauses=pauses,
    )  # fmt: skip
    assert found.strict_at == found.at
    return found.at.isoformat(timespec="minutes")


@pytest.mark.parametrize(
    ("hours", "start", "more", "expected"),
    [
        (4, "2026-03-02T10:30+01:00", {}, "2026-03-02T14:30+01:00"),
        (8, "2026-03-02T09:00+01:00", {}, "2026-03-02T17:00+01:00"),
        (8, "2026-03-02T17:00+01:00", {}, "2026-03-03T17:00+01:00"),
        (1, "2026-03-06T16:30+01:00", {}, "2026-03-09T09:30+01:00"),
        (8, "2026-03-07T12:00+01:00", {}, "2026-03-09T17:00+01:00"),
        # Good Friday and Easter Monday, across the clock change of 29 March
        (40, "2026-03-27T13:00+01:00", {}, "2026-04-07T13:00+02:00"),
        (8, "2026-01-05T13:00+01:00", {"subdivision": "BY"}, "2026-01-07T13:00+01:00"),
        (8, "2026-01-05T13:00+01:00", {"subdivision": "BE"}, "2026-01-06T13:00+01:00"),
        (1, "2026-03-02T23:30Z", {}, "2026-03-03T10:00+01:00"),
        # a night in which the clock goes ahead has an hour less of work, one in which it goes back an hour more
        (8, "2026-03-28T12:00+01:00", {"hours_of": NIGHT}, "2026-04-04T23:00+02:00"),
        (8, "2026-10-24T12:00+02:00", {"hours_of": NIGHT}, "2026-10-25T05:00+01:00"),
    ],
)
def test_hours_of_work(hours, start, more, expected):
    """From the very moment, through working hours only, on days that are no public holidays."""
    assert expected == end(hours, start, **more)


@pytest.mark.parametrize(
    ("pauses", "expected"),
    [
        ([("2026-03-06T16:00", "2026-03-09T10:00")], "2026-03-09T14:00+01:00"),  # two hours of work passed in it
        ([("2026-03-07T10:00", "2026-03-08T10:00")], "2026-03-09T12:00+01:00"),  # none on a weekend
        (
            [("2026-03-06T13:00", "2026-03-06T14:00"), ("2026-03-06T16:30", "2026-03-06T18:00")],
            "2026-03-09T13:30+01:00",
        ),
        ([("2026-03-05T10:00", "2026-03-06T13:00")], "2026-03-09T13:00+01:00"),
        ([("2026-03-09T12:00", "2026-03-10T12:00")], "2026-03-09T12:00+01:00"),  # the time has run out
    ],
)
def test_no_work_passes_in_a_pause(pauses, expected):
    """Eight hours from a Friday noon on end on Monday at noon, and later by the hours of work that were paused."""
    spells = [tuple(datetime.fromisoformat(f"{moment}+01:00") for moment in one) for one in pauses]
    assert expected == end(8, "2026-03-06T12:00+01:00", pauses=spells)


@given(st.lists(st.integers(0, 24 * 60), min_size=2, max_size=8, unique=True))
def test_paused_work_and_the_rest_make_the_whole(minutes):
    """However the pauses lie, the hours of work outside of them are as many as were asked for."""
    start, marks = datetime(2026, 3, 2, 8, tzinfo=UTC), sorted(minutes)
    moments = [start + timedelta(minutes=one) for one in marks]
    pauses = list(zip(moments[::2], moments[1::2], strict=False))
    whole = week(dict.fromkeys(WEEKDAYS, "00:00-24:00"))
    found = worked(30, start, whole, country=None, subdivision=None, tz="UTC", pauses=pauses)
    assert start + timedelta(hours=30) + sum((back - out for out, back in pauses), timedelta()) == found.at


def test_the_trace_names_the_contract():
    """One sentence: no rule of the Regulation acted."""
    found = worked(4, datetime(2026, 3, 2, 9, tzinfo=UTC), OFFICE, country="DE", subdivision=None, tz="Europe/Berlin")
    assert (
        "The contract: 4 working hours from Monday 2026-03-02 10:00 +0100 end at Monday 2026-03-02 14:00 +0100.",
    ) == found.trace


@pytest.mark.parametrize(
    "hours",
    [
        {}, {"mon": "9-17"}, {"mon": "17:00-09:00"}, {"mon": "09:00-09:00"}, {"mon": "09:00-24:30"},
        {"monday": "09:00-17:00"},
    ],
)  # fmt: skip
def test_no_working_hours(hours):
    """Whatever is no time of work is refused with an example."""
    with pytest.raises(UsageError, match=r"working hours|not after"):
        week(hours)


@given(st.integers(1, 400), st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)))  # noqa: DTZ001 - without an offset on purpose
def test_any_hours_of_work(hours, start):
    """They end in a working hour, later with each hour, and never sooner than the hours themselves."""
    begin = start.replace(tzinfo=UTC)
    found, more = (
        worked(count, begin, OFFICE, country="FR", subdivision=None, tz="Europe/Paris").at
        for count in (hours, hours + 1)
    )
    assert found - begin >= timedelta(hours=hours)
    assert more - found >= timedelta(hours=1)
    assert found.weekday() < 5
    since_midnight = found - found.replace(hour=0, minute=0, second=0, microsecond=0)
    assert timedelta(hours=9) < since_midnight <= timedelta(hours=17)
