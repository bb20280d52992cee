"""The replay ledger's keeping: who was erased is entered when the ticket closes, and kept true afterwards."""

from datetime import datetime

from sqlalchemy.orm import Session

from shared.deadlines import due
from shared.domain.case import Case
from shared.domain.identifier import Identifier
from shared.inventory import Client
from shared.store import ledger
from shared.store.ledger import Entry
from shared.store.tables import ErasureRow, TicketRow
from workers.office import Office
from workflows.again import RIGHT_NAME, Details, erased_in


def remember(office: Office, session: Session, row: TicketRow, case: Case, now: datetime) -> None:
    """Keep whom a ticket erased and where, until no backup holds them any more."""
    if row.right == RIGHT_NAME:
        _again(session, row, case, now)
    elif row.verdict is None:
        content = {
            "identifiers": sorted([one.kind, one.value] for one in case.subject.identifiers),
            "names": sorted(case.subject.names),
            "instruction": case.ticket.instruction,
            "silence": case.ticket.details.get("silence", []),
        }
        entries = [_entry(case.client, system, at, now) for system, at in erased_in(case).items()]
        ledger.enter(session, office.vault, ticket=row.id, client=row.client, content=content, entries=entries)


def _entry(client: Client, system: str, erased_at: datetime, now: datetime) -> Entry:
    return Entry(system, erased_at, _look_at(client, now), due(client.replayable, now).at)


def _look_at(client: Client, now: datetime) -> datetime | None:
    return due(client.look_again, now).at if client.look_again else None


def _again(session: Session, row: TicketRow, case: Case, now: datetime) -> None:
    """Date anew what was erased again, and look for it again; never erase unasked who was let stay."""
    details = Details.model_validate(case.ticket.details)
    if row.verdict is not None:
        ledger.renew(session, details.of, details.systems, returned=True)
    elif systems := {step.system for step in case.taken("delete")}:
        # backups that were made while the person was back live longer than those that the first erasure left
        over = due(case.client.replayable, now).at
        ledger.renew(session, details.of, systems, erased_at=now, look_at=_look_at(case.client, now), expires_at=over)


def digests(office: Office, row: ErasureRow) -> list[bytes]:
    """Return the blind index of an entry's person."""
    found = ledger.content_of(office.vault, row)["identifiers"]
    return sorted(office.vault.blind(row.client, Identifier(*one)) for one in found)
