"""Clocks counted anew, after the inventory or a calendar was corrected: milestones, SLA, country, a new public holiday.

The law of a ticket stays that of its day of receipt; extensions and pauses stay.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.store import alerts, timers
from shared.store.tables import TicketRow
from workers.caseload import lock, steps_and_chain
from workers.clocks import Clock, ends_of, timers_of
from workers.counting import count
from workers.office import Office
from workers.postpone import recounted

_BATCH = 500


class Recounted(NamedTuple):
    """Of how many tickets the dates moved, of how many only milestones, and how many have no client any more."""

    dates: int = 0
    milestones: int = 0
    left: int = 0


def recount(office: Office, *, client: str | None = None) -> Recounted:
    """Count the clocks of all open tickets; those whose client has left the inventory stay as they are."""
    dates = milestones = left = 0
    for ident in _open(office, client):
        with office.store.write() as session:
            row = lock(session, ident)
            if row.closed_at is not None:
                continue
            if row.client not in office.inventory.clients:
                left += 1
            elif _count(office, session, row):
                dates += 1
            elif _set_timers(office, session, row):
                milestones += 1
    return Recounted(dates, milestones, left)


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
    """Count a ticket's clocks; say whether any moved, came or went."""
    before, now = row.clocks, office.now()
    deadline = count(row, office.rights[row.right], office.client(row.client))
    if _ends(before) == _ends(row.clocks):
        row.clocks = before
        return False
    recounted(office, session, row, now)
    for gone in _ends(before).keys() - _ends(row.clocks).keys():
        alerts.settle_clock(session, row.id, gone)
    chain = steps_and_chain(session, row.id)[1]
    chain.append("recounted", now, {"due_at": row.due_at.isoformat(), "rule": list(deadline.trace)})
    chain.write(session)
    return True


def _ends(clocks: list[Clock]) -> dict[str, tuple[datetime, datetime]]:
    return {one["name"]: ends_of(one) for one in clocks}


def _set_timers(office: Office, session: Session, row: TicketRow) -> bool:
    """Put the milestones in place that the inventory names now; say whether there were others."""
    wanted = timers_of(row, row.clocks, office.milestones)
    if timers.stands(session, row.id, wanted):
        return False
    timers.move(session, row.id, wanted)
    return True
