"""Quiet hours: over midnight, through weekends, across both changes of the clock."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.on_call.quiet import quiet_until
from shared.on_call.settings import Quiet

BERLIN = ZoneInfo("Europe/Berlin")
NIGHT = Quiet.model_validate({"from": "22:00", "until": "07:00"})
WEEKEND = Quiet.model_validate({"from": "22:00", "until": "07:00", "weekends": True})
NOON = Quiet.model_validate({"from": "12:00", "until": "13:00"})
CLOCKS = st.integers(0, 24 * 60 - 1).map(lambda minutes: f"{minutes // 60:02}:{minutes % 60:02}")
QUIETS = st.tuples(CLOCKS, CLOCKS, st.booleans()).filter(lambda one: one[0] != one[1])
MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - the bounds are naive by contract


def local(text):
    """Return a moment in Berlin."""
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN)


@pytest.mark.parametrize(
    ("quiet", "at", "until"),
    [
        (NIGHT, "2026-01-05T21:59", None),
        (NIGHT, "2026-01-05T22:00", "2026-01-06T07:00"),
        (NIGHT, "2026-01-06T06:59", "2026-01-06T07:00"),
        (NIGHT, "2026-01-06T07:00", None),
        (NIGHT, "2026-01-10T12:00", None),
        (NIGHT, "2026-03-29T01:00", "2026-03-29T07:00"),  # the night that lacks an hour
        (NIGHT, "2026-10-25T01:00", "2026-10-25T07:00"),  # the night that has one more
        (NOON, "2026-01-05T12:30", "2026-01-05T13:00"),
        (NOON, "2026-01-05T13:00", None),
        (WEEKEND, "2026-01-09T21:59", None),  # a Friday
        (WEEKEND, "2026-01-09T22:00", "2026-01-12T07:00"),  # the night, the weekend, and the night after it
        (WEEKEND, "2026-01-10T12:00", "2026-01-12T07:00"),
        (WEEKEND, "2026-01-11T23:00", "2026-01-12T07:00"),
        (WEEKEND, "2026-01-12T08:00", None),
    ],
)
def test_quiet_hours_end(quiet, at, until):
    """An alert waits for the end of the hours that it falls into, and for no other."""
    assert (local(until) if until else None) == quiet_until(quiet, BERLIN, local(at))


@given(QUIETS, MOMENTS)
def test_what_waits_comes_when_nothing_is_quiet(written, at):
    """The end is later, within four days, and itself not quiet: nothing waits twice."""
    start, until, weekends = written
    quiet = Quiet.model_validate({"from": start, "until": until, "weekends": weekends})
    end = quiet_until(quiet, BERLIN, at)
    if end is not None:
        assert at < end <= at + timedelta(days=4)
        assert quiet_until(quiet, BERLIN, end) is None
