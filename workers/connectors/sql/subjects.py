"""`subjects`: everyone who stands in the records of a window, for a breach."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from shared.datamap import Collection
from shared.domain.identifier import Identifier, Subject
from shared.ports import Affected, Work
from workers.connectors.sql import matching
from workers.connectors.sql.database import Database
from workers.connectors.sql.exact import equals
from workers.connectors.sql.graph import Graph, Lead, names_of
from workers.connectors.sql.rows import Row
from workers.connectors.sql.tenancy import Tenancy


def subjects(database: Database, graph: Graph, work: Work) -> Iterator[Affected]:
    """Yield the people of every collection with identities whose record, or a row below it, is of the window."""
    start, end = (_moment(work.args.get(name)) for name in ("from", "to"))
    window, tenancy = Window(database, graph, start, end), Tenancy(database, graph)
    for collection in graph.collections.values():
        if not collection.identities:
            continue
        table = database.table(collection.name)
        named = [one for one in collection.fields.values() if one.has("user.name")]
        names = dict.fromkeys(one.column for one in (*collection.identities.values(), *named))
        query = sa.select(*(table.c[name] for name in names)).where(tenancy.of(collection), window.of(collection))
        categories = window.categories(collection)
        with database.reading(collection.name) as connection:
            for row in connection.execution_options(yield_per=500).execute(query).mappings():
                for people in _people(collection, row, work.subject):
                    # A row that names several people bears one name at most: nobody can tell whose.
                    name = next(iter(sorted(names_of(collection, row))), "") if people[1] else ""
                    yield Affected(people[0], name, categories)


class Window:
    """A window of time, as a condition on rows: their own time, or that of any row below them."""

    def __init__(self, database: Database, graph: Graph, start: datetime | None, end: datetime | None) -> None:
        self._database, self._graph, self._start, self._end = database, graph, start, end

    def of(self, collection: Collection) -> sa.ColumnElement[bool]:
        """Return the condition; where the map names no time at all, everybody is in."""
        if self._start is None and self._end is None:
            return sa.true()
        condition = self._below(collection, self._database.table(collection.name), frozenset({collection.name}))
        return sa.true() if condition is None else condition

    def categories(self, collection: Collection) -> frozenset[str]:
        """Return the data categories of a collection and of all below it."""
        names, grows = {collection.name}, True
        while grows:
            more = {lead.target for lead in self._graph.leads if lead.down and lead.source in names} - names
            grows, names = bool(more), names | more
        return frozenset(
            category
            for name in names
            for column in self._graph.collections[name].fields.values()
            for category in column.categories
            if category.split(".")[0] == "user"
        )

    def _below(
        self, collection: Collection, table: sa.FromClause, seen: frozenset[str]
    ) -> sa.ColumnElement[bool] | None:
        conditions = [self._between(table.c[collection.ext.at])] if collection.ext.at else []
        for lead in self._graph.out_of(collection.name):
            if lead.down and lead.target not in seen:
                found = self._exists(lead, table, seen | {lead.target})
                conditions += [] if found is None else [found]
        return sa.or_(*conditions) if conditions else None

    def _exists(self, lead: Lead, table: sa.FromClause, seen: frozenset[str]) -> sa.ColumnElement[bool] | None:
        child = self._graph.collections[lead.target]
        below = self._database.table(lead.target).alias()
        condition = self._below(child, below, seen)
        if condition is None:
            return None
        here, there = table.c[lead.source_field], below.c[lead.target_field]
        same = here == there if type(here.type) is type(there.type) else _text(here) == _text(there)
        holder = below if lead.holder == lead.target else table
        when = [equals(holder.c[field], value) for field, value in lead.when]
        return sa.exists().where(same, *when, condition)

    def _between(self, column: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
        moment, read = column, _aware
        if isinstance(column.type, sa.Integer | sa.Float):
            read = _epoch
        elif self._database.dialect == "sqlite":
            moment, read = sa.func.datetime(column), _as_sqlite
        elif isinstance(column.type, sa.DateTime) and not column.type.timezone:
            read = _naive
        return sa.and_(
            sa.true(),
            *([moment >= read(self._start)] if self._start else ()),
            *([moment <= read(self._end)] if self._end else ()),
        )


def _people(collection: Collection, row: Row, subject: Subject) -> Iterator[tuple[frozenset[Identifier], bool]]:
    """Yield the identifiers of each person in a row, and whether the row is about them.

    Columns that must not widen a search may be somebody else's: each of them is one more person.
    """
    own: set[Identifier] = set()
    kinds: dict[str, Identifier] = {}
    for column, one in matching.identifiers(collection, row, subject):
        if one.is_key:
            continue
        apart = column.ext.others or not column.ext.widen
        twice = kinds.get(one.kind, one) != one and "widen" not in column.ext.model_fields_set
        if apart or twice:
            yield frozenset({one}), False
        else:
            kinds[one.kind] = one
            own.add(one)
    if own:
        yield frozenset(own), True


def _text(column: sa.ColumnElement[Any]) -> sa.ColumnElement[str]:
    return sa.cast(column, sa.Text)


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _aware(moment: datetime) -> Any:
    return moment


def _epoch(moment: datetime) -> Any:
    return moment.timestamp()


def _naive(moment: datetime) -> Any:
    return moment.astimezone(UTC).replace(tzinfo=None)


def _as_sqlite(moment: datetime) -> Any:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
