"""The system's database: an engine, transactions whose errors carry no values, and its tables as reflected."""

import sqlite3
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SAWarning, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.sql.sqltypes import NullType

from shared.domain.errors import Final, Retryable, UsageError

BATCH = 500  # keys per statement, and rows per transaction
_PASSING = {5, 6, 10, 13, 14}  # SQLITE_BUSY, LOCKED, IOERR, FULL, CANTOPEN: these may pass, the rest will not


def url_of(text: str, folder: Path) -> sa.URL:
    """Return a SQLAlchemy URL; a relative SQLite path is below the inventory's folder."""
    try:
        url = sa.make_url(text)
    except sa.exc.ArgumentError:
        raise UsageError("`url` is not a SQLAlchemy URL, such as sqlite:///chat.db") from None
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

    @property
    def dialect(self) -> str:
        """The backend's name, such as sqlite."""
        return self._url.get_backend_name()

    def close(self) -> None:
        """Let go of connections and of what was reflected."""
        if self._engine is not None:
            self._engine.dispose()
        self._engine = None
        self._tables = {}

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

    def names(self) -> list[str]:
        """Return the names of all tables of the schema."""
        with self.reading("the schema") as connection:
            return sorted(sa.inspect(connection).get_table_names())

    def views(self) -> dict[str, bool]:
        """Return the names of all views of the schema, and whether each keeps copies (is materialised)."""
        with self.reading("the schema") as connection:
            inspector = sa.inspect(connection)
            views = dict.fromkeys(inspector.get_view_names(), False)
            kept = inspector.get_materialized_view_names() if self.dialect == "postgresql" else []
            return views | dict.fromkeys(kept, True)

    def partitions(self) -> frozenset[str]:
        """Return the tables that are only parts of another one; where they are no tables of their own, none."""
        if self.dialect != "postgresql":
            return frozenset()
        parts = sa.text("SELECT relname FROM pg_class WHERE relispartition AND pg_table_is_visible(oid)")
        with self.reading("the schema") as connection:
            return frozenset(connection.scalars(parts))

    def reflect(self, names: Iterable[str]) -> None:
        """Read the definitions of tables, without the tables that they reference."""
        metadata = sa.MetaData()
        event.listen(metadata, "column_reflect", _as_stored if self.dialect == "sqlite" else _null_is_null)
        with self.reading("the schema") as connection, warnings.catch_warnings():
            warnings.simplefilter("ignore", SAWarning)  # expression indexes and unknown types are not needed here
            metadata.reflect(connection, only=list(names), resolve_fks=False)
        self._tables |= {table.name: table for table in metadata.tables.values()}

    def table(self, name: str) -> sa.Table:
        """Return a table that was reflected."""
        return self._tables[name]

    def _connect(self) -> sa.Connection:
        if self._engine is None:
            self._engine = _engine(self._url, self._system)
        return self._engine.connect()

    @contextmanager
    def _refusals(self, place: str) -> Iterator[None]:
        """Turn the database's errors into ours; theirs carry parameters and rows."""
        try:
            yield
        except PoolTimeout:
            raise Retryable(f"{self._system}: no connection was free for {place}", after=10) from None
        except (OperationalError, InterfaceError) as error:
            code = getattr(error.orig, "sqlite_errorcode", None)
            if code is not None and code & 0xFF not in _PASSING:
                raise Final(f"{place}: the database refused ({type(error.orig).__name__})") from None
            raise Retryable(f"{place}: the database is not available or is locked", after=10) from None
        except DBAPIError as error:
            if error.connection_invalidated:
                raise Retryable(f"{place}: the connection to the database was lost", after=10) from None
            raise Final(f"{place}: the database refused ({type(error).__name__})") from None
        except SQLAlchemyError as error:
            raise Final(f"{place}: the database and the data map disagree ({type(error).__name__})") from None


def _as_stored(_inspector: Any, _table: Any, column: dict[str, Any]) -> None:
    """Read SQLite's values as they are stored: a date or a document that does not parse must not stop an erasure."""
    if isinstance(column["type"], sa.JSON):
        column["type"] = sa.Text()
        column["info"] = {"document": True}
    elif isinstance(column["type"], sa.DateTime | sa.Date | sa.Time | sa.Numeric | sa.Boolean):
        column["type"] = NullType()


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
        # mode=rw: a file that goes away in between must not come back empty.
        place = f"file:{quote(path)}?mode=rw"
        wait = float(str(url.query.get("timeout", 30)))  # seconds for another's lock
        options["creator"] = lambda: sqlite3.connect(
            place, uri=True, timeout=wait, isolation_level=None, check_same_thread=False
        )
    if path and not path.startswith(":memory:"):
        options |= {"pool_size": 1, "max_overflow": 4, "pool_pre_ping": not lite}
    try:
        engine = sa.create_engine(url, **options)
    except (ModuleNotFoundError, sa.exc.ArgumentError, sa.exc.NoSuchModuleError):
        raise UsageError(f"{system}: no database driver for {url.drivername} is installed") from None
    if lite:
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    elif url.get_backend_name() == "postgresql":
        event.listen(engine, "begin", _begin_postgres)
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # or the driver begins transactions by itself, too late for IMMEDIATE
    connection.execute("PRAGMA foreign_keys=ON")


def _begin_sqlite(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get("rightsdesk_writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _begin_postgres(connection: sa.Connection) -> None:
    if connection.get_execution_options().get("rightsdesk_writes"):
        connection.exec_driver_sql("SET LOCAL lock_timeout = '15s'")
