"""Engines and sessions: made in each process, never before a fork.

On SQLite row locks vanish without a word, so every writing session begins with BEGIN IMMEDIATE; reading ones
begin deferred and never wait.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import create_engine, event
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.orm import Session

from shared.domain.errors import UsageError


class Store:
    """One database: `write()` and `read()` sessions.

    With `patience`, in seconds, it is one that must be there: nothing is created, and nobody waits longer for a
    connection or a lock. It is for those who read.
    """

    def __init__(self, url: str, *, patience: float | None = None) -> None:
        self.url = _parsed(url)
        sqlite = self.url.get_backend_name() == "sqlite"
        # the engine's own keys would stand in its error texts; parameters never may
        options: dict[str, Any] = {"hide_parameters": True, "pool_size": 2, "max_overflow": 2}
        if sqlite:
            # pysqlite would begin transactions by its own rules
            options |= {"connect_args": {"isolation_level": None, "timeout": 30, "check_same_thread": False}}
            if patience is None and self.url.database:
                Path(self.url.database).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        else:
            options |= {"pool_pre_ping": True, "connect_args": _unless_named(self.url)}
        if patience is not None:
            options |= _impatient(self.url, patience)
        try:
            self.engine = create_engine(self.url, **options)
        except ImportError as error:
            raise UsageError(f"RIGHTSDESK_DATABASE_URL: no driver {error.name}; write postgresql+psycopg://…") from None
        self._writing = self.engine.execution_options(write=True)
        # SQLite's reading transactions are snapshots anyway
        self._snapshots = self.engine if sqlite else self.engine.execution_options(isolation_level="REPEATABLE READ")
        if sqlite:
            event.listen(self.engine, "connect", _configure if patience is None else _configure_reader)
            event.listen(self.engine, "begin", _begin)
        else:
            event.listen(self.engine, "connect", _configure_server)

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Begin a writing transaction; commit at the end, roll back on an exception."""
        with Session(self._writing, expire_on_commit=False, autoflush=False) as session, session.begin():
            yield session

    @contextmanager
    def read(self, *, snapshot: bool = False) -> Iterator[Session]:
        """Begin a reading transaction; all statements of a `snapshot` see the database as it is at its first."""
        engine = self._snapshots if snapshot else self.engine
        with Session(engine, expire_on_commit=False, autoflush=False) as session, session.begin():
            yield session

    def scrub(self) -> None:
        """On SQLite, take what was deleted out of the write-ahead log; PostgreSQL's vacuum does it by itself."""
        if self.url.get_backend_name() == "sqlite":
            with closing(self.engine.raw_connection()) as connection:
                connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Let go of all connections."""
        self.engine.dispose()


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise UsageError("RIGHTSDESK_DATABASE_URL is not a SQLAlchemy URL, e.g. postgresql+psycopg://…") from None
    if parsed.get_backend_name() not in ("sqlite", "postgresql"):
        raise UsageError("RIGHTSDESK_DATABASE_URL must start with sqlite:/// or postgresql+psycopg://")
    return parsed


def _unless_named(url: URL) -> dict[str, Any]:
    """Return how soon we notice that the server is cut off; by itself TCP takes a quarter of an hour."""
    usual = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 30_000}
    return {name: value for name, value in usual.items() if name not in url.query}


def _impatient(url: URL, patience: float) -> dict[str, Any]:
    if url.get_backend_name() == "sqlite":
        existing = f"file:{quote(url.database or '')}?mode=rw"  # else a file that is missing would be made, empty
        keys: dict[str, Any] = {"uri": True, "isolation_level": None, "timeout": patience, "check_same_thread": False}
        return {"creator": partial(sqlite3.connect, existing, **keys), "pool_timeout": patience}
    waits = {"connect_timeout": max(2, round(patience)), "tcp_user_timeout": round(patience * 1000)}
    return {"connect_args": waits, "pool_timeout": patience, "pool_pre_ping": False}


def _configure(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=30000", "secure_delete=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _configure_server(connection: Any, _record: Any) -> None:
    # one of us that is cut off within a transaction keeps its locks for hours: the whole sweep would wait for them
    connection.execute("SET idle_in_transaction_session_timeout = '10s'")
    connection.commit()


def _configure_reader(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA query_only=ON").close()


def _begin(connection: Connection) -> None:
    writing = connection.get_execution_options().get("write")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")
