"""The schema at head, without a run of all migrations for each test: what the first run said is said again."""

from sqlalchemy import event

from shared.store.migrate import current, migrate
from shared.store.session import Store

_said: dict[str, list[tuple[str, object]]] = {}


def to_head(store: Store) -> None:
    """Bring a database to head; `tests/shared/test_migrations.py` looks at the migrations themselves."""
    if current(store):
        migrate(store)
        return
    dialect = store.engine.dialect.name
    if dialect not in _said:
        _said[dialect] = _migrated(store)
        return
    with store.engine.execution_options(write=True).begin() as connection:
        for statement, values in _said[dialect]:
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
