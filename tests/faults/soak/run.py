"""A run of the soak: an installation, a crowd that asks it, and what is killed meanwhile."""

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg

from tests.faults.rig import PARTS, Rig, rig
from tests.faults.soak.crowd import Crowd
from tests.faults.soak.world import World
from tests.faults.test_outages import cut
from tests.servers import children
from tests.waiting import until

WAVE = 60  # tickets that are submitted together
OPEN = 200  # no wave comes while more than these are open
PATIENCE = 300.0  # seconds without a step that is done, after which something is stuck
VICTIMS = ("worker", "child", "child", "intake", "beat", "broker", "database", "everything")


class Soak:
    """A run: an installation, a crowd that asks it, and what is killed meanwhile."""

    def __init__(self, one: Rig, crowd: Crowd, seed: int, say=print):
        self.one, self.crowd, self.say = one, crowd, say
        self.rng, self.killed, self.ended = random.Random(f"{seed} kills"), Counter(), Counter()
        self.began = time.monotonic()

    def kill(self, victim: str):
        """Kill something, and start it again; of the database, which is a server of its own, cut the connections."""
        if victim == "child":
            with suppress(ProcessLookupError, IndexError, FileNotFoundError):
                os.kill(self.rng.choice(children(self.one.processes["worker"].pid)), signal.SIGKILL)
        elif victim == "database":
            with suppress(psycopg.OperationalError):
                cut(self.one.settings.database)
        else:
            parts = PARTS if victim == "everything" else {victim} & set(PARTS)
            for part in parts:
                self.one.kill(part)
            if victim in ("broker", "everything"):
                self.one.broker.kill()
                self.one.broker.start()
            self.one.start(*parts)
        self.killed[victim] += 1

    def revive(self):
        """Start again what has ended by itself, as a service manager does: a worker whose Celery gave up."""
        if ended := [part for part, process in self.one.processes.items() if process.poll() is not None]:
            self.one.start(*ended)
            self.ended.update(ended)

    def run(self, tickets: int, *, every: float, victims: Iterator[str]):
        """Let people ask, kill, and wait until every ticket has closed."""
        due, told, moved, before = time.monotonic() + every, 0.0, time.monotonic(), (0, 0)
        while (found := self.crowd.done())[0] < max(tickets, len(self.crowd.ids)):
            now, asked = time.monotonic(), len(self.crowd.ids)
            if found > before:
                moved, before = now, found
            if found[0] >= 0 and asked < tickets and asked - found[0] <= OPEN:
                self.crowd.ask(min(WAVE, tickets - asked))
            if now >= due and (victim := next(victims, None)):
                self.kill(victim)
                due = time.monotonic() + self.rng.uniform(0.5, 1.5) * every
            self.revive()
            if now - told >= 10:
                self._tell(*found)
                told = now
            if now - moved > PATIENCE:
                raise AssertionError(f"nothing has moved for {PATIENCE:g} s: {self.crowd.open()}")
            time.sleep(0.1)
        self._tell(*self.crowd.done())

    def _tell(self, tickets, steps):
        took = time.monotonic() - self.began
        self.say(
            f"{took:6.0f} s  {len(self.crowd.ids)} submitted, {tickets} closed ({max(tickets, 0) / took:.1f}/s), "
            f"{steps} steps done, {self.killed.total()} kills"
        )

    def victims(self) -> Iterator[str]:
        """Yield what is to be killed, without end."""
        external = "postgresql" in self.one.settings.database
        while True:
            yield self.rng.choice([one for one in VICTIMS if one != "database" or external])

    def end(self):
        """Return all that is not as it must be, the doctor's findings too, and how long the look took.

        A sweep may be under way: the doctor is asked again for a while.
        """
        began = time.monotonic()
        with suppress(AssertionError):
            until(lambda: not self.one.wrong(), timeout=60, every=1)
        return [*self.crowd.wrong(), *map(str, self.one.wrong(systems=True))], time.monotonic() - began


@contextmanager
def soaked(folder: Path, seed: int, *, database: str | None = None, say=print):
    """Run an installation over the soak's world for the length of a block."""
    world = World(folder / "world", random.Random(seed))
    with rig(folder, world=world, database=database) as one:
        yield Soak(one, Crowd(one.line, world, seed), seed, say)
