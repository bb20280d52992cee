"""The replay ledger: who was erased in which system, sealed with a key of its own, for as long as backups need it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import and_, delete, exists, insert, select, update
from sqlalchemy.orm import Session

from shared.envelope import seal_json, unseal_json
from shared.store.tables import RESTORE_STANDS, ErasureRow, RestoreRow, core
from shared.vault import Vault

_e, _r = core(ErasureRow).c, core(RestoreRow).c


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a ticket's person was erased: found absent at `erased_at`, looked for again at `look_at`."""

    system: str
    erased_at: datetime
    look_at: datetime | None
    expires_at: datetime


def enter(
    session: Session, vault: Vault, *, ticket: UUID, client: str, content: dict[str, Any], entries: Iterable[Entry]
) -> None:
    """Write down who was erased where; what stands there already for this ticket stays as it is."""
    known = set(session.scalars(select(_e.system).where(_e.ticket_id == ticket)))
    fresh = [
        {
            "ticket_id": ticket, "client": client, "system": one.system, "erased_at": one.erased_at,
            "sealed": seal_json(vault.replay, content, aad=_aad(ticket, one.system)), "returned": False,
            "look_at": one.look_at, "expires_at": one.expires_at,
        }
        for one in entries
        if one.system not in known
    ]  # fmt: skip
    if fresh:
        session.execute(insert(core(ErasureRow)), fresh)


def renew(session: Session, ticket: UUID, systems: Iterable[str], **values: Any) -> None:
    """Change what is known of a ticket's erasures in some systems."""
    ours = (_e.ticket_id == ticket, _e.system.in_(list(systems)))
    session.execute(update(core(ErasureRow)).where(*ours).values(**values))


def content_of(vault: Vault, row: ErasureRow) -> dict[str, Any]:
    """Open an entry: `identifiers`, `names`, `instruction`, `silence` (times in recordings)."""
    found: dict[str, Any] = unseal_json(vault.replay, row.sealed, aad=_aad(row.ticket_id, row.system))
    return found


def since(
    session: Session, system: str, at: datetime, *, after: int = 0, besides: UUID | None = None, most: int
) -> Sequence[ErasureRow]:
    """Return a page of the erasures in a system that a backup of `at` undoes; `besides` has taken up some already."""
    wanted = select(ErasureRow).where(ErasureRow.system == system, ErasureRow.erased_at >= at, ErasureRow.id > after)
    if besides is not None:
        wanted = wanted.where(ErasureRow.restore_id.is_distinct_from(besides))
    return session.scalars(wanted.order_by(ErasureRow.id).limit(most)).all()


def due_for_a_look(session: Session, now: datetime, *, most: int) -> Sequence[UUID]:
    """Return tickets whose people are to be looked for again."""
    due = select(_e.ticket_id).where(_e.look_at <= now).distinct().limit(most)
    return session.scalars(due).all()


def of_ticket(session: Session, ticket: UUID, now: datetime) -> Sequence[ErasureRow]:
    """Return a ticket's entries that are due for a look, locked."""
    due = select(ErasureRow).where(ErasureRow.ticket_id == ticket, ErasureRow.look_at <= now)
    return session.scalars(due.order_by(ErasureRow.id).with_for_update()).all()


def forget(session: Session, now: datetime) -> int:
    """Delete the entries whose time is over; a look that is due, and a system that is fenced, still need them."""
    fenced = exists().where(_r.system == _e.system, RESTORE_STANDS).correlate(core(ErasureRow))
    over = and_(_e.expires_at < now, _e.look_at.is_(None), ~fenced)
    result: Any = session.execute(delete(core(ErasureRow)).where(over))
    return int(result.rowcount)


def _aad(ticket: UUID, system: str) -> bytes:
    return b"erasure:" + ticket.bytes + system.encode()
