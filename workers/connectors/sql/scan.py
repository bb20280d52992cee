"""A scan of every text of every table, mapped or not, for a person's values: what no edge leads to stands here."""

import dataclasses
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import sqlalchemy as sa

from shared.ports import Work
from shared.spill import Labels
from workers.connectors.sql import matching
from workers.connectors.sql.database import Database
from workers.connectors.sql.graph import Graph
from workers.connectors.sql.locate import Search
from workers.connectors.sql.rows import Row, key_of, tenant
from workers.connectors.sql.tenancy import Tenancy
from workers.connectors.sql.texts import numeric, textual

KNOWN_TO_STAY = ("retained", "shared")


class Scan:
    """One scan of a whole schema, within the client's scope."""

    def __init__(self, database: Database, graph: Graph, work: Work) -> None:
        self._database, self._graph, self._work = database, graph, work
        self._tenancy = Tenancy(database, graph)
        self._subject = matching.told_apart(work.subject)

    def hits(self) -> Iterator[tuple[str, str]]:
        """Yield (table, column) for each value that stands; rows whose fate is to stay are passed over."""
        if not self._subject.identifiers:
            return
        for name in self._database.everything(self._graph.schemas):
            table = self._database.table(name)
            columns = [column for column in table.columns if textual(column) or numeric(column)]
            for row in self._rows(name, table, columns) if columns else ():
                standing = [one.name for one in columns if self._stands_in(one, row[one.name])]
                if standing and not self._passed_over(name, row):
                    yield from ((name, column) for column in standing)

    def _rows(self, name: str, table: sa.Table, columns: Sequence[sa.Column[Any]]) -> Iterator[Row]:
        collection = self._graph.collections.get(name)
        keys = [table.c[field] for field in collection.primary_key] if collection else []
        conditions = [self._may_stand_in(column) for column in columns]
        scope = self._tenancy.of(collection) if collection else tenant(table, self._graph)
        query = sa.select(*dict.fromkeys([*keys, *columns])).where(sa.or_(*conditions), scope)
        with self._database.reading(table.name) as connection:
            yield from connection.execution_options(yield_per=500).execute(query).mappings()

    def _may_stand_in(self, column: sa.Column[Any]) -> sa.ColumnElement[bool]:
        broad = matching.may_name if textual(column) else matching.may_be_number
        return broad(column, self._subject.identifiers)

    def _stands_in(self, column: sa.Column[Any], value: Any) -> bool:
        if textual(column):
            return matching.names_subject(value, self._subject)
        return matching.is_number(column.name, value, self._subject.identifiers)

    def _passed_over(self, name: str, row: Row) -> bool:
        collection = self._graph.collections.get(name)
        if collection is None:
            return False
        place = (name, key_of(collection, row))
        fate = self._fates.get(place)
        return fate in KNOWN_TO_STAY or (fate is None and self._as_it_stands.is_ambiguous(place))

    @cached_property
    def _fates(self) -> Labels[str]:
        fates: Labels[str] = Labels()
        for one in self._work.found():
            fates[one.place] = one.fate
        return fates

    @cached_property
    def _as_it_stands(self) -> Search:
        """A search made now: doubtful rows that nobody took are not contradictions."""
        work = dataclasses.replace(self._work, note=lambda _: None, found=lambda: ())
        search = Search(self._database, self._graph, work)
        search.run()
        return search
