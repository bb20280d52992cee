"""A ticket's clocks, as its row keeps them, and the timers of their milestones. Always under the ticket's lock.

| clock | runs from | to | ends with |
|---|---|---|---|
| `statutory` | the receipt | the law's period, extended if a person says so | the ticket |
| `sla` | the receipt | the contract's period | the ticket |
| `awareness` | our knowing of a breach | the client's `told_within` | the client being told |
| `notice` | a decision to extend or refuse | the end of month one | the notice being given |
| `identity` | the asking, or a pause | the client's `identity_within` | the decision |

`unextended` and `unpaused` stand beside them, so that the former dates stay visible; nothing watches them.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from shared.deadlines import milestone
from shared.on_call.settings import percent
from shared.store import alerts, timers
from shared.store.tables import TicketRow
from workers.alarms import MILESTONE

PASSED, RUN_OUT = "passed", "run out"  # on the strictest reading, and on every one
WATCHED = ("statutory", "sla", "awareness", "notice", "identity")
WITHDRAWN = "withdrawn"
RUNS_ON = ("notice", "identity")  # while the ticket is paused

Clock = dict[str, Any]  # name, since, due_at, strict_at as ISO 8601; `ends`: a verb; `ended_at`


def clock(name: str, deadline: Any, *, since: datetime, ends: str = "") -> Clock:
    """Return a clock as a ticket's row keeps it; `deadline` has `at` (or `due_at`) and `strict_at`."""
    end = getattr(deadline, "at", None) or deadline.due_at
    found = {"name": name, "since": since.isoformat(), "due_at": end.isoformat()}
    return found | {"strict_at": deadline.strict_at.isoformat()} | ({"ends": ends} if ends else {})


def timers_of(row: TicketRow, clocks: Iterable[Clock], milestones: Iterable[float]) -> list[dict[str, Any]]:
    """Return the timers of clocks that run: each milestone on the strictest reading, and both ends."""
    return [
        {
            "ticket_id": row.id, "clock": one["name"], "milestone": name, "due_at": at,
            "resting": row.verdict == WITHDRAWN or _rests(row, one),
        }
        for one in clocks
        if one["name"] in WATCHED and "ended_at" not in one
        for name, at in _milestones({"since": row.received_at.isoformat()} | one, milestones)
    ]  # fmt: skip


def _rests(row: TicketRow, one: Clock) -> bool:
    return row.paused_at is not None and one["name"] not in RUNS_ON


def _milestones(one: Clock, fractions: Iterable[float]) -> Iterable[tuple[str, datetime]]:
    since, (end, strict) = datetime.fromisoformat(one["since"]), ends_of(one)
    yield PASSED, strict
    if one["name"] == "identity":
        return
    if since < strict:
        yield from ((percent(fraction), milestone(since, strict, fraction)) for fraction in fractions)
    if strict < end:
        yield RUN_OUT, end


def start(session: Session, row: TicketRow, begun: Clock, milestones: Iterable[float]) -> None:
    """Let a clock begin, or begin anew: what stood for the former one is over, acknowledged or not."""
    rest = [one for one in row.clocks if one["name"] != begun["name"]]
    if len(rest) < len(row.clocks):
        alerts.settle_clock(session, row.id, begun["name"])
    row.clocks = [*rest, begun]
    timers.restart(session, row.id, begun["name"], timers_of(row, [begun], milestones))


def end(session: Session, row: TicketRow, verb: str, now: datetime) -> None:
    """End the clocks that ran until this was done; costs nothing where there is none."""
    ended = [one for one in row.clocks if one.get("ends") == verb and "ended_at" not in one]
    for one in ended:
        row.clocks = [one | {"ended_at": now.isoformat()} if other is one else other for other in row.clocks]
        timers.end(session, row.id, one["name"])
        alerts.settle_clock(session, row.id, one["name"])


def move(session: Session, row: TicketRow, milestones: Iterable[float], now: datetime) -> None:
    """Move a ticket's timers to where its clocks stand now; what called for a milestone that lies ahead again is over.

    A milestone fires once. But the ends, and the last warning before them, are told again where they lie ahead again:
    an extension on the last day would leave two months in which nobody is called. What still lies behind calls on.
    """
    parts = sorted(milestones)
    last = {PASSED, RUN_OUT, *(percent(one) for one in parts[-1:])}
    wanted = timers_of(row, row.clocks, parts)
    ahead = [(one["clock"], one["milestone"]) for one in wanted if one["due_at"] > now]
    timers.move(session, row.id, wanted, again=[one for one in ahead if one[1] in last])
    # a clock that ends on a working day now has no two readings any more
    one_end = {(one["clock"], RUN_OUT) for one in wanted} - {(one["clock"], one["milestone"]) for one in wanted}
    alerts.settle(session, *(dedup_of(row.id, *one) for one in (*ahead, *one_end)))
    running = {one["clock"] for one in wanted}
    alerts.redate(session, row.id, {one["name"]: ends_of(one)[0] for one in row.clocks if one["name"] in running})


def dedup_of(ticket: UUID, clock: str, milestone: str) -> str:
    """Return the key by which a milestone's alert stands once."""
    return f"{MILESTONE}:{ticket}:{clock}:{milestone}"


def ends_of(one: Clock) -> tuple[datetime, datetime]:
    """Return when a clock ends, and when it does on its strictest reading."""
    return datetime.fromisoformat(one["due_at"]), datetime.fromisoformat(one["strict_at"])


def state_of(one: Clock, row: TicketRow, now: datetime) -> str:
    """Return met or missed for a clock that has ended, or else paused, running or passed."""
    due_at, ended = datetime.fromisoformat(one["due_at"]), one.get("ended_at")
    over = datetime.fromisoformat(ended) if ended else row.closed_at
    if over is not None:
        return "met" if over <= due_at else "missed"
    if _rests(row, one):
        return "paused"
    return "running" if now <= due_at else "passed"
