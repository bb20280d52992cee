"""The gate fails closed, whatever is wrong with its store or its keys, and does not wait for it."""

import os
import signal
import socket
from contextlib import contextmanager

import pytest
from sqlalchemy import delete

from shared.settings import Settings
from shared.store.tables import IndexKeyRow
from tests import small
from tests.line import open_line
from tests.small import ADA, BOB, ticket
from tests.workers.gate.conftest import ADA_PHONE
from workers.gate import Gate, check

UNREACHABLE = ("unknown", "the store cannot be reached")


def asked(gate, purpose="direct-marketing", **who):
    """Return what a gate answers."""
    return gate.check(client="acme", purpose=purpose, **who or {"email": ADA})


def settings(line, **more):
    """Return a line's settings, changed."""
    return Settings(**line.office.settings.model_dump(exclude_unset=True) | more)


def test_it_answers_for_each_identifier(line):
    """By address and number, as the client's people write them; many at once as one by one."""
    with Gate(line.office.settings) as gate:
        assert ("deny", "objection") == asked(gate) == asked(gate, email=" ADA@Example.org ")
        assert ("deny", "objection") == asked(gate, phone=ADA_PHONE)
        assert "allow" == asked(gate, email=BOB)[0] == asked(gate, "storage")[0]
        assert ("unknown", "this is no email") == asked(gate, email="\udcff@example.org")


@contextmanager
def silent():
    """A server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"postgresql+psycopg://rightsdesk@127.0.0.1:{server.getsockname()[1]}/rightsdesk"


def test_a_store_that_is_not_there_is_unknown(line, tmp_path):
    """A file that is missing is not made; nobody listens; somebody listens and is silent."""
    missing = tmp_path / "none" / "rightsdesk.sqlite3"
    with silent() as url:
        for one in (f"sqlite:///{missing}", "postgresql+psycopg://x@127.0.0.1:1/y", url):
            with Gate(settings(line, database_url=one)) as gate:
                assert UNREACHABLE == asked(gate)
    assert not missing.parent.exists()


def test_a_store_without_a_schema_is_unknown(line, tmp_path):
    """An empty database is not one in which nothing stands."""
    empty = tmp_path / "empty.sqlite3"
    empty.touch()
    assert UNREACHABLE == check(
        client="acme", purpose="x", email=ADA, settings=settings(line, database_url=f"sqlite:///{empty}")
    )


def test_without_the_stores_keys_everything_is_unknown(line, tmp_path):
    """With other keys it would know nobody and allow everything; and it makes none."""
    with Gate(settings(line, home=tmp_path, database_url=line.office.settings.database)) as gate:
        assert ("unknown", "there are no keys under RIGHTSDESK_HOME") == asked(gate)
        assert not (tmp_path / "keys").exists()
        (tmp_path / "keys").mkdir()
        (tmp_path / "keys" / "index.key").write_bytes(b"k" * 32)
        assert ("unknown", "the keys under RIGHTSDESK_HOME are not those of this store") == asked(gate)


@pytest.fixture
def kept(tmp_path, valkey, valkey_url, database):
    """A line on PostgreSQL, and a gate that has asked once."""
    world = small.build(tmp_path / "world")
    made = open_line(tmp_path / "home", world.systems, broker=valkey_url, database=database)
    made.submit(ticket("objection", details={"purposes": ["direct-marketing"]}))
    with Gate(made.office.settings) as gate:
        assert ("deny", "objection") == asked(gate)
        yield made, gate
    made.close()


def backend(gate):
    """Return the server process of a gate's connection."""
    with gate.store.engine.connect() as connection:
        return connection.connection.driver_connection.info.backend_pid


def test_a_server_that_falls_silent_is_unknown(kept):
    """Its connection is cut after a while; once it answers again, so does the gate."""
    _, gate = kept
    frozen = backend(gate)
    os.kill(frozen, signal.SIGSTOP)
    try:
        assert UNREACHABLE == asked(gate)
    finally:
        os.kill(frozen, signal.SIGCONT)
    assert ("deny", "objection") == asked(gate)


def test_a_connection_that_died_is_made_again(kept):
    """The caller does not notice; a store that never saw a key is asked as it is."""
    line, gate = kept
    os.kill(backend(gate), signal.SIGTERM)
    assert ("deny", "objection") == asked(gate)
    with line.office.store.write() as session:
        session.execute(delete(IndexKeyRow))
    with Gate(line.office.settings) as fresh:
        assert ("deny", "objection") == asked(fresh)
