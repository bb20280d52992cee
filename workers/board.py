"""The live board's content: tickets by the time left, alerts unacknowledged, systems down."""

from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.on_call.settings import Alerts
from shared.store import alerts as alert_store
from shared.store import circuits
from shared.store.tables import TicketRow
from workers.alarms import CIRCUIT
from workers.alerts import shown

AMBER, RED = 0.5, 0.9  # of the time between receipt and the strictest due time


def board(session: Session, alerts: Alerts, *, now: datetime, most: int) -> dict[str, Any]:
    """Return what the board shows: of tickets and alerts the `most` pressing ones, and how many there are in all."""
    pressing = shown.alerts(session, now=now, most=most)
    return {
        "at": now.isoformat(),
        "tickets": [_ticket(row, now) for row in _pressing(session, most)],
        "alerts": [one for one in pressing if one["state"] == "open"],
        "systems_down": alert_store.systems(session, CIRCUIT),
        "next_tries": {system: at.isoformat() for system, at in circuits.next_tries(session).items()},
        "alerting": shown.overview(session, alerts, now=now),
    }


def _pressing(session: Session, most: int) -> list[TicketRow]:
    """Take the earliest due of each state from the index: a million others are not looked at."""
    rows = [
        row
        for state in ("open", "waiting")
        for row in session.scalars(
            select(TicketRow).where(TicketRow.state == state).order_by(TicketRow.due_at).limit(most)
        )
    ]
    return sorted(rows, key=lambda row: (row.strict_at, row.id))[:most]


def _ticket(row: TicketRow, now: datetime) -> dict[str, Any]:
    return {
        "id": str(row.id),
        "client": row.client,
        "right": row.right,
        "state": "paused" if row.paused_at else row.state,
        "stage": row.stage,
        "strict_at": row.strict_at.isoformat(),
        "seconds_left": int((row.strict_at - now).total_seconds()),
        "light": _light(row, now),
    }


def _light(row: TicketRow, now: datetime) -> str:
    whole = (row.strict_at - row.received_at).total_seconds()
    used = (now - row.received_at).total_seconds() / whole if whole > 0 else 1.0
    return "red" if used >= RED else "amber" if used >= AMBER else "green"
