"""Steps in the database: claimed by a conditional update, leased, finished once, sent in windows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Select, bindparam, case, func, null, or_, select, union_all, update
from sqlalchemy.orm import Session

from shared.domain.join import IN_FLIGHT
from shared.store.holds import any_in_force
from shared.store.nudge import Nudge
from shared.store.tables import StepRow, TicketRow, core

# statements are built once: building one costs as much as running it
_steps = core(StepRow)
_c = _steps.c
_CLAIM = (
    update(_steps)
    .where(_c.id == bindparam("step"), _c.state.in_(("ready", "queued")))
    .values(
        state="running", lease_token=bindparam("token"), lease_until=bindparam("until"), attempts=_c.attempts + 1,
        error=null(),
    )
    .returning(
        _c.ticket_id, _c.stage, _c.key, _c.system, _c.channel, _c.verb, _c.part, _c.attempts, _c.sealed, _c.cursor,
        any_in_force(),
    )
)  # fmt: skip
_LEASED = update(_steps).where(_c.id == bindparam("step"), _c.lease_token == bindparam("token"))
_RENEW = _LEASED.values(lease_until=bindparam("until"))
_KEEP = _LEASED.values(cursor=bindparam("content"))
_END = _LEASED.where(_c.state == "running").values(lease_token=null(), lease_until=null())
_NUDGE = (_c.id, _c.channel, _c.verb)
_DUE = or_(_c.not_before.is_(None), _c.not_before <= bindparam("now"))


@dataclass(frozen=True, slots=True)
class Claim:
    """A step that is ours until the lease ends."""

    id: int
    token: str
    ticket: UUID
    stage: str
    key: str
    system: str
    channel: str
    verb: str
    part: str
    attempts: int
    sealed: bytes
    cursor: bytes | None
    holds: bool  # any legal hold is in force


def claim(session: Session, step: int, *, now: datetime, lease: float) -> Claim | None:
    """Take a step that is free; None if another has it, or it is over. A message delivered twice works once."""
    token = uuid4().hex
    row: Any = session.execute(
        _CLAIM, {"step": step, "token": token, "until": now + timedelta(seconds=lease)}
    ).one_or_none()
    return Claim(step, token, *row) if row else None


def renew(session: Session, step: int, token: str, *, until: datetime) -> bool:
    """Lengthen a lease; False if it is no longer ours."""
    return _changed(session.execute(_RENEW, {"step": step, "token": token, "until": until}))


def keep_cursor(session: Session, step: int, token: str, cursor: bytes) -> bool:
    """Keep how far a step came; False if it is no longer ours."""
    return _changed(session.execute(_KEEP, {"step": step, "token": token, "content": cursor}))


def end(session: Session, step: int, token: str, **values: Any) -> bool:
    """Write a step's end; False if the lease is no longer ours: a late writer's result is refused."""
    return _changed(session.execute(_END.values(**values), {"step": step, "token": token}))


def _changed(result: Any) -> bool:
    return bool(result.rowcount == 1)


def fill(session: Session, windows: Mapping[str, int], *, now: datetime) -> list[Nudge]:
    """Move ready steps of these systems to `queued`, the earliest due first, as far as each window has room.

    One statement for all systems; on PostgreSQL rows that another transaction is moving are passed over.
    """
    if not windows:
        return []
    places = {f"system{number}": system for number, system in enumerate(windows)}
    rooms = {f"window{number}": window for number, window in enumerate(windows.values())}
    statement = _fill(len(windows), skip_locked=session.get_bind().dialect.name == "postgresql")
    return [Nudge(*row) for row in session.execute(statement, {"now": now, **places, **rooms})]


@cache
def _fill(systems: int, *, skip_locked: bool) -> Any:
    branches = [select(_next_of(number, skip_locked=skip_locked).subquery().c.id) for number in range(systems)]
    return (
        update(_steps)
        .where(_c.id.in_(union_all(*branches)), _c.state == "ready")
        .values(state="queued", published_at=bindparam("now"))
        .returning(*_NUDGE)
    )


def _next_of(number: int, *, skip_locked: bool) -> Select[int]:
    system: Any = bindparam(f"system{number}")
    window = bindparam(f"window{number}", type_=_c.attempts.type)
    flying = select(func.count()).where(_c.system == system, _c.state.in_(IN_FLIGHT)).scalar_subquery()
    room = case((flying < window, window - flying), else_=0)
    statement: Select[int] = (
        select(_c.id)
        .where(_c.system == system, _c.state == "ready", _DUE)
        .order_by(_c.priority, _c.due_at, _c.id)
        .limit(room)
    )
    return statement.with_for_update(skip_locked=True) if skip_locked else statement


_RECLAIM = (
    update(_steps)
    .where(_c.state == "running", _c.lease_until < bindparam("now"))
    .values(state="ready", lease_token=null(), lease_until=null(), error="its worker was lost; it runs again")
)
_GIVE_UP = (
    update(_steps)
    .where(_c.state == "running", _c.lease_until < bindparam("now"), _c.attempts >= bindparam("most"))
    .values(
        state="failed", lease_token=null(), lease_until=null(), finished_at=bindparam("now"),
        error="its worker was lost each time; find out why, then retry or waive",
    )
    .returning(_c.ticket_id)
)  # fmt: skip
_t = core(TicketRow).c
_REST = (
    update(_steps)
    .where(_c.state == "ready", _c.ticket_id.in_(select(_t.id).where(_t.paused_at.is_not(None))))
    .values(state="waiting", waits="paused")
)
_LATE = (
    select(_c.id)
    .where(_c.state == "queued", _c.published_at < bindparam("before"))
    .order_by(_c.priority, _c.due_at)
    .limit(bindparam("most"))
)
_BACKLOG = select(_c.system).where(_c.state == "ready", _DUE).distinct()


def reclaim(session: Session, *, now: datetime) -> int:
    """Make steps ready again whose lease has ended; return how many."""
    result: Any = session.execute(_RECLAIM, {"now": now})
    return int(result.rowcount)


def give_up(session: Session, *, now: datetime, most: int) -> list[UUID]:
    """Fail steps that took their worker with them too often; return their tickets."""
    return list(session.scalars(_GIVE_UP, {"now": now, "most": most}))


def rest_paused(session: Session) -> None:
    """Let what became ready of a paused ticket wait until it is resumed."""
    session.execute(_REST)


def unclaimed(session: Session, *, now: datetime, since: timedelta, most: int = 1000) -> list[Nudge]:
    """Return steps that were sent and not claimed for a while, to be sent again; marks them as sent now."""
    late: Sequence[int] = session.scalars(_LATE, {"before": now - since, "most": most}).all()
    if not late:
        return []
    rows = session.execute(
        update(_steps).where(_c.id.in_(late), _c.state == "queued").values(published_at=now).returning(*_NUDGE)
    )
    return [Nudge(*row) for row in rows]


def backlog(session: Session, *, now: datetime) -> list[str]:
    """Return the systems that have ready steps."""
    return list(session.scalars(_BACKLOG, {"now": now}))
