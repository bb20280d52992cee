"""Does all evidence verify? Every chain, checkpoint and certificate, against each other and against what was published.

All is read in one snapshot and in order, so memory does not grow with what stands there, and the work of the
running stack does not disturb it.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import InitVar, dataclass, field
from itertools import groupby
from typing import Any
from uuid import UUID

from sqlalchemy import Text, and_, cast, exists, func, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from shared.evidence import (
    GENESIS,
    Entry,
    Keys,
    certificate_digest,
    check_checkpoint,
    checkpoint_leaf,
    first_broken,
    root_of,
    verify,
)
from shared.store.broken import Broken
from shared.store.checkpoints import SUCCESSION, Leaf
from shared.store.tables import (
    CertificateRow,
    CheckpointLeafRow,
    CheckpointRow,
    EvidenceRow,
    PublicationRow,
    TicketRow,
    UncoveredRow,
    core,
)
from shared.store.turns import Turns
from shared.strict_json import value_of

_e, _l, _t = core(EvidenceRow).c, core(CheckpointLeafRow).c, core(TicketRow).c
_c, _k, _m = core(CertificateRow).c, core(CheckpointRow).c, core(UncoveredRow).c
# as text: what is no JSON is to be reported, and not to end the look
_CERTIFICATE, _CHECKPOINT = cast(_c.document, Text), cast(_k.document, Text)
_HEADLESS = "it is gone, and its leaves are not"
_PAGE = 2000  # rows in memory


@dataclass(slots=True)
class Audit:
    """One look at all evidence; how much was looked at is counted while `broken` is read."""

    session: Session
    trusted: InitVar[Keys]
    entries: int = 0
    chains: int = 0
    checkpoints: int = 0
    certificates: int = 0
    uncovered: int = 0  # entries that no checkpoint covers yet
    _marked: dict[UUID, int] = field(default_factory=dict)
    _named: set[UUID] = field(default_factory=set)
    _kept: dict[UUID, int] = field(default_factory=dict)
    _turns: Turns = field(init=False)

    def __post_init__(self, trusted: Keys) -> None:
        self._turns = Turns.from_trusted(trusted)

    def __str__(self) -> str:
        return (
            f"every chain, checkpoint and certificate verifies: {self.entries} entries in {self.chains} chains "
            f"({self.uncovered} not yet in a checkpoint), {self.checkpoints} checkpoints, "
            f"{self.certificates} certificates"
        )

    def broken(self, published: Iterable[tuple[int, Any]] | None = None) -> Iterator[Broken]:
        """Yield what does not verify: each chain with its first broken place, certificates, then checkpoints."""
        yield from self._looked_at(self._changes, "the statements of signing keys")
        yield from self._looked_at(self._marks, "the marks for the next checkpoint")
        yield from self._looked_at(self._chains, "the chains")
        yield from self._looked_at(self._cut_off, "the chains")
        for ticket, entry in self._kept.items():
            if ticket not in self._named:
                yield Broken(f"the entries from {entry} on are kept from the checkpoints", ticket, entry)
        yield from self._looked_at(self._certificates, "the certificates")
        yield from self._looked_at(self._checkpoints, "the checkpoints")
        if published is not None:
            yield from self._published(published)

    def _read(self, query: Any) -> Iterator[Any]:
        with self.session.execute(query, execution_options={"yield_per": _PAGE}) as rows:
            yield from rows  # closed even if nobody reads to the end: on PostgreSQL it is a cursor of the server's

    def _looked_at(self, look: Callable[[], Iterator[Broken]], what: str) -> Iterator[Broken]:
        """Yield what a look finds; where it cannot go on, since a database keeps whatever it is given, say so."""
        try:
            yield from look()
        except (ValueError, TypeError, AttributeError, OperationalError) as error:
            if isinstance(error, OperationalError) and "decode" not in str(error.orig):
                raise  # else SQLite keeps a text that is none
            yield Broken(f"{what} cannot be read to their end: a row holds what Rightsdesk does not write")

    def _changes(self) -> Iterator[Broken]:
        self._turns.read(self.session)
        return iter(())

    def _marks(self) -> Iterator[Broken]:
        query = select(_m.ticket_id, func.max(_m.seq)).group_by(_m.ticket_id)
        for ticket, seq in self._read(query):
            if isinstance(seq, int):
                self._marked[ticket] = seq
            else:
                yield Broken("its mark for the next checkpoint is no number", ticket)

    def _chains(self) -> Iterator[Broken]:
        leaf = and_(_l.ticket_id == _e.ticket_id, _l.seq == _e.seq)
        rows = self._read(
            select(_e.ticket_id, _e.seq, _e.kind, _e.payload, _e.sealed, _e.hash, _l.hash)
            .outerjoin(core(CheckpointLeafRow), leaf)
            .order_by(_e.ticket_id, _e.seq)
        )
        for ticket, chain in groupby(rows, key=lambda row: row[0]):
            links = list(chain)
            self.chains += 1
            self.entries += len(links)
            if wrong := self._wrong_chain(ticket, links):
                self._named.add(ticket)
                yield wrong

    def _wrong_chain(self, ticket: UUID, links: list[Any]) -> Broken | None:
        place = first_broken(Entry(*row[1:6]) for row in links)
        if place is not None:
            return Broken(f"broken from entry {place}", ticket, place)
        end, marked = links[-1].seq, self._marked.pop(ticket, 0)
        covered = 0
        for row in links:
            if row[6] is not None and row[6] != row[5]:
                return Broken(f"entry {row.seq} is not the one that a checkpoint holds", ticket, row.seq)
            covered = row.seq if row[6] is not None else covered
        self.uncovered += end - covered
        if marked > end:
            return Broken(f"cut off after entry {end}", ticket, end + 1)
        if max(marked, covered) < end:
            self._kept[ticket] = covered + 1
        return None

    def _cut_off(self) -> Iterator[Broken]:
        """Chains of which a checkpoint, a mark or a ticket knows more than there is."""
        there = select(func.coalesce(func.max(_e.seq), 0)).where(_e.ticket_id == _l.ticket_id).scalar_subquery()
        missing = ~exists().where(_e.ticket_id == _l.ticket_id, _e.seq == _l.seq)
        for ticket, end in self._read(
            select(_l.ticket_id, there).where(_l.seq > 0, missing).distinct().order_by(_l.ticket_id)
        ):
            if ticket not in self._named:
                self._named.add(ticket)
                yield Broken(f"cut off after entry {end}" if end else "the whole chain is gone", ticket, end + 1)
        empty = select(_t.id).where(~exists().where(_e.ticket_id == _t.id)).order_by(_t.id)
        for ticket in sorted({row[0] for row in self._read(empty)} | set(self._marked) - self._named):
            if ticket not in self._named:
                yield Broken("the whole chain is gone", ticket, 1)
        known = exists(_t.id).where(_t.id == _e.ticket_id)  # of tickets an auditor reads no more than that
        orphans = select(_e.ticket_id).where(~known).distinct()
        for (ticket,) in self._read(orphans.order_by(_e.ticket_id)):
            yield Broken("the ticket is gone, and its chain is not", ticket)

    def _certificates(self) -> Iterator[Broken]:
        leaf = and_(_l.ticket_id == _c.ticket_id, _l.seq == 0)
        closed = and_(_e.ticket_id == _c.ticket_id, _e.kind == "closed")
        beyond = core(CheckpointLeafRow).alias()
        covered = exists().where(beyond.c.ticket_id == _c.ticket_id, beyond.c.seq >= _e.seq)
        for row in self._read(
            select(_c.ticket_id, _CERTIFICATE, _l.hash, _e.seq, _e.hash, covered)
            .outerjoin(core(CheckpointLeafRow), leaf)
            .outerjoin(core(EvidenceRow), closed)
            .order_by(_c.ticket_id)
        ):
            self.certificates += 1
            ticket, document, *known = row
            if wrong := self._wrong_certificate(ticket, value_of(document), *known):
                yield Broken(wrong, ticket)
        lacking = and_(_t.closed_at.is_not(None), ~exists().where(_c.ticket_id == _t.id))
        for (ticket,) in self._read(select(_t.id).where(lacking).order_by(_t.id)):
            yield Broken("its certificate is gone", ticket)

    def _wrong_certificate(
        self, ticket: UUID, document: Any, digest: bytes | None, seq: int | None, head: bytes | None, covered: bool
    ) -> str | None:
        if wrong := verify(document, self._turns.keys):
            return wrong
        body = document["certificate"]
        if body["ticket"] != str(ticket):
            return "its certificate is another ticket's"
        if digest is not None and digest != certificate_digest(document):
            return "its certificate is not the one that a checkpoint holds"
        if digest is None and covered:
            return "its certificate is kept from the checkpoints"
        if body["evidence"] != {"entries": seq, "head": head.hex() if head else None}:
            return "its certificate does not fit its evidence"
        return None

    def _checkpoints(self) -> Iterator[Broken]:
        rows = select(_l.checkpoint, _l.place, _l.ticket_id, _l.seq, _l.hash).order_by(_l.checkpoint, _l.place)
        trees = groupby(self._read(rows), key=lambda row: row[0])
        tree, before = next(trees, None), (0, GENESIS)
        for number, root, document in self._read(select(_k.number, _k.root, _CHECKPOINT).order_by(_k.number)):
            self.checkpoints += 1
            while tree is not None and tree[0] < number:
                yield Broken(_HEADLESS, checkpoint=tree[0])
                tree = next(trees, None)
            leaves: Iterator[Any] = iter(())
            if tree is not None and tree[0] == number:
                leaves = tree[1]
            if wrong := self._wrong_checkpoint(number, root, value_of(document), before, leaves):
                yield Broken(wrong, checkpoint=number)
            if tree is not None and tree[0] == number:
                tree = next(trees, None)
            before = (number, root)
            self._turns.end(number)
        while tree is not None:
            yield Broken(_HEADLESS, checkpoint=tree[0])
            tree = next(trees, None)
        for number in self._turns.left:
            yield Broken("it is gone, and its statement that another signing key follows is not", checkpoint=number)

    def _wrong_checkpoint(
        self, number: int, root: Any, document: Any, before: tuple[int, Any], leaves: Iterator[Any]
    ) -> str | None:
        if wrong := check_checkpoint(document, self._turns.signers):
            return wrong
        if number != before[0] + 1:
            return f"the checkpoints before it are gone, from {before[0] + 1} on"
        said = document["number"], document["root"], document["before"], document["size"]
        whole = isinstance(root, bytes) and isinstance(before[1], bytes)
        if not whole or said[:3] != (number, root.hex(), before[1].hex()):
            return "it does not follow from the one before"
        held = list(leaves)
        hashes = _tree(before, held)
        if said[3] != len(hashes) or root != root_of(hashes):
            return "its leaves were changed"
        return self._turns.wrong(number, [row.hash for row in held if row.seq == SUCCESSION])

    def _published(self, published: Iterable[tuple[int, Any]]) -> Iterator[Broken]:
        ours = self._read(select(_k.number, _CHECKPOINT).order_by(_k.number))
        gone = {number for (number,) in self._read(select(core(PublicationRow).c.checkpoint))}
        mine = next(ours, None)
        for number, document in published:
            gone.discard(number)
            while mine is not None and mine.number < number:
                mine = next(ours, None)
            if wrong := check_checkpoint(document, self._turns.keys):
                yield Broken(f"as it was published: {wrong}", checkpoint=number)
            elif mine is None or mine.number != number:
                yield Broken("published, but not here: this database was put back to an older state", checkpoint=number)
                return
            elif value_of(mine[1]) != document:
                yield Broken("it is not the one that was published", checkpoint=number)
        for number in sorted(gone):
            yield Broken("it was published, and what was published is gone", checkpoint=number)


def _tree(before: tuple[int, bytes], rows: Iterable[Any]) -> list[bytes]:
    """Return the hashes of a checkpoint's leaves; nothing's for one that holds none."""
    hashes = (Leaf(*row[2:]).hash if isinstance(row[4], bytes) else b"" for row in rows)
    return [checkpoint_leaf(*before), *hashes]
