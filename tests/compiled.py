"""Statements compiled once for all engines of a kind: nearly each test has engines of its own, of the same servers.

Compiling is a quarter of what such a test costs. A worker, which keeps its engines, compiles each statement once, too.
"""

from typing import Any

from sqlalchemy import Engine
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.mysql import mariadb
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.util import LRUCache

_AS_MANY = 1000  # statements of a kind of database


class Alike:
    """A dialect that takes what another of its kind compiled; each engine still asks its server for what that can."""

    compiled: LRUCache[Any, Any]

    def __init_subclass__(cls) -> None:
        cls.supports_statement_cache = True  # SQLAlchemy wants it said by each class
        cls.compiled = LRUCache(_AS_MANY)

    def _server(self) -> tuple[Any, ...]:
        return type(self), self.server_version_info, self.default_schema_name

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Alike) and self._server() == other._server()

    def __hash__(self) -> int:
        return hash(type(self))

    @classmethod
    def engine_created(cls, engine: Engine) -> None:
        """Give a new engine what those before it compiled."""
        super().engine_created(engine)
        engine.update_execution_options(compiled_cache=cls.compiled)


class Sqlite(Alike, SQLiteDialect_pysqlite):
    """SQLite."""


class Postgres(Alike, PGDialect_psycopg):
    """PostgreSQL."""


class MariaDb(Alike, mariadb.loader("pymysql")):
    """MariaDB."""


def shared() -> None:
    """Let engines that are made from now on share."""
    kinds = {"sqlite": "Sqlite", "postgresql.psycopg": "Postgres", "mariadb.pymysql": "MariaDb"}
    for name, kind in kinds.items():
        registry.register(name, __name__, kind)
