"""Circuits: a system that fails again and again is left alone, but for a probe now and then, until one succeeds.

A row counts the failures in a row; a step that is done deletes it. From `TRIES` on the circuit is open: nothing is
sent there until `next_at`, and one step at a time then: a system that hangs holds one place for a moment, and not all.
The one that was not tried for longest goes: it may be a step, and not the system, that is to blame.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import ColumnElement, FromClause, bindparam, case, delete, exists, null, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from shared.domain.join import IN_FLIGHT
from shared.store.tables import CircuitRow, StepRow, core

TRIES = 3  # in vain, until a system is taken to be down
SHORTEST_PAUSE, LONGEST_PAUSE = 1.0, 300.0
LONGEST_ASKED = 3600.0  # by the system itself; breaches wait for it, too
FURTHEST = timedelta(days=2)  # what waits for longer stems from a clock that was ahead
_circuits, _steps = core(CircuitRow), core(StepRow)
_c = _circuits.c
_RESTS = (_c.next_at > bindparam("now")) & (_c.next_at <= bindparam("furthest"))
_COUNT: dict[str, Any] = {
    dialect.__name__.rpartition(".")[2]: dialect.insert(_circuits)
    .values(failures=1)
    # what had begun before the circuit opened says nothing new
    .on_conflict_do_update(
        index_elements=[_c.system], set_={"failures": case((_RESTS, _c.failures), else_=_c.failures + 1)}
    )
    .returning(_c.failures, case((_RESTS, _c.next_at)))
    for dialect in (sqlite, postgresql)
}
_OPEN = update(_circuits).where(_c.system == bindparam("of")).values(next_at=bindparam("later"))
_CALL_BACK = (
    update(_steps)
    .where(_steps.c.system == bindparam("of"), _steps.c.state == "queued")
    .values(state="ready", published_at=null())
)
_HAS_WORK = select(exists().where(_steps.c.lane == bindparam("of"), _steps.c.state.in_(("ready", *IN_FLIGHT))))
_CLOSE = delete(_circuits).where(_c.system == bindparam("of"))


def moment(now: datetime) -> dict[str, Any]:
    """Return the parameters of the conditions that look at the time."""
    return {"now": now, "furthest": now + FURTHEST}


def resting(steps: FromClause = _steps) -> ColumnElement[bool]:
    """Return a condition on steps: their system's circuit is open, and its next probe not due at that `moment`."""
    return exists().where(_c.system == steps.c.system, _RESTS).correlate(steps)


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

    `after` is the shortest pause, in seconds; it doubles with each probe in vain.
    """
    count = _COUNT[session.get_bind().dialect.name]
    failures, rests_until = session.execute(count, {"system": system, "since": now} | moment(now)).one()
    if rests_until is not None or failures < TRIES:
        return cast("datetime | None", rests_until)
    doubled = max(after, SHORTEST_PAUSE) * 2 ** min(failures - TRIES, 16)
    later = now + timedelta(seconds=max(min(after, LONGEST_ASKED), min(doubled, LONGEST_PAUSE)))
    session.execute(_OPEN, {"of": system, "later": later})
    session.execute(_CALL_BACK, {"of": system})
    return later


def close(session: Session, system: str) -> None:
    """Forget the failures: a step was done."""
    session.execute(_CLOSE, {"of": system})


def tried_in_vain(session: Session, system: str) -> bool:
    """Say whether a system's circuit is open and the first try since was in vain, too: it is more than a hiccup."""
    return bool(session.scalar(select(exists().where(_c.system == system, _c.failures > TRIES))))


def without_work(session: Session, told: Iterable[str], *, now: datetime) -> list[str]:
    """Return the systems that are down, or that people were told of as such, and for which no step waits.

    Nothing would ever tell that they are back.
    """
    open_ones = session.scalars(select(_c.system).where(_c.next_at.is_not(None), ~_RESTS), moment(now))
    return [one for one in sorted({*open_ones, *told}) if not session.scalar(_HAS_WORK, {"of": one})]


def standing(session: Session) -> Sequence[CircuitRow]:
    """Return the circuits that are open."""
    return session.scalars(select(CircuitRow).where(_c.next_at.is_not(None)).order_by(_c.system)).all()


def next_tries(session: Session) -> dict[str, datetime]:
    """Return when each system whose circuit is open is tried again."""
    return {row.system: row.next_at for row in standing(session) if row.next_at}
