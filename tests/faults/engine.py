"""The engine against a model of it: tickets of two stages over two systems, and all that may happen to their steps.

The model knows what a step is to the outside (free, running, over), whose lease it is, when it may be tried again, and
which systems are left alone. Everything real is the engine's own: acceptance, claims, ends, joins, circuits, the sweep.
"""

import shutil
import sqlite3
from collections import Counter
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

import structlog
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from rightsdesk_lies import Fickle
from sqlalchemy import select

from shared.domain.case import Right
from shared.domain.decision import Decision
from shared.domain.errors import Retryable, RightsdeskError
from shared.domain.identifier import Identifier
from shared.settings import Settings
from shared.store import steps
from shared.store.circuits import LONGEST_PAUSE, TRIES
from shared.store.tables import StepRow, TicketRow
from shared.testing import MemorySystem
from tests.schema import to_head
from tests.small import CLIENT, ticket
from workers.conductor import accept, send_window
from workers.decisions import decide
from workers.doctor import Visit, checks
from workers.office import open_office, utc_now
from workers.perform import MOST_ATTEMPTS, Performer
from workers.submit import check
from workers.sweep import MOST_LOST, sweep

SYSTEMS = ("one", "two")
SYSTEM = """
[[systems]]
id = "{}"
client = "acme"
channel = "chat"
connector = "fickle"
region = "country:DE"
max_in_flight = 2
"""
LEASE = timedelta(seconds=15)
OFFLINE = ("at rest", "clocks", "evidence", "joins", "messages", "stuck")
EXAMINED = 4  # one run of so many is taken to its end and to the doctor, which takes as long as the run
BEGIN = utc_now().replace(microsecond=0)


def locate(case):
    """Ask every system."""
    return [case.on(system, "locate") for system in case.systems]


def delete(case):
    """Delete where something was found."""
    return [case.on(system, "delete") for system in case.systems if case.holds(system.id)]


STAGES = ("locate", "delete")
OUTSIDE = {"ready": "free", "queued": "free", "waiting": "rest"}
RIGHT = Right("access", article="0", clock="P1M", stages=(locate, delete))


class Engine:
    """One office for all runs; each begins with the same empty database."""

    def __init__(self, folder: Path):
        (folder / "systems.toml").write_text(CLIENT + "".join(map(SYSTEM.format, SYSTEMS)))
        self.database, self.empty = folder / "live.sqlite3", folder / "empty.sqlite3"
        given = Settings(
            home=folder / "home", systems=folder / "systems.toml", broker_url="redis://nowhere",
            database_url=f"sqlite:///{self.empty}", lease_seconds=LEASE.total_seconds(),
        )  # fmt: skip
        given.root.mkdir(mode=0o700)
        made = open_office(given)
        to_head(made.store)
        made.close()
        self.office = open_office(given.model_copy(update={"database_url": f"sqlite:///{self.database}"}))
        self.office.rights = {"access": RIGHT}
        self.messages, self.runs = [], 0
        self.performer = Performer(self.office, lambda nudges: self.messages.extend(one.id for one in nudges))

    def begin(self):
        """Empty the database and the systems; set the clock."""
        self.office.store.close()
        for left in self.database.parent.glob(self.database.name + "-*"):
            left.unlink()
        shutil.copyfile(self.empty, self.database)
        self.messages.clear()
        self.at(BEGIN)
        Fickle.down.clear()
        for system in SYSTEMS:
            MemorySystem.records.setdefault(system, {}).clear()

    def at(self, now):
        """Set the clock."""
        self.office.now = lambda: now


@dataclass
class Model:
    """What is expected of one step."""

    system: str
    state: str = "free"
    token: str = ""
    lease: datetime = BEGIN
    later: datetime = BEGIN
    lost: int = 0
    attempts: int = 0

    def comes_free(self, paused):
        """Be done with a worker, not with the work."""
        self.state, self.token = "rest" if paused else "free", ""


@dataclass
class Held:
    """What a worker has claimed and not ended yet."""

    claim: Any
    key: tuple[UUID, str, str]
    was_down: bool


