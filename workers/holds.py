"""A person's decisions about legal holds: placed, renewed at their review, lifted; and what is taken up again then."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid4, uuid5

from pydantic import ValidationError
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from shared import freetext
from shared.domain.decision import Decision
from shared.domain.errors import UsageError
from shared.domain.identifier import Identifier
from shared.domain.ticket import Identity, SubjectIn, Ticket, one_line
from shared.inventory import Client
from shared.store import holds
from shared.store.chain import resume
from shared.store.nudge import Nudge
from shared.store.tables import HoldKeepRow, HoldPersonRow, HoldRow, StepRow
from workers.conductor import Moves, accept, send_window
from workers.decisions import decide
from workers.office import Office
from workers.submit import content_of
from workflows.holds import RESUMED, REVIEW

Publish = Callable[[list[Nudge]], None]


@dataclass(frozen=True, slots=True)
class Placing:
    """What a person wants kept: the data of `subject`, or with None of everyone, in a system or in all."""

    client: str
    system: str | None
    subject: dict[str, Any] | None  # email, phone_number, other: as in a ticket
    ground: str
    review: date
    by: str


@dataclass(frozen=True, slots=True)
class Resumed:
    """An erasure that goes on: the ticket that had ended without it, and the new one."""

    of: UUID
    ticket: UUID


def place(office: Office, asked: Placing) -> tuple[UUID, list[tuple[UUID, str]]]:
    """Place a hold; return its id, and the tickets and systems that erase at this moment what it covers."""
    now, by, ground = office.now(), _name(asked.by), " ".join(asked.ground.split())
    people = _identifiers(asked, _client(office, asked))
    _check_ground(ground)
    _check_review(asked.review, now)
    row = HoldRow(
        id=uuid4(), client=asked.client, system=asked.system, everyone=asked.subject is None, ground=ground,
        review_on=asked.review, placed_at=now, placed_by=by,
    )  # fmt: skip
    content = {"identifiers": sorted([one.kind, one.value] for one in people), "reasons": []}
    with office.store.write() as session:
        digests = [office.vault.blind(asked.client, one) for one in people]
        holds.place(session, office.vault, row, digests, content)
    return row.id, _acting(office, row)


def _acting(office: Office, row: HoldRow) -> list[tuple[UUID, str]]:
    with office.store.read() as session:
        unfinished = holds.unfinished(session, row)
    found = []
    for step in unfinished:
        with office.store.read() as session:
            found.append(holds.running(session, step))
    return [one for one in found if one is not None]


def renew(office: Office, publish: Publish, hold: UUID, *, review: date, by: str, reason: str) -> None:
    """Answer an overdue review: the hold stays, until another date."""
    now, by = office.now(), _decided(by, reason)
    _check_review(review, now)
    with office.store.write() as session:
        row = holds.in_force(session, hold)
        row.review_on, row.renewed_at, row.renewed_by, row.asked_on = review, now, by, None
        holds.add_reason(office.vault, row, _reason("renew", by, reason, now))
    _answer(office, publish, hold, by, reason)


def lift(office: Office, publish: Publish, hold: UUID, *, by: str, reason: str) -> list[Resumed]:
    """End a hold, and in the same commit take up again each erasure that nothing but it kept something from."""
    now, by, moves = office.now(), _decided(by, reason), Moves()
    with office.store.write() as session:
        row = holds.in_force(session, hold)
        row.lifted_at, row.lifted_by = now, by
        holds.add_reason(office.vault, row, _reason("lift", by, reason, now))
        session.flush()
        kept = holds.let_go(session, office.vault, row)
        resumed = [_take_up(office, session, hold, one, by, now, moves) for one in kept]
        nudges = send_window(office, session, moves.lanes, now)
    publish(nudges)
    _answer(office, publish, hold, by, reason)
    return resumed


def _take_up(
    office: Office, session: Session, hold: UUID, kept: holds.Kept, by: str, now: datetime, moves: Moves
) -> Resumed:
    """Accept an erasure again, as it was submitted; its month runs from now, when the ground for waiting ceased."""
    before = Ticket.model_validate(kept.content)
    identity = before.identity or Identity(method="earlier-ticket", by=by, at=now)
    changes = {"received_at": now, "received_via": RESUMED, "identity": identity, "callback_urls": ()}
    ticket = before.model_copy(update={"id": uuid5(kept.ticket, str(hold)), **changes})
    more = accept(office, session, ticket, office.vault.fingerprint(content_of(ticket)), now)
    moves.lanes |= more.lanes
    chain = resume(session, ticket.key)
    chain.append("resumed", now, {"of": str(kept.ticket), "hold": str(hold), "by": by})
    chain.write(session)
    return Resumed(kept.ticket, ticket.key)


def _answer(office: Office, publish: Publish, hold: UUID, by: str, reason: str) -> None:
    """Let tickets go on that asked whether the hold is still needed."""
    with office.store.read() as session:
        asking = session.execute(
            select(StepRow.ticket_id, StepRow.id).where(
                StepRow.waits == REVIEW, StepRow.part == str(hold), StepRow.state == "waiting"
            )
        ).all()
    for one in asking:
        with suppress(UsageError):  # another person has just answered it
            decide(office, publish, one.ticket_id, Decision("approve", by, reason, one.id))


def listed(session: Session, *, today: date, client: str | None = None, lifted: bool = False) -> list[dict[str, Any]]:
    """Return the holds, the next to be reviewed first; nobody's identifiers."""
    people = select(func.count()).where(HoldPersonRow.hold_id == HoldRow.id).scalar_subquery()
    keeps = select(func.count(HoldKeepRow.ticket_id.distinct())).where(HoldKeepRow.hold_id == HoldRow.id)
    query = select(HoldRow, people, keeps.scalar_subquery()).order_by(HoldRow.review_on, HoldRow.id)
    if client is not None:
        query = query.where(HoldRow.client == client)
    if not lifted:
        query = query.where(HoldRow.lifted_at.is_(None))
    return [_shown(row, number, tickets, today) for row, number, tickets in session.execute(query)]


