"""The blind index: who is asked about, without saying who."""

from uuid import UUID

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from shared.store.tables import PersonRow


def same_person(session: Session, one: UUID, other: UUID) -> bool:
    """Say whether two tickets share a person at one client."""
    ours = select(PersonRow.digest).where(PersonRow.ticket_id == one)
    return bool(session.scalar(select(exists().where(PersonRow.ticket_id == other, PersonRow.digest.in_(ours)))))
