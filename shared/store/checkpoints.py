"""Checkpoints in the database: what the next one has to cover, those that were made, and the proofs from them.

Rows are only ever added. A checkpoint covers the chains that were marked since the last one, so its cost grows with
their new entries and not with all that stands there; nobody who appends waits for it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from sqlalchemy import Subquery, and_, delete, func, insert, select
from sqlalchemy.orm import Session

from shared.evidence import (
    GENESIS,
    Entry,
    certificate_digest,
    certificate_leaf,
    chain_leaf,
    checkpoint_leaf,
    first_broken,
    path_of,
    statement_digest,
    succession_leaf,
    with_proof,
)
from shared.store.tables import (
    CertificateRow,
    CheckpointLeafRow,
    CheckpointRow,
    EvidenceRow,
    KeyChangeRow,
    PublicationRow,
    TicketRow,
    UncoveredRow,
    core,
)

T = TypeVar("T")

_IN = 500  # values in one IN
_e, _l, _m, _t = core(EvidenceRow).c, core(CheckpointLeafRow).c, core(UncoveredRow).c, core(TicketRow).c
_CERTIFICATE = 0  # in the place of an entry's number
SUCCESSION = -1  # the same, for the statement of a signing key


class Leaf(NamedTuple):
    """What stands in a checkpoint: a chain's head with its number, or a certificate's or statement's digest."""

    ticket: UUID
    seq: int
    value: bytes

    @property
    def hash(self) -> bytes:
        """The leaf's hash in the tree."""
        if self.seq == _CERTIFICATE:
            return certificate_leaf(self.ticket, self.value)
        if self.seq == SUCCESSION:
            return succession_leaf(self.value)
        return chain_leaf(self.ticket, self.seq, self.value)


@dataclass(slots=True)
class Uncovered:
    """What the next checkpoint covers, and the marks that it settles; chains that do not follow keep theirs."""

    leaves: list[Leaf] = field(default_factory=list)
    marks: list[int] = field(default_factory=list)
    broken: list[tuple[UUID, int]] = field(default_factory=list)
    more: bool = False


def last(session: Session) -> tuple[int, bytes]:
    """Return the last checkpoint's number and root; 0 and zeros before the first."""
    query = select(CheckpointRow.number, CheckpointRow.root).order_by(CheckpointRow.number.desc()).limit(1)
    row = session.execute(query).one_or_none()
    return (row.number, row.root) if row else (0, GENESIS)


def uncovered(session: Session, *, most: int) -> Uncovered:
    """Return what no checkpoint covers, each chain followed from where one covered it last."""
    marks = session.execute(select(_m.id, _m.ticket_id, _m.seq).order_by(_m.id).limit(most)).all()
    wanted: dict[UUID, int] = {}
    for mark in marks:
        wanted[mark.ticket_id] = max(mark.seq, wanted.get(mark.ticket_id, 0))
    found = Uncovered(more=len(marks) == most)
    for some in _some(list(wanted)):
        _follow(session, some, wanted, found)
    kept = {ticket for ticket, _ in found.broken}
    found.marks = [mark.id for mark in marks if mark.ticket_id not in kept]
    return found


def _follow(session: Session, tickets: Sequence[UUID], wanted: dict[UUID, int], found: Uncovered) -> None:
    covered = _covered(tickets)
    heads, fresh = _heads(session, covered), _fresh(session, covered)
    good = set(tickets)
    for ticket in tickets:
        seq, head = heads.get(ticket, (0, GENESIS))
        entries = fresh.get(ticket, [])
        place, end = first_broken(entries, after=seq, head=head), seq + len(entries)
        if place is not None or end < wanted[ticket]:
            found.broken.append((ticket, place or end + 1))
            good.discard(ticket)
        elif entries:  # else another checkpoint was faster
            found.leaves.append(Leaf(ticket, end, entries[-1].hash))
    found.leaves += [leaf for leaf in _certificates(session, tickets) if leaf.ticket in good]


def _covered(tickets: Sequence[UUID]) -> Subquery:
    """Tickets with the number of their last entry that a checkpoint covers."""
    latest = select(func.max(_l.seq)).where(_l.ticket_id == _t.id).correlate(core(TicketRow)).scalar_subquery()
    return select(_t.id, func.coalesce(latest, 0).label("seq")).where(_t.id.in_(tickets)).subquery()


def _heads(session: Session, covered: Subquery) -> dict[UUID, tuple[int, bytes]]:
    leaf = and_(_l.ticket_id == covered.c.id, _l.seq == covered.c.seq, _l.seq != _CERTIFICATE)
    query = select(_l.ticket_id, _l.seq, _l.hash).join(covered, leaf)
    return {ticket: (seq, head) for ticket, seq, head in session.execute(query)}


