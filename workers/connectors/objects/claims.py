"""What an index says of a person's objects: whose each is, and which of its rows do not say it clearly."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from shared import freetext
from shared.domain.identifier import Subject
from shared.own import Own
from workers.connectors.objects.index import Index, Row, rows_of
from workers.connectors.objects.ownership import Owner, Ownership, ownership
from workers.connectors.objects.store import Store
from workers.connectors.objects.texts import people_in


@dataclass(frozen=True, slots=True)
class Listed:
    """A row that names the person, what its object is to them, and whether that object is there."""

    row: Row
    own: Ownership
    there: bool = True


class Claims:
    """An index, read for one subject; nobody else's rows are kept in memory."""

    def __init__(self, rule: Index, store: Store, subject: Subject, own: Own) -> None:
        self._rule, self._store, self._subject, self._own = rule, store, subject, own

    def rows(self) -> Iterator[Listed]:
        """Yield the rows that name the person."""
        for row in rows_of(self._rule, self._store).read():
            own = self._owned(row)
            if own.theirs:
                there = self.there(row)
                shared = own.shared or ownership(self.owners(there), self._subject).shared
                yield Listed(row, replace(own, shared=shared), bool(there))

    def owners(self, key: str) -> tuple[Owner, ...]:
        """Return the owners of an object of which the person is one."""
        return tuple(self._claims[0].get(key, ()))

    def doubted(self, key: str) -> Ownership | None:
        """Return what an object is whose row names the person, but not as the rule reads it."""
        return self._claims[1].get(key)

    def there(self, row: Row) -> str:
        """Return the key of the object that a row names; nothing where none is there, or the index itself."""
        return next(filter(self._store.stands, self.keys(row[self._rule.path])), "")

    def keys(self, written: object) -> list[str]:
        """Return the keys that a cell may mean; the index is no object of anybody's."""
        return [key for key in self._store.spellings(str(written or "")) if key != self._rule.index]

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
    def _claims(self) -> tuple[dict[str, list[Owner]], dict[str, Ownership]]:
        """Return the owners of the person's objects, and what is in doubt; both by key."""
        paths: set[str] = set()
        doubted: dict[str, Ownership] = {}
        for row in rows_of(self._rule, self._store).read():
            if (own := self._owned(row)).theirs:
                found = [there] if (there := self.there(row)) else self.keys(row[self._rule.path])
                paths.update(found)
                doubted |= dict.fromkeys(found, own) if not own.sure else {}
        owners: dict[str, list[Owner]] = {}
        for row in rows_of(self._rule, self._store).read() if paths else ():
            for key in paths.intersection(self.keys(row[self._rule.path])):
                owners.setdefault(key, []).append(self._rule.owner(row, self._subject))
        return owners, doubted
