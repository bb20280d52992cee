"""Columns and values as text, whatever their type: what cannot be read as text is never searched."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.sql.sqltypes import NullType

from workers.connectors.sql.documents import opened

_WHOLE = re.compile(r"(\d{7,15})(?:\.0*)?")


class _Bytes(FunctionElement[str]):
    """Bytes as a text that fails for no byte, and in which ASCII shows."""

    inherit_cache = True
    type = sa.Text()


@compiles(_Bytes, "sqlite")
def _cast(element: _Bytes, compiler: Any, **more: Any) -> str:
    return f"CAST({compiler.process(element.clauses, **more)} AS TEXT)"


@compiles(_Bytes, "postgresql")
def _escaped(element: _Bytes, compiler: Any, **more: Any) -> str:
    return f"encode({compiler.process(element.clauses, **more)}, 'escape')"


@compiles(_Bytes, "mysql", "mariadb")
def _one_by_one(element: _Bytes, compiler: Any, **more: Any) -> str:
    # utf8mb4 alone makes NULL of bytes that are no text; latin1 alone is not compared with what lies beyond it
    return f"CONVERT(CONVERT({compiler.process(element.clauses, **more)} USING latin1) USING utf8mb4)"


def as_text(column: sa.Column[Any]) -> sa.ColumnElement[str]:
    """Return a column as text, whatever its type."""
    if is_binary(column):
        return _Bytes(column)
    plain = isinstance(column.type, sa.String) and not isinstance(column.type, sa.Enum)
    # not String, which is VARCHAR without a length where a length must be
    return column if plain else sa.cast(column, sa.Text)


def textual(column: sa.Column[Any]) -> bool:
    """Say whether a column may hold text: text, documents, lists, bytes, and types unknown to SQLAlchemy."""
    if isinstance(column.type, sa.Enum):
        return False
    known = isinstance(column.type, sa.String | sa.JSON | sa.ARRAY | NullType) or is_binary(column)
    return known or column.type.__class__.__name__ in ("HSTORE", "XML")


def numeric(column: sa.Column[Any]) -> bool:
    """Say whether a column may hold phone numbers as numbers; one that ties rows together does not."""
    return isinstance(column.type, sa.Integer | sa.Numeric) and not column.primary_key and not column.foreign_keys


def is_binary(column: sa.Column[Any]) -> bool:
    """Say whether a column holds bytes."""
    try:
        return column.type.python_type is bytes
    except NotImplementedError:
        return False


def texts(value: object) -> Iterator[str]:
    """Yield each text in a value: a document's leaves, whether the driver decoded it or not."""
    value = opened(said(value))
    if isinstance(value, Mapping):
        for key, one in value.items():
            yield str(key)
            yield from texts(one)
    elif isinstance(value, list | tuple | set):
        for one in value:
            yield from texts(one)
    elif value is not None:
        yield str(value)


def said(value: Any) -> Any:
    """Return bytes as the text that they are, byte by byte where they are none; other values as they are."""
    if not isinstance(value, bytes | bytearray | memoryview):
        return value
    return decoded(bytes(value))


def decoded(data: bytes) -> str:
    """Return bytes as the text that they are, byte by byte where they are none."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")


def as_number(value: object) -> str:
    """Return the digits of a whole number, however its column keeps it; an empty text for what is none."""
    whole = _WHOLE.fullmatch(str(value))
    return whole[1] if whole else ""
