"""Undo what a clock did that had jumped ahead: what it raised for later is raised when its time comes."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from shared.store.tables import ALERT_CALLS, ALERT_STANDS, AlertRow, TimerRow, core

SLACK = timedelta(minutes=1)  # by which the clocks of several machines may differ
_alerts, _timers = core(AlertRow), core(TimerRow)
_a, _t = _alerts.c, _timers.c


def any_jump(session: Session, now: datetime, longest: timedelta) -> bool:
    """Say whether an alert stems from a clock that was ahead, or waits for longer than anybody has it wait."""
    ahead = select(_a.id).where(ALERT_STANDS, _a.raised_at > now + SLACK).limit(1)
    waits = select(_a.id).where(ALERT_CALLS, _a.next_at > now + longest + SLACK).limit(1)
    return any(session.scalar(query) is not None for query in (ahead, waits))


def undo(session: Session, now: datetime, longest: timedelta) -> None:
    """Let milestones that are not due after all run again, and bring the other alerts to be looked at now."""
    ahead = select(_a.id, _a.ticket_id, _a.clock, _a.milestone).where(ALERT_STANDS, _a.raised_at > now + SLACK)
    for row in session.execute(ahead.with_for_update(skip_locked=True)).all():
        if row.milestone is not None and _runs_again(session, row, now):
            session.execute(update(_alerts).where(_a.id == row.id).values(state="over", next_at=None))
    for mine in (_a.raised_at > now + SLACK, _a.next_at > now + longest + SLACK):
        session.execute(update(_alerts).where(ALERT_CALLS, mine).values(next_at=now))
    session.execute(update(_alerts).where(ALERT_STANDS, _a.raised_at > now + SLACK).values(raised_at=now))


def _runs_again(session: Session, row: Any, now: datetime) -> bool:
    """Put back the timer of a milestone that lies ahead; False if it has passed meanwhile."""
    mine = _t.ticket_id == row.ticket_id, _t.clock == row.clock, _t.milestone == row.milestone
    result: Any = session.execute(update(_timers).where(*mine, _t.due_at > now).values(fired_at=None))
    return bool(result.rowcount)
