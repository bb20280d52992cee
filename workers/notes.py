"""What a step's verb has written down, and what stands written down about its system's records."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from uuid import UUID

from sqlalchemy.orm import Session

from shared.domain.errors import Final
from shared.domain.outcome import Found
from shared.envelope import subkey
from shared.evidence import commitment, leaf
from shared.spill import Labels, Ledger, Spilled, digest_of
from shared.store import findings
from shared.store.persons import same_person
from shared.store.steps import Claim
from shared.store.tables import TicketRow
from workers.office import Office

COMMITMENTS = "commitments"  # what their key is for
_BATCH = 1000  # notes kept in memory before they are written


class Notes:
    """One step's notes: kept until the step ends, or written in batches when there are many.

    `of` is the ticket whose restriction a lift ends. `taken_until` is the last step whose ambiguous records a person
    has taken: an approval covers what stood written down when it was given, and nothing found since.
    """

    def __init__(self, office: Office, claim: Claim, key: bytes, *, of: str | None, taken_until: int) -> None:
        self._office, self._claim, self._key = office, claim, key
        self._of, self._taken_until = of, taken_until
        self.rest: list[Found] = []
        self._leaves = Ledger()
        self._secret = subkey(key, COMMITMENTS)
        self._read: Spilled[tuple[int, Found]] | None = None

    def add(self, note: Found) -> None:
        """Write a record down."""
        self.rest.append(note)
        if self._claim.verb == "locate":
            self._leaves[leaf(self._secret, note).hash] = 1
        if len(self.rest) >= _BATCH:
            claim = self._claim
            with self._office.store.write() as session:
                findings.keep(
                    session, self._key, ticket=claim.ticket, step=claim.id, system=claim.system, notes=self.rest
                )
            self.rest.clear()
            self._read = None

    @property
    def commitment(self) -> str | None:
        """What a locate commits to: all that stands written down by it, be it by an attempt that broke off."""
        if self._claim.verb != "locate":
            return None
        if self._claim.attempts > 1:
            for note in (note for step, note in self._written() if step == self._claim.id):
                self._leaves[leaf(self._secret, note).hash] = 1
        return commitment(self._leaves)

    def found(self) -> Iterator[Found]:
        """Yield the latest note about each record; the notes are gone through twice, and never all in memory."""
        written, rest = self._written(), [(self._claim.id, note) for note in self.rest]
        last, taken = Ledger(), Labels[bool]()
        for number, (step, note) in enumerate(chain(written, rest)):
            last[digest_of(*note.place)] = number
            if step <= self._taken_until:
                taken[note.place] = True
        fates = self._former_fates(UUID(self._of)) if self._of else Labels[str]()
        for number, (_, note) in enumerate(chain(written, rest)):
            if last.get(digest_of(*note.place)) == number and (note.sure or note.place in taken):
                fate = note.fate or (fates.get(note.place, "") if self._of else "")
                yield note if fate == note.fate else replace(note, fate=fate)

    def _written(self) -> Spilled[tuple[int, Found]]:
        if self._read is None:
            claim = self._claim
            with self._office.store.read() as session:
                self._read = Spilled(findings.read(session, self._key, ticket=claim.ticket, system=claim.system))
        return self._read

    def _former_fates(self, of: UUID) -> Labels[str]:
        """Return what an earlier ticket about this person did to each record: a lift undoes just that."""
        fates: Labels[str] = Labels()
        with self._office.store.read() as session:
            former = self._former(session, of)
            key, _ = self._office.ticket(former)
            for _, one in findings.read(session, key, ticket=former.id, system=self._claim.system):
                fates[one.place] = one.fate
        return fates

    def _former(self, session: Session, of: UUID) -> TicketRow:
        former, row = session.get(TicketRow, of), session.get_one(TicketRow, self._claim.ticket)
        if former is None or former.client != row.client or not same_person(session, former.id, row.id):
            raise Final("the ticket that is to be lifted is not about this person")
        return former
