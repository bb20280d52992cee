"""Engines and sessions: made in each process, never before a fork.

On SQLite row locks vanish without a word, so every writing session begins with BEGIN IMMEDIATE; reading ones
begin deferred and never wait.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, event
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.orm import Session

from shared.domain.errors import UsageError


class Store:
    """One database: `write()` and `read()` sessions."""

    def __init__(self, url: str) -> None:
        self.url = _parsed(url)
        sqlite = self.url.get_backend_name() == "sqlite"
        # the engine's own keys would stand in its error texts; parameters never may
        options: dict[str, Any] = {"hide_parameters": True, "pool_size": 2, "max_overflow": 2}
        if sqlite:
            # pysqlite would begin transactions by its own rules
            options |= {"connect_args": {"isolation_level": None, "timeout": 30, "check_same_thread": False}}
        else:
            options |= {"pool_pre_ping": True}
        try:
            self.engine = create_engine(self.url, **options)
        except ImportError as error:
            raise UsageError(f"RIGHTSDESK_DATABASE_URL: no driver {error.name}; write postgresql+psycopg://…") from None
        self._writing = self.engine.execution_options(write=True)
        # SQLite's reading transactions are snapshots anyway
        self._snapshots = self.engine if sqlite else self.engine.execution_options(isolation_level="REPEATABLE READ")
        if sqlite:
            event.listen(self.engine, "connect", _configure)
            event.listen(self.engine, "begin", _begin)

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
    if parsed.get_backend_name() == "sqlite" and parsed.database:
        Path(parsed.database).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return parsed


def _configure(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=30000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Connection) -> None:
    writing = connection.get_execution_options().get("write")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")
