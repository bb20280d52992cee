"""What is said to whom now, and what waits: pure. Alerts that come together leave together, as one message."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from uuid import uuid4

from shared.on_call.escalation import Call, rest_until, whom
from shared.on_call.settings import Alerts
from shared.store.tables import AlertRow

BUSY = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class Letter:
    """One message about one or more alerts; `batch` is its id, the same however often it goes."""

    batch: str
    alerts: tuple[AlertRow, ...]
    call: Call

    @property
    def ids(self) -> list[str]:
        """The alerts' ids."""
        return [one.id for one in self.alerts]

    @property
    def thread(self) -> str:
        """The oldest alert's id: the same in each reminder, also of a digest that others have joined."""
        return min(self.alerts, key=lambda one: (one.raised_at, one.id)).id

    @property
    def urgent(self) -> bool:
        """Whether a breach is among them."""
        return any(one.urgent for one in self.alerts)


@dataclass(frozen=True, slots=True)
class Held:
    """Why a person cannot be told at this moment: until when somebody else sends, or alerts are gathered."""

    busy: frozenset[str] = frozenset()
    gathering: Mapping[str, datetime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    """Letters to be sent now, and alerts that wait until a time."""

    letters: tuple[Letter, ...]
    waits: dict[datetime, list[str]]


def plan(
    due: Iterable[AlertRow],
    alerts: Alerts,
    *,
    now: datetime,
    unfinished: Mapping[str, str],
    held: Held,
    told: Mapping[str, frozenset[str]] = MappingProxyType({}),
) -> Plan:
    """Put due alerts into letters by whom they go to; quiet hours and gathering never hold back a breach.

    `unfinished` are the messages that they are in, `told` the people who know of them, both by alert.
    """
    groups: dict[tuple[str, Call, bool], list[AlertRow]] = defaultdict(list)
    waits: dict[datetime, list[str]] = defaultdict(list)
    for alert in due:
        call = whom(alerts, right=alert.right, level=alert.level, at=now, told=told.get(alert.id, frozenset()))
        if until := _wait(alert, call, alerts, now, held):
            waits[until].append(alert.id)
        else:
            groups[unfinished.get(alert.id, ""), call, alert.urgent].append(alert)
    letters = (Letter(batch or uuid4().hex, _sorted(group), call) for (batch, call, _), group in groups.items())
    return Plan(tuple(letters), dict(waits))


def _sorted(alerts: list[AlertRow]) -> tuple[AlertRow, ...]:
    """Sort by what is due first, and of one ticket the latest milestone first: `passed`, `90%`, `75%`, `50%`."""
    latest_first = sorted(alerts, key=lambda one: one.milestone or "", reverse=True)
    return tuple(sorted(latest_first, key=lambda one: one.due_at.timestamp() if one.due_at else math.inf))


def _wait(alert: AlertRow, call: Call, alerts: Alerts, now: datetime, held: Held) -> datetime | None:
    if alert.urgent:
        return None
    if not call.everyone and call.people[0] in held.busy:
        return now + BUSY
    quiet = rest_until(alerts, right=alert.right, at=now)
    gathering = held.gathering.get(call.people[0]) if alert.level == 0 else None
    return max((one for one in (quiet, gathering) if one is not None and one > now), default=None)
