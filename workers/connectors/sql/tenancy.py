"""Whose client's a row is that bears no tenant of its own: that of the rows to which references tie it."""

import sqlalchemy as sa

from shared.datamap import Collection
from workers.connectors.sql.database import Database
from workers.connectors.sql.graph import Graph, Reference
from workers.connectors.sql.rows import within


class Tenancy:
    """The scopes of a map, also for the collections that have none but are tied to some that do.

    What is found by a value alone may be another client's in the same database, under the same address.
    """

    def __init__(self, database: Database, graph: Graph) -> None:
        self._database, self._graph = database, graph

    def of(self, collection: Collection) -> sa.ColumnElement[bool]:
        """Return the condition that a row is this client's, or tied to nobody's rows."""
        condition = self._of(collection, self._database.table(collection.name), frozenset({collection.name}))
        return sa.true() if condition is None else condition

    def _of(self, collection: Collection, table: sa.FromClause, seen: frozenset[str]) -> sa.ColumnElement[bool] | None:
        """Return the condition, None where nothing leads to a scope."""
        if collection.ext.scope:
            return within(table, collection)
        tied, ours = [], []
        for one in (*self._graph.needs(collection.name), *self._graph.needed_by(collection.name)):
            name = one.parent if one.child == collection.name else one.child
            if name in seen or not self._plain(one):
                continue
            other = self._database.table(name).alias()
            if (condition := self._of(self._graph.collections[name], other, seen | {name})) is not None:
                same = _same(one, *((table, other) if one.child == collection.name else (other, table)))
                tied.append(sa.exists().where(*same))
                ours.append(sa.exists().where(*same, condition))
        return sa.or_(*ours, sa.not_(sa.or_(*tied))) if tied else None

    def _plain(self, one: Reference) -> bool:
        """Say whether a reference ties columns, and not what stands in documents."""
        child, parent = self._graph.collections[one.child], self._graph.collections[one.parent]
        return {*one.child_fields} <= child.columns.keys() and {*one.parent_fields} <= parent.columns.keys()


def _same(one: Reference, child: sa.FromClause, parent: sa.FromClause) -> list[sa.ColumnElement[bool]]:
    pairs = zip(one.child_fields, one.parent_fields, strict=True)
    when = [child.c[field] == value for field, value in one.when]
    return [*when, *(_equal(child.c[here], parent.c[there]) for here, there in pairs)]


def _equal(here: sa.ColumnElement[object], there: sa.ColumnElement[object]) -> sa.ColumnElement[bool]:
    alike = isinstance(here.type, sa.Integer) == isinstance(there.type, sa.Integer)
    return here == there if alike else sa.cast(here, sa.Text) == sa.cast(there, sa.Text)
