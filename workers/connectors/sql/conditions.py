"""The map's scalars (conditions, scopes, marks) in the types of their columns: one of another type meets no row."""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from itertools import chain
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.sql.sqltypes import NullType

from shared.datamap import Collection, DataMap, Edge
from shared.domain.errors import Final
from workers.connectors.sql.database import Database
from workers.connectors.sql.exact import equals
from workers.connectors.sql.matching import in_range
from workers.connectors.sql.obstacles import Refused
from workers.connectors.sql.rows import typed

_PLAIN = {str, int, bool, float, bytes, date, datetime, time, Decimal, UUID}  # what is read here is compared


def conditioned(datamap: DataMap, database: Database) -> DataMap:
    """Return the map with each scalar as its column has it; a Final names one that no row can hold."""
    if misfit := next(misfits(datamap, database), None):
        raise Final(f"the data map compares {misfit} with a value that it cannot hold; correct the value")
    return as_kept(datamap, database)


def as_kept(datamap: DataMap, database: Database) -> DataMap:
    """Return the map with each scalar as its column has it; what fits no column is left."""
    collections = {
        name: _collection(one, database.table(name)) if name in database else one
        for name, one in datamap.collections.items()
    }
    edges = tuple(_edge(one, database.table(one.holder)) if one.holder in database else one for one in datamap.edges)
    return dataclasses.replace(datamap, collections=collections, edges=edges)


def misfits(datamap: DataMap, database: Database) -> Iterator[str]:
    """Yield collection.column of each scalar that its column cannot hold; what is not there says nothing."""
    for name, one in datamap.collections.items():
        compared = [*one.ext.scope.items(), *(one.ext.author.when.items() if one.ext.author else ())]
        compared += [pair for edge in datamap.edges if edge.holder == name for pair in edge.when]
        columns: Mapping[str, sa.Column[Any]] = dict(database.table(name).c) if name in database else {}
        marks = (field for field, value in one.ext.restrict.items() if not _fits(columns.get(field), value))
        wrong = (field for field, value in compared if not _compares(database, name, columns.get(field), value))
        yield from (f"{name}.{field}" for field in dict.fromkeys(chain(marks, wrong)))


def _compares(database: Database, name: str, column: sa.Column[Any] | None, value: Any) -> bool:
    """Say whether a scalar fits a column; of types that are only the database's own it is asked, for no row."""
    if column is None or not _fits(column, value):
        return column is None
    if database.dialect == "sqlite" or _kind(column) in _PLAIN:
        return True
    try:
        with database.reading(f"{name}.{column.name}") as connection:
            connection.execute(sa.select(sa.literal(1)).where(equals(column, value)).limit(0))
    except Refused:
        return False
    return True


def _fits(column: sa.Column[Any] | None, value: Any) -> bool:
    try:
        return column is None or in_range(column.type, _read(column, value))
    except (ValueError, ArithmeticError, TypeError, AttributeError):
        return False


def _read(column: sa.Column[Any], value: Any) -> Any:
    """Return a scalar in its column's type; a ValueError if it has none."""
    kind = _kind(column)
    if isinstance(column.type, sa.Enum) and value not in column.type.enums:
        raise ValueError
    if isinstance(value, bool) and kind is str:
        raise ValueError  # YAML's true and yes: a text may be written in many ways
    if kind is bool and value not in (0, 1):
        raise ValueError
    if kind is bool:
        return value if isinstance(column.type, NullType) else bool(value)
    return int(value) if kind is int else typed(column, value)


def _kind(column: sa.Column[Any]) -> type | None:
    try:
        return column.info.get("declared") or column.type.python_type
    except NotImplementedError:
        return None


def _collection(one: Collection, table: sa.Table) -> Collection:
    author = one.ext.author and one.ext.author.model_copy(update={"when": _all(table, one.ext.author.when.items())})
    ours = {"scope": _all(table, one.ext.scope.items()), "restrict": _all(table, one.ext.restrict.items())}
    return dataclasses.replace(one, ext=one.ext.model_copy(update={**ours, "author": author}))


def _edge(edge: Edge, table: sa.Table) -> Edge:
    return dataclasses.replace(edge, when=tuple(_all(table, edge.when).items()))


def _all(table: sa.Table, said: Iterable[tuple[str, Any]]) -> Mapping[str, Any]:
    return {
        field: _read(table.c[field], value) if field in table.c and _fits(table.c[field], value) else value
        for field, value in said
    }
