"""Whether the data map, the rights and the database fit one another; nothing is changed, no value is shown."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial

import sqlalchemy as sa

from shared.datamap import Collection, Column, DataMap
from shared.domain.errors import RightsdeskError
from shared.domain.identifier import EMAIL, PHONE
from shared.personal import LONGEST, by_name, by_values
from shared.ports import Finding
from workers.connectors.sql.cascades import cascades
from workers.connectors.sql.conditions import as_kept, misfits
from workers.connectors.sql.database import Database
from workers.connectors.sql.files import Files
from workers.connectors.sql.graph import Graph
from workers.connectors.sql.rows import kept_apart, tenant, within
from workers.connectors.sql.texts import as_text, textual

_NEWEST = 5000  # rows in which values of a column are sought
_VALUES = 50  # values of a column that are looked at
_KINDS = {"user.contact.email": EMAIL, "user.contact.phone_number": PHONE}
_NO_MAP = "add it to the data map with its category, or list it there under rightsdesk.unmapped"
_NO_SCHEMA = "map what is the client's (namespace: {schema: …}), or list the schema under rightsdesk.unmapped"


class Check:
    """One check of a whole schema, within the client's scope."""

    def __init__(self, database: Database, datamap: DataMap, files: Files | None, regions: Iterable[str]) -> None:
        self._database, self._map, self._files = database, datamap, files
        self._graph = Graph(datamap)
        self._regions = tuple(regions)

    def findings(self) -> Iterator[Finding]:
        """Yield what does not fit, and what to do."""
        views, parts = self._views(), self._database.partitions()
        every = self._database.everything(self._graph.schemas)
        names = [name for name in every if name not in parts or name in self._graph.collections]
        there = [name for name in self._graph.collections if name in names]
        yield from self._lost(set(names), views)
        if wrong := list(misfits(self._map, self._database)):
            for one in wrong:
                yield Finding("error", one, "is compared with a value that it cannot hold", "correct the value")
            return  # which rows are the client's cannot be told
        self._graph = Graph(as_kept(self._map, self._database))
        if self._database.dialect == "sqlite" and there:
            write = partial(self._write_nothing, self._database.table(there[0]))
            yield from _refused(write, "the database file", "it and its folder have to be writable")
        for name in there:
            yield from self._fits(self._graph.collections[name])
        for name in names:
            yield from self._readable(name)
        yield from self._outside()
        if self._files and (why := self._files.unusable()):
            yield Finding("error", "files", why, "correct `files` in the inventory, mount it, or give the rights")

    def _outside(self) -> Iterator[Finding]:
        """Look at what no search reads, and at what goes with hers although no map knows it."""
        for name in self._others():
            if name not in self._graph.unmapped:
                what = "is a schema that nothing here reads, nor does the second look"
                yield Finding("drift", name, what, _NO_SCHEMA)
        for cascade in cascades(self._database, self._graph):
            if not cascade.known:
                yield Finding("error", cascade.table, cascade.what, cascade.todo)

    def _others(self) -> list[str]:
        return self._database.other_schemas(self._graph.schemas.values())

    def _views(self) -> dict[str, bool]:
        schemas = {None, *self._graph.schemas.values()}
        return {name: keeps for schema in schemas for name, keeps in self._database.views(schema).items()}

    def _lost(self, names: set[str], views: dict[str, bool]) -> Iterator[Finding]:
        for name in self._graph.collections:
            if name in views:
                todo = "map the tables whose rows it shows instead"
                yield Finding("error", name, "is a view: rows are not deleted through it", todo)
            elif name not in names:
                yield Finding("error", name, "is in the data map, and no such table exists", "correct the data map")
        for name in sorted(view for view, keeps_copies in views.items() if keeps_copies):
            yield Finding("note", name, "is a materialised view: it keeps copies", "refresh it after each erasure")
        for name in sorted(self._graph.unmapped.difference(self._others())):
            table, _, column = name.partition(".")
            if table not in names or (column and column not in self._database.table(table).c):
                yield Finding("drift", name, "stands under unmapped, and is not there", "take it out of the map")

    def _fits(self, collection: Collection) -> Iterator[Finding]:
        name, table = collection.name, self._database.table(collection.name)
        missing = [field for field in self._graph.fields(name) if field not in table.c]
        for field in missing:
            what = "is in the data map, and the table has no such column"
            yield Finding("error", f"{name}.{field}", what, "correct the data map")
        if missing:
            return
        for column in collection.columns.values():
            yield from _found_by(name, column)
            if _changed(column) and table.c[column.name].computed is not None:
                todo = "map the columns that it is computed from, and take its data category away"
                yield Finding("error", f"{name}.{column.name}", "is computed, and cannot be written", todo)
        yield from self._tells_apart(collection, table)
        yield from self._rights(collection, table)

    def _tells_apart(self, collection: Collection, table: sa.Table) -> Iterator[Finding]:
        """Count the rows of each key, where the database itself does not keep them apart."""
        for name in collection.primary_key:
            if isinstance(table.c[name].type, sa.Float):
                what = "is a key of rounded numbers: rows may not be found again by it"
                todo = "mark fields with fides_meta.primary_key: true that are exact"
                yield Finding("error", f"{collection.name}.{name}", what, todo)
        if not collection.primary_key or kept_apart(collection, table):
            return
        keys = [table.c[name] for name in collection.primary_key]
        twice = sa.select(sa.literal(1)).group_by(*keys).having(sa.func.count() > 1).limit(1)
        with self._database.reading(collection.name) as connection:
            found = connection.scalar(twice.select_from(table).where(within(table, collection)))
        if found:
            todo = "mark fields with fides_meta.primary_key: true that do, or add a column of its own as primary key"
            yield Finding("error", collection.name, "has rows that the key of the data map does not tell apart", todo)

    def _rights(self, collection: Collection, table: sa.Table) -> Iterator[Finding]:
        """Ask for each right by EXPLAIN: it checks them and does nothing. SQLite has none but its file's."""
        if self._database.dialect == "sqlite":
            return
        if collection.ext.on_erasure == "delete":
            yield from self._explained(sa.delete(table).where(sa.false()), collection.name, "deleted from", "DELETE")
        changed = [one.column for one in collection.fields.values() if _changed(one)]
        for field in dict.fromkeys([*changed, *collection.ext.restrict]):
            column = table.c[field]
            if column.computed is None:
                update = sa.update(table).values({column: column}).where(sa.false())
                yield from self._explained(update, f"{collection.name}.{field}", "changed", "UPDATE")
        yield from self._row_security(table)

    def _explained(self, statement: sa.Delete | sa.Update, place: str, done: str, right: str) -> Iterator[Finding]:
        todo = f"GRANT {right} on the table to the user of the inventory's `url`"
        yield from _refused(partial(self._explain, statement, place), place, todo, f"may not be {done}")

    def _explain(self, statement: sa.Delete | sa.Update, place: str) -> None:
        with self._database.reading(place) as connection:
            # compiled for a driver that fills values in by %, and compiled once more
            plain = str(statement.compile(connection)).replace("%%", "%").replace(":", r"\:")
            connection.execute(sa.text(f"EXPLAIN {plain}"))

    def _row_security(self, table: sa.Table) -> Iterator[Finding]:
        if self._database.dialect != "postgresql":
            return
        with self._database.reading(table.name) as connection:
            quoted = sa.func.quote_ident(table.name)
            if table.schema:
                quoted = sa.func.concat(sa.func.quote_ident(table.schema), ".", quoted)
            active = connection.scalar(sa.select(sa.func.row_security_active(quoted)))
        if active:
            todo = "give the user BYPASSRLS, or policies that show all of the client's rows"
            yield Finding("error", table.name, "row security is active: rows may be hidden, and never found", todo)

    def _readable(self, name: str) -> Iterator[Finding]:
        """Look at what is not in the map; the second look reads every table, so each has to be readable."""
        table, collection = self._database.table(name), self._graph.collections.get(name)
        known = set(self._graph.fields(name)) if collection else set()
        quiet = self._graph.unmapped
        unknown = [one for one in table.c if one.name not in known and one.computed is None]
        if refused := list(_refused(partial(self._read, table), name, "GRANT SELECT on it", "may not be read")):
            yield from refused
            return
        if collection and not all(field in table.c for field in collection.ext.scope):
            return  # whose rows these are cannot be told
        for column in unknown:
            place = f"{name}.{column.name}"
            if quiet.isdisjoint({name, place}) and (looks := self._looks(table, collection, column)):
                yield Finding("drift", place, f"is not in the data map, and {looks}", _NO_MAP)

    def _read(self, table: sa.Table) -> None:
        with self._database.reading(table.name) as connection:
            connection.execute(sa.select(*table.c).where(sa.false()))

    def _looks(self, table: sa.Table, collection: Collection | None, column: sa.Column[object]) -> str:
        if textual(column) and (held := by_values(self._sample(table, collection, column), regions=self._regions)):
            return f"looks like {held}"
        flag = isinstance(column.type, sa.Boolean | sa.Enum)
        return "is named like personal data" if by_name(column.name) and not flag else ""

    def _sample(self, table: sa.Table, collection: Collection | None, column: sa.Column[object]) -> list[str]:
        """Return a few values from the newest rows: a new column is filled there first."""
        scope = within(table, collection) if collection else tenant(table, self._graph)
        newest = sa.select(as_text(column).label("value")).where(scope)
        newest = newest.order_by(*(key.desc() for key in table.primary_key)).limit(_NEWEST)
        value = newest.subquery().c.value
        query = sa.select(sa.func.substr(value, 1, LONGEST)).where(value.is_not(None), value != "").limit(_VALUES)
        with self._database.reading(f"{table.name}.{column.name}") as connection:
            return [str(one) for one in connection.scalars(query)]

    def _write_nothing(self, table: sa.Table) -> None:
        """Delete no row: SQLite says only then whether its file may be written."""
        with self._database.writing("the database") as connection:
            connection.execute(sa.delete(table).where(sa.false()))


def _found_by(collection: str, column: Column) -> Iterator[Finding]:
    """Note an address or a number that is found only by another id: such as `wa_id`, or a slip."""
    for category in column.categories:
        kind = _KINDS.get(category)
        if kind and column.identity and column.identity != kind:
            what = f"is a {category}, and found by {column.identity} alone"
            yield Finding("note", f"{collection}.{column.name}", what, f"state identity: {kind} if that was meant")


def _changed(column: Column) -> bool:
    return column.personal and not column.read_only


def _refused(act: Callable[[], None], place: str, todo: str, what: str = "may not be written") -> Iterator[Finding]:
    try:
        act()
    except RightsdeskError as error:
        yield Finding("error", place, f"{what} ({str(error).rpartition(': ')[2]})", todo)
