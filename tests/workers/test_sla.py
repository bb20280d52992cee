"""Timers become alerts: once each, by whoever looks first, late ones marked; those of a ticket at rest do not."""

import threading
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from uuid import uuid4

import pytest
from sqlalchemy import func, insert, select, update

from shared.on_call.settings import Alerts
from shared.store import timers
from shared.store.session import Store
from shared.store.tables import AlertRow, TicketRow, TimerRow
from tests.schema import to_head
from workers import sla
from workers.alerts.deliver import deliver
from workers.sla import Looked, look

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
END = datetime(2026, 4, 2, 22, tzinfo=UTC)


@pytest.fixture
def office(any_database_url):
    """What a look needs of an office: a store and the time."""
    store = Store(any_database_url)
    to_head(store)
    yield SimpleNamespace(store=store, now=lambda: NOW)
    store.close()


def open_tickets(office, number=1, *, due_on=date(2026, 4, 2)):
    """Write open tickets; return their ids."""
    clocks = [{"name": "statutory", "due_at": END.isoformat()}]
    rows = [
        {
            "id": uuid4(), "client": "acme", "right": "access" if due_on else "breach", "stage": "locate",
            "stage_since": NOW, "priority": 5, "received_at": NOW, "accepted_at": NOW, "due_on": due_on,
            "due_at": END, "strict_at": END, "fingerprint": b"", "clocks": clocks, "state": "open",
        }
        for _ in range(number)
    ]  # fmt: skip
    with office.store.write() as session:
        session.execute(insert(TicketRow), rows)
    return [row["id"] for row in rows]


def timer(ident, milestone, due_at, *, resting=False):
    """Return a timer's columns."""
    return {
        "ticket_id": ident, "clock": "statutory", "milestone": milestone, "due_at": due_at, "resting": resting,
    }  # fmt: skip


def write(office, *rows):
    """Write timers."""
    with office.store.write() as session:
        timers.write(session, rows)


def alerts(office):
    """Return what was raised: milestone, whether late, whether urgent, the clock's end."""
    with office.store.read() as session:
        rows = session.execute(
            select(AlertRow.milestone, AlertRow.late, AlertRow.urgent, AlertRow.due_at).order_by(AlertRow.milestone)
        )
        return [tuple(row) for row in rows]


def test_what_is_due_fires_once_and_what_is_not_waits(office):
    """The second look finds nothing; the clock's end stands on the alert, not the milestone's time."""
    (ident,) = open_tickets(office)
    write(office, timer(ident, "50%", NOW), timer(ident, "75%", NOW + timedelta(seconds=1)))
    assert Looked(1, 0) == look(office)
    assert Looked(0, 0) == look(office)
    assert [("50%", False, False, END)] == alerts(office)
    office.now = lambda: NOW + timedelta(seconds=1)
    assert Looked(1, 0) == look(office)


def test_a_beat_that_was_down_for_a_day_tells_all_at_once_and_marks_them(office):
    """What should have been told more than a minute ago is late; none is lost."""
    (ident,) = open_tickets(office, due_on=None)
    office.now = lambda: NOW + timedelta(days=1)
    write(
        office, timer(ident, "50%", NOW), timer(ident, "75%", NOW + timedelta(hours=23, minutes=58)),
        timer(ident, "90%", NOW + timedelta(hours=23, minutes=59)), timer(ident, "passed", END),
    )  # fmt: skip
    assert Looked(3, 2) == look(office)
    assert [("50%", True, True, END), ("75%", True, True, END), ("90%", False, True, END)] == alerts(office)


def test_a_clock_that_jumps_fires_nothing_twice(office):
    """Ahead, and back again, and ahead: what fired has fired."""
    (ident,) = open_tickets(office)
    write(office, timer(ident, "50%", NOW + timedelta(days=1)), timer(ident, "75%", NOW + timedelta(days=9)))
    fired = []
    for days in (2, -400, 1, 2, 10, 0, 10):
        office.now = lambda days=days: NOW + timedelta(days=days)
        fired.append(look(office).fired)
    assert [1, 0, 0, 0, 1, 0, 0] == fired
    assert ["50%", "75%"] == [one[0] for one in alerts(office)]


