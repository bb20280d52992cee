"""A breach behind a flood: it is found and stored before the rest, and the rest is all there in the end."""

import json
from collections import Counter

from sqlalchemy import func, select
from structlog.testing import capture_logs

from shared.message import seal_message
from shared.store.tables import DeadLetterRow, TicketRow
from tests.small import ticket
from tests.workers.test_order import INCIDENT
from workers.broker import INTAKE, WAITING
from workers.sifting import LONG


def entries(line, *raws):
    """Return sealed tickets."""
    vault = line.office.vault
    return [seal_message(json.dumps(one).encode(), intake=vault.intake, submitter=vault.submitter) for one in raws]


def stored(line):
    """Return how many tickets of each right are stored."""
    with line.office.store.read() as session:
        return Counter(session.scalars(select(TicketRow.right)))


def breach():
    """Return a breach's ticket."""
    return ticket("breach", details={"incident": INCIDENT}, subject=None, identity=None)


def test_a_breach_in_a_flood_is_stored_first(opened):
    """It is not the newest, and rubbish stands beside it; the first round stores it, the others lose nothing."""
    line, _ = opened()
    push = line.intake.broker.lpush
    access = [ticket("access") for _ in range(5)]
    push(INTAKE, *entries(line, *access), *[b"rubbish %d" % one for one in range(LONG)])
    push(INTAKE, *entries(line, breach()), *[b"more %d" % one for one in range(40)])
    with capture_logs():
        assert 1 == line.intake.round()
        assert {"breach": 1} == stored(line)
        assert {0} == {one.priority for one in line.nudges}
        while line.intake.round(wait=0.01):
            pass
    assert {"breach": 1, "access": 5} == stored(line)
    with line.office.store.read() as session:
        assert LONG + 40 == session.scalar(select(func.count()).select_from(DeadLetterRow))
    assert [0, 0, 0] == [line.intake.broker.llen(one) for one in (INTAKE, WAITING, line.intake.taken)]


def test_a_breach_is_stored_before_the_rest_of_its_batch(opened):
    """Its steps are sent before any of the others is stored."""
    line, _ = opened()
    sent = []
    line.intake.publish = lambda nudges: sent.append((stored(line), {one.priority for one in nudges}))
    line.intake.broker.lpush(INTAKE, *entries(line, ticket("access"), breach(), ticket("access")))
    assert 3 == line.intake.round()
    assert [({"breach": 1}, {0}), ({"breach": 1, "access": 2}, {5})] == sent
