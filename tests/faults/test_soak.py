"""The soak's short form, with workers without Celery; `make soak` is the long one."""

import os
import signal
from contextlib import closing
from random import Random, SystemRandom

import pytest

from tests.faults.nursery import nursery
from tests.faults.soak.crowd import Crowd
from tests.faults.soak.world import World
from tests.line import open_line
from tests.waiting import until
from workers.doctor import examine

pytestmark = pytest.mark.processes
LATER = 60  # seconds after which the next workers come: leases have ended


def test_tickets_over_four_systems_while_workers_are_killed(tmp_path, valkey, valkey_url):
    """Twice the workers die while they work; all tickets close, and the stores hold exactly what they must."""
    print(f"seed {(seed := SystemRandom().getrandbits(32))}")
    rng, world = Random(seed), World(tmp_path / "world", Random(seed))
    with (
        closing(open_line(tmp_path / "home", world.systems, broker=valkey_url)) as line,
        nursery(tmp_path) as workers,
    ):
        workers.over(tmp_path, line.office.settings)
        crowd = Crowd(line, world, seed)
        crowd.ask(20)
        while line.intake.round():
            pass
        for death in (1, 2):
            both = [workers.begin(later=death * LATER) for _ in range(2)]
            enough = crowd.done()[1] + rng.randrange(5, 60)
            until(lambda: crowd.done()[1] >= enough)  # noqa: B023 - asked at once
            for pid in both:
                os.kill(pid, signal.SIGKILL)
            assert signal.SIGKILL in [workers.end(pid) for pid in both]
        workers.work(later=3 * LATER)
        line.intake.beat()
        assert [] == [*crowd.wrong(), *map(str, examine(line.office, systems=True))]


def test_the_look_at_the_stores_sees_what_is_wrong(tmp_path):
    """Before anything is done the stores are as written; then they differ by all that was asked for."""
    world = World(tmp_path / "world", Random(6))
    people = world.come(12)
    assert [] == world.differences()
    people[6].fates.add("erased")
    assert [
        "contacts has 6", "messages lacks 15", "messages has 12", "messages has 15", "customers has 6", "notes has 6",
        "mail 6 still stands", "call 6 stands",
    ] == world.differences()  # fmt: skip
    (tmp_path / "world" / "calls" / people[8].phone / "1.wav").write_bytes(b"another")
    people[9].fates.add("restricted")
    assert {"contacts lacks 9", "contacts has 9", "call 8 differs"} <= set(world.differences())
