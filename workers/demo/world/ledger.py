"""The ledger: every record that the demo seeds, with what must have become of it once the tickets are closed.

What is expected is said by the lines that make a record, never read from a store and never asked of the product.
"""

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from workers.demo.world.people import Person

Row = Mapping[str, Any]
Conditions = Mapping[str, Mapping[str, Any]] | None  # by column: `is`, `lacks`, `has`, or `any`


class Place(NamedTuple):
    """Where a record is: a store, a table (or mailbox, or `files`), a key (primary key, Message-ID, path)."""

    store: str
    table: str
    key: str

    def __str__(self) -> str:
        return f"{self.store} {self.table} {self.key}"


@dataclass(frozen=True, slots=True)
class Then:
    """What must have become of a record; without one it stands as it was seeded, to the byte.

    `gone`; `moved` (the same bytes, where restricted things are kept); `columns` (a condition each; all other columns
    stand, by the digest `rest`); `lacks` and `has` (texts in a message or file).
    """

    gone: bool = False
    moved: bool = False
    columns: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    rest: str = ""
    lacks: tuple[str, ...] = ()
    has: tuple[str, ...] = ()

    @property
    def unsaid(self) -> set[str]:
        """What must no longer be read anywhere in the record."""
        return {*self.lacks, *(text for wanted in self.columns.values() for text in wanted.get("lacks", ()))}


GONE = Then(gone=True)
MOVED = Then(moved=True)


@dataclass(frozen=True, slots=True)
class Record:
    """A seeded record: whose it is (a person's key), its digest, what must have become of it."""

    person: str
    digest: str
    then: Then | None = None


def digest(content: Row | bytes) -> str:
    """Return the digest of a row (its columns by name) or of a file."""
    if isinstance(content, bytes):
        return hashlib.sha256(content).hexdigest()[:32]
    text = json.dumps(dict(content), sort_keys=True, ensure_ascii=False, default=bytes.hex)
    return digest(text.encode())


def changed(row: Row, columns: Mapping[str, Mapping[str, Any]]) -> Then:
    """Say that these columns of a row must be so, and that no other has changed."""
    return Then(columns=columns, rest=digest({name: value for name, value in row.items() if name not in columns}))


def key_of(row: Row, primary_key: tuple[str, ...]) -> str:
    """Return a row's key as it stands in a place."""
    return "|".join(str(row[name]) for name in primary_key)


@dataclass(slots=True)
class Ledger:
    """All records in the making. Everyone's records stand, and an erased person's go, unless a line says otherwise."""

    records: dict[Place, Record] = field(default_factory=dict)

    def add(
        self, place: Place, content: Row | bytes, whose: Person | None, then: Then | None = None, *, stays: bool = False
    ) -> None:
        """Write a record down."""
        if place in self.records:
            raise ValueError(f"seeded twice: {place}")
        if then is None and whose and whose.erased and not stays:
            then = GONE
        self.records[place] = Record(whose.key if whose else "", digest(content), then)


@dataclass(frozen=True, slots=True)
class World:
    """The demo's world as it was seeded: its folder, its people, every record with what must become of it."""

    folder: Path
    people: Mapping[str, Person]
    records: Mapping[Place, Record]

    def person(self, key: str) -> Person:
        """Return a person by the key, such as `acme:ada`."""
        return self.people[key]

    def of_person(self, key: str, store: str = "") -> dict[Place, Record]:
        """Return a person's records (of one store)."""
        return {place: one for place, one in self.records.items() if one.person == key and store in ("", place.store)}

    def after(self, keys: Collection[str]) -> "World":
        """Return the world as it must become if the tickets about these people alone are worked."""
        emails = {self.people[key].email for key in keys}

        def is_due(one: Record) -> bool:
            return one.then is not None and (
                not emails.isdisjoint(one.then.unsaid) if one.then.unsaid else one.person in keys
            )

        records = {place: one if is_due(one) else replace(one, then=None) for place, one in self.records.items()}
        return replace(self, records=records)
