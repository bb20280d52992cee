"""A store in each kind of database."""

from contextlib import closing

import pytest

from tests.workers.connectors.sql_store import Store

KINDS = {"postgresql": "database", "mariadb": "maria_database"}


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def store(request, tmp_path):
    """Return an empty store in each kind of database."""
    url = (
        request.getfixturevalue(KINDS[request.param]) if request.param in KINDS else f"sqlite:///{tmp_path / 'chat.db'}"
    )
    with closing(Store(url, tmp_path)) as store:
        yield store


@pytest.fixture
def lite(tmp_path):
    """Return an empty store in a SQLite file, where the kind of database does not matter."""
    with closing(Store(f"sqlite:///{tmp_path / 'chat.db'}", tmp_path)) as store:
        yield store


@pytest.fixture
def postgres_store(database, tmp_path):
    """Return a store in PostgreSQL."""
    with closing(Store(database, tmp_path)) as store:
        yield store


@pytest.fixture
def maria_store(maria_database, tmp_path):
    """Return a store in MariaDB."""
    with closing(Store(maria_database, tmp_path)) as store:
        yield store
