"""How alert channels fare: who uses one, how long a failing one rests, how much went through it lately."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import case, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from shared.on_call.settings import LONGEST_REST
from shared.store.tables import AlertChannelRow, core

FIRST_REST = timedelta(seconds=5)
_channels = core(AlertChannelRow)
_c = _channels.c


def rest_after(failures: int) -> timedelta:
    """Return how long a channel rests after failures in a row: twice as long each time, up to a quarter hour."""
    doubled: timedelta = FIRST_REST * 2 ** min(failures - 1, 20)
    return min(doubled, LONGEST_REST)


def known(session: Session) -> dict[str, AlertChannelRow]:
    """Return the channels that were ever used."""
    return {row.name: row for row in session.scalars(select(AlertChannelRow))}


def failing(session: Session, names: Iterable[str]) -> dict[str, AlertChannelRow]:
    """Return those of these channels whose last message was not delivered."""
    query = select(AlertChannelRow).where(_c.name.in_(list(names)), _c.failures > 0).order_by(_c.name)
    return {row.name: row for row in session.scalars(query)}


def take(session: Session, name: str, *, now: datetime, until: datetime) -> bool:
    """Take a channel until then, unless another has it or it rests; it comes back by `answered`.

    A time further ahead than any that we write stems from a clock that jumped, and does not count.
    """
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    session.execute(insert(_channels).values(name=name, failures=0, sent=0).on_conflict_do_nothing())
    taken = session.execute(
        update(_channels)
        .where(
            _c.name == name,
            or_(_c.busy_until.is_(None), _c.busy_until <= now, _c.busy_until > until),
            or_(_c.retry_at.is_(None), _c.retry_at <= now, _c.retry_at > now + LONGEST_REST),
        )
        .values(busy_until=until)
    )
    return bool(_count(taken))


def is_busy(session: Session, name: str, *, now: datetime, until: datetime) -> bool:
    """Say whether somebody has a channel who may have it, until then at most."""
    query = select(_c.name).where(_c.name == name, _c.busy_until > now, _c.busy_until <= until)
    return session.scalar(query) is not None


def answered(session: Session, name: str, *, delivered: bool, answer: str, now: datetime, gather: timedelta) -> None:
    """Give a channel back with its answer; a failed one rests."""
    values: dict[str, Any] = {"busy_until": None, "answer": answer}
    if delivered:
        fresh = or_(_c.since.is_(None), _c.since <= now - gather, _c.since > now)
        values |= {"failures": 0, "retry_at": None, "delivered_at": now}
        values |= {"since": case((fresh, now), else_=_c.since), "sent": case((fresh, 1), else_=_c.sent + 1)}
    else:
        failures = session.scalars(select(_c.failures).where(_c.name == name)).one() + 1
        values |= {"failures": failures, "retry_at": now + rest_after(failures)}
    session.execute(update(_channels).where(_c.name == name).values(**values))


def _count(result: Any) -> int:
    return int(result.rowcount)
