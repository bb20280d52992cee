"""The rota: one at a time, in turn, handed over at the same local time in summer and in winter."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.on_call.rota import order
from shared.on_call.settings import Override, Rota

BERLIN = ZoneInfo("Europe/Berlin")
ROTA = Rota(timezone="Europe/Berlin", starts="2026-01-05T09:00", people=("ines", "omar", "uma"))
MOMENTS = st.datetimes(datetime(2025, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - the bounds are naive by contract


def local(text, fold=0):
    """Return a moment in Berlin."""
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN, fold=fold)


@pytest.mark.parametrize(
    ("at", "people"),
    [
        ("2026-01-05T09:00", "ines omar uma"),
        ("2026-01-12T08:59", "ines omar uma"),
        ("2026-01-12T09:00", "omar uma ines"),
        ("2026-01-19T09:00", "uma ines omar"),
        ("2026-01-26T09:00", "ines omar uma"),
        ("2026-01-05T08:59", "uma ines omar"),  # before the first handover the turns run backwards
        ("2026-03-30T08:59", "uma ines omar"),  # the first handover in summer time is still at nine
        ("2026-03-30T09:00", "ines omar uma"),
        ("2026-10-26T08:59", "uma ines omar"),
        ("2026-10-26T09:00", "ines omar uma"),
    ],
)
def test_turns(at, people):
    """Who is on call comes first, then who comes next."""
    assert tuple(people.split()) == order(ROTA, local(at))


def test_a_handover_in_the_hour_that_comes_twice_happens_once():
    """Clocks go back at three on 25 October 2026: at half past two somebody takes over, for good."""
    rota = ROTA.model_copy(update={"starts": datetime(2026, 10, 18, 2, 30)})  # noqa: DTZ001 - local
    assert "ines" == order(rota, local("2026-10-25T02:29"))[0]
    assert ["omar"] * 4 == [
        order(rota, local(f"2026-10-25T{clock}", fold))[0]
        for clock, fold in (("02:30", 0), ("02:00", 1), ("02:29", 1), ("02:30", 1))
    ]


def test_a_handover_in_the_hour_that_is_left_out_happens():
    """Clocks go forward at two on 29 March 2026; who takes over at half past two has done so by half past three."""
    rota = ROTA.model_copy(update={"starts": datetime(2026, 3, 22, 2, 30)})  # noqa: DTZ001 - local
    assert ["ines", "omar"] == [order(rota, local(f"2026-03-29T{at}"))[0] for at in ("01:59", "03:30")]


def test_overrides():
    """Somebody else comes first for a while; of two overrides for the same time the later written counts."""
    swap = Override.model_validate({"from": "2026-01-06T00:00", "until": "2026-01-08T00:00", "person": "uma"})
    late = Override.model_validate({"from": "2026-01-07T00:00", "until": "2026-01-08T00:00", "person": "omar"})
    rota = ROTA.model_copy(update={"overrides": (swap, late)})
    assert ("ines", "omar", "uma") == order(rota, local("2026-01-05T23:59"))
    assert ("uma", "ines", "omar") == order(rota, local("2026-01-06T00:00"))
    assert ("omar", "uma", "ines") == order(rota, local("2026-01-07T12:00"))
    assert ("ines", "omar", "uma") == order(rota, local("2026-01-08T00:00"))


@given(MOMENTS)
def test_everyone_is_there_once_and_a_week_later_it_is_the_next(at):
    """At any moment the order holds everyone once; at the same local time a week on, it has moved on by one."""
    people = order(ROTA, at)
    assert {"ines", "omar", "uma"} == set(people)
    assert 3 == len(people)
    wall = at.astimezone(BERLIN).replace(tzinfo=None)
    later = (wall + timedelta(weeks=1)).replace(tzinfo=BERLIN, fold=at.astimezone(BERLIN).fold)
    if not 2 <= wall.hour <= 3:  # where an hour comes twice or not at all, a local time is no moment
        assert people[1:] + people[:1] == order(ROTA, later)


@given(MOMENTS)
def test_nobody_hands_back(at):
    """Between one handover and the next there is one person on call: turns never go backwards within an hour."""
    rota = ROTA.model_copy(update={"starts": datetime(2026, 10, 18, 2, 30)})  # noqa: DTZ001 - local
    turns = [rota.people.index(order(rota, at + timedelta(minutes=minutes))[0]) for minutes in (0, 20, 40, 60)]
    assert {(b - a) % 3 for a, b in pairwise(turns)} <= {0, 1}
