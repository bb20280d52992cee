"""The join under load: many threads end steps of the same stages at once."""

import threading
from queue import Queue

import pytest
from sqlalchemy import func, select

from shared.domain.identifier import Identifier
from shared.store.tables import EvidenceRow, StepRow, TicketRow
from shared.testing import MemorySystem
from tests.evidence import broken
from tests.line import open_line
from tests.small import CLIENT, ticket
from workers.office import open_office
from workers.perform import Performer
from workers.sweep import sweep

THREADS, TICKETS, SYSTEMS = 24, 25, 12
SYSTEM = """
[[systems]]
id = "memory-{0}"
client = "acme"
channel = "chat"
connector = "memory"
region = "country:DE"
max_in_flight = 1000
"""


@pytest.fixture
def line(tmp_path, valkey, valkey_url, any_database_url):
    """A line over twelve systems in memory, each of which knows every person."""
    systems = tmp_path / "systems.toml"
    systems.write_text(CLIENT + "".join(SYSTEM.format(number) for number in range(SYSTEMS)))
    people = {str(n): frozenset({Identifier("email", f"p{n}@example.org")}) for n in range(TICKETS)}
    for number in range(SYSTEMS):
        MemorySystem.records[f"memory-{number}"] = dict(people)
    made = open_line(tmp_path / "home", systems, broker=valkey_url, database=any_database_url)
    yield made
    made.close()
    MemorySystem.records.clear()


def test_a_stage_is_joined_by_24_threads_at_once(line):
    """No stage advances twice, no join is lost, nothing deadlocks; every chain verifies."""
    idents = [line.submit(ticket("erasure", f"p{n}@example.org")) for n in range(TICKETS)]
    todo, failures = Queue(), []

    def send(nudges):
        for nudge in nudges:
            todo.put(nudge.id)

    def work():
        office = open_office(line.office.settings)
        performer = Performer(office, send)
        try:
            while (step := todo.get()) is not None:
                try:
                    performer.perform(step)
                except Exception as error:  # noqa: BLE001 - shown by the assertion below
                    failures.append(type(error).__name__)
                todo.task_done()
        finally:
            performer.close()
            office.close()

    send(line.nudges)
    threads = [threading.Thread(target=work) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    todo.join()  # what a step set in motion was put before the step was done
    while sweep(line.office, send).sent:  # where two ended at once each may have left the place to the other
        todo.join()
    for _ in threads:
        todo.put(None)
    for thread in threads:
        thread.join()
    assert [] == failures
    with line.office.store.read() as session:
        outcomes = session.execute(select(TicketRow.outcome, func.count()).group_by(TicketRow.outcome)).all()
        verbs = dict(session.execute(select(StepRow.verb, func.count()).group_by(StepRow.verb)).all())
        attempts = session.scalar(select(func.max(StepRow.attempts)))
        closings = session.scalar(select(func.count()).where(EvidenceRow.kind == "closed"))
        assert [] == broken(line.office, session)
    assert [("fulfilled", TICKETS)] == [tuple(row) for row in outcomes]
    each = TICKETS * SYSTEMS
    assert {"locate": each, "delete": each, "absent": each, "answer": TICKETS, "deliver": TICKETS} == verbs
    assert 1 == attempts
    assert len(idents) == closings
    assert {0} == {len(records) for records in MemorySystem.records.values()}
