"""`rectify`: new values by data category, in every row that is the person's."""

from collections.abc import Mapping
from datetime import date
from typing import Any

import sqlalchemy as sa

from shared.datamap import Collection, Column
from shared.domain.errors import Final
from shared.domain.identifier import Subject
from shared.domain.outcome import Outcome
from shared.ports import Work
from workers.connectors.sql import matching
from workers.connectors.sql.database import Database
from workers.connectors.sql.fates import NEEDED_BY_OTHERS, Fates
from workers.connectors.sql.graph import Graph
from workers.connectors.sql.mask import document
from workers.connectors.sql.rows import Notes, Row, chunks, fetch, plain, rewrite, typed


def rectify(database: Database, graph: Graph, work: Work, today: date) -> Outcome:
    """Write the new values; a row that is another person's too is left as it is."""
    outcome, notes = Outcome(), Notes(work, graph)
    fates = Fates(database, graph, notes, work.subject, today)
    for name, found in notes.rows.items():
        collection, table = graph.collections[name], database.table(name)
        wanted = Wanted(collection, table, work.subject, work.args.get("changes") or {}, outcome)
        for batch in chunks(found if wanted.values else ()):
            shared = fates.theirs_too(collection, batch)
            if shared:
                outcome.count(name, "retained", len(shared))
                outcome.because(name, "retained", NEEDED_BY_OTHERS)
            keys = [one.key for one in batch if one.key not in shared]
            with database.writing(name) as connection:
                rows = fetch(connection, table, collection, keys, wanted.values, lock=True)
                changes = {key: wanted.changes(row) for key, row in rows.items()}
                rewrite(connection, table, collection, changes)
            outcome.count(name, "rectified", sum(bool(one) for one in changes.values()))
    return outcome


class Wanted:
    """What a rectification wants to stand in the columns of one collection."""

    def __init__(
        self,
        collection: Collection,
        table: sa.Table,
        subject: Subject,
        changes: Mapping[str, str],
        outcome: Outcome | None = None,
    ) -> None:
        self._collection, self._subject = collection, subject
        self.values: dict[str, Any] = {}
        for category, value in changes.items():
            for column, part in _columns(collection, table, category, value, outcome):
                self.values[column.name] = _typed(collection, table.c[column.name], column, part)

    def changes(self, row: Row) -> dict[str, Any]:
        """Return the columns of a row that do not hold what they should."""
        return {
            name: value
            for name, value in self.values.items()
            if plain(row[name]) != plain(value) and not self._someone_elses(name, row[name])
        }

    def _someone_elses(self, name: str, value: Any) -> bool:
        """Say whether an identity column holds an identifier that is not known as this person's."""
        kind = self._collection.columns[name].identity
        one = matching.identifier(self._subject, kind, value) if kind else None
        return one is not None and one not in self._subject.identifiers


def _columns(
    collection: Collection, table: sa.Table, category: str, value: str, outcome: Outcome | None
) -> list[tuple[Column, str]]:
    """Return the columns that a category means, each with its part of the value."""
    columns = [one for one in collection.columns.values() if one.has(category) and one.personal]
    columns = [one for one in columns if not one.primary_key and not document(table, one)]
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


def _typed(collection: Collection, field: sa.Column[Any], column: Column, value: str) -> Any:
    place = f"{collection.name}.{column.name}"
    if column.read_only:
        raise Final(f"{place} is read-only, so it cannot be rectified")
    try:
        return typed(field, value)
    except ValueError:
        raise Final(f"the new value does not fit {place}") from None
