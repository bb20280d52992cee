"""The system's database: an engine, transactions whose errors carry no values, and its tables as reflected."""

import sqlite3
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError, SAWarning, SQLAlchemyError, StatementError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.sql.sqltypes import NullType

from shared.domain.errors import Final, Retryable, UsageError
from workers.connectors.sql.exact import is_broad
from workers.connectors.sql.keys import ForeignKey, add_unique, foreign_keys
from workers.connectors.sql.moments import read_moments
from workers.connectors.sql.obstacles import MISFIT, Refused, obstacle, passing
from workers.connectors.sql.texts import decoded

BATCH = 500  # keys per statement, and rows per transaction
DRIVERS = {
    "sqlite": "sqlite",
    "postgresql": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
}

_READABLE = sa.text(
    "SELECT DISTINCT n.nspname FROM pg_namespace n JOIN pg_class c ON c.relnamespace = n.oid"
    " WHERE c.relkind IN ('r', 'p') AND NOT starts_with(n.nspname, 'pg_') AND n.nspname <> 'information_schema'"
    " AND has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT') ORDER BY 1"
)


def url_of(text: str, folder: Path) -> sa.URL:
    """Return a SQLAlchemy URL; a relative SQLite path is below the inventory's folder."""
    try:
        url = sa.make_url(text)
    except (sa.exc.ArgumentError, ValueError):  # a port that is no number
        raise UsageError("`url` is not a SQLAlchemy URL, such as sqlite:///chat.db") from None
    driver = DRIVERS.get(url.get_backend_name())
    if driver is None:
        known = ", ".join(DRIVERS.values())
        raise UsageError(f"{url.get_backend_name()} databases are not supported; `url` begins with one of {known}")
    if "+" not in url.drivername:
        url = url.set(drivername=driver)
    if url.get_backend_name() == "sqlite" and url.database and not url.database.startswith(("/", ":memory:", "file:")):
        return url.set(database=str(folder / url.database))
    return url


