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

    `listed`: the map lists the table under `unmapped`. `below`: what hangs on its rows and would go with them.
    """

    table: str
    parent: Collection
    key: ForeignKey
    listed: bool
    below: tuple[str, ...] = ()

    @property
    def known(self) -> bool:
        """Say whether its rows may go: they are nobody's, and the last ones."""
        return self.listed and not self.below

    @property
    def what(self) -> str:
        """Say what is wrong, behind the table's name."""
        so = f"its rows would go with those of {self.parent.name}"
        if not self.listed:
            return f"is not in the data map, and {so} (ON DELETE CASCADE)"
        return f"is listed under unmapped, but {so}, and those of {' and '.join(self.below)} with them"

    @property
    def todo(self) -> str:
        """Say what mends it."""
        if self.listed:
            return f"map {' and '.join((self.table, *self.below))}"
        return "map it; or list it under rightsdesk.unmapped, if nobody's data are in it and nothing hangs on its rows"

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
    for one in keys:
        parent = mapped.get((one.to_schema, one.to))
        if parent and parent.ext.on_erasure == "delete" and (one.schema, one.table) not in mapped:
            name = _called(database, one)
            yield Cascade(name, parent, one, name in graph.unmapped, tuple(sorted(_below(database, keys, one))))


def _below(database: Database, keys: Iterable[ForeignKey], key: ForeignKey) -> set[str]:
    """Return the other tables whose rows go with those of a key's table."""
    here = (key.schema, key.table)
    return {_called(database, one) for one in keys if (one.to_schema, one.to) == here != (one.schema, one.table)}


def _called(database: Database, key: ForeignKey) -> str:
    return key.table if key.schema == database.default_schema else f"{key.schema}.{key.table}"


def count(database: Database, cascade: Cascade, going: Iterable[Found]) -> int:
    """Return how many rows go with those of the parent; a Final says which table has to be mapped first."""
    number, name = 0, cascade.parent.name
    table = database.table(name)
    for batch in chunks(going):
        here = sa.and_(having(table, cascade.parent, [one.key for one in batch]), within(table, cascade.parent))
        with database.reading(cascade.table) as connection:
            number += connection.scalar(cascade.rows(table, here)) or 0
        if number and not cascade.known:
            raise Final(f"{cascade.table} {cascade.what}, whosever they are; {cascade.todo}")
    return number