def _fresh(session: Session, covered: Subquery) -> dict[UUID, list[Entry]]:
    rows = session.execute(
        select(_e.ticket_id, _e.seq, _e.kind, _e.payload, _e.sealed, _e.hash)
        .join(covered, and_(_e.ticket_id == covered.c.id, _e.seq > covered.c.seq))
        .order_by(_e.ticket_id, _e.seq)
    )
    return {ticket: [Entry(*row[1:]) for row in chain] for ticket, chain in groupby(rows, key=lambda row: row[0])}


def _certificates(session: Session, tickets: Sequence[UUID]) -> Iterator[Leaf]:
    leaf = and_(_l.ticket_id == CertificateRow.ticket_id, _l.seq == _CERTIFICATE)
    for ticket, document in session.execute(
        select(CertificateRow.ticket_id, CertificateRow.document)
        .outerjoin(core(CheckpointLeafRow), leaf)
        .where(CertificateRow.ticket_id.in_(tickets), _l.seq.is_(None))
        .order_by(CertificateRow.ticket_id)
    ):
        yield Leaf(ticket, _CERTIFICATE, certificate_digest(document))


def _some(values: Sequence[T]) -> Iterator[Sequence[T]]:
    return (values[start : start + _IN] for start in range(0, len(values), _IN))


def save(session: Session, document: dict[str, Any], leaves: Sequence[Leaf]) -> None:
    """Store a checkpoint; an IntegrityError if another one has its number: it covers the same."""
    number = document["number"]
    at, root = datetime.fromisoformat(document["at"]), bytes.fromhex(document["root"])
    session.execute(insert(CheckpointRow), {"number": number, "at": at, "root": root, "document": document})
    rows = [
        {"checkpoint": number, "place": place, "ticket_id": leaf.ticket, "seq": leaf.seq, "hash": leaf.value}
        for place, leaf in enumerate(leaves, 1)
    ]
    session.execute(insert(CheckpointLeafRow), rows)


def succession(statement: dict[str, Any]) -> Leaf:
    """Return the leaf of a statement that another signing key follows."""
    digest = statement_digest(statement)
    return Leaf(UUID(bytes=digest[:16]), SUCCESSION, digest)


def key_changes(session: Session) -> list[KeyChangeRow]:
    """Return the statements that another signing key follows, in order."""
    return list(session.scalars(select(KeyChangeRow).order_by(KeyChangeRow.checkpoint)))


def signing_key(session: Session) -> str | None:
    """Return the id of the key that signs the next checkpoint; None if it was never another one."""
    return session.scalar(select(KeyChangeRow.key).order_by(KeyChangeRow.checkpoint.desc()).limit(1))


def settle(session: Session, marks: Sequence[int]) -> None:
    """Take away the marks of what is covered now."""
    for some in _some(marks):
        session.execute(delete(UncoveredRow).where(_m.id.in_(some)))


def leaves_of(session: Session, number: int) -> list[Leaf]:
    """Return a checkpoint's leaves after the first, in order."""
    query = select(_l.ticket_id, _l.seq, _l.hash).where(_l.checkpoint == number).order_by(_l.place)
    return [Leaf(*row) for row in session.execute(query)]


def certified(session: Session, ticket: UUID) -> dict[str, Any] | None:
    """Return a ticket's certificate, with its proof once a checkpoint covers it; None if there is none."""
    row = session.get(CertificateRow, ticket)
    if row is None:
        return None
    query = select(_l.checkpoint, _l.place).where(_l.ticket_id == ticket, _l.seq == _CERTIFICATE)
    leaf = session.execute(query).one_or_none()
    if leaf is None:
        return row.document
    document = session.get_one(CheckpointRow, leaf.checkpoint).document
    first = checkpoint_leaf(leaf.checkpoint - 1, bytes.fromhex(document["before"]))
    hashes = [first, *(one.hash for one in leaves_of(session, leaf.checkpoint))]
    return with_proof(row.document, document, leaf.place, path_of(hashes, leaf.place))


def unpublished(session: Session, *, most: int) -> list[dict[str, Any]]:
    """Return checkpoints that are to be published, in order."""
    published = select(func.coalesce(func.max(PublicationRow.checkpoint), 0)).scalar_subquery()
    query = select(CheckpointRow.document).where(CheckpointRow.number > published)
    return list(session.scalars(query.order_by(CheckpointRow.number).limit(most)))