class Database:
    """One system's database; connects at the first transaction."""

    def __init__(self, url: sa.URL, system: str) -> None:
        self._system = system
        self._url = url
        self._engine: sa.Engine | None = None
        self._tables: dict[str, sa.Table] = {}
        self._second: Database | None = None
        self._keys: tuple[ForeignKey, ...] | None = None
        self.default_schema: str | None = None  # known once foreign keys were read
        self.mapped_views: frozenset[str] = frozenset()

    @property
    def dialect(self) -> str:
        """The backend's name, such as sqlite."""
        return self._url.get_backend_name()

    def close(self) -> None:
        """Let go of connections and of what was reflected."""
        if self._second is not None:
            self._second.close()
        self._second = None
        if self._engine is not None:
            self._engine.dispose()
        self._engine = None
        self._tables = {}
        self._keys = None

    @contextmanager
    def reading(self, place: str) -> Iterator[sa.Connection]:
        """Open a transaction that only reads; `place` is what an error names."""
        with self._refusals(place), self._connect() as connection:
            yield connection

    @contextmanager
    def writing(self, place: str) -> Iterator[sa.Connection]:
        """Open a transaction that commits at its end; `place` is what an error names."""
        with self._refusals(place), self._connect() as connection:
            # Chosen before the transaction begins: SQLite cannot turn a stale read into a write.
            connection.execution_options(rightsdesk_writes=True)
            with connection.begin():
                yield connection

    @contextmanager
    def reading_back(self, place: str) -> Iterator[sa.Connection]:
        """Open a transaction that only reads, on a second connection: it sees what really was committed."""
        if self._second is None:
            self._second = Database(self._url, self._system)
        with self._second.reading(place) as connection:
            yield connection

    def names(self, schema: str | None = None) -> list[str]:
        """Return the names of all tables of a schema; the database's default one unless told."""
        with self.reading("the schema") as connection:
            return sorted(sa.inspect(connection).get_table_names(schema))

    def views(self, schema: str | None = None) -> dict[str, bool]:
        """Return the names of all views of a schema, and whether each keeps copies (is materialised)."""
        with self.reading("the schema") as connection:
            inspector = sa.inspect(connection)
            views = dict.fromkeys(inspector.get_view_names(schema), False)
            kept = inspector.get_materialized_view_names(schema) if self.dialect == "postgresql" else []
            return views | dict.fromkeys(kept, True)

    def partitions(self) -> frozenset[str]:
        """Return the tables that are only parts of another one; where they are no tables of their own, none."""
        if self.dialect != "postgresql":
            return frozenset()
        parts = sa.text("SELECT relname FROM pg_class WHERE relispartition AND pg_table_is_visible(oid)")
        with self.reading("the schema") as connection:
            return frozenset(connection.scalars(parts))

    def foreign_keys(self) -> tuple[ForeignKey, ...]:
        """Return the foreign keys of all tables, those of a partition with its table's."""
        if self._keys is None:
            parts = self.partitions()
            with self.reading("the schema") as connection:
                self.default_schema = sa.inspect(connection).default_schema_name
                keys = foreign_keys(connection, self.default_schema)
                self._keys = tuple(one for one in keys if one.table not in parts)
        return self._keys

    def other_schemas(self, read: Iterable[str | None]) -> list[str]:
        """Return the schemas with tables that may be read, but for those that are; only PostgreSQL has several."""
        if self.dialect != "postgresql":
            return []
        with self.reading("the schema") as connection:
            own = {one or sa.inspect(connection).default_schema_name for one in (None, *read)}
            return [one for one in connection.scalars(_READABLE) if one not in own]

    def everything(self, mapped: Mapping[str, str | None]) -> list[str]:
        """Read all tables of the default schema and of those of mapped tables; return the names that they go by.

        What was read since the database was opened is not read again.
        A table goes by its name, and one of a name that is another schema's, too, by `schema.name`.
        """
        with self.reading("the schema") as connection:
            default = sa.inspect(connection).default_schema_name
        called: dict[str, tuple[str | None, str]] = {}
        for schema in sorted({None if one == default else one for one in (None, *mapped.values())}, key=str):
            for name in self.names(schema):
                own = mapped.get(name, schema) in (schema, default if schema is None else schema)
                called[name if own and name not in called else f"{schema or default}.{name}"] = schema, name
        unread = [place for key, place in called.items() if not self._has_read(key, *place)]
        for schema in {schema for schema, _ in unread}:
            self.reflect([name for one, name in unread if one == schema], schema, called)
        return sorted(called)

    def _has_read(self, key: str, schema: str | None, name: str) -> bool:
        table = self._tables.get(key)
        return table is not None and (table.schema, table.name) == (schema, name)

    def reflect(
        self,
        names: Iterable[str],
        schema: str | None = None,
        called: Mapping[str, tuple[str | None, str]] = MappingProxyType({}),
    ) -> None:
        """Read the definitions of tables and views, without the tables that they reference."""
        metadata = sa.MetaData()
        event.listen(metadata, "column_reflect", _as_stored if self.dialect == "sqlite" else _null_is_null)
        with self.reading("the schema") as connection, warnings.catch_warnings():
            warnings.simplefilter("ignore", SAWarning)  # expression indexes and unknown types are not needed here
            metadata.reflect(connection, only=list(names), schema=schema, views=True, resolve_fks=False)
            if self.dialect in ("mysql", "mariadb") and getattr(connection.dialect, "is_mariadb", False):
                _mark_documents(connection, metadata, schema)
            if self.dialect == "sqlite":
                add_unique(connection, metadata)
        for column in (one for table in metadata.tables.values() for one in table.c):
            column.info["broad"] = is_broad(column, self.dialect)
        own = {one: key for key, (where, one) in called.items() if where == schema}
        self._tables |= {own.get(table.name, table.name): table for table in metadata.tables.values()}

    def __contains__(self, name: str) -> bool:
        """Say whether a table was reflected."""
        return name in self._tables

    def table(self, name: str) -> sa.Table:
        """Return a table that was reflected."""
        return self._tables[name]

    def _connect(self) -> sa.Connection:
        try:
            if self._engine is None:
                self._engine = _engine(self._url, self._system)
            return self._engine.connect()
        except (TypeError, ValueError, AttributeError, LookupError):  # drivers check nothing, and quote what they get
            what = "the driver cannot use `url`; correct its host, and what follows ?"
            raise UsageError(f"{self._system}: {what}") from None

    @contextmanager
    def _refusals(self, place: str) -> Iterator[None]:
        """Turn the database's errors into ours; theirs carry parameters and rows."""
        try:
            yield
        except PoolTimeout:
            raise Retryable(f"{self._system}: no connection was free for {place}", after=10) from None
        except DBAPIError as error:
            if passing(error):
                raise Retryable(f"{place}: the database is not available or is locked", after=10) from None
            raise Refused(f"{place}: {obstacle(error)}", why=obstacle(error)) from None
        except StatementError:  # a value that the driver cannot bind
            raise Refused(f"{place}: {MISFIT}", why=MISFIT) from None
        except SQLAlchemyError as error:
            raise Final(f"{place}: the database and the data map disagree ({type(error).__name__})") from None


