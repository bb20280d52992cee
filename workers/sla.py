"""The look at the clocks: what is due becomes an alert, in the transaction that takes its timer, and so exactly once.

However many beats look at once, however long none did and however the clock jumped: a milestone fires once, none is
lost, and one that comes more than a minute after its time is marked late.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from shared.store import alerts, timers
from shared.store.tables import TicketRow, core
from shared.store.timers import Due
from workers.alarms import MILESTONE, OVERDUE
from workers.clocks import dedup_of
from workers.office import Office

log = structlog.get_logger()

LATE = timedelta(minutes=1)
_BATCH = 1000
_MOST_BATCHES = 50  # the rest is taken by the next look
_t = core(TicketRow).c
_TICKETS = select(_t.id, _t.client, _t.right, _t.due_on, _t.clocks).where(
    _t.id.in_(bindparam("tickets", expanding=True))
)


@dataclass(frozen=True, slots=True)
class Looked:
    """What a look found: timers that fired, and how many of them were late."""

    fired: int = 0
    late: int = 0


def look(office: Office) -> Looked:
    """Turn all that is due into alerts; cheap where nothing is. Harmless however often it runs, and in parallel."""
    now, fired, late = office.now(), 0, 0
    for _ in range(_MOST_BATCHES):
        with office.store.read() as session:
            if not timers.any_due(session, now):
                break
        with office.store.write() as session:
            taken = timers.take(session, now, _BATCH)
            raised = list(_alerts(session, taken, now))
            alerts.raise_alerts(session, raised, now=now)
        fired, late = fired + len(taken), late + sum(one["late"] for one in raised)
        _tell(taken, now)
        if not taken:
            break  # others hold what is due
    return Looked(fired, late)


def _alerts(session: Session, taken: Iterable[Due], now: datetime) -> Iterator[dict[str, Any]]:
    tickets = {row.id: row for row in session.execute(_TICKETS, {"tickets": [one.ticket for one in taken]})}
    for one in taken:
        row = tickets[one.ticket]
        yield {
            "kind": OVERDUE if one.clock == "identity" else MILESTONE,
            "dedup": dedup_of(one.ticket, one.clock, one.milestone), "milestone": one.milestone, "clock": one.clock,
            "system": None, "ticket_id": one.ticket, "client": row.client, "right": row.right,
            "due_at": _end(row.clocks, one), "late": now - one.due_at > LATE, "urgent": row.due_on is None,
        }  # fmt: skip


def _end(clocks: list[dict[str, Any]], one: Due) -> datetime:
    """Return when the clock itself ends."""
    ends = (clock["due_at"] for clock in clocks if clock["name"] == one.clock)
    return next((datetime.fromisoformat(end) for end in ends), one.due_at)


def _tell(taken: Iterable[Due], now: datetime) -> None:
    for one in taken:
        late = now - one.due_at > LATE
        log.info("clock.milestone", ticket=str(one.ticket), clock=one.clock, milestone=one.milestone, late=late)
