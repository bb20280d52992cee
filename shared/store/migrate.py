"""The schema: Alembic migrations, brought to head."""

import time
from pathlib import Path

from sqlalchemy import inspect, text
from sqlalchemy.exc import OperationalError

from shared.domain.errors import Final
from shared.store.session import Store

FOLDER = Path(__file__).parent / "migrations"


def head() -> str:
    """Return the newest revision: the last file's number, without importing Alembic."""
    return max(_revisions())


def _revisions() -> set[str]:
    return {path.name.partition("_")[0] for path in (FOLDER / "versions").glob("[0-9]*.py")}


def current(store: Store) -> str | None:
    """Return the database's revision; None for an empty database."""
    with store.engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
        return found


def await_head(store: Store, *, patience: float = 30.0) -> None:
    """Wait until somebody has brought the schema to head; a Final if nobody does, or if it is beyond."""
    end = time.monotonic() + patience
    while (found := _reachable(store)) != head():
        _check(found)
        if time.monotonic() > end:
            raise Final(f"the schema is at {found}, this program needs {head()}: run `rightsdesk migrate`")
        time.sleep(0.1)


def _reachable(store: Store) -> str | None:
    try:
        return current(store)
    except OperationalError:
        return None


def _check(found: str | None) -> None:
    if found is not None and found not in _revisions():
        raise Final(f"the schema is at {found}, newer than this program, which knows {head()}: install the newer one")


def migrate(store: Store) -> bool:
    """Bring the schema to head; return whether there was anything to do. Safe to run by several at once."""
    if (found := current(store)) == head():
        return False
    _check(found)
    from alembic import command  # noqa: PLC0415 - half a second, and rarely needed
    from alembic.config import Config  # noqa: PLC0415 - the same

    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    config.attributes["store"] = store
    command.upgrade(config, "head")
    return True
