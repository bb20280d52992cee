"""Alerts stand once for each thing, and can be raised anew when it was over."""

from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import insert, select, text, update

from shared.store.alerts import raise_alert, raise_alerts, settle
from shared.store.session import Store
from shared.store.tables import ALERT_CALLS, TIMER_RUNS, AlertRow, TicketRow, TimerRow, core
from tests.schema import to_head

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


@pytest.fixture
def store(any_database_url):
    """A database at head."""
    store = Store(any_database_url)
    to_head(store)
    yield store
    store.close()


def accepted(session):
    """Return an open ticket."""
    ticket = TicketRow(
        id=uuid4(), client="acme", right="erasure", stage="locate", stage_since=NOW, priority=1, received_at=NOW,
        accepted_at=NOW, due_on=date(2026, 4, 2), due_at=NOW + timedelta(days=31), strict_at=NOW + timedelta(days=31),
        fingerprint=b"",
    )  # fmt: skip
    session.add(ticket)
    session.flush()
    return ticket


def test_an_alert_says_whose_and_when(store):
    """A ticket's alert carries its client, its right and its due time, and waits to be delivered at once."""
    with store.write() as session:
        ticket = accepted(session)
        raised = raise_alert(session, kind="held", dedup="held:1", now=NOW, ticket=ticket, system="chat")
    with store.read() as session:
        row = session.get_one(AlertRow, raised)
    assert ("held", "acme", "erasure", "chat", ticket.id) == (
        row.kind, row.client, row.right, row.system, row.ticket_id,
    )  # fmt: skip
    assert (ticket.due_at, NOW, NOW, "open", 0) == (row.due_at, row.raised_at, row.next_at, row.state, row.level)


def test_what_stands_is_not_raised_again(store):
    """Neither while it is open nor while somebody has acknowledged it; after it was over it is."""
    raised = {"kind": "circuit", "dedup": "circuit:chat", "now": NOW, "client": "acme", "system": "chat"}
    with store.write() as session:
        first = raise_alert(session, **raised)
        assert raise_alert(session, **raised) is None
        session.execute(update(AlertRow).values(state="acknowledged", next_at=None))
        assert raise_alert(session, **raised) is None
        settle(session, "circuit:chat", "circuit:mail")
        second = raise_alert(session, **raised)
    with store.read() as session:
        states = dict(session.execute(select(AlertRow.id, AlertRow.state)).all())
    assert {first: "over", second: "open"} == states


def test_of_many_only_the_new_are_raised(store):
    """Raising many at once passes over those that stand."""
    many = [
        dict.fromkeys(("ticket_id", "client", "right", "system", "milestone", "clock", "due_at"))
        | {"kind": "evidence", "dedup": f"evidence:{number}", "late": False, "urgent": False}
        for number in range(5)
    ]
    with store.write() as session:
        for some in (many[:2], many, [], many[3:]):
            raise_alerts(session, some, now=NOW)
    with store.read() as session:
        assert [one["dedup"] for one in many] == sorted(session.scalars(select(AlertRow.dedup)))


def test_a_milestone_stands_once_on_a_clock(store):
    """The same milestone of the same clock cannot be written twice."""
    with store.write() as session:
        ticket = accepted(session)
        row = {"ticket_id": ticket.id, "clock": "statutory", "milestone": "50%", "due_at": NOW}
        session.execute(insert(TimerRow), row)
        with pytest.raises(Exception, match=r"(?i)unique"), session.begin_nested():
            session.execute(insert(TimerRow), row)


@pytest.mark.parametrize(("row", "runs", "index"), [(TimerRow, TIMER_RUNS, "due"), (AlertRow, ALERT_CALLS, "next")])
def test_looking_for_what_is_due_uses_the_small_index(any_database_url, store, row, runs, index):
    """The conditions of the partial indexes are those of the queries, on both databases."""
    due = core(row).c["due_at" if row is TimerRow else "next_at"]
    query = select(due).where(runs, due <= NOW).order_by(due)
    postgresql = any_database_url.startswith("postgresql")
    with store.read() as session:
        if postgresql:
            session.execute(text("SET LOCAL enable_seqscan = off"))
        compiled = query.compile(store.engine, compile_kwargs={"render_postcompile": True})
        plan = session.connection().exec_driver_sql(
            ("EXPLAIN " if postgresql else "EXPLAIN QUERY PLAN ") + str(compiled),
            compiled.params if postgresql else tuple(compiled.construct_params().values()),
        )
        assert f"{row.__tablename__}_{index}" in str(plan.all())
