"""Circuits: a system that fails again and again is left alone, but for a probe now and then, until one succeeds.

A row counts the failures in a row; a step that is done deletes it. From `TRIES` on the circuit is open: nothing is
sent there until `next_at`, and one step at a time then: a system that hangs holds one place for a moment, and not all.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, FromClause, bindparam, delete, exists, null, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from shared.store.tables import CircuitRow, StepRow, core

TRIES = 3  # in vain, until a system is taken to be down
LONGEST_PAUSE = 300.0
_circuits, _steps = core(CircuitRow), core(StepRow)
_c = _circuits.c
_COUNT: dict[str, Any] = {
    dialect.__name__.rpartition(".")[2]: dialect.insert(_circuits)
    .values(failures=1)
    .on_conflict_do_update(index_elements=[_c.system], set_={"failures": _c.failures + 1})
    .returning(_c.failures)
    for dialect in (sqlite, postgresql)
}
_OPEN = update(_circuits).where(_c.system == bindparam("of")).values(next_at=bindparam("later"))
_CALL_BACK = (
    update(_steps)
    .where(_steps.c.system == bindparam("of"), _steps.c.state == "queued")
    .values(state="ready", published_at=null())
)
_CLOSE = delete(_circuits).where(_c.system == bindparam("of"))


def resting(steps: FromClause = _steps) -> ColumnElement[bool]:
    """Return a condition on steps: their system's circuit is open, and its next probe not due at `:now`."""
    return exists().where(_c.system == steps.c.system, _c.next_at > bindparam("now")).correlate(steps)


def known(system: Any) -> ColumnElement[bool]:
    """Return a condition: the last that was done in the system that this SQL expression gives was in vain."""
    return exists().where(_c.system == system)


def is_open(system: Any) -> ColumnElement[bool]:
    """Return a condition: the circuit of the system that this SQL expression gives is open."""
    return exists().where(_c.system == system, _c.next_at.is_not(None))


def next_try(system: Any) -> ColumnElement[datetime | None]:
    """Return when the system that this SQL expression gives is tried again; NULL unless its circuit is open."""
    return select(_c.next_at).where(_c.system == system).scalar_subquery()


def failed(session: Session, system: str, *, now: datetime, after: float) -> datetime | None:
    """Count a failure; once there are enough, return when the next probe is, with what was sent called back.

    `after` is the shortest pause, in seconds; it doubles with each failure.
    """
    count = _COUNT[session.get_bind().dialect.name]
    failures = session.scalar(count, {"system": system, "since": now})
    if failures is None or failures < TRIES:
        return None
    pause = max(after, min(after * 2 ** min(failures - TRIES, 16), LONGEST_PAUSE))
    later = now + timedelta(seconds=pause)
    session.execute(_OPEN, {"of": system, "later": later})
    session.execute(_CALL_BACK, {"of": system})
    return later


def close(session: Session, system: str) -> None:
    """Forget the failures: a step was done."""
    session.execute(_CLOSE, {"of": system})


def standing(session: Session) -> Sequence[CircuitRow]:
    """Return the circuits that are open."""
    return session.scalars(select(CircuitRow).where(_c.next_at.is_not(None)).order_by(_c.system)).all()
