"""An SQL store of the demo: rows collected in memory, written in one transaction."""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from workers.demo.world.ledger import Conditions, Ledger, Place, changed, key_of
from workers.demo.world.people import Person

Schema = Mapping[str, tuple[str, ...]]  # table -> column definitions, as SQL writes them


class Tables:
    """The tables of one store. `schema` maps a table to its column definitions."""

    def __init__(self, store: str, file: Path, schema: Schema, ledger: Ledger) -> None:
        self.store, self.file, self.schema, self.ledger = store, file, schema, ledger
        self._rows: dict[str, list[tuple[Any, ...]]] = {table: [] for table in schema}
        self._columns = {table: _names(definitions) for table, definitions in schema.items()}
        self._keys = {table: _primary_key(definitions) for table, definitions in schema.items()}

    def add(
        self, table: str, whose: Person | None, *, then: Conditions = None, stays: bool = False, **values: Any,
    ) -> int:  # fmt: skip
        """Add a row, NULL where nothing is given; return its id (the next one, where the table has one).

        `then` maps columns to their conditions; `stays` says that the row outlives its person's erasure.
        """
        columns = self._columns[table]
        if unknown := values.keys() - set(columns):
            raise ValueError(f"{table} has no {', '.join(unknown)}")
        rows = self._rows[table]
        row = {name: values.get(name) for name in columns}
        if row.get("id", 0) is None:
            row["id"] = len(rows) + 1
        place = Place(self.store, table, key_of(row, self._keys[table]))
        self.ledger.add(place, row, whose, changed(row, then) if then else None, stays=stays)
        rows.append(tuple(row.values()))
        return int(row.get("id") or len(rows))

    def write(self) -> None:
        """Create the database with all rows."""
        with closing(sqlite3.connect(self.file)) as database, database:
            for table, definitions in self.schema.items():
                database.execute(f"CREATE TABLE {table} ({', '.join(definitions)})")
                places = ", ".join("?" for _ in self._columns[table])
                database.executemany(
                    f"INSERT INTO {table} VALUES ({places})",  # noqa: S608 - the schema's own names
                    self._rows[table],
                )


def _names(definitions: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(one.split()[0] for one in definitions if not one.startswith("PRIMARY KEY"))


def _primary_key(definitions: tuple[str, ...]) -> tuple[str, ...]:
    if definitions[-1].startswith("PRIMARY KEY"):
        return tuple(name.strip() for name in definitions[-1].partition("(")[2].rstrip(")").split(","))
    return tuple(one.split()[0] for one in definitions if one.endswith("PRIMARY KEY"))
