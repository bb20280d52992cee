"""Tickets in pages, by their primary key: one statement each, whatever their number."""

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.store.tables import TicketRow

_PAGE = 500


def pages(session: Session, *conditions: Any) -> Iterator[Sequence[TicketRow]]:
    """Yield the tickets that fulfil the conditions, in order."""
    after, full = UUID(int=0), True
    while full:
        query = select(TicketRow).where(TicketRow.id > after, *conditions).order_by(TicketRow.id).limit(_PAGE)
        rows = session.scalars(query).all()
        if rows:
            yield rows
            after = rows[-1].id
        full = len(rows) == _PAGE
        session.expunge_all()
