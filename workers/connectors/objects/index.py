"""Whose an object is, by an index: a CSV or JSON file in the storage, or a table in a database."""

import csv
import io
import json
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing, contextmanager
from posixpath import normpath
from typing import TYPE_CHECKING, Any, Protocol, Self

import sqlalchemy as sa
from pydantic import Field, field_validator, model_validator
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from shared.domain.errors import Final, Retryable
from shared.domain.identifier import EMAIL, PHONE, Subject, Traits, normalise_name
from workers.connectors.objects.ownership import Owner, StrictRule

if TYPE_CHECKING:
    from workers.connectors.objects.store import Store

INDEX = "index"
_UNREADABLE = "the index of the objects cannot be read; check `index`, `table` and the names of its columns"
_DELIMITERS = ",;\t|"

Row = Mapping[str, Any]


class Index(StrictRule):
    """Each row of `index` names an object in its column `path`, and its owner in `email`, `phone_number` and others.

    `index` is a file in the storage (.csv, .json, .jsonl), or a SQLAlchemy URL with its `table`. `ids` maps other kinds
    of identifier to columns, `name` is the column with the owner's. An object with rows of several is theirs together.
    """

    index: str = Field(repr=False)
    table: str | None = None
    path: str
    email: str | None = None
    phone_number: str | None = None
    name: str | None = None
    ids: dict[str, str] = Field(default_factory=dict)

    @field_validator("index")
    @classmethod
    def _as_a_key(cls, value: str) -> str:
        """Write a file's path as objects' keys are: else the index would not be known for what it is."""
        return value if "://" in value else normpath("/" + value).lstrip("/")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.in_database != bool(self.table):
            raise ValueError("`table` goes with an `index` that is a database's URL, and only with that")
        if not self.in_database and not self.index.endswith((".csv", ".json", ".jsonl")):
            raise ValueError("an index is a .csv, .json or .jsonl file in the storage, or a database's URL")
        if not self.kinds:
            raise ValueError("name a column with the owners' `email`, `phone_number` or `ids`")
        return self

    @property
    def in_database(self) -> bool:
        """Whether the index is a table."""
        return "://" in self.index

    @property
    def kinds(self) -> dict[str, str]:
        """The columns that hold identifiers, by the kind of these."""
        found = {EMAIL: self.email, PHONE: self.phone_number} | self.ids
        return {kind: column for kind, column in found.items() if column}

    @property
    def columns(self) -> list[str]:
        """All columns that are read."""
        return list(dict.fromkeys(filter(None, [self.path, *self.kinds.values(), self.name])))

    def owner(self, row: Row, subject: Subject) -> Owner:
        """Return whom a row names."""
        found = (subject.identify(kind, row[column]) for kind, column in self.kinds.items())
        name = str(row[self.name] or "") if self.name else ""
        names = frozenset({normalise_name(name)} if name else ())
        return Owner(Traits(frozenset(one for one in found if one), names), name)

    def mark(self, row: Row) -> str:
        """Return what a row is found again by."""
        return json.dumps([str(row[column]) if row[column] is not None else None for column in self.columns])


class Rows(Protocol):
    """The rows of an index."""

    def read(self) -> Generator[Row]:
        """Yield every row."""
        ...

    def drop(self, marks: frozenset[str]) -> int:
        """Delete the rows with these marks; return how many there were."""
        ...


def rows_of(rule: Index, store: "Store") -> Rows:
    """Return the rows of a rule's index."""
    return _Table(rule) if rule.in_database else _File(rule, store)


