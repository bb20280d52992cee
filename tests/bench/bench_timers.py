"""The look at the clocks with very many open tickets, on PostgreSQL, beside a plain SELECT by key and a plain INSERT.

`TICKETS=1000,100000 make bench T=timers` for other sizes. Each ticket has four timers. Printed: what a look costs with
nothing due, and how many alerts a second a look makes of a thousand timers that are due at once.
"""

import os
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

from sqlalchemy import insert, select, text, update

from shared import log
from shared.store.migrate import migrate
from shared.store.session import Store
from shared.store.tables import TIMER_RUNS, AlertRow, TicketRow, TimerRow, core
from tests.servers import postgres_server
from workers.sla import look

SIZES = tuple(int(one) for one in os.environ.get("TICKETS", "1000,100000,1000000").split(","))
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
LOOKS, DUE, ROUNDS = 300, 1000, 3
_MS = 1000.0
# a month of tickets, evenly: received until now, due from now on
_TICKETS = """
INSERT INTO tickets (id, client, "right", state, stage, stage_since, priority, received_at, accepted_at, due_on,
    due_at, strict_at, clocks, fingerprint)
SELECT gen_random_uuid(), 'acme', 'access', 'open', 'locate', :now, 5, :now, :now, '2026-04-02', :now + '31 days',
    :now + '31 days', '[{"name": "statutory", "due_at": "2026-04-02T22:00:00+00:00"}]', ''
FROM generate_series(1, :number)
"""
_TIMERS = """
INSERT INTO timers (ticket_id, clock, milestone, due_at, resting)
SELECT id, 'statutory', milestone, :now + '1 hour'::interval + random() * '30 days'::interval, false
FROM tickets, unnest(ARRAY['50%', '75%', '90%', 'passed']) AS milestone
"""


def main() -> None:
    """Print costs, rates and ratios for each number of open tickets."""
    log.configure("bench", level=40)
    with postgres_server() as server:
        for size in SIZES:
            with server.database() as url:
                store = Store(url)
                migrate(store)
                _fill(store, size)
                _report(store, size)
                store.close()


def _fill(store: Store, size: int) -> None:
    with store.write() as session:
        session.execute(text(_TICKETS), {"now": NOW, "number": size})
        session.execute(text(_TIMERS), {"now": NOW})
    with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE tickets, timers"))


def _report(store: Store, size: int) -> None:
    office: Any = SimpleNamespace(store=store, now=lambda: NOW)
    with store.read() as session:
        one = session.scalars(select(TimerRow.id).limit(1)).one()
    by_key = select(core(TimerRow).c.due_at).where(core(TimerRow).c.id == one)

    def plain() -> None:
        with store.read() as session:
            session.execute(by_key).all()

    empty, select_ms = _median(lambda: look(office)), _median(plain)
    rates = [_alerts(office, store) for _ in range(ROUNDS)]
    after = _median(lambda: look(office))
    rate, inserts = statistics.median(rates), _inserts(store)
    print(
        f"{size:>9,} open, {4 * size:,} timers: a look with nothing due {empty:.2f} ms, after {ROUNDS * DUE:,} fired "
        f"{after:.2f} ms, {empty / select_ms:.1f} times a SELECT by key ({select_ms:.2f} ms); {DUE:,} due at once: "
        f"{rate:,.0f} alerts/s (slowest {min(rates):,.0f}), a plain INSERT of them {inserts:,.0f}/s: "
        f"{inserts / rate:.1f} times"
    )


def _median(once: Callable[[], Any]) -> float:
    times = []
    for _ in range(LOOKS):
        began = time.perf_counter()
        once()
        times.append(time.perf_counter() - began)
    return statistics.median(times) * _MS


def _alerts(office: Any, store: Store) -> float:
    """Let a thousand be due; return how many alerts a second a look makes of them."""
    with store.write() as session:
        chosen = session.scalars(select(core(TimerRow).c.id).where(TIMER_RUNS).limit(DUE)).all()
        session.execute(update(TimerRow).where(TimerRow.id.in_(chosen)).values(due_at=NOW - timedelta(seconds=5)))
    began = time.perf_counter()
    fired = look(office).fired
    seconds = time.perf_counter() - began
    assert fired == DUE
    return fired / seconds


def _inserts(store: Store) -> float:
    """Return how many alerts a second are inserted by one statement, each with its ticket."""
    with store.read() as session:
        ticket = session.scalars(select(TicketRow.id).limit(1)).one()
    rows = [
        {
            "id": uuid4().hex, "kind": "bench", "dedup": uuid4().hex, "raised_at": NOW, "next_at": NOW, "level": 0,
            "ticket_id": ticket, "client": "acme", "right": "access", "state": "open", "late": False, "urgent": False,
        }
        for _ in range(DUE)
    ]  # fmt: skip
    began = time.perf_counter()
    with store.write() as session:
        session.execute(insert(core(AlertRow)), rows)
    return DUE / (time.perf_counter() - began)
