"""Holds and the work that they forbid, at the same moment: on PostgreSQL, where both really run at once."""

import threading
from datetime import timedelta

import pytest
from sqlalchemy import text

from shared.store import holds as stored
from shared.store import steps
from shared.store.tables import HoldRow
from tests.line import small_line
from tests.small import ADA, ticket
from tests.waiting import until
from workers import holds


@pytest.fixture
def line(tmp_path, valkey, valkey_url, database):
    """A line over a small world, on PostgreSQL."""
    with small_line(tmp_path, broker=valkey_url, database=database) as made:
        yield made


def asked(line):
    """Return the wish to keep Ada's data everywhere."""
    review = line.office.now().date() + timedelta(days=1)
    return holds.Placing("acme", None, {"email": [ADA]}, "Art. 17(3)(e) GDPR", review, "ines")


class Beside:
    """A call in a thread of its own, that is known to wait for another transaction's lock."""

    def __init__(self, line, call):
        self.answers = []
        self._thread = threading.Thread(target=lambda: self.answers.append(call()))
        self._thread.start()
        until(lambda: _waiting(line))
        assert [] == self.answers

    def join(self):
        """Return its answer."""
        self._thread.join(timeout=10)
        return self.answers[0]


def _waiting(line):
    with line.office.store.read() as session:
        return session.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted"))


def test_a_claim_that_is_under_way_is_waited_for(line):
    """Who places a hold hears of a step whose claim was not committed yet when the hold was."""
    ident = line.submit(ticket("erasure"))
    line.run(stop=lambda nudge: nudge.verb == "delete")
    step = next(nudge.id for nudge in line.nudges if nudge.channel == "email")
    with line.office.store.write() as session:
        claim = steps.claim(session, step, now=line.office.now(), lease=15)
        placing = Beside(line, lambda: holds.place(line.office, asked(line)))
    assert not claim.holds, "the claim did not see the hold"
    assert [(ident, "mail")] == placing.join()[1]


def test_a_claim_after_the_hold_sees_it(line):
    """In the statement that claims it."""
    line.submit(ticket("erasure"))
    line.run(stop=lambda nudge: nudge.verb == "delete")
    _, acting = holds.place(line.office, asked(line))
    with line.office.store.write() as session:
        claim = steps.claim(session, line.nudges[0].id, now=line.office.now(), lease=15)
    assert ([], True) == (acting, claim.holds)


def test_a_hold_that_a_plan_relies_on_is_not_lifted_meanwhile(line):
    """What the plan keeps stands written down before the hold goes, so that it is taken up again."""
    ident = line.submit(ticket("erasure"))
    hold, _ = holds.place(line.office, asked(line))
    with line.office.store.write() as session:
        (over,) = stored.over(session, ident, "acme", lock=True)
        lifting = Beside(
            line, lambda: holds.lift(line.office, lambda _: None, hold, by="ines", reason="the claim was settled")
        )
        stored.keep(session, line.office.vault, over.id, ident, "chat", ticket("erasure", id=str(ident)))
    assert [ident] == [one.of for one in lifting.join()]


def test_of_two_holds_lifted_at_once_one_lets_go(line):
    """The second waits for the first, and sees that nothing else keeps what it kept."""
    ident = line.submit(ticket("erasure"))
    (first, _), (second, _) = holds.place(line.office, asked(line)), holds.place(line.office, asked(line))
    with line.office.store.write() as session:
        for hold in (first, second):
            stored.keep(session, line.office.vault, hold, ident, "chat", ticket("erasure", id=str(ident)))
    with line.office.store.write() as session:
        row = stored.in_force(session, first)
        row.lifted_at, row.lifted_by = line.office.now(), "ines"
        session.flush()
        assert [] == stored.let_go(session, line.office.vault, row)
        lifting = Beside(
            line, lambda: holds.lift(line.office, lambda _: None, second, by="ines", reason="the claim was settled")
        )
    assert [ident] == [one.of for one in lifting.join()]


def test_a_plan_that_comes_second_finds_the_hold_lifted(line):
    """It waits for the lifting to end, and then keeps nothing."""
    ident = line.submit(ticket("erasure"))
    hold, _ = holds.place(line.office, asked(line))

    def plan():
        with line.office.store.write() as session:
            return stored.over(session, ident, "acme", lock=True)

    with line.office.store.write() as session:
        row = stored.in_force(session, hold)
        row.lifted_at, row.lifted_by = line.office.now(), "ines"
        session.flush()
        planning = Beside(line, plan)
    assert () == planning.join()
    with line.office.store.read() as session:
        assert session.get_one(HoldRow, hold).lifted_at
