"""What an index says of a person's objects: whose each is, and which of its rows do not say it clearly."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property

from shared import freetext
from shared.domain.identifier import Subject, verdict
from shared.domain.outcome import Found
from shared.own import Own
from shared.spill import Labels
from workers.connectors.objects.index import Index, Row, rows_of
from workers.connectors.objects.ownership import Owner, Ownership, ownership
from workers.connectors.objects.store import Store
from workers.connectors.objects.texts import people_in


@dataclass(frozen=True, slots=True)
class Listed:
    """A row that names the person, what its object is to them, and the key of that object (empty: none is there).

    A `guess` is an object that is only like what the row says.
    """

    row: Row
    own: Ownership
    key: str = ""
    guess: bool = False

    @property
    def sure(self) -> bool:
        """Whether no person has to decide about the row."""
        return self.own.sure and bool(self.key) and not self.guess


@dataclass(slots=True)
class _Read:
    """What a whole index says: owners of the person's objects, those in doubt, and guesses that are another's."""

    owners: dict[str, list[Owner]] = field(default_factory=dict)
    doubted: dict[str, Ownership] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)


class Claims:
    """An index, read for one subject; nobody else's rows are kept in memory.

    A row goes with the object that it names as it is written, which may be gone by now if it was `found` before. Where
    none is, an object under a like path is a guess: a person decides, unless another's row names just that path.
    """

    def __init__(
        self, rule: Index, store: Store, subject: Subject, own: Own, found: Callable[[], Iterable[Found]]
    ) -> None:
        self._rule, self._store, self._subject, self._own, self._found = rule, store, subject, own, found

    def rows(self) -> Iterator[Listed]:
        """Yield the rows that name the person."""
        for row in rows_of(self._rule, self._store).read():
            own = self._owned(row)
            if own.theirs:
                key, guess = self.meant(row)
                if guess and key in self._claims.taken:
                    key, guess = "", False
                said = (own, ownership(self.owners(key), self._subject), self.doubted(key))
                shared = any(one.shared for one in said if one)
                yield Listed(row, replace(own, shared=shared), key, guess)

    def owners(self, key: str) -> tuple[Owner, ...]:
        """Return the owners of an object of which the person is one."""
        return tuple(self._claims.owners.get(key, ()))

    def doubted(self, key: str) -> Ownership | None:
        """Return what an object is whose row names the person, but not as the rule reads it."""
        return self._claims.doubted.get(key)

    def meant(self, row: Row) -> tuple[str, bool]:
        """Return the key of a row's object, and whether that is a guess; nothing where none is there."""
        literal = self.literal(row[self._rule.path])
        if known := next((key for key in literal if (key,) in self._noted), ""):
            return known, False
        if standing := [key for key in literal if self._store.stands(key)]:
            return standing[0], len(standing) > 1
        found = filter(self._store.stands, self.keys(row[self._rule.path]))
        return next(((key, (key,) not in self._noted) for key in found), ("", False))

    def keys(self, written: object) -> list[str]:
        """Return the keys that a cell may mean; the index is no object of anybody's."""
        return [key for key in self._store.spellings(str(written or "")) if key != self._rule.index]

    def literal(self, written: object) -> list[str]:
        """Return the keys that a cell names as it is written."""
        literal = self._store.literal(str(written or ""))
        return [key for key in self.keys(written) if key in literal]

    def _owned(self, row: Row) -> Ownership:
        """Return what a row says; in doubt where a cell names the person among other words."""
        own = ownership([self._rule.owner(row, self._subject)], self._subject)
        if own.theirs:
            return own
        cells = [str(row[column] or "") for column in self._rule.kinds.values()]
        if not any(freetext.stands_in(cell, self._subject) for cell in cells):
            return own
        found = {one for cell in cells for one in people_in(cell, self._subject, self._own)}
        return Ownership(theirs=True, sure=False, shared=bool(found - self._subject.identifiers))

    @cached_property
    def _noted(self) -> Labels[bool]:
        noted = Labels[bool]()
        for one in self._found():
            if one.how == "subject":
                noted[(one.key,)] = True
        return noted

    @cached_property
    def _claims(self) -> _Read:
        guesses: set[str] = set()
        read, paths = _Read(), set[str]()
        for row in rows_of(self._rule, self._store).read():
            if (own := self._owned(row)).theirs:
                key, guess = self.meant(row)
                found = [key] if key else self.literal(row[self._rule.path])
                paths.update(found)
                guesses.update(found if guess else ())
                read.doubted |= {one: replace(own, sure=False) for one in found if guess or not own.sure}
        for row in rows_of(self._rule, self._store).read() if paths else ():
            if keys := paths.intersection(self.keys(row[self._rule.path])):
                self._claim(read, row, keys, guesses)
        return read

    def _claim(self, read: _Read, row: Row, keys: set[str], guesses: set[str]) -> None:
        """Add whom a row names to the owners of the objects that it may mean; the person's own guesses make none."""
        key, guess = self.meant(row)
        owner, literal = self._rule.owner(row, self._subject), self.literal(row[self._rule.path])
        theirs = self._owned(row).theirs
        for one in keys & {key} if key else keys:
            if guess and theirs:
                continue
            read.owners.setdefault(one, []).append(owner)
            if one in read.doubted and verdict(self._subject, owner.traits) == "other" and owner.traits.identifiers:
                read.doubted[one] = replace(read.doubted[one], shared=True)
            if one in guesses and one in literal and not theirs:
                read.taken.add(one)
                read.doubted.pop(one)