class EngineMachine(RuleBasedStateMachine):
    """All that may happen, in any order."""

    engine: Engine

    def __init__(self):
        super().__init__()
        self.engine.begin()
        self.now = BEGIN
        self.steps, self.ids, self.held = {}, {}, []
        self.has, self.stage, self.paused = {}, {}, set()
        self.failures, self.probe, self.alerted = Counter(), {}, set()

    # what happens ----------------------------------------------------------------------------------------------------

    @initialize(
        many=st.lists(st.sets(st.sampled_from(SYSTEMS)), min_size=1, max_size=2), down=st.sets(st.sampled_from(SYSTEMS))
    )
    def begin(self, many, down):
        """There is something to do."""
        Fickle.down |= down
        for has in many:
            self.submit(has)

    def submit(self, has):
        """A ticket is accepted; the person stands in some systems."""
        office, number = self.engine.office, len(self.has)
        ident = UUID(int=number + 1)
        for system in has:
            MemorySystem.records[system][str(number)] = frozenset({Identifier("email", f"p{number}@example.org")})
        raw = ticket("access", f"p{number}@example.org", id=str(ident), received_at=BEGIN.isoformat())
        with office.store.write() as session:
            moves = accept(office, session, check(raw, inventory=None), b"", self.now)
            nudges = send_window(office, session, moves.lanes, self.now)
        self.engine.messages.extend(one.id for one in nudges)
        self.has[ident], self.stage[ident] = has, 0
        self.plan(ident, "locate", SYSTEMS)

    def message(self, number):
        """Return one of the messages under way, None if there is none."""
        messages = self.engine.messages
        return messages[number % len(messages)] if messages else None

    @rule(number=st.integers(0, 7))
    def duplicate(self, number):
        """A message comes twice."""
        if (step := self.message(number)) is not None:
            self.engine.messages.append(step)

    @rule(number=st.integers(0, 7))
    def lose(self, number):
        """A message vanishes."""
        if (step := self.message(number)) is not None:
            self.engine.messages.remove(step)

    @rule(numbers=st.lists(st.integers(0, 7), min_size=1, max_size=4))
    def perform(self, numbers):
        """Workers work steps from their messages to their ends."""
        for number in numbers:
            if (held := self.claimed(number)) is not None:
                self.ended(held)

    @rule(numbers=st.lists(st.integers(0, 7), min_size=1, max_size=4))
    def claim(self, numbers):
        """Workers claim steps, and have not come further yet."""
        self.held += [held for number in numbers if (held := self.claimed(number)) is not None]

    @precondition(lambda self: self.held)
    @rule(number=st.integers(0, 3))
    def finish(self, number):
        """One that has claimed a step ends it, be it too late."""
        self.ended(self.held.pop(number % len(self.held)))

    @precondition(lambda self: self.held)
    @rule(number=st.integers(0, 3), acted=st.booleans())
    def kill(self, number, acted):
        """One that has claimed a step dies, before it acted or after."""
        held = self.held.pop(number % len(self.held))
        if acted:
            self.act(held.claim)

    @rule(seconds=st.sampled_from((2, 16, 40)))
    def tick(self, seconds):
        """Time passes; then the sweep looks, as it does."""
        self.now += timedelta(seconds=seconds)
        self.engine.at(self.now)
        self.sweep()

    @rule(system=st.sampled_from(SYSTEMS))
    def flip(self, system):
        """A system goes down, or comes back."""
        Fickle.down ^= {system}

    @rule(system=st.sampled_from(SYSTEMS), rounds=st.integers(2, 4))
    def outage(self, system, rounds):
        """A system stays down while workers try it, often enough that its circuit opens."""
        Fickle.down.add(system)
        for _ in range(rounds):
            self.tick(40)
            self.perform([0] * len(self.engine.messages))

    def sweep(self):
        """The sweep takes back what is lost, and nothing else."""
        dead = [one for one in self.steps.values() if one.state == "running" and one.lease < self.now]
        for one in dead:
            one.lost += 1
            ended = one.lost >= MOST_LOST
            one.comes_free(paused=False)
            if ended:
                one.state, one.lost = "failed", 0
        back = [key for key, one in self.steps.items() if one in dead and one.state == "free"]
        for key in back:
            if key[0] in self.paused:
                self.steps[key].state = "rest"
        busy = {one.system for one in self.steps.values() if one.state in ("free", "running")}
        for system in {name for name in self.alerted if self.probe.get(name, BEGIN) <= self.now} - busy:
            self.up(system)
        swept = sweep(self.engine.office, lambda nudges: self.engine.messages.extend(one.id for one in nudges))
        assert len(back) == swept.reclaimed

    @precondition(lambda self: self.has)
    @rule(number=st.integers(0, 2))
    def pause_or_resume(self, number):
        """A person pauses a ticket, or lets it go on."""
        ident = list(self.has)[number % len(self.has)]
        if self.stage[ident] == len(STAGES):
            return
        verb = "resume" if ident in self.paused else "pause"
        self.decide(ident, verb)
        self.paused ^= {ident}
        for key, one in self.steps.items():
            if key[0] == ident and one.state in ("free", "rest"):
                one.state = "rest" if verb == "pause" else "free"
        self.join(ident)

    # what is expected of it ------------------------------------------------------------------------------------------

    def plan(self, ident, stage, systems):
        """Expect these steps."""
        for system in systems:
            self.steps[ident, stage, system] = Model(system)
        with self.engine.office.store.read() as session:
            for row in session.execute(select(StepRow.id, StepRow.stage, StepRow.system).filter_by(ticket_id=ident)):
                self.ids[row.id] = ident, row.stage, row.system

    def join(self, ident):
        """Expect a ticket to go on once its stage is over."""
        while ident not in self.paused and self.stage[ident] < len(STAGES):
            mine = [one.state for key, one in self.steps.items() if key[:2] == (ident, STAGES[self.stage[ident]])]
            if any(state != "done" for state in mine):
                return
            self.stage[ident] += 1
            if self.stage[ident] == 1:
                self.plan(ident, "delete", sorted(self.has[ident]))

    def claimed(self, number):
        """Claim a step; what comes of it must be what is expected."""
        if (step := self.message(number)) is None:
            return None
        self.engine.messages.remove(step)
        key, office = self.ids[step], self.engine.office
        model = self.steps[key]
        due = model.later <= self.now and self.probe.get(model.system, BEGIN) <= self.now
        with office.store.write() as session:
            claim = steps.claim(session, step, now=self.now, lease=LEASE.total_seconds())
        assert (model.state == "free" and due) == (claim is not None)
        if claim is None:
            return None
        model.state, model.token, model.lease = "running", claim.token, self.now + LEASE
        model.attempts += 1
        return Held(claim, key, bool(self.failures[model.system]) or model.system in self.alerted)

    def act(self, claim):
        """Let a claim's verb run; return what it left."""
        office = self.engine.office
        with office.store.read() as session:
            opened = office.ticket(session.get_one(TicketRow, claim.ticket))
        try:
            return self.engine.performer._run(claim, *opened)
        except RightsdeskError as error:
            return error

    def ended(self, held):
        """End what was claimed; it holds only if the lease does."""
        model, ident = self.steps[held.key], held.key[0]
        ours = (model.state, model.token) == ("running", held.claim.token)
        left = self.act(held.claim)
        said = self.engine.performer._finish(held.claim, left)
        if not ours:
            assert "not ours" == said
            return
        model.lost = 0
        model.comes_free(paused=ident in self.paused)
        if isinstance(left, Retryable):
            self.in_vain(model)
        else:
            model.state = "done"
            if held.was_down:
                self.up(model.system)
        assert {"free": "ready", "rest": "ready"}.get(model.state, model.state) == said
        self.join(ident)

    def up(self, system):
        """Expect a system not to be left alone any more."""
        self.failures[system] = 0
        self.alerted.discard(system)
        self.probe.pop(system, None)

    def in_vain(self, model):
        """Expect a step to wait, and its system to be left alone after so many failures."""
        resting = self.probe.get(model.system, BEGIN) > self.now  # it had begun before
        tried = model.attempts
        self.failures[model.system] += not resting
        number = self.failures[model.system]
        if number >= TRIES:
            pause = min(Fickle.after * 2 ** (number - TRIES), LONGEST_PAUSE)
            if not resting:
                self.probe[model.system] = self.now + timedelta(seconds=pause)
            model.later, model.attempts = BEGIN, max(model.attempts - 1, 1)
        elif model.attempts >= MOST_ATTEMPTS:
            model.state = "failed"
        else:
            model.later = self.now + timedelta(seconds=min(Fickle.after * 2 ** (model.attempts - 1), LONGEST_PAUSE))
        if number > TRIES or tried >= TRIES:
            self.alerted.add(model.system)

    def decide(self, ident, verb, **more):
        """Decide as a person."""
        publish = lambda nudges: self.engine.messages.extend(one.id for one in nudges)  # noqa: E731 - one of a kind
        decide(self.engine.office, publish, ident, Decision(verb, "ines", "as the model says", **more))

    @invariant()
    def stands_as_expected(self):
        """Every step and every ticket is where the model has it."""
        states = {
            (UUID(ticket), stage, system): OUTSIDE.get(state, state)
            for ticket, stage, system, state in self.rows("SELECT ticket_id, stage, system, state FROM steps")
        }
        assert {key: one.state for key, one in self.steps.items()} == states
        closed = {UUID(ident) for (ident,) in self.rows("SELECT id FROM tickets WHERE closed_at IS NOT NULL")}
        assert {ident for ident, stage in self.stage.items() if stage == len(STAGES)} == closed

    def rows(self, query):
        """Look into the database past the engine, which is quick."""
        with closing(sqlite3.connect(self.engine.database)) as database:
            return database.execute(query).fetchall()

    def teardown(self):
        """Take some runs to their end."""
        self.engine.runs += 1
        if self.engine.runs % EXAMINED == 0:
            self.end_all()

    def end_all(self):
        """Let all of it come to its end: everything is done, once, and all that must hold does."""
        Fickle.down.clear()
        for ident in sorted(self.paused):
            self.decide(ident, "resume")
        for _ in range(20):
            self.now += timedelta(seconds=2 * LONGEST_PAUSE)
            self.engine.at(self.now)
            self.retried()
            sweep(self.engine.office, lambda nudges: self.engine.messages.extend(one.id for one in nudges))
            while self.engine.messages:
                self.engine.performer.perform(self.engine.messages.pop(0))
            if not self.open_ones():
                break
        assert [] == self.open_ones()
        assert {} == {name: left for name in SYSTEMS if (left := MemorySystem.records[name])}
        visit = Visit(self.engine.office, self.now)
        assert [] == [one for check in checks() if check.name in OFFLINE for one in check.look(visit)]

    def retried(self):
        """Retry what failed."""
        with self.engine.office.store.read() as session:
            failed = session.execute(select(StepRow.ticket_id, StepRow.id).where(StepRow.state == "failed")).all()
        for ident, step in failed:
            self.decide(ident, "retry", step=step)

    def open_ones(self):
        """Return the tickets that have not ended."""
        with self.engine.office.store.read() as session:
            return session.scalars(select(TicketRow.id).where(TicketRow.closed_at.is_(None))).all()


@contextmanager
def silence():
    """Say nothing of what the engine logs."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    try:
        yield
    finally:
        structlog.configure(**before)


@contextmanager
def machine():
    """Yield the machine over an engine of its own, kept in memory where the system has such a folder."""
    place = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with TemporaryDirectory(prefix="rd-model-", dir=place) as folder:
        engine = Engine(Path(folder))
        yield type("Machine", (EngineMachine,), {"engine": engine})
        engine.performer.close()
        engine.office.close()


def run(times, *, length):
    """Run the machine so often, each time so many rules long."""
    with machine() as made, silence():
        how = settings(
            max_examples=times,
            stateful_step_count=length,
            suppress_health_check=list(HealthCheck),
            deadline=None,
            database=None,
        )
        run_state_machine_as_test(made, settings=how)
