"""The round through the evidence: in a day, every ticket's chain is verified once, a little at each look.

The slice of a look is the part of the day that has passed since the last one; so nothing has to be kept, and the work
is spread however many tickets there are. A slice that nobody looked at comes again the next day.
"""

from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy import select

from shared.evidence import first_broken
from shared.store.chain import entries
from shared.store.session import Store
from shared.store.tables import EvidenceRow, TicketRow
from workers import alarms
from workers.office import Office

log = structlog.get_logger()

_DAY = timedelta(days=1)
_ALL = 1 << 128
_MOST = 2000  # chains in one look


def patrol(office: Office, *, every: timedelta) -> int:
    """Verify the chains whose turn it is; return how many do not."""
    now = office.now()
    first, last = _place(now - every), _place(now)
    wrong = 0
    for ident in _chains(office, first, last):
        with office.store.read() as session:
            sound = first_broken(entries(session, ident)) is None
        if not sound:
            wrong += 1
            log.error("evidence.broken", ticket=str(ident))
            report(office.store, ident, now)
    return wrong


def report(store: Store, ident: UUID, now: datetime) -> None:
    """Raise an alert for a ticket whose evidence does not verify."""
    with store.write() as session:
        alarms.broken(session, session.get(TicketRow, ident), ident, now)


def _place(moment: datetime) -> UUID:
    """Return how far through all ids the day has come."""
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    return UUID(int=_ALL * ((moment - midnight) // timedelta(microseconds=1)) // (_DAY // timedelta(microseconds=1)))


def _chains(office: Office, first: UUID, last: UUID) -> list[UUID]:
    with office.store.read() as session:
        between = EvidenceRow.ticket_id > first, EvidenceRow.ticket_id <= last
        if last < first:  # over midnight
            between = ((EvidenceRow.ticket_id > first) | (EvidenceRow.ticket_id <= last),)  # type: ignore[assignment]  # one condition
        return list(session.scalars(select(EvidenceRow.ticket_id).where(EvidenceRow.seq == 1, *between).limit(_MOST)))