class _File:
    """A file in the storage; whatever is not dropped stays byte for byte, but for a JSON array's layout."""

    def __init__(self, rule: Index, store: "Store") -> None:
        self._rule, self._store = rule, store

    def read(self) -> Generator[Row]:
        for _, row in self._records():
            if row is not None:
                yield row

    def drop(self, marks: frozenset[str]) -> int:
        dropped = 0

        def kept() -> Iterator[bytes]:
            nonlocal dropped
            for raw, row in self._records():
                if row is not None and self._rule.mark(row) in marks:
                    dropped += 1
                else:
                    yield raw

        with closing(self.read()) as rows:
            theirs = any(self._rule.mark(row) in marks for row in rows)
        if theirs:
            for place in self._store.places(self._rule.index):
                dropped = 0
                self._store.replace(place, self._layout(kept()))
        return dropped

    def _layout(self, records: Iterator[bytes]) -> Iterator[bytes]:
        if not self._rule.index.endswith(".json"):
            yield from records
            return
        yield b"[\n" + b",\n".join(records) + b"\n]\n"

    def _records(self) -> Iterator[tuple[bytes, Row | None]]:
        """Yield each record as it stands in the file, and what it says (None: a heading, an empty line)."""
        places = self._store.places(self._rule.index)
        if not places:
            raise Final(_UNREADABLE)
        with self._store.open(places[0]) as file, _readable():
            if self._rule.index.endswith(".csv"):
                yield from self._csv(io.TextIOWrapper(file, "utf-8", "surrogateescape", newline=""))
            elif self._rule.index.endswith(".jsonl"):
                for line in file:
                    yield line, self._checked(json.loads(line)) if line.strip() else None
            else:
                found = json.loads(file.read())
                if not isinstance(found, list):
                    raise Final(_UNREADABLE)
                for one in found:
                    yield json.dumps(one, ensure_ascii=False).encode(), self._checked(one)

    def _csv(self, text: io.TextIOWrapper) -> Iterator[tuple[bytes, Row | None]]:
        taken: list[str] = []

        def lines() -> Iterator[str]:
            for line in text:
                taken.append(line)
                yield line

        try:
            heading = text.readline()
            names, sign = self._heading(heading.removeprefix("\ufeff"))
            yield heading.encode("utf-8", "surrogateescape"), None
            for record in csv.reader(lines(), delimiter=sign):
                raw = "".join(taken).encode("utf-8", "surrogateescape")
                taken.clear()
                yield raw, self._checked(dict(zip(names, record, strict=False))) if record else None
        finally:
            text.detach()  # who has opened the file closes it

    def _heading(self, line: str) -> tuple[list[str], str]:
        for sign in _DELIMITERS:
            names = next(csv.reader([line], delimiter=sign), [])
            if set(self._rule.columns) <= set(names):
                return names, sign
        raise Final(_UNREADABLE)

    def _checked(self, row: Any) -> Row:
        if not isinstance(row, dict) or not set(self._rule.columns) <= set(row):
            raise Final(_UNREADABLE)
        return row


class _Table:
    """A table, read in one stream."""

    def __init__(self, rule: Index) -> None:
        self._rule = rule

    def read(self) -> Generator[Row]:
        with _readable(), self._connected() as (connection, table):
            found = connection.execution_options(yield_per=1000).execute(sa.select(table))
            for row in found.mappings():
                yield dict(row)

    def drop(self, marks: frozenset[str]) -> int:
        gone = [row for row in self.read() if self._rule.mark(row) in marks]
        with _readable(), self._connected() as (connection, table):
            for row in gone:
                same = [table.c[name].is_not_distinct_from(row[name]) for name in self._rule.columns]
                connection.execute(sa.delete(table).where(*same))
            connection.commit()
        return len(gone)

    @contextmanager
    def _connected(self) -> Iterator[tuple[sa.Connection, sa.Table]]:
        schema, _, name = (self._rule.table or "").rpartition(".")
        try:
            engine = sa.create_engine(self._rule.index, poolclass=sa.NullPool, hide_parameters=True)
            table = sa.Table(name, sa.MetaData(), schema=schema or None, autoload_with=engine)
        except (TypeError, AttributeError, LookupError):  # drivers check nothing of a URL
            raise Final(_UNREADABLE) from None
        if not set(self._rule.columns) <= set(table.c.keys()):
            raise Final(_UNREADABLE)
        with engine.connect() as connection:
            yield connection, table


@contextmanager
def _readable() -> Iterator[None]:
    """Turn what files and databases say into our two families; theirs quote records, and URLs with passwords."""
    try:
        yield
    except OperationalError:
        raise Retryable("the index of the objects cannot be reached") from None
    except (SQLAlchemyError, csv.Error, ValueError, ImportError, RecursionError):
        raise Final(_UNREADABLE) from None
