"""Equality as we mean it: MySQL's collations hold `acme`, `ACME` and `acmé` for one, and a tenant is not another."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import CITEXT
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

_MY = ("mysql", "mariadb")


class _Same(FunctionElement[bool]):
    """Two texts are the same, letter for letter."""

    inherit_cache = True
    type = sa.Boolean()


@compiles(_Same)
def _plainly(element: _Same, compiler: Any, **more: Any) -> str:
    one, other = element.clauses
    return f"{compiler.process(one, **more)} = {compiler.process(other, **more)}"


@compiles(_Same, "mysql", "mariadb")
def _in_binary(element: _Same, compiler: Any, **more: Any) -> str:
    one, other = (compiler.process(one, **more) for one in element.clauses)
    # the first comparison can use an index, the second one decides
    return f"({one} = {other} AND CONVERT({one} USING utf8mb4) COLLATE utf8mb4_bin = {other})"


class _Stored(sa.types.TypeDecorator[str]):
    """A text as it is compared by its bytes."""

    impl = sa.Text
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
        """Return bytes for MySQL: its collations of texts ignore blanks at the end, even the binary ones."""
        return sa.LargeBinary() if dialect.name in _MY else sa.Text()

    def process_bind_param(self, value: str | None, dialect: sa.Dialect) -> Any:
        """Return what a value is compared as."""
        return value.encode(errors="surrogatepass") if value is not None and dialect.name in _MY else value


class letters(FunctionElement[str]):  # noqa: N801 - reads as the function of SQL that it stands for
    """A text whose comparison no collation broadens: `abc` is neither `ABC` nor `abc `."""

    inherit_cache = True
    type = _Stored()


@compiles(letters)
def _as_text(element: letters, compiler: Any, **more: Any) -> str:
    return f"CAST({compiler.process(*element.clauses, **more)} AS TEXT)"


@compiles(letters, "sqlite")
def _uncollated(element: letters, compiler: Any, **more: Any) -> str:
    return f"({compiler.process(*element.clauses, **more)} COLLATE BINARY)"


@compiles(letters, "mysql", "mariadb")
def _as_bytes(element: letters, compiler: Any, **more: Any) -> str:
    return f"CAST(CONVERT({compiler.process(*element.clauses, **more)} USING utf8mb4) AS BINARY)"


def is_broad(column: sa.Column[Any], dialect: str) -> bool:
    """Say whether a column's collation may hold different texts for one."""
    text = isinstance(column.type, sa.String) and not isinstance(column.type, sa.Enum)
    return text and (dialect != "postgresql" or isinstance(column.type, CITEXT))


def equals(column: sa.ColumnElement[Any], value: Any) -> sa.ColumnElement[bool]:
    """Return the condition that a column holds a value, texts letter for letter in every database."""
    return _Same(column, sa.literal(value)) if isinstance(value, str) else column == value
