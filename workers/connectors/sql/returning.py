"""Rows that are noted by a key have to come back by it: one that does not would pass for one that is gone."""

import json
from typing import Any

import sqlalchemy as sa

from shared.datamap import Collection
from shared.domain.errors import Final
from workers.connectors.sql.database import BATCH, Database
from workers.connectors.sql.rows import Row, fetch, key_of, plain, typed
from workers.connectors.sql.texts import is_binary

_EXACT = (sa.Integer, sa.String, sa.Uuid, sa.Date, sa.DateTime)


def comes_back(column: sa.Column[Any]) -> bool:
    """Say whether a type's values are found by what was read of them: those of a float or an interval may not be."""
    decimal = isinstance(column.type, sa.Numeric) and not isinstance(column.type, sa.Float)
    return decimal or isinstance(column.type, _EXACT) or is_binary(column)


class Returning:
    """The rows that are being noted; those whose key may not come back are looked up once."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._doubtful: dict[str, tuple[Collection, list[str]]] = {}

    def add(self, collection: Collection, row: Row) -> None:
        """Take a row; a Final says that it cannot be told by its key."""
        table, key = self._database.table(collection.name), key_of(collection, row)
        for name, value in zip(collection.primary_key, json.loads(key), strict=True):
            if not _same(table.c[name], value, row[name]):
                raise _lost(collection)
        if not all(comes_back(table.c[name]) for name in collection.primary_key):
            _, keys = self._doubtful.setdefault(collection.name, (collection, []))
            keys.append(key)
            if len(keys) >= BATCH:
                self._look_up(*self._doubtful.pop(collection.name))

    def finish(self) -> None:
        """Look up the last ones."""
        for collection, keys in self._doubtful.values():
            self._look_up(collection, keys)
        self._doubtful = {}

    def _look_up(self, collection: Collection, keys: list[str]) -> None:
        with self._database.reading(collection.name) as connection:
            there = fetch(connection, self._database.table(collection.name), collection, keys, ())
        if len(there) < len(set(keys)):
            raise _lost(collection)


def _same(column: sa.Column[Any], written: Any, value: Any) -> bool:
    if isinstance(value, bytes) and not is_binary(column):
        return False  # written down as base64, it would be sought as that text
    try:
        return bool(plain(typed(column, written)) == written)
    except (ValueError, ArithmeticError, TypeError):
        return False


def _lost(collection: Collection) -> Final:
    return Final(
        f"{collection.name}: a row is not found again by its key; mark other fields that tell rows apart with"
        " fides_meta.primary_key: true"
    )
