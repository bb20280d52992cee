"""Rows found again by the keys written down, in batches; and values in the forms that keys, files and columns need."""

import base64
import hmac
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from functools import cached_property
from itertools import islice
from typing import Any, TypeVar
from uuid import UUID

import sqlalchemy as sa

from shared.datamap import Collection
from shared.domain.errors import Final
from shared.domain.outcome import Found
from shared.ports import Work
from shared.spill import Labels, Spilled
from workers.connectors.sql.database import BATCH
from workers.connectors.sql.exact import equals, letters
from workers.connectors.sql.graph import Graph

SEVERAL = "several rows have one key; mark fields with fides_meta.primary_key: true that tell them apart"
T = TypeVar("T")
Row = Mapping[Any, Any]  # a column name, to SQLAlchemy, is one of several kinds of key


class Notes:
    """What locate wrote down, by collection: rows that are the person's, rows that mention them, files."""

    def __init__(self, work: Work, graph: Graph) -> None:
        self.rows: dict[str, Spilled[Found]] = {}
        self.mentions: dict[str, Spilled[Found]] = {}
        self.files: dict[str, Spilled[Found]] = {}
        kinds = {"subject": self.rows, "mention": self.mentions, "file": self.files}
        for one in work.found():
            if one.collection.partition(".")[0] not in graph.collections:
                raise Final(f"{one.collection} was found, and is no longer in the data map")
            kinds[one.how].setdefault(one.collection, Spilled()).append(one)

    @cached_property
    def fates(self) -> Labels[str]:
        """The fate of each row that is the person's, by its place; rows that are not here are someone else's."""
        fates: Labels[str] = Labels()
        for found in self.rows.values():
            for one in found:
                fates[one.place] = one.fate
        return fates


def chunks(items: Iterable[T], size: int = BATCH) -> Iterator[list[T]]:
    """Yield lists of at most `size` items."""
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch


def key_of(collection: Collection, row: Row) -> str:
    """Return a row's key as it is written down: its primary key as a JSON list."""
    return json.dumps([plain(row[name]) for name in collection.primary_key], ensure_ascii=False)


def having(table: sa.Table, collection: Collection, keys: Iterable[str]) -> sa.ColumnElement[bool]:
    """Return the condition that a row has one of these keys, letter for letter and NULL for NULL."""
    columns = [table.c[name] for name in collection.primary_key]
    values = [[typed(column, value) for column, value in zip(columns, json.loads(key), strict=True)] for key in keys]
    whole = [one for one in values if None not in one]
    in_part = [sa.and_(*map(_is, columns, one)) for one in values if None in one]
    exact = [letters(one) if one.info.get("broad") else one for one in columns]
    here = _among(columns, whole)
    if any(one.info.get("broad") for one in columns):
        here &= _among(exact, whole)  # the first comparison can use an index, the second one decides
    return sa.or_(here, *in_part)


def _among(columns: Sequence[sa.ColumnElement[Any]], values: Sequence[Sequence[Any]]) -> sa.ColumnElement[bool]:
    if len(columns) == 1:
        return columns[0].in_([one for (one,) in values])
    return sa.tuple_(*columns).in_([tuple(one) for one in values])


def _is(column: sa.Column[Any], value: Any) -> sa.ColumnElement[bool]:
    exact = [letters(column) == value] if column.info.get("broad") and value is not None else []
    return sa.and_(column.is_(None) if value is None else column == value, *exact)


def kept_apart(collection: Collection, table: sa.Table) -> bool:
    """Say whether the database itself lets no two rows have one key; of rows with NULL it does not."""
    key = [table.c[name] for name in collection.primary_key]
    # SQLite's INTEGER PRIMARY KEY is the number of the row, and never NULL
    numbered = len(key) == 1 and key[0].primary_key and isinstance(key[0].type, sa.Integer)
    return unique(table, collection.primary_key) and (numbered or not any(one.nullable for one in key))


def unique(table: sa.Table, fields: Iterable[str]) -> bool:
    """Say whether the database itself lets no two rows hold the same in some columns."""
    constraints = [table.primary_key, *(one for one in table.constraints if isinstance(one, sa.UniqueConstraint))]
    apart = [{column.name for column in one.columns} for one in constraints]
    apart += [{column.name for column in one.columns} for one in table.indexes if one.unique]
    return any(one and one <= {*fields} for one in apart)


def within(table: sa.FromClause, collection: Collection) -> sa.ColumnElement[bool]:
    """Return the condition of the collection's scope: nothing outside of it is this client's."""
    return sa.and_(sa.true(), *(equals(table.c[name], value) for name, value in collection.ext.scope.items()))


