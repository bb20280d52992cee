"""Circuits: a system that fails again and again is left alone, but for one step now and then, until one is done."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import insert, select, text

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
    """They double; what the system itself asks for may be longer."""
    with store.write() as session:
        pauses = [circuits.failed(session, "chat", now=NOW, after=5) for _ in range(40)]
        assert NOW + timedelta(hours=1) == circuits.failed(session, "chat", now=NOW, after=3600)
    seconds = [(one - NOW).seconds for one in pauses if one]
    assert [5, 10, 20, 40, 80, 160, 300, 300] == seconds[:8]
    assert 300 == seconds[-1]


def test_workers_of_the_version_before_add_steps(store):
    """A migration is additive first: they know nothing of the columns that it added."""
    old = [column.name for column in StepRow.__table__.c if column.name not in ("id", "lost")]
    with store.write() as session:
        names = ", ".join(f'"{name}"' for name in old)
        values = names.replace('"key"', "'again'")
        session.execute(text(f"INSERT INTO steps ({names}) SELECT {values} FROM steps WHERE id = 1"))
        assert 0 == session.scalars(select(StepRow.lost).where(StepRow.key == "again")).one()
