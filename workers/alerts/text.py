"""What a message says: ids, right, client, due time and how to acknowledge; never personal data."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

from shared.store.tables import AlertRow
from workers.alarms import CIRCUIT

_SHOWN = 25  # alerts of a digest that are written out
_KINDS = {
    "held": "a failed step holds the ticket",
    "decision": "the ticket waits for a person",
    "dead letter": "something on the queue is no ticket",
    "circuit": "the system does not answer",
    "restored": "the system was restored from a backup; replay who was erased in it",
    "identity overdue": "the identity check is overdue",
    "evidence": "evidence does not verify",
}


def headline(alert: AlertRow) -> str:
    """Say in a few words what an alert is about."""
    if alert.milestone == "passed":
        ahead = alert.due_at is not None and alert.raised_at < alert.due_at
        what = f"the time has passed{' on the strictest reading' if ahead else ''}"
    elif alert.milestone == "run out":
        what = "the time has run out on every reading"
    elif alert.milestone:
        what = f"{alert.milestone.replace('%', ' %')} of the time has passed"
    else:
        what = _KINDS.get(alert.kind, alert.kind)
    clock = f" ({alert.clock} clock)" if alert.clock else ""
    return f"{what}{clock}{', noticed late' if alert.late else ''}"


def subject(alert: AlertRow) -> str:
    """Name what an alert is about: right, client, system."""
    named = " for ".join(filter(None, (alert.right, alert.client)))
    return ", ".join(filter(None, (named, alert.system and f"system {alert.system}"))) or alert.kind


def title(alerts: Sequence[AlertRow]) -> str:
    """Return the message's title: of one alert, or of a digest."""
    first = alerts[0]
    mark = "URGENT " if any(one.urgent for one in alerts) else ""
    if len(alerts) > 1:
        about = ", ".join(f"{number} {kind}" for kind, number in Counter(one.kind for one in alerts).most_common(4))
        return f"[rightsdesk] {mark}{len(alerts)} alerts: {about}"
    ticket = f", ticket {str(first.ticket_id)[:8]}" if first.ticket_id else ""
    return f"[rightsdesk] {mark}{subject(first)}: {headline(first)}{ticket}"


def text(
    alerts: Sequence[AlertRow],
    *,
    batch: str,
    now: datetime,
    zone: str,
    link: str | None,
    then: str,
    tries: Mapping[str, datetime] = MappingProxyType({}),
) -> str:
    """Return the message's text; `then` says what happens if nobody acknowledges, `tries` when systems are tried again.

    Some services cut a long text, so a digest begins with how to acknowledge it.
    """
    ident = alerts[0].id if len(alerts) == 1 else batch
    ways = [f"Acknowledge: {link}"] if link else []
    ways = [*ways, f"{'or' if link else 'Acknowledge'}: rightsdesk alerts ack {ident} --as NAME", then]
    about = [_one(alert, now, ZoneInfo(zone), _try_of(alert, tries)) for alert in alerts[:_SHOWN]]
    if len(alerts) > _SHOWN:
        about.append(f"… and {len(alerts) - _SHOWN} more: {_more(alerts[_SHOWN:])}")
    how = "\n".join(ways)
    return "\n\n".join([*about, how] if len(alerts) == 1 else [how, *about]) + f"\n\nMessage {batch}\n"


def _try_of(alert: AlertRow, tries: Mapping[str, datetime]) -> datetime | None:
    return tries.get(alert.system or "") if alert.kind == CIRCUIT else None


def _one(alert: AlertRow, now: datetime, zone: ZoneInfo, next_try: datetime | None) -> str:
    lines = [f"{subject(alert)}: {headline(alert)}"]
    if alert.ticket_id:
        lines.append(f"  ticket {alert.ticket_id}")
    if alert.due_at:
        lines.append(f"  due    {alert.due_at.astimezone(zone):%Y-%m-%d %H:%M %Z} ({_left(alert.due_at - now)})")
    if next_try:
        lines.append(f"  tried  again at {next_try.astimezone(zone):%Y-%m-%d %H:%M %Z}")
    return "\n".join([*lines, f"  alert  {alert.id}"])


def _more(alerts: Sequence[AlertRow]) -> str:
    counts = Counter(f"{one.kind}, {subject(one)}" for one in alerts)
    named = [f"{number} of {what}" for what, number in counts.most_common(_SHOWN)]
    return "; ".join([*named, *(["…"] if len(counts) > _SHOWN else [])])


def _left(left: timedelta) -> str:
    return f"{span(left)} left" if left > timedelta() else f"{span(-left)} ago"


def span(time: timedelta) -> str:
    """Say how long something is, in its two largest units."""
    seconds = int(time.total_seconds())
    if seconds < 60:
        return f"{seconds} s"
    minutes = seconds // 60
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    return f"{days} d {hours} h" if days else f"{hours} h {minutes} min" if hours else f"{minutes} min"


def for_machines(alert: AlertRow, tries: Mapping[str, datetime]) -> dict[str, Any]:
    """Return an alert as webhooks get it."""
    next_try = _try_of(alert, tries)
    return {
        "id": alert.id,
        "kind": alert.kind,
        "milestone": alert.milestone,
        "clock": alert.clock,
        "ticket": str(alert.ticket_id) if alert.ticket_id else None,
        "client": alert.client,
        "right": alert.right,
        "system": alert.system,
        "due_at": alert.due_at.isoformat() if alert.due_at else None,
        "raised_at": alert.raised_at.isoformat(),
        "late": alert.late,
        "urgent": alert.urgent,
        "level": alert.level,
        "next_try_at": next_try.isoformat() if next_try else None,
    }
