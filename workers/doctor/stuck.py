"""Nothing stands still beyond the sweep's period: no lease that ended, no message unclaimed, no step ready in vain."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import exists, func, or_, select, tuple_
from sqlalchemy.orm import Session, aliased

from shared.domain.join import IN_FLIGHT, OVER
from shared.store.fences import fenced
from shared.store.tables import CircuitRow, StepRow, TicketRow, core
from workers.doctor import Check, Finding, Visit
from workers.queues import in_line
from workers.sweep import UNCLAIMED, missed

_BEAT = "see that `rightsdesk beat` runs, and read its log; `rightsdesk tick` sweeps once"
_s, _t, _k = core(StepRow).c, core(TicketRow).c, core(CircuitRow).c


def look(visit: Visit) -> Iterator[Finding]:
    """Look at the steps under way, system by system, then at the tickets that no step moves."""
    lying = in_line(visit.office.settings)
    with visit.office.store.read() as session:
        leased = _s.state == "running", or_(_s.lease_until.is_(None), _s.lease_until < visit.before)
        yield from _steps(session, leased, "their worker's lease has ended and nobody took them back", _BEAT)
        late = or_(_s.published_at.is_(None), _s.published_at < visit.before - UNCLAIMED)
        sent = _s.state == "queued", late, tuple_(_s.channel, _s.priority).in_(missed(session, lying))
        yield from _steps(session, sent, "sent, not claimed, and not sent again", _BEAT)
        yield from _steps(session, _ready(visit), "ready, and not sent though nothing else is", _BEAT)
        yield from _tickets(session, visit)


def _steps(session: Session, conditions: tuple[Any, ...], what: str, todo: str) -> Iterator[Finding]:
    query = select(_s.system, func.count(), func.min(_s.id)).where(*conditions).group_by(_s.system)
    for system, number, first in session.execute(query.order_by(_s.system)):
        more = f" and {number - 1} more" if number > 1 else ""
        yield Finding(f"step {first}{more} ({system})", what, todo)


def _ready(visit: Visit) -> tuple[Any, ...]:
    """Select steps that are due, of a lane that has nothing under way: its window has room, whatever its size."""
    other = aliased(StepRow)
    flying = exists().where(other.lane == _s.lane, other.state.in_(IN_FLIGHT))
    paused = exists().where(_t.id == _s.ticket_id, _t.paused_at.is_not(None))
    due = _s.created_at < visit.before, or_(_s.not_before.is_(None), _s.not_before < visit.before)
    probed = exists().where(_k.system == _s.system, _k.next_at >= visit.before)
    return _s.state == "ready", *due, ~fenced(), ~flying, ~paused, ~probed


def _tickets(session: Session, visit: Visit) -> Iterator[Finding]:
    mine = _s.ticket_id == _t.id, _s.stage == _t.stage
    unfinished = exists().where(*mine, _s.state.not_in(OVER))
    lately = exists().where(*mine, _s.finished_at >= visit.before)
    still = _t.closed_at.is_(None), _t.paused_at.is_(None), _t.stage_since < visit.before
    idle = select(_t.id, _t.stage).where(*still, ~unfinished, ~lately).order_by(_t.id)
    for ident, stage in session.execute(idle):
        todo = f"{_BEAT}; `sweep.stuck` there names what keeps it"
        yield Finding(f"ticket {ident}", f"its stage {stage} is over and it does not go on", todo)
    asleep = select(_t.id).where(_t.closed_at.is_(None), _t.paused_at.is_(None), _t.wake_at < visit.before)
    for ident in session.scalars(asleep.order_by(_t.id)):
        yield Finding(f"ticket {ident}", "it was to be looked at again and was not", _BEAT)


CHECK = Check("stuck", look)
