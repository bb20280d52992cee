"""Whom an alert goes to at each level of its escalation: who is on call, the next, everyone."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from shared.on_call.quiet import quiet_until
from shared.on_call.rota import order
from shared.on_call.settings import Alerts


@dataclass(frozen=True, slots=True)
class Call:
    """Who is told: everyone of them, or the first who can be reached."""

    people: tuple[str, ...]
    everyone: bool

    def next_after(self, alerts: Alerts) -> timedelta:
        """Return how long is waited for an acknowledgement before somebody is told again."""
        return alerts.repeat_after if self.everyone else alerts.escalate_after


def whom(alerts: Alerts, *, right: str | None, level: int, at: datetime, told: Collection[str] = frozenset()) -> Call:
    """Return whom an alert about a right goes to. Levels: 0 on call, 1 the next in the rota, then everyone.

    The next is the first of those on call at that time who was not `told` of it, so that after a handover it is whoever
    is on call now. Everyone is all of `[alerts.people]`; without a rota it is everyone from the start.
    """
    rota = alerts.team(right)
    team = order(rota, at) if rota else ()
    everyone = level >= min(len(team), 2)
    first = team if everyone else sorted(team, key=lambda person: person in told)
    return Call(tuple(dict.fromkeys((*first, *alerts.people))), everyone)


def rest_until(alerts: Alerts, *, right: str | None, at: datetime) -> datetime | None:
    """Return until when the team's quiet hours hold back what is no breach; None if they do not."""
    rota = alerts.team(right)
    if rota is None or rota.quiet is None:
        return None
    return quiet_until(rota.quiet, ZoneInfo(rota.timezone), at)
