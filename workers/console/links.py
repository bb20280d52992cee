"""One-time links: found by the digest of their token, opened with their code."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from shared.envelope import unseal_json
from shared.store.session import Store
from shared.store.tables import DeliveryRow, TicketRow
from shared.vault import Vault
from workers.desk.deliver import LINK_LASTS, link_digest
from workers.desk.redeem import MOST_TRIES, redeem
from workers.package import PackageFile, package_files


@dataclass(frozen=True, slots=True)
class Link:
    """A link that was sent. It is dead once it was opened, tried too often, is too old, or the package is gone."""

    delivery: int
    ticket: UUID
    key: bytes
    code: str
    language: str
    dead: bool


def find(store: Store, vault: Vault, token: str, *, now: datetime) -> Link | None:
    """Return the link with this token; None if there never was one, or its ticket's key was destroyed."""
    with store.read() as session:
        row = session.execute(
            select(
                DeliveryRow.id, DeliveryRow.ticket_id, DeliveryRow.sealed, DeliveryRow.opened_at, DeliveryRow.tries,
                DeliveryRow.started_at, DeliveryRow.sent_at, TicketRow.wrapped_key, TicketRow.package_ended_at,
            )
            .join(TicketRow, TicketRow.id == DeliveryRow.ticket_id)
            .where(DeliveryRow.link_digest == link_digest(token), DeliveryRow.kind == "link")
        ).one_or_none()  # fmt: skip
    if row is None or row.wrapped_key is None or row.sealed is None:
        return None
    key = vault.unwrap(row.ticket_id, row.wrapped_key)
    kept = unseal_json(key, row.sealed, aad=b"delivery")
    old = now > (row.sent_at or row.started_at) + LINK_LASTS
    dead = old or row.package_ended_at is not None or row.opened_at is not None or row.tries >= MOST_TRIES
    return Link(row.id, row.ticket_id, key, kept["code"], kept["language"], dead)


def open_with(store: Store, link: Link, code: str) -> list[PackageFile] | None:
    """Return the package's files if this is the link's code, and use the link up; None if it is not."""
    with store.write() as session:
        if not redeem(session, link.delivery, link.code, code):
            return None
        return package_files(session, link.key, link.ticket)