def _as_stored(_inspector: Any, _table: Any, column: dict[str, Any]) -> None:
    """Read SQLite's values as they are stored: a date or a document that does not parse must not stop an erasure."""
    if isinstance(column["type"], sa.JSON):
        column["type"] = sa.Text()
        column["info"] = {"document": True}
    elif isinstance(column["type"], sa.DateTime | sa.Date | sa.Time | sa.Numeric | sa.Boolean):
        column["info"] = {"declared": bool} if isinstance(column["type"], sa.Boolean) else {}
        column["type"] = NullType()
    elif isinstance(column["type"], sa.Integer):
        column["type"] = sa.BigInteger()  # whatever the column is called, eight bytes


def _null_is_null(_inspector: Any, _table: Any, column: dict[str, Any]) -> None:
    """Make None in a document's column NULL, and not the document `null`."""
    if isinstance(column["type"], sa.JSON):
        column["type"].none_as_null = True


def _engine(url: sa.URL, system: str) -> sa.Engine:
    options: dict[str, Any] = {"hide_parameters": True}
    path = url.database
    lite = url.get_backend_name() == "sqlite"
    if lite and path and not path.startswith((":memory:", "file:")):
        if not Path(path).is_file():
            raise Final(f"{system}: the database file of the inventory's `url` does not exist")
        if not {*url.query} <= {"timeout"}:
            raise UsageError(f"{system}: of what follows ? in `url`, a SQLite file takes `timeout` alone")
        # mode=rw: a file that goes away in between must not come back empty.
        place = f"file:{quote(path)}?mode=rw"
        wait = float(str(url.query.get("timeout", 30)))  # seconds for another's lock
        options["creator"] = lambda: sqlite3.connect(
            place, uri=True, timeout=wait, isolation_level=None, check_same_thread=False
        )
    if path and not path.startswith(":memory:"):
        options |= {"pool_size": 1, "max_overflow": 4, "pool_pre_ping": not lite}
    if url.get_driver_name() == "pymysql":
        url = url.update_query_dict({"charset": url.query.get("charset", "utf8mb4")})
        if "unix_socket" in url.query:  # else PyMySQL reads all of the machine's certificates for each connection
            options["connect_args"] = {"ssl_disabled": True}
    try:
        engine = sa.create_engine(url, **options)
    except (ModuleNotFoundError, sa.exc.ArgumentError, sa.exc.NoSuchModuleError):
        raise UsageError(f"{system}: no database driver for {url.drivername} is installed") from None
    if lite:
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    elif url.get_backend_name() == "postgresql":
        event.listen(engine, "connect", read_moments)
        event.listen(engine, "begin", _begin_postgres)
    else:
        event.listen(engine, "begin", _begin_mysql)
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # or the driver begins transactions by itself, too late for IMMEDIATE
    connection.text_factory = decoded  # a picture read as a text must not end a check, nor old Latin-1 a search
    connection.execute("PRAGMA foreign_keys=ON")


def _begin_sqlite(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get("rightsdesk_writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _begin_postgres(connection: sa.Connection) -> None:
    if connection.get_execution_options().get("rightsdesk_writes"):
        connection.exec_driver_sql("SET LOCAL lock_timeout = '15s'")


def _begin_mysql(connection: sa.Connection) -> None:
    if connection.get_execution_options().get("rightsdesk_writes"):
        connection.exec_driver_sql("SET SESSION innodb_lock_wait_timeout = 15")


def _mark_documents(connection: sa.Connection, metadata: sa.MetaData, schema: str | None) -> None:
    """Mark MariaDB's columns of JSON, which are texts with a check."""
    clauses = connection.execute(
        sa.text(
            "SELECT table_name, check_clause FROM information_schema.check_constraints"
            " WHERE constraint_schema = COALESCE(:schema, DATABASE()) AND check_clause LIKE 'json_valid(%'"
        ),
        {"schema": schema},
    ).all()
    tables = {table.name: table for table in metadata.tables.values()}
    for name, clause in clauses:
        column = clause.removeprefix("json_valid(").removesuffix(")").strip("`")
        if name in tables and column in tables[name].c:
            tables[name].c[column].info["document"] = True
