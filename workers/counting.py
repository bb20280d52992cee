"""When a ticket's clocks end: counted anew, each time, from what happened to it, so that the order does not matter."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from shared.deadlines import Deadline, due, extended, period
from shared.deadlines.working import week, worked
from shared.domain.case import Right
from shared.inventory import Client
from shared.store.tables import TicketRow
from workers.clocks import Clock, clock

Pause = tuple[datetime, datetime]  # from, until


def opened(right: Right, client: Client, received: datetime) -> tuple[Deadline, list[Clock]]:
    """Return the statutory deadline of a ticket, by the rules of its day of receipt, and the clocks it begins with."""
    statutory = statutory_of(right, client, received)
    clocks = [clock("statutory", statutory, since=received)]
    if client.sla:
        clocks.append(clock("sla", sla_of(client, received), since=received))
    if right.tells:
        clocks.append(
            clock("awareness", counted(client, client.told_within, received), since=received, ends=right.tells)
        )
    return statutory, clocks


def count(row: TicketRow, right: Right, client: Client) -> Deadline:
    """Count a ticket's clocks anew, by its receipt, extension and pauses; return the statutory deadline.

    Only dates move. A clock that the contract does not have any more goes, and one that it has now comes.
    """
    statutory, ends = _ends(row, right, client)
    former = {one["name"]: one for one in row.clocks if one["name"] != "sla" or client.sla}
    since = {name: _since(former.get(name, {}), row) for name in ends}
    new = {name: former.get(name, {}) | clock(name, end, since=since[name]) for name, end in ends.items()}
    row.clocks = list((former | new).values())
    row.due_on, row.due_at, row.strict_at = statutory.on, statutory.at, statutory.strict_at
    return statutory


def _since(one: Clock, row: TicketRow) -> datetime:
    return datetime.fromisoformat(one["since"]) if "since" in one else row.received_at


def _ends(row: TicketRow, right: Right, client: Client) -> tuple[Deadline, dict[str, Deadline]]:
    """Return when the law's time ends, and all clocks' whose end is not history."""
    named, pauses = {one["name"]: one for one in row.clocks}, pauses_of(row)

    def law(pauses: Sequence[Pause], *, longer: bool) -> Deadline:
        return _with(pauses, lambda some: statutory_of(right, client, row.received_at, longer=longer, pauses=some))

    longer = "unextended" in named
    statutory = law(pauses, longer=longer)
    found = {"statutory": statutory}
    if client.sla:
        found["sla"] = _with(pauses, lambda some: sla_of(client, row.received_at, some))
    if longer:
        found["unextended"] = law(pauses, longer=False)
    if pauses:
        found["unpaused"] = law((), longer=longer)
    if "notice" in named:
        # it is owed all the same while the ticket is paused later
        owed = _since(named["notice"], row)
        found["notice"] = law([one for one in pauses if one[1] <= owed], longer=False)
    for name, within in (("awareness", client.told_within), ("identity", client.identity_within)):
        if name in named and "ended_at" not in named[name]:
            found[name] = counted(client, within, _since(named[name], row))
    return statutory, found


def _with(pauses: Sequence[Pause], end: Callable[[Sequence[Pause]], Deadline]) -> Deadline:
    """Count with the pauses that began before the time had run out: what was missed is not mended by resting."""
    taken: list[Pause] = []
    for one in pauses:
        if one[0] < end(taken).at:
            taken.append(one)
    return end(taken)


def pauses_of(row: TicketRow) -> list[Pause]:
    """Return when a ticket was paused, in order; a pause that lasts is not among them."""
    stored = next((one.get("pauses", ()) for one in row.clocks if one["name"] == "unpaused"), ())
    return [(datetime.fromisoformat(out), datetime.fromisoformat(back)) for out, back in stored]


def end_pause(row: TicketRow, now: datetime) -> timedelta:
    """Write down that a ticket was paused until now; return how long. Its clocks are to be counted then."""
    assert row.paused_at is not None
    pause = row.paused_at, max(row.paused_at, now)  # the clock may have been put back meanwhile
    pauses = [[moment.isoformat() for moment in one] for one in (*pauses_of(row), pause)]
    rest = [one for one in row.clocks if one["name"] != "unpaused"]
    row.clocks, row.paused_at = [*rest, {"name": "unpaused", "pauses": pauses}], None
    return pause[1] - pause[0]


def statutory_of(
    right: Right, client: Client, received: datetime, *, longer: bool = False, pauses: Sequence[Pause] = ()
) -> Deadline:
    """Return when the law's period ends; that of Art. 12(3) extended by two months if it is to be `longer`."""
    # a period of days ends with a day: hours of rest move nothing (only such periods are paused)
    rested = sum((back - out).days for out, back in pauses)
    if longer:
        return extended(received, rested=rested, **_place(client))
    length = right.period(received.astimezone(ZoneInfo(client.timezone)).date())
    return due(length, received, rested=rested, **_place(client))


def sla_of(client: Client, received: datetime, pauses: Sequence[Pause] = ()) -> Deadline:
    """Return when the contract's period ends, counted in its working hours if it names some.

    A pause stops the working hours in it; else the end comes later by the time that passed.
    """
    assert client.sla
    if client.working_hours:
        hours, place = period(client.sla).hours, _place(client)
        return worked(hours, received, week(client.working_hours), pauses=pauses, **place)
    found, rested = counted(client, client.sla, received), sum((back - out for out, back in pauses), timedelta())
    return replace(found, at=_after(found.at, rested), strict_at=_after(found.strict_at, rested))


def _after(end: datetime, rested: timedelta) -> datetime:
    """Add elapsed time: what a zone's own clock adds is an hour wrong across a change."""
    return (end.astimezone(UTC) + rested).astimezone(end.tzinfo)


def counted(client: Client, length: str, start: datetime) -> Deadline:
    """Return when a period ends in the client's calendar."""
    return due(length, start, **_place(client))


def _place(client: Client) -> dict[str, Any]:
    return {"country": client.country, "subdivision": client.subdivision, "tz": client.timezone}
