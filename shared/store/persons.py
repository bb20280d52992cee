"""The blind index: who is asked about, without saying who."""

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import BigInteger, bindparam, exists, func, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from shared.store.tables import PersonRow

_LOCKS = select(func.pg_advisory_xact_lock(func.unnest(bindparam("people", type_=ARRAY(BigInteger)))))


def same_person(session: Session, one: UUID, other: UUID) -> bool:
    """Say whether two tickets share a person at one client."""
    ours = select(PersonRow.digest).where(PersonRow.ticket_id == one)
    return bool(session.scalar(select(exists().where(PersonRow.ticket_id == other, PersonRow.digest.in_(ours)))))


def take_turns(session: Session, digests: Iterable[bytes]) -> None:
    """Wait, until the commit, for whoever accepts tickets about these people at the same time.

    On SQLite writers wait for each other anyway. The locks are taken in order, so that nobody waits in a circle.
    """
    keys = sorted({int.from_bytes(one[:8], signed=True) for one in digests})
    if keys and session.get_bind().dialect.name == "postgresql":
        session.execute(_LOCKS, {"people": keys})
