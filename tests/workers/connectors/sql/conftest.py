"""A store in each kind of database."""

import pytest

from tests.workers.connectors.sql_store import Store

KINDS = {"postgresql": "database", "mariadb": "maria_database"}


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def store(request, tmp_path):
    """Return an empty store in each kind of database."""
    if request.param != "sqlite":
        return Store(request.getfixturevalue(KINDS[request.param]), tmp_path)
    return Store(f"sqlite:///{tmp_path / 'chat.db'}", tmp_path)


@pytest.fixture
def lite(tmp_path):
    """Return an empty store in a SQLite file, where the kind of database does not matter."""
    return Store(f"sqlite:///{tmp_path / 'chat.db'}", tmp_path)