def tenant(table: sa.Table, graph: Graph) -> sa.ColumnElement[bool]:
    """Return the scope that collections share, for an unmapped table that has its columns.

    What only one of several has is its own: a kind of message is no client.
    """
    said = Counter(item for one in graph.collections.values() for item in one.ext.scope.items())
    several = Counter(name for name, _ in said)
    least = min(2, len(graph.collections))
    shared = [(name, value) for (name, value), number in said.items() if number >= least and several[name] == 1]
    return sa.and_(sa.true(), *(equals(table.c[name], value) for name, value in shared if name in table.c))


def fetch(
    connection: sa.Connection,
    table: sa.Table,
    collection: Collection,
    keys: Sequence[str],
    columns: Iterable[str],
    *,
    lock: bool = False,
) -> dict[str, Row]:
    """Return the rows of some keys that still exist, in the order of the keys."""
    names = dict.fromkeys([*collection.primary_key, *columns])
    query = sa.select(*(table.c[name] for name in names)).where(
        having(table, collection, keys), within(table, collection)
    )
    if lock:
        query = query.with_for_update()
    found = connection.execute(query).mappings().all()
    rows = {key_of(collection, row): row for row in found}
    if len(rows) < len(found):
        raise Final(f"{collection.name}: {SEVERAL}")
    return {key: rows[key] for key in keys if key in rows}


def rewrite(connection: sa.Connection, table: sa.Table, collection: Collection, changes: Mapping[str, Row]) -> None:
    """Write new values into rows by their keys: rows that change alike in one statement, the others one by one."""
    alike: dict[str, dict[str, Row]] = {}
    for key, values in changes.items():
        if values:
            alike.setdefault(repr(sorted(values.items())), {})[key] = values
    single: dict[str, Row] = {}
    for some in alike.values():
        if len(some) == 1 and None not in json.loads(next(iter(some))):
            single |= some
        else:
            here = sa.and_(having(table, collection, some), within(table, collection))
            connection.execute(sa.update(table).where(here).values(dict(next(iter(some.values())))))
    _rewrite_each(connection, table, collection, single)


def _rewrite_each(
    connection: sa.Connection, table: sa.Table, collection: Collection, changes: Mapping[str, Row]
) -> None:
    by_columns: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for key, values in changes.items():
        bound = {f"key_{at}": one for at, one in enumerate(json.loads(key))} | {
            f"value_{at}": one for at, one in enumerate(values.values())
        }
        by_columns.setdefault(tuple(values), []).append(bound)
    keys = [table.c[name] for name in collection.primary_key]
    for names, bounds in by_columns.items():
        for bound in bounds:
            for at, column in enumerate(keys):
                bound[f"key_{at}"] = typed(column, bound[f"key_{at}"])
        one_row = (_is(column, sa.bindparam(f"key_{at}")) for at, column in enumerate(keys))
        values = {name: sa.bindparam(f"value_{at}") for at, name in enumerate(names)}
        connection.execute(sa.update(table).where(*one_row, within(table, collection)).values(values), bounds)


def typed(column: sa.Column[Any], value: Any) -> Any:
    """Return a value in the type that a column's driver wants; a ValueError if it cannot be."""
    try:
        kind = column.type.python_type
    except NotImplementedError:
        return value
    if value is None or isinstance(value, kind):
        return value
    readers: dict[type, Any] = {
        str: str,
        int: int,
        UUID: UUID,
        datetime: datetime.fromisoformat,
        date: date.fromisoformat,
        time: time.fromisoformat,
        Decimal: lambda one: Decimal(str(one)),
        float: float,
        bytes: lambda one: base64.b64decode(one, validate=True),
    }
    return readers[kind](value) if kind in readers else value


def plain(value: Any) -> Any:
    """Return a value as JSON has it; bytes as base64."""
    match value:
        case None | bool() | int() | float() | str():
            return value
        case datetime() | date() | time():
            return value.isoformat()
        case bytes() | bytearray() | memoryview():
            return base64.b64encode(bytes(value)).decode()
        case Mapping():
            return {str(key): plain(one) for key, one in value.items()}
        case list() | tuple() | set():
            return [plain(one) for one in value]
    return str(value)


def digest(key: bytes, row: Row) -> str:
    """Return a keyed commitment to a row's content."""
    content = json.dumps({name: plain(value) for name, value in row.items()}, sort_keys=True, ensure_ascii=False)
    return hmac.digest(key, content.encode(errors="surrogatepass"), "sha256").hex()