def _shown(row: HoldRow, identifiers: int, tickets: int, today: date) -> dict[str, Any]:
    state = "lifted" if row.lifted_at else "review due" if row.review_on < today else "in force"
    return {
        "id": str(row.id),
        "client": row.client,
        "system": row.system,
        "everyone": row.everyone,
        "identifiers": identifiers,
        "ground": row.ground,
        "review_on": row.review_on.isoformat(),
        "state": state,
        "keeps": tickets,
        "placed_at": row.placed_at.isoformat(),
        "placed_by": row.placed_by,
        "renewed_at": row.renewed_at.isoformat() if row.renewed_at else None,
        "renewed_by": row.renewed_by,
        "lifted_at": row.lifted_at.isoformat() if row.lifted_at else None,
        "lifted_by": row.lifted_by,
    }


def _client(office: Office, asked: Placing) -> Client:
    client = office.inventory.clients.get(asked.client)
    if client is None:
        raise UsageError("no such client in the inventory")
    if asked.system is not None and asked.system not in {one.id for one in office.inventory.of_client(asked.client)}:
        raise UsageError("the client has no such system in the inventory; leave --system out for all of its systems")
    return client


def _identifiers(asked: Placing, client: Client) -> frozenset[Identifier]:
    if asked.subject is None:
        return frozenset()
    try:
        subject = SubjectIn.model_validate(asked.subject)
    except ValidationError as error:
        raise UsageError(one_line(error, "subject")) from None
    if unreadable := subject.unreadable(region=client.region):
        raise UsageError(f"{unreadable[0]}: cannot be read; a phone number needs +country or the client's region")
    return subject.resolve(region=client.region, plus_addresses=client.plus_addresses).given


def _check_ground(ground: str) -> None:
    if not ground:
        raise UsageError("a hold needs --ground TEXT, e.g. 'Art. 17(3)(e) GDPR: litigation, file 2026-17'")
    if freetext.find(ground):
        raise UsageError("--ground stands in letters and on certificates; it must not hold an address or a number")


def _check_review(review: date, now: datetime) -> None:
    if review < now.date():
        raise UsageError("--review lies in the past; give the day by which a person looks at the hold again")


def _decided(by: str, reason: str) -> str:
    if not reason.strip():
        raise UsageError("a decision needs --as NAME and --reason TEXT")
    return _name(by)


def _name(by: str) -> str:
    if not by.strip():
        raise UsageError("a decision needs --as NAME")
    return " ".join(by.split())


def _reason(verb: str, by: str, reason: str, now: datetime) -> dict[str, str]:
    return {"decision": verb, "by": by, "at": now.isoformat(), "reason": reason}
