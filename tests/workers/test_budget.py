"""What a step costs in the engine itself: commits, SQL statements, Redis commands; counted, and printed."""

from collections import Counter

import pytest
from celery import Celery
from sqlalchemy import event, select

from shared.store.tables import StepRow
from tests import small
from tests.line import open_line
from tests.small import ADA, ticket
from workers.intake import Intake
from workers.queues import make_app, publish

TICKETS = 10


@pytest.fixture
def line(tmp_path, valkey, valkey_url, any_database_url):
    """A line over a small world, with leases so long that none is renewed while statements are counted."""
    world = small.build(tmp_path / "world")
    made = open_line(tmp_path / "home", world.systems, broker=valkey_url, database=any_database_url, lease_seconds=600)
    yield made
    made.close()


def test_a_data_step_costs_two_commits_and_eight_statements(line, capsys):
    """Erasures of people in three systems: the average of all data steps."""
    counted: Counter[str] = Counter()

    def count(_connection, _cursor, statement, *_):
        if not statement.startswith("BEGIN"):  # on SQLite ours, on PostgreSQL the driver's own
            counted["statements"] += 1

    event.listen(line.office.store.engine, "before_cursor_execute", count)

    def commit(connection):
        if connection.get_execution_options().get("write"):  # a reading session's commit writes nothing
            counted["commits"] += 1

    event.listen(line.office.store.engine, "commit", commit)
    for number in range(TICKETS):  # each names an id more: none rests on another's acts
        line.submit(ticket("erasure", subject={"email": [ADA], "other": {"visitor_id": f"v-{number}"}}))
    data, steps = Counter(), 0
    while line.nudges:
        nudge = line.nudges.pop(0)
        counted.clear()
        line.performer.perform(nudge.id)
        if nudge.channel != "desk":
            data.update(counted)
            steps += 1
    per = {name: number / steps for name, number in data.items()}
    with capsys.disabled():
        print(f"\n{line.office.store.engine.dialect.name}: per data step {per} over {steps} steps")
    with line.office.store.read() as session:
        assert not session.scalars(select(StepRow.id).where(StepRow.state.not_in(("done", "waived")))).all()
    assert per["commits"] <= 2
    assert per["statements"] <= 8


def commands(broker) -> int:
    """Return how many commands the broker has processed."""
    return broker.info("stats")["total_commands_processed"]


def test_a_step_is_one_message(line, valkey, capsys):
    """Publishing a step costs the broker what publishing a Celery no-op costs."""
    app = make_app(line.office.settings)
    line.intake = Intake(line.office, lambda _: None)
    plain = Celery("plain", broker=line.office.settings.broker)
    plain.send_task("noop", queue="plain")  # connects
    publish(app, [])
    line.intake.publish = line.nudges.extend
    line.submit(ticket("access"))
    publish(app, line.nudges[:1])  # connects
    before = commands(valkey)
    plain.send_task("noop", queue="plain")
    noop = commands(valkey) - before - 1
    before = commands(valkey)
    publish(app, line.nudges[:1])
    step = commands(valkey) - before - 1
    with capsys.disabled():
        print(f"\nRedis commands to publish: a no-op {noop}, a step {step}")
    assert step <= noop + 2
    app.close()
    plain.close()
