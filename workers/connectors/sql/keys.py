"""Foreign keys as a database has them, whether a data map knows their tables or not."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

# SQLAlchemy reads SQLite's keys from the text of the table, where it does not see an action beside the column.
_SQLITE = sa.text(
    'SELECT t.name, k.id, k."from" AS here, r.name AS target, k.on_delete, p.name AS there'
    " FROM sqlite_master t JOIN pragma_foreign_key_list(t.name) k"
    " JOIN sqlite_master r ON r.type = 'table' AND r.name = k.\"table\" COLLATE NOCASE"
    ' JOIN pragma_table_info(r.name) p ON p.name = k."to" COLLATE NOCASE OR (k."to" IS NULL AND p.pk = k.seq + 1)'
    " WHERE t.type = 'table' ORDER BY t.name, k.id, k.seq"
)
# nor a UNIQUE beside a column whose type has a length
_UNIQUE = sa.text(
    "SELECT i.name, c.name AS field FROM pragma_index_list(:name) i JOIN pragma_index_info(i.name) c"
    " WHERE i.\"unique\" AND NOT i.partial AND i.origin = 'u' ORDER BY i.name, c.seqno"
)


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """A foreign key: some columns of a table, what they reference, and what a delete there does here."""

    schema: str | None
    table: str
    columns: tuple[str, ...]
    to_schema: str | None
    to: str
    there: tuple[str, ...]
    on_delete: str  # upper case, "" where nothing is said


def foreign_keys(connection: sa.Connection, default: str | None) -> Iterator[ForeignKey]:
    """Yield the keys of all tables of a database; other databases on its server are another matter."""
    if connection.dialect.name == "sqlite":
        yield from _of_sqlite(connection, default)
        return
    inspector = sa.inspect(connection)
    schemas = inspector.get_schema_names() if connection.dialect.name == "postgresql" else [None]
    for schema in schemas:
        if schema is None or not schema.startswith(("pg_", "information_schema")):
            for (_, table), keys in inspector.get_multi_foreign_keys(schema).items():
                yield from (_reflected(schema or default, table, one, default) for one in keys)


def add_unique(connection: sa.Connection, metadata: sa.MetaData) -> None:
    """Add the unique constraints of SQLite's tables that were not seen."""
    for table in metadata.tables.values():
        rows = connection.execute(_UNIQUE, {"name": table.name}).all()
        for name in dict.fromkeys(row.name for row in rows):
            columns = [table.c[row.field] for row in rows if row.name == name]
            table.append_constraint(sa.UniqueConstraint(*columns))


def _of_sqlite(connection: sa.Connection, default: str | None) -> Iterator[ForeignKey]:
    rows = connection.execute(_SQLITE).all()
    for table, number in dict.fromkeys((row.name, row.id) for row in rows):
        key = [row for row in rows if (row.name, row.id) == (table, number)]
        here, there = tuple(row.here for row in key), tuple(row.there for row in key)
        yield ForeignKey(default, table, here, default, key[0].target, there, key[0].on_delete.upper())


def _reflected(schema: str | None, table: str, key: Any, default: str | None) -> ForeignKey:
    here, there = tuple(key["constrained_columns"]), tuple(key["referred_columns"])
    action = str(key["options"].get("ondelete") or "").upper()
    return ForeignKey(schema, table, here, key["referred_schema"] or default, key["referred_table"], there, action)
