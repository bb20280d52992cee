"""Escalation: who is on call, the next, everyone; whoever cannot be reached is followed by somebody else."""

from datetime import UTC, datetime, timedelta

import pytest

from shared.on_call.escalation import rest_until, whom
from shared.on_call.settings import Alerts

AT = datetime(2026, 1, 6, 23, 0, tzinfo=UTC)
PEOPLE = {name: (f"json://localhost/{name}",) for name in ("boss", "ines", "omar", "uma")}


def alerts(*people, **more):
    """Return settings with one rota of these people."""
    rota = [{"starts": "2026-01-05T09:00", "people": people, "quiet": {"from": "22:00", "until": "07:00"}}]
    return Alerts(people=PEOPLE, rota=rota if people else [], **more)


@pytest.mark.parametrize(
    ("team", "level", "first", "everyone"),
    [
        (("ines", "omar", "uma"), 0, "ines", False),
        (("ines", "omar", "uma"), 1, "omar", False),
        (("ines", "omar", "uma"), 2, None, True),
        (("ines", "omar", "uma"), 7, None, True),
        (("ines", "omar"), 1, "omar", False),
        (("ines", "omar"), 2, None, True),
        (("ines",), 0, "ines", False),
        (("ines",), 1, None, True),
        ((), 0, None, True),
    ],
)
def test_levels(team, level, first, everyone):
    """Level by level; everyone in [alerts.people] can be fallen back on, and is told at last."""
    call = whom(alerts(*team), right="access", level=level, at=AT, told=team[:level])
    assert set(PEOPLE) == set(call.people)
    assert everyone == call.everyone
    assert first in (None, call.people[0])


def test_over_a_handover_the_next_is_who_is_on_call_now():
    """Ines was told before it: next is omar, who has just taken over, and not uma who would follow him."""
    after = datetime(2026, 1, 12, 9, 15, tzinfo=UTC)
    for team in (("ines", "omar", "uma"), ("ines", "omar")):
        assert "omar" == whom(alerts(*team), right="access", level=1, at=after, told={"ines"}).people[0]


def test_waits():
    """Before everyone is told the next waits for the acknowledgement, afterwards the repetition."""
    found = alerts("ines", "omar", escalate_after="PT10M", repeat_after="PT2H")
    waits = [whom(found, right="access", level=level, at=AT).next_after(found) for level in range(4)]
    assert [timedelta(minutes=10)] * 2 + [timedelta(hours=2)] * 2 == waits


def test_quiet_hours_are_the_teams():
    """They are the rota's own, in its zone; without a rota there are none."""
    assert datetime(2026, 1, 7, 7, tzinfo=UTC) == rest_until(alerts("ines"), right="access", at=AT)
    assert rest_until(alerts(), right="access", at=AT) is None
