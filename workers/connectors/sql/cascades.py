"""Tables outside of the data map whose rows the database deletes with mapped ones: ON DELETE CASCADE."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import sqlalchemy as sa

from shared.datamap import Collection
from shared.domain.errors import Final
from shared.domain.outcome import Found
from workers.connectors.sql.database import Database
from workers.connectors.sql.graph import Graph
from workers.connectors.sql.keys import ForeignKey
from workers.connectors.sql.rows import chunks, having, within


@dataclass(frozen=True, slots=True)
class Cascade:
    """Rows of the unmapped `table` go with those rows of `parent` that `key` references.

    `known`: the map lists the table under `unmapped`, and nothing hangs on its rows that would go with them.
    """

    table: str
    parent: Collection
    key: ForeignKey
    known: bool

    def rows(self, parent: sa.Table, here: sa.ColumnElement[bool]) -> sa.Select[int]:
        """Return the query for the number of rows that go with some of the parent's."""
        child = sa.table(self.key.table, *map(sa.column, self.key.columns), schema=self.key.schema)
        pairs = zip(self.key.columns, self.key.there, strict=True)
        same = sa.and_(*(child.c[name] == parent.c[there] for name, there in pairs))
        return sa.select(sa.func.count()).select_from(child.join(parent, same)).where(here)


def cascades(database: Database, graph: Graph) -> Iterator[Cascade]:
    """Yield every cascade from a mapped collection whose rows may be deleted to a table that no map knows."""
    keys = [one for one in database.foreign_keys() if one.on_delete == "CASCADE"]
    mapped = {(one.schema or database.default_schema, one.name): one for one in graph.collections.values()}
    parents = {(one.to_schema, one.to) for one in keys if (one.schema, one.table) != (one.to_schema, one.to)}
    for one in keys:
        parent = mapped.get((one.to_schema, one.to))
        if parent and parent.ext.on_erasure == "delete" and (one.schema, one.table) not in mapped:
            name = one.table if one.schema == database.default_schema else f"{one.schema}.{one.table}"
            known = name in graph.unmapped and (one.schema, one.table) not in parents
            yield Cascade(name, parent, one, known)


def count(database: Database, cascade: Cascade, going: Iterable[Found]) -> int:
    """Return how many rows go with those of the parent; a Final says which table has to be mapped first."""
    number, name = 0, cascade.parent.name
    table = database.table(name)
    for batch in chunks(going):
        here = sa.and_(having(table, cascade.parent, [one.key for one in batch]), within(table, cascade.parent))
        with database.reading(cascade.table) as connection:
            number += connection.scalar(cascade.rows(table, here)) or 0
        if number and not cascade.known:
            raise Final(
                f"{cascade.table} is not in the data map, and its rows would go with those of {name}"
                " (ON DELETE CASCADE), whosever they are; map it"
            )
    return number
