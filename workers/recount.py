"""Clocks counted anew, after the inventory or a calendar was corrected: milestones, SLA, country, a new public holiday.

The law of a ticket stays that of its day of receipt; extensions and pauses stay.
"""

from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.deadlines import Deadline
from shared.store import alerts, timers
from shared.store.tables import TicketRow
from workers import clocks
from workers.caseload import lock, steps_and_chain
from workers.office import Office
from workers.postpone import by_wall_clock, move_steps

_BATCH = 500


def recount(office: Office, *, client: str | None = None) -> tuple[int, int]:
    """Count the clocks of all open tickets; return of how many the dates moved, and of how many only milestones."""
    dates = milestones = 0
    for ident in _open(office, client):
        with office.store.write() as session:
            row = lock(session, ident)
            if row.closed_at is not None:
                continue
            if _count(office, session, row):
                dates += 1
            elif _set_timers(office, session, row):
                milestones += 1
    return dates, milestones


def _open(office: Office, client: str | None) -> Iterator[UUID]:
    last = UUID(int=0)
    while True:
        query = select(TicketRow.id).where(TicketRow.closed_at.is_(None), TicketRow.id > last)
        query = query.where(TicketRow.client == client) if client else query
        with office.store.read() as session:
            batch = session.scalars(query.order_by(TicketRow.id).limit(_BATCH)).all()
        if not batch:
            return
        yield from batch
        last = batch[-1]


def _count(office: Office, session: Session, row: TicketRow) -> bool:
    """Count the statutory clock and the contract's; say whether either moved."""
    client, right = office.client(row.client), office.rights[row.right]
    longer = any(one["name"] == "unextended" for one in row.clocks)
    received = row.received_at
    statutory = clocks.extended_of(client, received) if longer else clocks.statutory_of(right, client, received)
    before = {one["name"]: one for one in row.clocks}
    now = {"statutory": _rested(statutory, before["statutory"], row, ZoneInfo(client.timezone))}
    if client.sla:
        sla = clocks.clock("sla", clocks.sla_of(client, row.received_at), since=row.received_at)
        rested = before.get("sla", {}).get("rested", 0)
        now["sla"] = clocks.shifted(sla, timedelta(seconds=rested)) | ({"rested": rested} if rested else {})
    if all(_same(before.get(name), one) for name, one in now.items()) and ("sla" in before) <= ("sla" in now):
        return False
    rest = [one for name, one in before.items() if name not in ("statutory", "sla")]
    row.clocks = [*now.values(), *rest]
    days = timedelta(seconds=now["statutory"].get("rested", 0))
    row.due_on = statutory.on + days if statutory.on else None
    row.due_at, row.strict_at = clocks.ends_of(now["statutory"])
    clocks.move(session, row, office.milestones, office.now())
    if "sla" not in now:
        alerts.settle_clock(session, row.id, "sla")
    move_steps(session, row)
    chain = steps_and_chain(session, row.id)[1]
    chain.append("recounted", office.now(), {"due_at": row.due_at.isoformat(), "rule": list(statutory.trace)})
    chain.write(session)
    return True


def _rested(statutory: Deadline, before: clocks.Clock, row: TicketRow, zone: ZoneInfo) -> clocks.Clock:
    found, rested = clocks.clock("statutory", statutory, since=row.received_at), before.get("rested", 0)
    if not rested:
        return found
    ends = (by_wall_clock(end, timedelta(seconds=rested), zone).isoformat() for end in clocks.ends_of(found))
    return found | dict(zip(("due_at", "strict_at"), ends, strict=True)) | {"rested": rested}


def _same(before: clocks.Clock | None, now: clocks.Clock) -> bool:
    return before is not None and clocks.ends_of(before) == clocks.ends_of(now)


def _set_timers(office: Office, session: Session, row: TicketRow) -> bool:
    """Put the milestones in place that the inventory names now; say whether there were others."""
    wanted = clocks.timers_of(row, row.clocks, office.milestones)
    if timers.stands(session, row.id, wanted):
        return False
    timers.move(session, row.id, wanted)
    return True
