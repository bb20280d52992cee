"""Steps whose worker was lost: taken back, or given up once they took too many with them."""

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import bindparam, null, select, update
from sqlalchemy.orm import Session

from shared.store.tables import StepRow, core

_steps = core(StepRow)
_c = _steps.c
_LOST = _c.state == "running", _c.lease_until < bindparam("now")
_WITH_IT = _c.lost + 1 >= bindparam("most")  # it took its worker with it
_RECLAIM = (
    update(_steps)
    .where(*_LOST, ~_WITH_IT)
    .values(
        state="ready",
        lease_token=null(),
        lease_until=null(),
        lost=_c.lost + 1,
        error="its worker was lost; it runs again",
    )
)
_HOPELESS = select(_c.ticket_id, _c.id).where(*_LOST, _WITH_IT).order_by(_c.id)
_GIVE_UP = (
    update(_steps)
    .where(_c.id == bindparam("step"), *_LOST, _WITH_IT)
    .values(
        state="failed", lease_token=null(), lease_until=null(), finished_at=bindparam("now"), lost=0,
        error="quarantined: it took its worker with it each time (killed, crashed or out of memory); see the "
        "worker's log, then retry or waive",
    )
    .returning(_c.id, _c.stage, _c.key, _c.verb, _c.system, _c.attempts, _c.error)
)  # fmt: skip


def reclaim(session: Session, *, now: datetime, most: int) -> int:
    """Make steps ready again whose lease has ended, unless that was once too often; return how many."""
    result: Any = session.execute(_RECLAIM, {"now": now, "most": most})
    return int(result.rowcount)


class GivenUp(NamedTuple):
    """A step that failed with its workers."""

    id: int
    stage: str
    key: str
    verb: str
    system: str
    attempts: int
    error: str


def hopeless(session: Session, *, now: datetime, most: int) -> list[tuple[UUID, int]]:
    """Return the steps that took their worker with them too often, with their tickets."""
    return [(row.ticket_id, row.id) for row in session.execute(_HOPELESS, {"now": now, "most": most})]


def give_up(session: Session, step: int, *, now: datetime, most: int) -> GivenUp | None:
    """Fail such a step; None if it is none any more."""
    row = session.execute(_GIVE_UP, {"step": step, "now": now, "most": most}).one_or_none()
    return GivenUp(*row) if row else None
