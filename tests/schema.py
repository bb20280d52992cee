"""The schema at head, without a run of all migrations for each test: what the first run made is made again."""

import sqlite3
from contextlib import closing

from sqlalchemy import event

from shared.store.migrate import current, migrate
from shared.store.session import Store

_said: list[tuple[str, object]] = []
_lite = sqlite3.connect(":memory:", check_same_thread=False)


def to_head(store: Store) -> None:
    """Bring a database to head; `tests/shared/test_migrations.py` looks at the migrations themselves."""
    if current(store):
        migrate(store)
    elif store.engine.dialect.name == "sqlite":
        _copied(store)
    elif _said:
        _say_again(store)
    else:
        _said.extend(_migrated(store))


def _copied(store: Store) -> None:
    known = _lite.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if not known:
        migrate(store)
    with closing(store.engine.raw_connection()) as connection:
        here = connection.driver_connection
        (_lite if known else here).backup(here if known else _lite)


def _say_again(store: Store) -> None:
    with store.engine.execution_options(write=True).begin() as connection:
        for statement, values in _said:
            connection.exec_driver_sql(statement, values)


def _migrated(store: Store) -> list[tuple[str, object]]:
    said = []

    def hear(_connection, _cursor, statement, values, *_more):
        said.append((statement, values))

    event.listen(store.engine, "before_cursor_execute", hear)
    try:
        migrate(store)
    finally:
        event.remove(store.engine, "before_cursor_execute", hear)
    return [(statement, values or None) for statement, values in said if not _asks(statement)]


def _asks(statement: str) -> bool:
    return statement.lstrip().upper().startswith(("SELECT", "PRAGMA", "BEGIN"))
