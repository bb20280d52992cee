"""Equality as we mean it: MySQL's collations hold `acme`, `ACME` and `acmé` for one, and a tenant is not another."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


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


def equals(column: sa.ColumnElement[Any], value: Any) -> sa.ColumnElement[bool]:
    """Return the condition that a column holds a value, texts letter for letter in every database."""
    return _Same(column, sa.literal(value)) if isinstance(value, str) else column == value
