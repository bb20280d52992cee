"""Fixtures: real servers, a database per test, and nothing of the developer's own environment."""

import gc
import os
from collections.abc import Iterator

import hypothesis
import pytest
import redis

from tests import compiled
from tests.mariadb import MariaDb, mariadb_server
from tests.servers import Postgres, postgres_server, valkey_server

hypothesis.settings.register_profile("here", deadline=None, database=None)
hypothesis.settings.register_profile("ci", deadline=None, database=None, derandomize=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "here")
compiled.shared()


def pytest_collection_finish() -> None:
    """Look for garbage only among what tests make: what thousands of collected tests hold lives to the end."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000)


@pytest.fixture(scope="session", autouse=True)
def environment() -> Iterator[None]:
    """No test reads the settings of whoever runs it."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("RIGHTSDESK_")]:
            patch.delenv(name)
        yield


@pytest.fixture(autouse=True)
def umask() -> Iterator[None]:
    """The umask that a command sets in this process ends with its test."""
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture(scope="session")
def valkey_url() -> Iterator[str]:
    """Yield the URL, as Celery writes it, of a real Valkey; ask for `valkey` too to have it empty."""
    with valkey_server() as url:
        yield url


@pytest.fixture
def valkey(valkey_url: str) -> Iterator[redis.Redis]:
    """Yield a client of that Valkey, emptied; answers are bytes."""
    path = valkey_url.removeprefix("redis+socket://").partition("?")[0]
    with redis.Redis(unix_socket_path=path, driver_info=redis.DriverInfo(lib_version=redis.__version__)) as client:
        client.flushall()
        yield client


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """Yield a real PostgreSQL, in which databases are made."""
    with postgres_server() as server:
        yield server


@pytest.fixture(scope="session")
def postgres_url(postgres: Postgres) -> str:
    """Return the SQLAlchemy URL of its database `postgres`, shared by all tests; see `database` for one's own."""
    return postgres.url("postgres")


@pytest.fixture
def database(postgres: Postgres) -> Iterator[str]:
    """Yield the SQLAlchemy URL of a fresh, empty PostgreSQL database."""
    with postgres.database() as url:
        yield url


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariaDb]:
    """Yield a real MariaDB, in which databases are made; skipped, with the reason, where none is installed."""
    with mariadb_server() as server:
        yield server


@pytest.fixture
def maria_database(mariadb: MariaDb) -> Iterator[str]:
    """Yield the SQLAlchemy URL of a fresh, empty MariaDB database."""
    with mariadb.database() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def any_database_url(request: pytest.FixtureRequest) -> str:
    """Return the SQLAlchemy URL of a fresh, empty database; the test runs on each kind."""
    if request.param == "postgresql":
        return request.getfixturevalue("database")
    return f"sqlite:///{request.getfixturevalue('tmp_path') / 'rightsdesk.sqlite3'}"
