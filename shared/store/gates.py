"""The gate: what may be done with a person's data now, by blind index; effective from the accepting transaction."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Connection, bindparam, insert, literal_column, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from shared.domain.case import Gate
from shared.envelope import seal_json
from shared.store.tables import ConsentRow, HoldKeepRow, IndexKeyRow, PersonRow, SuppressionRow, core

STORAGE = "storage"
CONSENT = "consent"
Answer = Literal["allow", "deny"]

_s = core(SuppressionRow).c
# statements are built once: building one costs as much as running it
_STANDING = select(_s.digest, _s.kind, _s.allow, _s.exempt).where(
    or_(_s.purpose == bindparam("purpose"), _s.purpose == literal_column("'*'")), _s.ended_at.is_(None)
)
_ONE = _STANDING.where(_s.digest == bindparam("digest"))
_MANY = _STANDING.where(_s.digest.in_(bindparam("digests", expanding=True)))
_MARKS = select(core(IndexKeyRow).c.digest)
_MARK: dict[str, Any] = {
    dialect.__name__.rpartition(".")[2]: dialect.insert(core(IndexKeyRow)).on_conflict_do_nothing()
    for dialect in (sqlite, postgresql)
}


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


def ask(session: Session | Connection, digest: bytes, purpose: str) -> tuple[Answer, str]:
    """Answer for one identifier and purpose, and say why. Keeping is always allowed; any denial wins."""
    return ask_many(session, [digest], purpose)[digest]


def ask_many(session: Session | Connection, digests: Sequence[bytes], purpose: str) -> dict[bytes, tuple[Answer, str]]:
    """Answer for many identifiers by one statement."""
    purpose = one_spelling(purpose)
    if purpose == STORAGE:
        return dict.fromkeys(digests, ("allow", "storage is not restricted"))
    people = {"digest": digests[0]} if len(digests) == 1 else {"digests": list(digests)}
    rows = session.execute(_ONE if len(digests) == 1 else _MANY, {"purpose": purpose, **people})
    found: dict[bytes, list[Any]] = {one: [] for one in digests}
    for row in rows:
        found[row.digest].append(row)
    return {digest: _judge(standing, purpose) for digest, standing in found.items()}


def _judge(rows: list[Any], purpose: str) -> tuple[Answer, str]:
    for row in rows:
        if not row.allow and purpose not in (row.exempt or ()):
            return "deny", row.kind
    return "allow", CONSENT if any(row.allow for row in rows) else "nothing stands against it"


def mark_key(session: Session, mark: bytes, now: datetime) -> None:
    """Write down, once, by which index key this store's people are found."""
    session.execute(_MARK[session.get_bind().dialect.name], {"digest": mark, "since": now})


def index_keys(session: Session | Connection) -> set[bytes]:
    """Return the marks of the index keys that this store has seen."""
    return set(session.execute(_MARKS).scalars())
