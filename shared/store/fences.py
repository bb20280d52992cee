"""Fences: the steps of a restored system wait, but for those that erase again who was erased since the backup."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, FromClause, and_, exists, insert, select, update
from sqlalchemy.orm import Session

from shared.store.tables import (
    RESTORE_STANDS,
    ErasureRow,
    RestoreRow,
    StepRow,
    SuppressionRow,
    TicketRow,
    core,
)

KIND = "restored"  # why the gate denies whom a backup brought back
_STEPS = core(StepRow)
_e, _r, _s, _t, _g = (core(row).c for row in (ErasureRow, RestoreRow, StepRow, TicketRow, SuppressionRow))


def fenced(steps: FromClause = _STEPS) -> ColumnElement[bool]:
    """Return a condition on steps: their system waits for a replay that they are no part of."""
    replays = exists().where(_e.restore_id == _r.id, _e.again_id == steps.c.ticket_id)
    replays = replays.correlate(core(RestoreRow), steps)
    return exists().where(_r.system == steps.c.system, RESTORE_STANDS, ~replays).correlate(steps)


def standing(session: Session) -> Sequence[RestoreRow]:
    """Return the fences that stand."""
    return session.scalars(select(RestoreRow).where(RESTORE_STANDS).order_by(RestoreRow.system)).all()


def around(session: Session, system: str) -> RestoreRow | None:
    """Return the fence around a system, locked."""
    found = select(RestoreRow).where(RestoreRow.system == system, RESTORE_STANDS)
    return session.scalars(found.with_for_update()).one_or_none()


def put_up(session: Session, *, client: str, system: str, at: datetime, now: datetime) -> RestoreRow:
    """Fence a system; a fence that stood is replaced, and what it had to wait for is waited for still."""
    before = around(session, system)
    if before is not None:
        before.lifted_at, at = now, min(at, before.at)
        session.flush()
    row = RestoreRow(id=uuid4(), client=client, system=system, at=at, marked_at=now)
    session.add(row)
    session.flush()
    return row


def hold_back(session: Session) -> None:
    """Take back what was sent and not begun of systems that are fenced: it would fill their windows."""
    back = update(core(StepRow)).where(_s.state == "queued", fenced())
    session.execute(back.values(state="ready", published_at=None))


def running(session: Session, system: str) -> list[tuple[UUID, int]]:
    """Return the steps that a worker has begun in a system, with their tickets."""
    begun = select(_s.ticket_id, _s.id).where(_s.system == system, _s.state == "running").order_by(_s.id)
    return [(row.ticket_id, row.id) for row in session.execute(begun)]


def deny(session: Session, ticket: UUID, digests: Sequence[bytes], now: datetime) -> None:
    """Let the gate deny someone whom a backup brought back, once."""
    denied = exists().where(_g.ticket_id == ticket, _g.kind == KIND, _g.ended_at.is_(None))
    if digests and not session.scalar(select(denied)):
        common = {"ticket_id": ticket, "purpose": "*", "kind": KIND, "allow": False, "exempt": [], "since": now}
        session.execute(insert(core(SuppressionRow)), [common | {"digest": one} for one in digests])


def take_down(session: Session, now: datetime) -> list[str]:
    """Lift the fences whose replays have run and ended, each with its second look; return the systems."""
    open_ones = exists().where(_e.restore_id == _r.id, _e.again_id == _t.id, _t.closed_at.is_(None))
    over = and_(RESTORE_STANDS, _r.replayed_at.is_not(None), ~open_ones.correlate(core(RestoreRow)))
    lifted: Any = session.scalars(update(core(RestoreRow)).where(over).values(lifted_at=now).returning(_r.system)).all()
    if lifted:
        # of two systems that hold the same person the last one opens the gate
        still = select(_e.ticket_id).join(core(RestoreRow), and_(_r.system == _e.system, _e.erased_at >= _r.at))
        ended = (_g.kind == KIND, _g.ended_at.is_(None), _g.ticket_id.not_in(still.where(RESTORE_STANDS)))
        session.execute(update(core(SuppressionRow)).where(*ended).values(ended_at=now))
    return list(lifted)


def undone(session: Session, system: str, at: datetime) -> list[tuple[UUID, str]]:
    """Return what a restore has undone and no replay does again: tickets that rectified, restricted or lifted."""
    verbs = ("rectify", "restrict", "lift")
    done = select(_s.ticket_id, _t.right).join(core(TicketRow), _t.id == _s.ticket_id)
    done = done.where(_s.system == system, _s.verb.in_(verbs), _s.state == "done", _s.finished_at >= at)
    not_erasures = done.where(~_t.right.startswith("erasure")).distinct().order_by(_s.ticket_id)
    return [(row.ticket_id, row.right) for row in session.execute(not_erasures)]
