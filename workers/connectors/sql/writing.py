"""Every write is seen to hold: what the database refuses, or puts back, is told by row and field; the rest goes on.

A batch goes in one transaction. If that is refused, its rows go one by one, and of a refused row its fields one by
one, so that one obstacle costs one field. Then a second connection reads back by primary key.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import sqlalchemy as sa

from shared.datamap import Collection
from shared.domain.errors import Final
from shared.domain.outcome import Outcome
from workers.connectors.sql.database import Database
from workers.connectors.sql.graph import Graph
from workers.connectors.sql.obstacles import MISFIT, Refused
from workers.connectors.sql.rows import SEVERAL, Notes, Row, chunks, fetch, having, kept_apart, plain, rewrite, within

Changes = Callable[[Mapping[str, Row]], Mapping[str, Row]]
Accepts = Callable[[str, Any, Any], bool]
PUT_BACK = "the old value stands again after it was written (a trigger or rule)"
STANDS = "the row stands again after it was deleted (a trigger or rule)"


@dataclass(slots=True)
class Written:
    """The rows that were there, by key; what stands in them now; those of them in which a field failed."""

    rows: list[str] = field(default_factory=list)
    stands: dict[str, dict[str, Any]] = field(default_factory=dict)
    failed: set[str] = field(default_factory=set)

    @property
    def whole(self) -> list[str]:
        """The rows in which everything was written that was to be."""
        return [key for key in self.rows if key not in self.failed]


@dataclass(frozen=True, slots=True)
class Gone:
    """How many rows a delete took, and how many it could not take."""

    erased: int
    failed: int


class Writer:
    """Writes to one collection, and counts as `failed` what could not be written."""

    def __init__(self, database: Database, collection: Collection, outcome: Outcome) -> None:
        self._database, self._collection, self._outcome = database, collection, outcome
        self._table = database.table(collection.name)

    def rewrite(self, keys: Sequence[str], columns: Iterable[str], changes: Changes, accepts: Accepts) -> Written:
        """Write what `changes` makes of the rows; `accepts` says what a field may read back as, if not as wanted."""
        names, written = list(columns), Written()
        try:
            before, wanted = self._write(keys, names, changes)
        except Refused:
            before, wanted = self._one_by_one(keys, names, changes, written)
        written.rows = list(before)
        written.stands = {key: {**row, **wanted.get(key, {})} for key, row in before.items()}
        self._read_back(before, wanted, accepts, written)
        return written

    def delete(self, keys: Sequence[str]) -> Gone:
        """Delete rows; say how many are gone by it, and how many stand."""
        refused: set[str] = set()
        try:
            erased = self._delete(keys)
        except Refused:
            erased = 0
            for key in keys:
                try:
                    erased += self._delete([key])
                except Refused as error:
                    refused.add(key)
                    self._fail("", f"{error.why} keeps the row")
        with self._database.reading_back(self._collection.name) as connection:
            standing = fetch(connection, self._table, self._collection, keys, ()).keys() - refused
        for _ in standing:
            self._fail("", STANDS)
        return Gone(max(erased - len(standing), 0), len(standing) + len(refused))

    def _delete(self, keys: Sequence[str]) -> int:
        table = self._table
        here = sa.and_(having(table, self._collection, keys), within(table, self._collection))
        with self._database.writing(self._collection.name) as connection:
            gone = connection.execute(sa.delete(table).where(here)).rowcount
            if gone > len(keys):
                raise Final(f"{self._collection.name}: {SEVERAL}")  # and nothing of it is committed
            return gone

    def _write(
        self, keys: Sequence[str], columns: Sequence[str], changes: Changes, only: str | None = None
    ) -> tuple[Mapping[str, Row], Mapping[str, Row]]:
        with self._database.writing(self._collection.name) as connection:
            rows = fetch(connection, self._table, self._collection, keys, columns, lock=True)
            new = changes(rows)
            if only is not None:
                new = {key: {name: value for name, value in one.items() if name == only} for key, one in new.items()}
            rewrite(connection, self._table, self._collection, new)
        return rows, new

    def _one_by_one(
        self, keys: Sequence[str], columns: Sequence[str], changes: Changes, written: Written
    ) -> tuple[dict[str, Row], dict[str, Row]]:
        before: dict[str, Row] = {}
        wanted: dict[str, Row] = {}
        for key in keys:
            try:
                rows, new = self._write([key], columns, changes)
            except Refused as error:
                rows, new = self._field_by_field(key, columns, changes, error, written)
            before |= rows
            wanted |= new
        return before, wanted

    def _field_by_field(
        self, key: str, columns: Sequence[str], changes: Changes, refusal: Refused, written: Written
    ) -> tuple[Mapping[str, Row], Mapping[str, Row]]:
        with self._database.reading(self._collection.name) as connection:
            rows = fetch(connection, self._table, self._collection, [key], columns)
        new = changes(rows).get(key, {})
        held: dict[str, Any] = {}
        for name, value in new.items():
            try:
                if len(new) == 1:
                    raise refusal  # it was tried alone already
                self._write([key], columns, changes, name)
                held[name] = value
            except Refused as error:
                written.failed.add(key)
                self._fail(name, error.why)
        return rows, {key: held}

    def _read_back(
        self, before: Mapping[str, Row], wanted: Mapping[str, Row], accepts: Accepts, written: Written
    ) -> None:
        keys = [key for key, values in wanted.items() if values]
        names = {name for values in wanted.values() for name in values}
        if not keys:
            return
        with self._database.reading_back(self._collection.name) as connection:
            now = fetch(connection, self._table, self._collection, keys, names)
        for key in now:
            for name, value in wanted[key].items():
                if not same(now[key][name], value) and not accepts(name, before[key].get(name), now[key][name]):
                    written.failed.add(key)
                    written.stands[key][name] = now[key][name]
                    self._fail(name, PUT_BACK)

    def _fail(self, column: str, why: str) -> None:
        name = self._collection.name
        self._outcome.count(name, "failed")
        self._outcome.because(name, "failed", f"{name}.{column}: {why}" if column else f"{name}: {why}")

    def misfit(self, column: str) -> None:
        """Count a field whose mask does not fit its type."""
        self._fail(column, MISFIT)


def same(stands: Any, wanted: Any) -> bool:
    """Say whether a value read back is the one written: blanks that pad a fixed length say nothing."""
    one, other = (value.rstrip() if isinstance(value, str) else value for value in (plain(stands), plain(wanted)))
    return bool(one == other)


def exactly(_column: str, _before: Any, _now: Any) -> bool:
    """Accept nothing but what was written."""
    return False


def differently(_column: str, before: Any, now: Any) -> bool:
    """Accept whatever is not what stood there before."""
    return not same(before, now)


def refuse(database: Database, graph: Graph, notes: Notes) -> None:
    """Stop before anything is changed: in a view, which shows what is another table's, or by a key of several rows."""
    if views := sorted((notes.rows.keys() | notes.mentions.keys()) & database.mapped_views):
        raise Final(f"{', '.join(views)} is a view, which can be searched and exported only; map the table behind it")
    for name in notes.rows.keys() | notes.mentions.keys():
        collection, table = graph.collections[name], database.table(name)
        if not kept_apart(collection, table):
            for batch in chunks(chain(notes.rows.get(name, ()), notes.mentions.get(name, ()))):
                with database.reading(name) as connection:
                    fetch(connection, table, collection, [one.key for one in batch], ())
