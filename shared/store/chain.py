"""A ticket's evidence chain, appended under the ticket's lock."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from shared.envelope import seal
from shared.evidence import GENESIS, Entry, canonical, link
from shared.store.tables import EvidenceRow, core

_INSERT = insert(core(EvidenceRow))


class Chain:
    """The end of a chain: entries are appended here and written by one statement."""

    def __init__(self, ticket: UUID, seq: int = 0, head: bytes = GENESIS) -> None:
        self.ticket, self.seq, self.head = ticket, seq, head
        self._fresh: list[dict[str, Any]] = []

    def append(
        self, kind: str, at: datetime, payload: dict[str, Any], *, secret: str | None = None, key: bytes = b""
    ) -> None:
        """Add an entry. The payload holds no personal data; `secret` is sealed with the ticket's key."""
        self.seq += 1
        text = canonical(payload | {"at": at.isoformat()})
        sealed = None
        if secret is not None:
            sealed = seal(key, secret.encode(), aad=b"evidence:" + self.ticket.bytes + str(self.seq).encode())
        self.head = link(self.head, self.seq, kind, text, sealed)
        self._fresh.append(
            {
                "ticket_id": self.ticket, "seq": self.seq, "at": at, "kind": kind, "payload": text,
                "sealed": sealed, "hash": self.head,
            }
        )  # fmt: skip

    def write(self, session: Session) -> None:
        """Write what was appended."""
        if self._fresh:
            session.execute(_INSERT, self._fresh)
            self._fresh = []


def resume(session: Session, ticket: UUID) -> Chain:
    """Return the end of a ticket's chain; call it under the ticket's lock."""
    last = session.execute(
        select(EvidenceRow.seq, EvidenceRow.hash)
        .where(EvidenceRow.ticket_id == ticket)
        .order_by(EvidenceRow.seq.desc())
        .limit(1)
    ).one_or_none()
    return Chain(ticket, *last) if last else Chain(ticket)


def entries(session: Session, ticket: UUID) -> list[Entry]:
    """Return a ticket's chain."""
    rows = session.execute(
        select(EvidenceRow.seq, EvidenceRow.kind, EvidenceRow.payload, EvidenceRow.sealed, EvidenceRow.hash)
        .where(EvidenceRow.ticket_id == ticket)
        .order_by(EvidenceRow.seq)
    )
    return [Entry(*row) for row in rows]
