"""Circuits: a system that fails again and again is left alone, but for one step now and then, until one is done."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import insert, select, text, update

from shared.store import circuits, steps
from shared.store.session import Store
from shared.store.tables import StepRow, TicketRow
from tests.schema import to_head

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
WINDOWS = {"chat": 4, "mail": 4}


@pytest.fixture
def store(any_database_url):
    """A store with a ticket of six steps, three in each system."""
    made = Store(any_database_url)
    to_head(made)
    ident = uuid4()
    ticket = {
        "id": ident, "client": "acme", "right": "access", "stage": "locate", "stage_since": NOW, "priority": 5,
        "received_at": NOW, "accepted_at": NOW, "due_at": NOW, "strict_at": NOW, "fingerprint": b"", "clocks": [],
        "state": "open",
    }  # fmt: skip
    common = {
        "ticket_id": ident, "stage": "locate", "channel": "chat", "verb": "locate", "part": "", "waits": "",
        "state": "ready", "priority": 5, "due_at": NOW, "counts": {}, "reasons": [], "created_at": NOW, "attempts": 0,
        "sealed": b"",
    }  # fmt: skip
    with made.write() as session:
        session.execute(insert(TicketRow), [ticket])
        session.execute(
            insert(StepRow),
            [common | {"system": name, "lane": name, "key": f"{name}{n}"} for name in WINDOWS for n in range(3)],
        )
    yield made
    made.close()


def states(session, system):
    """Return the states of a system's steps."""
    return list(session.scalars(select(StepRow.state).where(StepRow.system == system).order_by(StepRow.id)))


def test_a_system_is_left_alone_after_three_failures_in_a_row(store):
    """What was sent comes back, nothing is sent or claimed until the next try, and one step then; others go on."""
    with store.write() as session:
        first, *_ = steps.fill(session, {"chat": 4}, now=NOW)
        assert [None, None] == [circuits.failed(session, "chat", now=NOW, after=5) for _ in range(2)]
        assert ["queued"] * 3 == states(session, "chat")
        later = circuits.failed(session, "chat", now=NOW, after=5)
        assert NOW + timedelta(seconds=5) == later
        assert ["ready"] * 3 == states(session, "chat")
        assert {"mail"} == {"chat", "mail"} - {row.system for row in circuits.standing(session)}
        assert [4, 5, 6] == [nudge.id for nudge in steps.fill(session, WINDOWS, now=NOW)]
        assert steps.claim(session, first.id, now=NOW, lease=15) is None
        assert [first.id] == [nudge.id for nudge in steps.fill(session, WINDOWS, now=later)]
        assert [] == steps.fill(session, WINDOWS, now=later)
        claim = steps.claim(session, first.id, now=later, lease=15)
        assert claim.was_down
        circuits.close(session, "chat")
        assert [2, 3] == [nudge.id for nudge in steps.fill(session, WINDOWS, now=later)]
        assert not steps.claim(session, 2, now=later, lease=15).was_down


def test_the_pauses_grow_up_to_five_minutes(store):
    """They double with each probe in vain; what the system itself asks for may be longer, or nothing at all."""
    assert [5, 10, 20, 40, 80, 160, 300, 300, 300] == pauses(store, "chat", after=5)
    assert [1, 2, 4] == pauses(store, "mail", after=0)[:3]
    assert [3600] * 9 == pauses(store, "files", after=86400)


def pauses(store, system, *, after):
    """Fail until there were nine pauses, each time that the one before is over; return them in seconds."""
    now, found = NOW, []
    with store.write() as session:
        while len(found) < 9:
            if later := circuits.failed(session, system, now=now, after=after):
                found.append((later - now).total_seconds())
                now = later
    return found


def test_what_fails_at_once_is_one_failure_more(store):
    """Sixteen steps that were under way when the system went down are no reason to leave it alone for long."""
    with store.write() as session:
        found = {circuits.failed(session, "chat", now=NOW, after=5) for _ in range(16)}
        assert {None, NOW + timedelta(seconds=5)} == found
        (row,) = circuits.standing(session)
    assert circuits.TRIES == row.failures


def test_the_probe_is_the_step_that_was_not_sent_for_longest(store):
    """So one that always fails keeps no circuit open; a breach's goes before others that were not tried either."""
    with store.write() as session:
        session.execute(update(StepRow).where(StepRow.id == 3).values(priority=0))
        now, probes = NOW, []
        for _ in range(circuits.TRIES):
            now = circuits.failed(session, "chat", now=now, after=60) or now
        for _ in range(4):
            (probe,) = steps.fill(session, {"chat": 4}, now=now)
            probes.append(probe.id)
            claim = steps.claim(session, probe.id, now=now, lease=15, most_urgent=True)
            steps.end(session, claim.id, claim.token, state="ready")
            now = circuits.failed(session, "chat", now=now, after=60)
    assert [3, 1, 2, 3] == probes


def test_a_clock_that_was_ahead_leaves_no_system_alone(store):
    """What waits for longer than anything is made to wait does not count."""
    ahead = NOW + timedelta(days=300)
    with store.write() as session:
        for _ in range(circuits.TRIES):
            circuits.failed(session, "chat", now=ahead, after=60)
        session.execute(update(StepRow).values(not_before=ahead))
        assert {"chat", "mail"} == set(steps.backlog(session, now=NOW))
        assert [1, 4, 5, 6] == [nudge.id for nudge in steps.fill(session, WINDOWS, now=NOW)]
        assert NOW + timedelta(seconds=120) == circuits.failed(session, "chat", now=NOW, after=60)


def test_workers_of_the_version_before_add_steps(store):
    """A migration is additive first: they know nothing of the columns that it added."""
    old = [column.name for column in StepRow.__table__.c if column.name not in ("id", "lost")]
    with store.write() as session:
        names = ", ".join(f'"{name}"' for name in old)
        values = names.replace('"key"', "'again'")
        session.execute(text(f"INSERT INTO steps ({names}) SELECT {values} FROM steps WHERE id = 1"))
        assert 0 == session.scalars(select(StepRow.lost).where(StepRow.key == "again")).one()
