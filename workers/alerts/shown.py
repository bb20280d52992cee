"""What the CLI, the board and the metrics show of alerts: the shape of design section 9, and more."""

from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Subquery, func, or_, select
from sqlalchemy.orm import Session

from shared.on_call.settings import Alerts
from shared.store import alert_channels, alert_outbox
from shared.store.tables import ALERT_STANDS, TIMER_RUNS, AlertDeliveryRow, AlertRow, TimerRow

_LATELY = timedelta(days=1)
_OPEN = AlertRow.state == "open"


def alerts(
    session: Session, *, now: datetime, everything: bool = False, most: int | None = None
) -> list[dict[str, Any]]:
    """Return the open alerts, breaches first, then those acknowledged within a day; or all that ever were."""
    query = select(AlertRow).order_by(~_OPEN, AlertRow.urgent.desc(), AlertRow.raised_at, AlertRow.id).limit(most)
    if not everything:
        query = query.where(ALERT_STANDS, or_(_OPEN, AlertRow.acknowledged_at > now - _LATELY))
    rows = list(session.scalars(query))
    sent = _deliveries(session, query.with_only_columns(AlertRow.id).subquery())
    return [_alert(row, sent[row.id]) for row in rows]


def _deliveries(session: Session, alerts: Subquery) -> dict[str, list[dict[str, Any]]]:
    query = select(AlertDeliveryRow).join(alerts, alerts.c.id == AlertDeliveryRow.alert_id)
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in session.scalars(query.order_by(AlertDeliveryRow.id)):
        found[row.alert_id].append(
            {
                "channel": row.channel, "person": row.person, "message": row.batch, "attempt": row.attempt,
                "state": row.state, "answer": row.answer, "at": row.at.isoformat(),
            }
        )  # fmt: skip
    return found


def _alert(row: AlertRow, deliveries: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": row.id,
        "ticket": str(row.ticket_id) if row.ticket_id else None,
        "kind": row.kind,
        "milestone": row.milestone,
        "clock": row.clock,
        "client": row.client,
        "right": row.right,
        "system": row.system,
        "due_at": _iso(row.due_at),
        "raised_at": row.raised_at.isoformat(),
        "late": row.late,
        "urgent": row.urgent,
        "state": row.state,
        "told": row.level,
        "next_at": _iso(row.next_at),
        "acknowledged_by": row.acknowledged_by,
        "acknowledged_at": _iso(row.acknowledged_at),
        "deliveries": deliveries,
    }


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def how_told(alert: dict[str, Any]) -> str:
    """Say in a few words who knows of an alert, or why nobody does."""
    if alert["state"] == "acknowledged":
        return f"acknowledged by {alert['acknowledged_by']}"
    if alert["state"] == "over":
        return "over"
    arrived = [one for one in alert["deliveries"] if one["state"] == "delivered"]
    if arrived:
        return f"told {', '.join(dict.fromkeys(one['person'] for one in arrived))}"
    failed = [one for one in alert["deliveries"] if one["state"] == "failed"]
    if failed:
        return f"UNDELIVERED, tried {len(failed)} times: {failed[-1]['channel']} {failed[-1]['answer']}"
    return "not yet told"


def overview(session: Session, settings: Alerts, *, now: datetime) -> dict[str, Any]:
    """Return how alerting fares: open alerts, those nobody was told of, milestones missed, channels that fail and why.

    Milestones are missed if they were due a minute ago and no look has taken them: then beat does not run.
    """
    missed = select(func.count()).select_from(TimerRow).where(TIMER_RUNS, TimerRow.due_at < now - alert_outbox.MISSED)
    failing = alert_channels.failing(session, settings.channels)
    return {
        "open": session.scalar(select(func.count()).select_from(AlertRow).where(ALERT_STANDS, _OPEN)) or 0,
        "undelivered": alert_outbox.undelivered(session, now=now, somebody=bool(settings.people)),
        "milestones_missed": session.scalar(missed) or 0,
        "channels_failing": {
            name: {"failures": row.failures, "answer": row.answer, "retry_at": _iso(row.retry_at)}
            for name, row in failing.items()
        },
    }
