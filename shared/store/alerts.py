"""Alerts: raised once for each thing that stands, over when it ends. Delivery is another's work."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypedDict, Unpack
from uuid import UUID, uuid4

from sqlalchemy import bindparam, case, exists, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from shared.store.tables import ALERT_STANDS, AlertRow, TicketRow, core

OUTAGE = "circuit:"  # with a system's id: the key of the alert that it is down
_alerts = core(AlertRow)
_c = _alerts.c
# statements are built once: building one costs as much as running it
_RAISE: dict[str, Any] = {
    dialect.__name__.rpartition(".")[2]: dialect.insert(_alerts).on_conflict_do_nothing()
    for dialect in (sqlite, postgresql)
}
_OVER = update(_alerts).where(ALERT_STANDS).values(state="over", next_at=None)
_SETTLE = _OVER.where(_c.dedup.in_(bindparam("dedups", expanding=True)))
_SETTLE_KIND = _OVER.where(_c.kind == bindparam("of"), _c.dedup != bindparam("other"))
_SETTLE_TICKET = _OVER.where(_c.ticket_id == bindparam("ticket"))
_SETTLE_CLOCK = _SETTLE_TICKET.where(_c.clock == bindparam("of"))
_REDATE = update(_alerts).where(ALERT_STANDS, _c.ticket_id == bindparam("ticket"), _c.clock == bindparam("of"))
_SETTLE_KINDS = _SETTLE_TICKET.where(_c.kind.in_(bindparam("kinds", expanding=True)))


class About(TypedDict, total=False):
    """What an alert is about, besides its ticket; `due_at` is the clock's own end."""

    client: str | None
    system: str | None
    right: str | None
    milestone: str | None
    clock: str | None
    due_at: datetime | None
    late: bool
    urgent: bool


def raise_alert(
    session: Session, *, kind: str, dedup: str, now: datetime, ticket: TicketRow | None = None, **about: Unpack[About]
) -> str | None:
    """Raise an alert, to be delivered from `now` on; return its id, or None while one of that `dedup` stands.

    One stands while it is open, and while it is acknowledged: somebody sees to it, until `settle` says it is over.
    """
    alert: dict[str, Any] = {"kind": kind, "dedup": dedup, **about}
    if ticket is not None:
        alert = {"due_at": ticket.due_at} | alert
        alert |= {"ticket_id": ticket.id, "client": ticket.client, "right": ticket.right}
    statement = _RAISE[session.get_bind().dialect.name].returning(_c.id)
    raised: str | None = session.scalar(statement, _row(alert, now))
    return raised


def make_urgent(session: Session, dedup: str, now: datetime) -> None:
    """Make what stands for a key urgent; if nobody has acknowledged it, people are told again at once."""
    next_at = case((_c.state == "open", now), else_=_c.next_at)
    session.execute(
        update(_alerts).where(ALERT_STANDS, _c.dedup == dedup, ~_c.urgent).values(urgent=True, next_at=next_at)
    )


def raise_alerts(session: Session, alerts: Sequence[dict[str, Any]], *, now: datetime) -> None:
    """Raise many at once, each a row's columns and all the same ones; those that stand already are passed over.

    Their ids are not asked for: with RETURNING they would go as one statement of many thousand parameters, which is
    several times slower.
    """
    if alerts:
        session.execute(_RAISE[session.get_bind().dialect.name], [_row(alert, now) for alert in alerts])


def _row(alert: dict[str, Any], now: datetime) -> dict[str, Any]:
    return {"id": uuid4().hex, "raised_at": now, "next_at": now, "state": "open", "level": 0} | alert


def stands(dedup: Any) -> Any:
    """Return a condition: one stands for the key that this SQL expression gives."""
    return exists().where(ALERT_STANDS, _c.dedup == dedup)


def systems(session: Session, kind: str) -> list[str]:
    """Return the systems for which one of a kind stands."""
    query = select(_c.system).where(ALERT_STANDS, _c.kind == kind, _c.system.is_not(None)).distinct()
    return sorted(session.scalars(query))


def settle(session: Session, *dedups: str) -> None:
    """Mark as over what stands for these keys: what they were about ended by itself, or was done."""
    if dedups:
        session.execute(_SETTLE, {"dedups": dedups})


def settle_clock(session: Session, ticket: UUID, clock: str) -> None:
    """Mark as over what stands for a clock of a ticket."""
    session.execute(_SETTLE_CLOCK, {"ticket": ticket, "of": clock})


def redate(session: Session, ticket: UUID, ends: Mapping[str, datetime]) -> None:
    """Let what stands for a ticket's clocks tell when they end now."""
    for clock, end in ends.items():
        session.execute(_REDATE.values(due_at=end), {"ticket": ticket, "of": clock})


def settle_ticket(session: Session, ticket: UUID, *kinds: str) -> None:
    """Mark as over what stands for a ticket and is of these kinds."""
    session.execute(_SETTLE_KINDS, {"ticket": ticket, "kinds": kinds})


def settle_kind(session: Session, kind: str, *, besides: str) -> None:
    """Mark as over all that stands of a kind, but for one key: it was looked at, and nothing is wrong any more."""
    session.execute(_SETTLE_KIND, {"of": kind, "other": besides})
