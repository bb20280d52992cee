"""Who is on call at a moment, and who comes next."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from shared.on_call.settings import Rota

_WEEK = timedelta(weeks=1)


def order(rota: Rota, at: datetime) -> tuple[str, ...]:
    """Return everyone of a rota in the order in which they are told: who is on call first, each once."""
    turn = _handovers(rota, at) % len(rota.people)
    weekly = rota.people[turn:] + rota.people[:turn]
    zone = ZoneInfo(rota.timezone)
    instead = [
        one.person
        for one in reversed(rota.overrides)  # of two for the same time the later written counts
        if one.starts.replace(tzinfo=zone).astimezone(UTC) <= at < one.until.replace(tzinfo=zone).astimezone(UTC)
    ]
    return tuple(dict.fromkeys((*instead, *weekly)))


def _handovers(rota: Rota, at: datetime) -> int:
    """Count the handovers since the first; they are at the same local time in summer and in winter."""
    zone = ZoneInfo(rota.timezone)
    count = (at.astimezone(zone).replace(tzinfo=None) - rota.starts) // _WEEK
    # in the hour that comes twice the local time alone would hand back
    return count + 1 if _handover(rota, count + 1) <= at else count if _handover(rota, count) <= at else count - 1


def _handover(rota: Rota, number: int) -> datetime:
    local = rota.starts + number * _WEEK
    return local.replace(tzinfo=ZoneInfo(rota.timezone)).astimezone(UTC)
