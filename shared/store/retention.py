"""What dies when a closed ticket's retention ends: its key, and every row's part that the key or an index opens.

What stays names nobody: the evidence, whose sealed parts no key opens any more, the certificate, counts and times.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import and_, delete, exists, false, func, or_, select, update
from sqlalchemy.orm import Session, aliased

from shared.store.tables import (
    PACKAGE_KEPT,
    TICKET_KEPT,
    ConsentRow,
    DeadLetterRow,
    DeliveryRow,
    FindingRow,
    HoldKeepRow,
    HoldPersonRow,
    HoldRow,
    IncidentRow,
    PackagePartRow,
    PersonRow,
    StepRow,
    SuppressionRow,
    TicketRow,
    core,
)

What = Literal["ticket", "package"]
_PROVED = ("restriction", "consent")  # what stands of these has to be shown, or lifted, with the ticket
_GONE = b""


@dataclass(frozen=True, slots=True)
class Kept:
    """A closed ticket that holds something still.

    `since` is when its retention began: at its close, or at the end of the consent or restriction that it proves.
    `why` says what keeps it whatever its age: `hold`, `standing`, `in use`; empty for nothing.
    """

    id: UUID
    client: str
    closed_at: datetime
    since: datetime
    why: str


def clients(session: Session, what: What) -> Sequence[str]:
    """Return the clients that have closed tickets which hold something still."""
    return session.scalars(select(TicketRow.client).where(_stands(what)).distinct().order_by(TicketRow.client)).all()


def page(
    session: Session, what: What, client: str, *, after: tuple[datetime, UUID] | None = None, most: int
) -> list[Kept]:
    """Return a page of a client's closed tickets that hold something still, those closed first at first."""
    query = _looked_at(what).where(TicketRow.client == client)
    if after is not None:
        at, ident = after
        query = query.where(or_(TicketRow.closed_at > at, and_(TicketRow.closed_at == at, TicketRow.id > ident)))
    rows = session.execute(query.order_by(TicketRow.closed_at, TicketRow.id).limit(most))
    return [_kept(row) for row in rows]


def still_kept(session: Session, what: What, ticket: UUID) -> Kept | None:
    """Look at one ticket again, under its lock; None if nothing of it is kept any more."""
    row = session.execute(_looked_at(what).where(TicketRow.id == ticket)).one_or_none()
    return _kept(row) if row else None


def _stands(what: What) -> Any:
    return TICKET_KEPT if what == "ticket" else PACKAGE_KEPT


def _looked_at(what: What) -> Any:
    proved = (SuppressionRow.ticket_id == TicketRow.id, SuppressionRow.kind.in_(_PROVED))
    standing = exists().where(*proved, SuppressionRow.ended_at.is_(None))
    ended = select(func.max(SuppressionRow.ended_at)).where(*proved).scalar_subquery()
    ticket = what == "ticket"  # a package proves nothing
    return select(
        TicketRow.id,
        TicketRow.client,
        TicketRow.closed_at,
        (ended if ticket else TicketRow.closed_at).label("ended_at"),
        _held().label("held"),
        (standing if ticket else false()).label("standing"),
        _in_use().label("in_use"),
    ).where(_stands(what))


def _held() -> Any:
    ours = select(PersonRow.digest).where(PersonRow.ticket_id == TicketRow.id).correlate(TicketRow)
    person = exists().where(HoldPersonRow.hold_id == HoldRow.id, HoldPersonRow.digest.in_(ours))
    over = exists().where(
        HoldRow.client == TicketRow.client,
        HoldRow.lifted_at.is_(None),
        or_(HoldRow.everyone, person.correlate(HoldRow, TicketRow)),
    )
    return or_(over.correlate(TicketRow), exists().where(HoldKeepRow.ticket_id == TicketRow.id))


def _in_use() -> Any:
    other = aliased(TicketRow)
    return exists().where(other.rests_on == TicketRow.id, other.closed_at.is_(None))


def _kept(row: Any) -> Kept:
    why = "hold" if row.held else "standing" if row.standing else "in use" if row.in_use else ""
    since = max(row.closed_at, row.ended_at or row.closed_at)
    return Kept(row.id, row.client, row.closed_at, since, why)


def end_package(session: Session, ticket: UUID, now: datetime) -> None:
    """Forget a ticket's package, whose files are gone."""
    session.execute(delete(PackagePartRow).where(PackagePartRow.ticket_id == ticket))
    unended = (TicketRow.id == ticket, TicketRow.package_ended_at.is_(None))
    session.execute(update(TicketRow).where(*unended).values(package_ended_at=now))


def destroy(session: Session, ticket: UUID, now: datetime) -> dict[str, int]:
    """Destroy a closed ticket's key and whatever it opened, and its entries in the blind index; return how many.

    A suppression that stands stays as it is: it has no key of the ticket's.
    """
    end_package(session, ticket, now)
    gone = {
        "identifiers": _count(session, delete(PersonRow).where(PersonRow.ticket_id == ticket)),
        "findings": _count(session, delete(FindingRow).where(FindingRow.ticket_id == ticket)),
        "consents": _count(session, delete(ConsentRow).where(ConsentRow.ticket_id == ticket)),
        "steps": _blank(session, StepRow, ticket, sealed=None, cursor=None, result=None),
        "deliveries": _blank(session, DeliveryRow, ticket, sealed=None, link_digest=None),
        "incidents": _blank(session, IncidentRow, ticket, sealed=_GONE),
    }
    ended = SuppressionRow.ticket_id == ticket, SuppressionRow.ended_at.is_not(None)
    session.execute(update(SuppressionRow).where(*ended).values(digest=_GONE))
    session.execute(
        update(TicketRow)
        .where(TicketRow.id == ticket)
        .values(wrapped_key=None, sealed=None, fingerprint=_GONE, destroyed_at=now)
    )
    return {name: number for name, number in gone.items() if number}


def _blank(session: Session, row: Any, ticket: UUID, **values: Any) -> int:
    return _count(session, update(row).where(row.ticket_id == ticket).values(values))


def _count(session: Session, statement: Any) -> int:
    result: Any = session.execute(statement.execution_options(synchronize_session=False))
    return int(result.rowcount)


def lifted_holds(session: Session) -> list[tuple[UUID, str, datetime]]:
    """Return the holds that were lifted and still tell whom they were about: id, client, and when they were lifted."""
    hold = core(HoldRow).c
    query = select(hold.id, hold.client, hold.lifted_at).where(hold.lifted_at.is_not(None), hold.sealed != _GONE)
    return [(row[0], row[1], row[2]) for row in session.execute(query)]


def destroy_hold(session: Session, hold: UUID) -> None:
    """Destroy a lifted hold's key with the identifiers and reasons that it opened, and its blind index."""
    session.execute(delete(HoldPersonRow).where(HoldPersonRow.hold_id == hold))
    session.execute(update(HoldRow).where(HoldRow.id == hold).values(wrapped_key=_GONE, sealed=_GONE))


def letters(session: Session, *, most: int, after: int = 0) -> list[tuple[int, datetime]]:
    """Return a page of the dead letters that hold their entry still, and when each was received."""
    letter = core(DeadLetterRow).c
    query = select(letter.id, letter.received_at).where(letter.entry != _GONE, letter.id > after)
    return [(row[0], row[1]) for row in session.execute(query.order_by(letter.id).limit(most))]


def blank_letters(session: Session, letters: Sequence[int]) -> None:
    """Forget what dead letters held; that they came, and why they were none, stays."""
    session.execute(update(DeadLetterRow).where(DeadLetterRow.id.in_(letters)).values(entry=_GONE))
