"""The gate: what may be done with a person's data now, by blind index; effective from the accepting transaction."""

from collections.abc import Iterable
from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from shared.domain.case import Gate
from shared.envelope import seal_json
from shared.store.tables import ConsentRow, HoldKeepRow, PersonRow, SuppressionRow

STORAGE = "storage"
CONSENT = "consent"
Answer = Literal["allow", "deny"]


def one_spelling(purpose: str) -> str:
    """Return a purpose as the gate stores and compares it: `Newsletter` is `newsletter`."""
    return purpose.casefold()


def open_gates(
    session: Session,
    ticket: UUID,
    gates: Iterable[Gate],
    digests: Iterable[bytes],
    *,
    key: bytes,
    at: datetime,
    declared: datetime,
) -> None:
    """Record what a ticket's right makes the gate answer, for each of the person's identifiers.

    `declared` is when the person said so: of two declarations about consent the later one counts, whichever came in
    first.
    """
    people = list(digests)
    for gate in gates:
        purpose = one_spelling(gate.purpose)
        if gate.kind in ("consent", "withdrawal"):
            standing = (
                SuppressionRow.digest.in_(people),
                SuppressionRow.purpose == purpose,
                SuppressionRow.kind.in_(("consent", "withdrawal")),
                SuppressionRow.ended_at.is_(None),
            )
            session.execute(
                update(SuppressionRow).where(*standing, SuppressionRow.since <= declared).values(ended_at=at)
            )
            superseded = set(session.scalars(select(SuppressionRow.digest).where(*standing)))
            proof = seal_json(key, dict(gate.proof), aad=b"consent:" + ticket.bytes)
            session.execute(
                insert(ConsentRow),
                [
                    {
                        "digest": one,
                        "ticket_id": ticket,
                        "purpose": purpose,
                        "given": gate.allow,
                        "at": at,
                        "proof": proof,
                    }
                    for one in people
                ],
            )
        else:
            superseded = set()
        session.execute(
            insert(SuppressionRow),
            [
                {
                    "digest": one, "ticket_id": ticket, "purpose": purpose, "kind": gate.kind,
                    "allow": gate.allow, "exempt": [one_spelling(one) for one in gate.exempt], "since": declared,
                    "ended_at": at if one in superseded else None,
                }
                for one in people
            ],
        )  # fmt: skip


def close_gates(
    session: Session, ticket: UUID, *, kinds: Iterable[str], at: datetime, besides: Iterable[str] = ()
) -> None:
    """End what a ticket made the gate answer, for these kinds and all purposes but some."""
    session.execute(
        update(SuppressionRow)
        .where(
            SuppressionRow.ticket_id == ticket,
            SuppressionRow.kind.in_(list(kinds)),
            SuppressionRow.purpose.not_in([one_spelling(one) for one in besides]),
            SuppressionRow.ended_at.is_(None),
        )
        .values(ended_at=at)
    )


def keep_denying(session: Session, ticket: UUID) -> None:
    """Let a ticket's halt outlive it: a legal hold kept data that may only be stored."""
    session.execute(
        update(SuppressionRow)
        .where(SuppressionRow.ticket_id == ticket, SuppressionRow.kind == "halt", SuppressionRow.ended_at.is_(None))
        .values(kind="hold")
    )


def end_holds(session: Session, ticket: UUID, *, at: datetime) -> None:
    """End what legal holds made the gate answer for a ticket's person, but for tickets from which one still keeps."""
    people = select(PersonRow.digest).where(PersonRow.ticket_id == ticket)
    session.execute(
        update(SuppressionRow)
        .where(
            SuppressionRow.digest.in_(people),
            SuppressionRow.kind == "hold",
            SuppressionRow.ended_at.is_(None),
            SuppressionRow.ticket_id.not_in(select(HoldKeepRow.ticket_id)),
        )
        .values(ended_at=at)
    )


def ask(session: Session, digest: bytes, purpose: str) -> tuple[Answer, str]:
    """Answer for one identifier and purpose, and say why. Keeping is always allowed; any denial wins."""
    purpose = one_spelling(purpose)
    if purpose == STORAGE:
        return "allow", "storage is not restricted"
    rows = session.execute(
        select(SuppressionRow.kind, SuppressionRow.allow, SuppressionRow.exempt).where(
            SuppressionRow.digest == digest,
            SuppressionRow.purpose.in_((purpose, "*")),
            SuppressionRow.ended_at.is_(None),
        )
    ).all()
    for row in rows:
        if not row.allow and purpose not in (row.exempt or ()):
            return "deny", row.kind
    return "allow", CONSENT if any(row.allow for row in rows) else "nothing stands against it"