def test_timers_at_rest_do_not_fire(office):
    """Not those that rest with their ticket, and not those whose clock has ended."""
    here, there = open_tickets(office, 2)
    write(office, timer(here, "50%", NOW, resting=True), timer(here, "75%", NOW), timer(there, "50%", NOW))
    with office.store.write() as session:
        timers.rest(session, here)
        timers.end(session, there, "statutory")
    assert Looked() == look(office)


def test_moved_timers_fire_at_their_new_time_and_only_if_they_had_not(office):
    """Extending moves what is to come; what was told is not told again, unless its clock begins anew."""
    (ident,) = open_tickets(office)
    write(office, timer(ident, "50%", NOW), timer(ident, "75%", NOW + timedelta(days=1)))
    look(office)
    later = NOW + timedelta(days=30)
    with office.store.write() as session:
        timers.move(session, ident, [timer(ident, "50%", later), timer(ident, "75%", later)])
    office.now = lambda: NOW + timedelta(days=29)
    assert Looked() == look(office)
    office.now = lambda: later
    assert Looked(1, 0) == look(office)
    with office.store.write() as session:
        session.execute(update(AlertRow).values(state="over"))
        timers.restart(session, ident, "statutory", [timer(ident, "50%", later)])
    assert Looked(1, 0) == look(office)


def test_many_beats_at_once_fire_each_once(office, monkeypatch):
    """Four of them over three hundred timers, in small batches: three hundred alerts."""
    monkeypatch.setattr(sla, "_BATCH", 20)
    write(office, *(timer(ident, "50%", NOW) for ident in open_tickets(office, 300)))
    fired, together = [], threading.Barrier(4)

    def beat():
        together.wait()
        while more := look(office).fired:
            fired.append(more)

    threads = [threading.Thread(target=beat) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    with office.store.read() as session:
        raised = session.execute(select(func.count(AlertRow.id), func.count(AlertRow.dedup.distinct()))).one()
        left = session.scalar(select(func.count()).where(TimerRow.fired_at.is_(None)))
    assert (300, 300, 0) == (*raised, left)
    assert 300 == sum(fired)


@pytest.mark.parametrize("ahead", [timedelta(days=365), timedelta(minutes=40)])
def test_a_clock_that_jumped_ahead_and_back(office, ahead):
    """What fired too early fires again in its time; what is due is told now, not when the clock is there again."""
    office.inventory = SimpleNamespace(alerts=Alerts())
    (ident,) = open_tickets(office)
    write(office, timer(ident, "50%", NOW), timer(ident, "passed", NOW + timedelta(minutes=30)))
    office.now = lambda: NOW + ahead
    assert 2 == look(office).fired
    deliver(office)
    office.now = lambda: NOW
    deliver(office)
    with office.store.read() as session:
        query = select(AlertRow.milestone, AlertRow.state, AlertRow.raised_at).order_by(AlertRow.milestone)
        assert [("50%", "open", NOW), ("passed", "over", NOW + ahead)] == session.execute(query).all()
        assert session.scalar(select(AlertRow.next_at).where(AlertRow.milestone == "50%")) <= NOW + timedelta(hours=1)
    assert Looked() == look(office)
    office.now = lambda: NOW + timedelta(minutes=30)
    assert Looked(1, 0) == look(office)


def test_a_look_that_fails_loses_nothing(office, monkeypatch):
    """If the alerts cannot be written, the timers have not fired."""
    (ident,) = open_tickets(office)
    write(office, timer(ident, "50%", NOW))
    with monkeypatch.context() as patch:
        patch.setattr(sla.alerts, "raise_alerts", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            look(office)
    assert Looked(1, 0) == look(office)
