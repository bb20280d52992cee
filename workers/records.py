"""Proofs of single records: that they were among what a ticket found before any act, while its key lives."""

from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.domain.errors import RightsdeskError, UsageError
from shared.domain.outcome import Found
from shared.envelope import subkey
from shared.evidence import commitment, leaf, record_proof
from shared.store import findings
from shared.store.tables import StepRow, TicketRow
from workers.notes import COMMITMENTS
from workers.office import Office


def prove(office: Office, row: TicketRow, *, system: str, collection: str, key: str) -> dict[str, Any]:
    """Return what shows that a record was found (`shared.evidence.verify_record`), by the latest search that found it.

    A UsageError if none did; Final once the ticket's key was destroyed.
    """
    if row.rests_on is not None:
        raise UsageError(f"this ticket rests on another one's acts: prove it with ticket {row.rests_on}")
    opened, _ = office.ticket(row)
    secret = subkey(opened, COMMITMENTS)
    with office.store.read() as session:
        for step, committed in _searches(session, row.id, system):
            notes = [note for by, note in findings.read(session, opened, ticket=row.id, system=system) if by == step]
            if mine := [note for note in notes if note.place == (collection, key)]:
                about = {"ticket": str(row.id), "system": system, "step": step}
                return about | _proof(secret, mine[-1], notes, committed)
    raise UsageError("no search of this ticket found such a record there; name it as `certificate prove --help` says")


def _searches(session: Session, ticket: UUID, system: str) -> list[tuple[int, str]]:
    """Return the searches of a system, the latest first, each with what it commits to."""
    query = select(StepRow.id, StepRow.commitment).where(
        StepRow.ticket_id == ticket, StepRow.system == system, StepRow.verb == "locate", StepRow.commitment.is_not(None)
    )
    return [(step, str(committed)) for step, committed in session.execute(query.order_by(StepRow.id.desc()))]


def _proof(secret: bytes, mine: Found, notes: list[Found], committed: str) -> dict[str, Any]:
    hashes = sorted({leaf(secret, note).hash for note in notes})
    proof = record_proof(secret, mine, hashes)
    if proof is None or commitment(hashes) != committed:
        raise RightsdeskError("what stands written down is not what the certificate commits to")
    return proof
