"""Alerts on their way: claimed, written down before they go, recorded with the channel's answer."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import exists, func, insert, or_, select, true, update
from sqlalchemy.orm import Session, aliased

from shared.store.tables import ALERT_CALLS, AlertDeliveryRow, AlertRow, core

MISSED = timedelta(minutes=1)  # after which what is due should have been looked at
_alerts, _deliveries = core(AlertRow), core(AlertDeliveryRow)
_a, _d = _alerts.c, _deliveries.c


def is_due(session: Session, now: datetime) -> bool:
    """Say whether some open alert is to be looked at; costs one look at an index."""
    return session.scalar(select(_a.id).where(ALERT_CALLS, _a.next_at <= now).limit(1)) is not None


def claim(session: Session, *, now: datetime, until: datetime, most: int) -> list[AlertRow]:
    """Take due alerts, breaches first; nobody else looks at them until then. `next_at` is the claim's token."""
    rows = session.scalars(
        select(AlertRow)
        .where(ALERT_CALLS, _a.next_at <= now)
        .order_by(_a.urgent.desc(), _a.next_at, _a.id)
        .limit(most)
        .with_for_update(skip_locked=True)
    ).all()
    rest(session, (row.id for row in rows), until)
    return list(rows)


def rest(session: Session, ids: Iterable[str], until: datetime) -> None:
    """Look at open alerts again at that time, and not before."""
    if ids := list(ids):
        session.execute(update(_alerts).where(_a.id.in_(ids), _a.state == "open").values(next_at=until))


def move_on(session: Session, ids: Iterable[str], *, token: datetime, until: datetime, told: bool) -> None:
    """Let go of claimed alerts; whoever was told is one level further. A claim that was lost changes nothing."""
    if ids := list(ids):
        mine = update(_alerts).where(_a.id.in_(ids), _a.state == "open", _a.next_at == token)
        session.execute(mine.values(next_at=until, level=_a.level + int(told)))


def unfinished(session: Session, ids: Sequence[str]) -> dict[str, str]:
    """Return the message that each of these alerts is in, where nobody is known to have got it yet.

    It goes again with the same id, as it may have arrived: its answer was lost, or was wrong.
    """
    last = select(_d.alert_id, func.max(_d.id).label("id")).where(_d.alert_id.in_(ids)).group_by(_d.alert_id).subquery()
    other = aliased(AlertDeliveryRow)
    arrived = exists().where(other.batch == _d.batch, other.alert_id == _d.alert_id, other.state == "delivered")
    query = select(_d.alert_id, _d.batch).join(last, last.c.id == _d.id).where(~arrived)
    return {row.alert_id: row.batch for row in session.execute(query)}


def told(session: Session, ids: Sequence[str]) -> dict[str, frozenset[str]]:
    """Return the people whom a message about these alerts has reached; those whom none has are left out."""
    query = select(_d.alert_id, _d.person).where(_d.alert_id.in_(ids), _d.state == "delivered").distinct()
    found: dict[str, set[str]] = defaultdict(set)
    for row in session.execute(query):
        found[row.alert_id].add(row.person)
    return {ident: frozenset(people) for ident, people in found.items()}


def begin(session: Session, *, ids: Sequence[str], batch: str, channel: str, person: str, now: datetime) -> None:
    """Write down that a message goes to a channel, before it does; what was left of an earlier attempt failed."""
    _close(session, batch, channel, "failed", "stopped before an answer was stored", now)
    mine = (_d.batch == batch, _d.channel == channel)
    attempt = (session.scalar(select(func.max(_d.attempt)).where(*mine)) or 0) + 1
    common = {
        "channel": channel, "person": person, "batch": batch, "attempt": attempt, "state": "sending", "answer": "",
        "at": now,
    }  # fmt: skip
    session.execute(insert(_deliveries), [{"alert_id": one, **common} for one in ids])


def end(session: Session, *, batch: str, channel: str, delivered: bool, answer: str, now: datetime) -> None:
    """Record a channel's answer to a message."""
    _close(session, batch, channel, "delivered" if delivered else "failed", answer, now)


def _close(session: Session, batch: str, channel: str, state: str, answer: str, now: datetime) -> None:
    mine = (_d.batch == batch, _d.channel == channel, _d.state == "sending")
    session.execute(update(_deliveries).where(*mine).values(state=state, answer=answer, at=now))


def undelivered(session: Session, *, now: datetime, somebody: bool) -> int:
    """Count the open alerts that nobody was told of: it was tried in vain, nobody looked, or there is nobody."""
    tried = exists().where(_d.alert_id == _a.id, _d.state == "failed")
    missed = or_(tried, _a.next_at < now - MISSED) if somebody else true()
    query = select(func.count()).select_from(_alerts).where(ALERT_CALLS, _a.level == 0, missed)
    return session.scalar(query) or 0


def acknowledge(session: Session, ids: Sequence[str], *, by: str, now: datetime) -> None:
    """Acknowledge those of these alerts that are open: nobody is told of them again."""
    changed: dict[str, Any] = {"state": "acknowledged", "acknowledged_by": by, "acknowledged_at": now, "next_at": None}
    session.execute(update(_alerts).where(_a.id.in_(ids), _a.state == "open").values(**changed))
