"""Timers: rows with a due time, written with what they watch, taken once by whoever looks first."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Integer, bindparam, delete, literal_column, select, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from shared.store.tables import TIMER_RUNS, TimerRow, core

_timers = core(TimerRow)
_c = _timers.c
_DUE = (TIMER_RUNS, _c.due_at <= bindparam("now"))
_OPEN = (_c.ticket_id == bindparam("ticket"), _c.fired_at.is_(None))
_CLOCK = (_c.ticket_id == bindparam("ticket"), _c.clock == bindparam("of"))
# statements are built once: building one costs as much as running it
# no parameter, and a limit that is written out: a plan made for any value would read the whole table
_NEXT = select(_c.due_at).where(TIMER_RUNS).order_by(_c.due_at).limit(literal_column("1"))
_MOST: Any = bindparam("most", type_=Integer, literal_execute=True)
_WRITE: dict[str, Any] = {
    "sqlite": sqlite.insert(_timers).on_conflict_do_nothing(),
    "postgresql": postgresql.insert(_timers).on_conflict_do_nothing(),
}
_ALL = select(_c.clock, _c.milestone, _c.due_at, _c.fired_at, _c.resting).where(_c.ticket_id == bindparam("ticket"))
_AGAIN = delete(_timers).where(
    _c.ticket_id == bindparam("ticket"), tuple_(_c.clock, _c.milestone).in_(bindparam("again", expanding=True))
)
_CLEAR, _FORGET = delete(_timers).where(*_OPEN), delete(_timers).where(*_CLOCK)
_REST = update(_timers).where(*_OPEN, ~_c.resting).values(resting=True)
_END = update(_timers).where(*_CLOCK, _c.fired_at.is_(None)).values(resting=True)


class Due(NamedTuple):
    """A timer that was taken: it is fired by the transaction that took it, and by no other."""

    ticket: UUID
    clock: str
    milestone: str
    due_at: datetime


def write(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    """Write timers (`ticket_id`, `clock`, `milestone`, `due_at`, `resting`); one that is there stays as it is."""
    if rows:
        session.execute(_WRITE[session.get_bind().dialect.name], list(rows))


def move(
    session: Session, ticket: UUID, rows: Sequence[dict[str, Any]], *, again: Sequence[tuple[str, str]] = ()
) -> None:
    """Put these in place of a ticket's timers that have not fired; what has fired does not, unless it is in `again`.

    `again` names clocks and milestones.
    """
    session.execute(_CLEAR, {"ticket": ticket})
    if again:
        session.execute(_AGAIN, {"ticket": ticket, "again": again})
    write(session, rows)


def stands(session: Session, ticket: UUID, rows: Sequence[dict[str, Any]]) -> bool:
    """Say whether a ticket has these timers, fired or not, and none else that may fire."""
    found = {(row.clock, row.milestone): row for row in session.execute(_ALL, {"ticket": ticket})}
    wanted = {(row["clock"], row["milestone"]): row["due_at"] for row in rows}
    open_ones = {name: row.due_at for name, row in found.items() if row.fired_at is None and not row.resting}
    return wanted.keys() <= found.keys() and all(wanted.get(name) == at for name, at in open_ones.items())


def restart(session: Session, ticket: UUID, clock: str, rows: Sequence[dict[str, Any]]) -> None:
    """Begin a clock of a ticket anew: what had fired may fire again."""
    session.execute(_FORGET, {"ticket": ticket, "of": clock})
    write(session, rows)


def rest(session: Session, ticket: UUID) -> None:
    """Let a ticket's timers rest. Whoever fires one of them meanwhile is waited for."""
    session.execute(_REST, {"ticket": ticket})


def end(session: Session, ticket: UUID, clock: str) -> None:
    """Let a clock's timers rest for good: what it ran for was done."""
    session.execute(_END, {"ticket": ticket, "of": clock})


def any_due(session: Session, now: datetime) -> bool:
    """Say whether a timer is due; costs one look at the start of a partial index."""
    first: datetime | None = session.scalar(_NEXT)
    return first is not None and first <= now


def take(session: Session, now: datetime, most: int) -> list[Due]:
    """Mark what is due as fired, the earliest first, and return it; on PostgreSQL what others hold is passed over."""
    due = select(_c.id).where(*_DUE).order_by(_c.due_at).limit(_MOST)
    if session.get_bind().dialect.name == "postgresql":
        due = due.with_for_update(skip_locked=True)
    chosen = due.cte("due").prefix_with("MATERIALIZED", dialect="postgresql")
    statement = (
        update(_timers)
        .where(_c.id.in_(select(chosen.c.id)))
        .values(fired_at=bindparam("fired"))
        .returning(_c.ticket_id, _c.clock, _c.milestone, _c.due_at)
    )
    rows = session.execute(statement, {"now": now, "most": most, "fired": now})
    return sorted((Due(*row) for row in rows), key=lambda one: (one.due_at, one.ticket, one.clock))
