"""The servers that other tests stand on."""

import stat

import pytest
import redis
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from tests.servers import Postgres, postgres_server
from tests.waiting import until


def test_any_database_is_empty_and_takes_rows(any_database_url):
    """Each kind of database starts empty and keeps what is written."""
    engine = sa.create_engine(any_database_url)
    with engine.begin() as connection:
        assert [] == sa.inspect(connection).get_table_names()
        connection.execute(sa.text("CREATE TABLE people (id INTEGER)"))
        connection.execute(sa.text("INSERT INTO people VALUES (7)"))
    with engine.begin() as connection:
        assert 7 == connection.scalar(sa.text("SELECT id FROM people"))
    engine.dispose()


def test_databases_come_from_a_template(postgres: Postgres):
    """A database made from a prepared one has its tables."""
    with postgres.database() as prepared:
        engine = sa.create_engine(prepared)
        with engine.begin() as connection:
            connection.execute(sa.text("CREATE TABLE people (id INTEGER)"))
        engine.dispose()
        with postgres.copy(sa.make_url(prepared).database) as url:
            engine = sa.create_engine(url)
            with engine.connect() as connection:
                assert ["people"] == sa.inspect(connection).get_table_names()
            engine.dispose()


def test_postgres_is_private(postgres: Postgres):
    """The server's folder is closed to others and it does not listen on the network."""
    engine = sa.create_engine(postgres.url("postgres"))
    with engine.connect() as connection:
        assert "" == connection.scalar(sa.text("SHOW listen_addresses"))
    engine.dispose()
    assert 0o700 == stat.S_IMODE(postgres.place.stat().st_mode)


@pytest.mark.processes
def test_postgres_runs_from_a_copy():
    """An installation that `nobody` can not reach is copied, and the copy works."""
    with postgres_server(copied=True) as server, server.database() as url:
        engine = sa.create_engine(url)
        with engine.connect() as connection:
            assert 1 == connection.scalar(sa.text("SELECT 1"))
        engine.dispose()
    assert not server.place.exists()


@pytest.mark.parametrize("round_", [1, 2])
def test_valkey_is_empty_for_each_test(valkey: redis.Redis, round_):
    """What one test leaves in Valkey is gone for the next."""
    assert [] == valkey.keys()
    valkey.set("left", round_)


@given(st.integers())
def test_hypothesis_has_no_deadline(number):
    """A shared machine is slow at times; that is no failure."""
    from hypothesis import settings

    assert settings.default.deadline is None
    assert isinstance(number, int)


def test_until_says_what_it_waited_for():
    """A condition that never comes true fails with its name and last answer."""

    def never():
        return 0

    with pytest.raises(AssertionError, match=r"never was still 0 after 0.05 s"):
        until(never, timeout=0.05)
