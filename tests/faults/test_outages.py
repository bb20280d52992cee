"""A broker and a database that go away while tickets are worked: everything waits, nothing is lost, all goes on."""

import psycopg
import pytest
import redis

from shared.store.tables import StepRow
from tests.faults.rig import rig, row
from tests.small import ADA, BOB

pytestmark = [pytest.mark.long, pytest.mark.processes]
CUT = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


def cut(url):
    """Cut every connection to a database, as its restart does."""
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        return len(connection.execute(CUT).fetchall())


def test_a_broker_and_a_database_that_go_away(tmp_path, database, capsys):
    """The broker is emptied, killed, and away for a while; the database cuts every connection, again and again."""
    with rig(tmp_path, database=database, chat="moody") as one:
        first = one.submit("erasure", ADA)
        with redis.Redis(unix_socket_path=str(one.broker.socket)) as broker:
            broker.flushall()
        cut(database)
        second = one.submit("access", BOB)
        one.broker.kill()
        third = one.submit()
        assert [str(third)] == [path.stem.partition(":")[0] for path in one.line.submitter.spool.glob(f"{third}*")]
        for _ in range(3):
            cut(database)
        one.broker.start()
        took = one.seconds_until_closed(first, second, third)
        assert {"done"} == {state for (state,) in one.steps(StepRow.state)}
        assert set() == one.world.of(ADA)
        assert one.world.of(BOB)
        assert [] == one.wrong(systems=True)
    row(
        capsys, "broker emptied, killed, started again; database cut four times", "3 tickets closed, doctor clean", took
    )
