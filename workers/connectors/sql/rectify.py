"""`rectify`: new values by data category, in every row that is the person's."""

from collections.abc import Mapping
from datetime import date
from functools import partial
from typing import Any

import sqlalchemy as sa

from shared.datamap import Collection, Column
from shared.domain.errors import Final
from shared.domain.outcome import STATEMENT, Outcome
from shared.ports import Work
from workers.connectors.sql import matching
from workers.connectors.sql.database import Database
from workers.connectors.sql.documents import changed_in, values
from workers.connectors.sql.fates import NEEDED_BY_OTHERS, Fates
from workers.connectors.sql.graph import Graph
from workers.connectors.sql.mask import document
from workers.connectors.sql.rows import Notes, Row, chunks, plain, typed
from workers.connectors.sql.writing import Writer, exactly, refuse


def rectify(database: Database, graph: Graph, work: Work, today: date) -> Outcome:
    """Write the new values; a row that is another person's too is left as it is."""
    outcome, notes = Outcome(), Notes(work, graph)
    refuse(database, graph, notes)
    fates = Fates(database, graph, notes, work.subject, today)
    for name, found in notes.rows.items():
        collection, table = graph.collections[name], database.table(name)
        wanted = Wanted(collection, table, work, outcome)
        for batch in chunks(found if wanted.columns else ()):
            shared = fates.theirs_too(collection, batch)
            if shared:
                outcome.count(name, "retained", len(shared))
                outcome.because(name, "retained", NEEDED_BY_OTHERS)
            keys = [one.key for one in batch if one.key not in shared]

            def changes(rows: Mapping[str, Row]) -> dict[str, dict[str, Any]]:
                return {key: wanted.changes(row) for key, row in rows.items()}  # noqa: B023 - called within this round

            written = Writer(database, collection, outcome).rewrite(keys, wanted.columns, changes, exactly)
            stands = [wanted.standing(row) for row in written.stands.values()]
            outcome.count(name, "rectified", sum(map(bool, stands)))
            for one in sorted(set().union(*stands)):
                outcome.because(name, "rectified", one)
    return outcome


class Wanted:
    """What a rectification wants to stand in the columns of one collection."""

    def __init__(self, collection: Collection, table: sa.Table, work: Work, outcome: Outcome | None = None) -> None:
        self._collection, self._table, self._subject = collection, table, work.subject
        self._values: dict[str, dict[str, Any]] = {}
        for category, value in (work.args.get("changes") or {}).items():
            if columns := _columns(collection, table, category, value, outcome):
                self._values[category] = {
                    one.name: part if one.path else _typed(collection, table.c[one.name], one, part)
                    for one, part in columns
                }
        self._statement = (work.args.get("statement") or "") if collection.ext.statement else ""

    @property
    def columns(self) -> list[str]:
        """The columns that are written."""
        own = [self._collection.ext.statement] if self._collection.ext.statement and self._statement else []
        names = (self._collection.fields[name].column for values in self._values.values() for name in values)
        return list(dict.fromkeys([*names, *own]))

    def changes(self, row: Row) -> dict[str, Any]:
        """Return the columns of a row that do not hold what they should, with what they should hold."""
        new: dict[str, Any] = {}
        for name, value in ((name, value) for wanted in self._values.values() for name, value in wanted.items()):
            field = self._collection.fields[name]
            former = new.get(field.column, row[field.column])
            changed = self._changed(field, value, former)
            if plain(changed) != plain(former):
                new[field.column] = changed
        column = self._collection.ext.statement
        if column and self._statement not in str(row.get(column) or ""):
            new[column] = self._completed(column, new.get(column, row[column]))
        return new

    def standing(self, row: Row) -> set[str]:
        """Return the categories whose new values stand in a row, and `statement` if that does."""
        stands = {category for category, wanted in self._values.items() if self._stands(wanted, row)}
        completed = self._statement and self._statement in str(row[self._collection.ext.statement])
        return stands | ({STATEMENT} if completed else set())

    def _stands(self, wanted: Mapping[str, Any], row: Row) -> bool:
        """Say whether all fields that are there hold their new values; within documents not all need be."""
        found = [(value, values(self._collection, name, row)) for name, value in wanted.items()]
        there = [(value, those) for value, those in found if those]
        missing = [name for name in wanted if not values(self._collection, name, row)]
        return (
            bool(there)
            and all(self._collection.fields[name].structured for name in missing)
            and all(plain(one) == plain(value) for value, those in there for one in those)
        )

    def _changed(self, field: Column, value: Any, former: Any) -> Any:
        if field.structured:
            return changed_in(field, former, partial(self._new, field.name, value))
        return former if self._someone_elses(field.name, former) else value

    def _new(self, name: str, value: Any, old: Any) -> Any:
        """Return what a field within a document should hold: text, where it is not someone else's."""
        return value if isinstance(old, str) and not self._someone_elses(name, old) else old

    def _completed(self, column: str, before: Any) -> str:
        """Put the statement behind what stands; it is the person's own words, so it is never cut."""
        after = f"{before}\n{self._statement}" if before else self._statement
        length = getattr(self._table.c[column].type, "length", None)
        if not isinstance(self._table.c[column].type, sa.String) or (length and len(after) > length):
            raise Final(f"the statement does not fit {self._collection.name}.{column}")
        return after

    def _someone_elses(self, name: str, value: Any) -> bool:
        """Say whether an identity column holds an identifier that is not known as this person's."""
        kind = self._collection.fields[name].identity
        one = matching.identifier(self._subject, kind, value) if kind else None
        return one is not None and one not in self._subject.identifiers


def _columns(
    collection: Collection, table: sa.Table, category: str, value: str, outcome: Outcome | None
) -> list[tuple[Column, str]]:
    """Return the columns that a category means, each with its part of the value."""
    columns = [one for one in collection.fields.values() if one.has(category) and one.personal and not one.ext.about]
    columns = [one for one in columns if not one.primary_key and (_within(one) or not document(table, one))]
    exact = [one for one in columns if category in one.categories]
    if exact:
        first, _, last = value.rpartition(" ")
        surname = [one for one in columns if "user.name.last" in one.categories]
        if category == "user.name" and surname and first:
            # Chatwoot keeps the first name in `name` once `last_name` stands beside it.
            return [(one, first) for one in exact] + [(one, last) for one in surname]
        return [(one, value) for one in exact]
    if len({one.categories for one in columns}) <= 1:
        return [(one, value) for one in columns]
    if category == "user.name":
        first, _, last = value.rpartition(" ")
        parts = {"user.name.first": first or last, "user.name.last": last}
        return [(one, part) for one in columns for name, part in parts.items() if name in one.categories]
    if outcome is not None:
        outcome.count(collection.name, "failed")
        outcome.because(collection.name, "failed", f"{category} stands in several fields; rectify them one by one")
    return []


def _within(column: Column) -> bool:
    """Say whether it is a text within a document, or a list of texts."""
    return bool(column.path) or column.data_type == "string[]"


def _typed(collection: Collection, field: sa.Column[Any], column: Column, value: str) -> Any:
    place = f"{collection.name}.{column.name}"
    if column.read_only:
        raise Final(f"{place} is read-only, so it cannot be rectified")
    try:
        return typed(field, value)
    except ValueError:
        raise Final(f"the new value does not fit {place}") from None
