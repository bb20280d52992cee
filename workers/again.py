"""Erasures opened again from the replay ledger: for a restored system, or to look who is back."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy.orm import Session

from shared.domain.ticket import Ticket
from shared.store import ledger
from shared.store.chain import resume
from shared.store.tables import ErasureRow
from workers.conductor import Moves, accept
from workers.office import Office
from workers.submit import content_of
from workflows.again import RIGHT_NAME

Cause = Literal["restored", "look"]


def open_again(
    office: Office,
    session: Session,
    ident: UUID,
    rows: Sequence[ErasureRow],
    *,
    cause: Cause,
    link: dict[str, Any],
    now: datetime,
) -> Moves:
    """Accept a ticket that erases again whom these entries (of one ticket) name, linked to it in evidence."""
    first, content = rows[0], ledger.content_of(office.vault, rows[0])
    details = {
        "of": str(first.ticket_id),
        "systems": [row.system for row in rows],
        "cause": cause,
        "ask": cause == "look" or any(row.returned for row in rows),
        "known": content["identifiers"],
        "names": content["names"],
        "silence": content["silence"],
    }
    ticket = Ticket(
        id=ident, client=first.client, right=RIGHT_NAME, received_at=now, received_via=cause,
        instruction=content["instruction"], details=details,
    )  # fmt: skip
    moves = accept(office, session, ticket, office.vault.fingerprint(content_of(ticket)), now)
    chain = resume(session, ident)
    chain.append("follows", now, {"of": str(first.ticket_id), "cause": cause, **link})
    chain.write(session)
    return moves
