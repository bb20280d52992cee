"""Workers killed at every point of a step, one after the other, until a ticket has ended all the same."""

import os
import signal
from contextlib import ExitStack, closing
from datetime import timedelta
from typing import Annotated

import pytest
from fastapi import FastAPI, Header

from tests import small
from tests.faults.nursery import nursery
from tests.line import open_line
from tests.small import ADA, BOB
from tests.waiting import until
from tests.webs import serving
from workers.decisions import Decision, decide
from workers.doctor import examine
from workers.office import utc_now
from workers.sweep import MOST_LOST

LATER = 60  # seconds after which each next worker comes: leases have ended, and what was sent is sent again
POINTS = [
    "claim",  # before it
    "locate begin",  # after the claim was committed
    "locate middle",
    "locate end",  # after the effect and before its commit
    "publish",  # after the commit and before it is told
    "delete begin",
    "delete middle",
    "delete end",
    "absent begin",
    "absent end",
]
LINE = ("claim", "publish")  # points of the line itself


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """One nursery for all: it takes two seconds to import everything."""
    with nursery(tmp_path_factory.mktemp("nursery")) as made:
        yield made


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Where the connectors of these worlds read what to do."""
    monkeypatch.setenv("RIGHTSDESK_TEST_FOLDER", str(tmp_path))


@pytest.fixture
def world(tmp_path):
    """A world whose chat kills whoever works on it."""
    return small.build(tmp_path / "world", chat="dying")


@pytest.fixture
def line(tmp_path, world, valkey, valkey_url, database):
    """A line over it; what it would publish nobody hears."""
    made = open_line(tmp_path / "home", world.systems, broker=valkey_url, database=database)
    yield made
    made.close()


@pytest.fixture
def line_over(tmp_path, valkey, valkey_url):
    """Open a line over a world whose chat is of a kind."""
    with ExitStack() as undo:

        def make(kind):
            world = small.build(tmp_path / "world", chat=kind)
            return undo.enter_context(closing(open_line(tmp_path / "home", world.systems, broker=valkey_url))), world

        yield make


def all_is_well(line, later):
    """Say what the doctor finds once all is over."""
    line.intake.beat()
    line.office.now = lambda: utc_now() + timedelta(seconds=later)
    return [(check.name, one.of, one.what) for check, one in examine(line.office, systems=True)]


def ticket(right, **more):
    """Return a ticket that was received just now."""
    return small.ticket(right, received_at=utc_now().isoformat(), **more)


def test_killed_at_every_point_of_a_step(tmp_path, kept, world, line):
    """Nothing is lost, the right data go and nobody else's, and all that must hold does."""
    ident = line.submit(ticket("erasure"))
    later = 0
    workers = kept.over(tmp_path, line.office.settings)
    for point in POINTS:
        (tmp_path / "die").write_text(point)
        later += LATER
        assert signal.SIGKILL == workers.work(later=later, die=point if point in LINE else ""), point
    later += LATER
    assert 0 == workers.work(later=later)
    found = line.ticket(ident)
    assert "fulfilled" == found["outcome"]
    assert set() == world.of(ADA)
    assert world.of(BOB)
    assert [] == all_is_well(line, later)


def test_killed_while_a_message_goes(tmp_path, kept, line_over):
    """A message whose sender died before it could note the answer goes again with its id, and says so."""
    line, _ = line_over("sql")
    heard, dying = [], []
    hook = FastAPI()

    @hook.post("/")
    def hear(idempotency_key: Annotated[str, Header()]):
        heard.append(idempotency_key)
        if len(heard) == 1:
            os.kill(dying[0], signal.SIGKILL)

    workers = kept.over(tmp_path, line.office.settings)
    with serving(hook) as url:
        ident = line.submit(ticket("access", callback_urls=[url]))
        dying.append(workers.begin(later=LATER))
        assert signal.SIGKILL == workers.end(dying[0])
        assert 0 == workers.work(later=2 * LATER)
    found = line.ticket(ident)
    assert "fulfilled" == found["outcome"]
    assert [heard[0]] * 2 == heard
    (told,) = [one["reasons"] for one in found["steps"] if one["verb"] == "callback"]
    assert "maybe twice" in str(told)
    assert [] == all_is_well(line, 2 * LATER)


def test_a_worker_that_was_cut_off_writes_too_late(tmp_path, kept, line_over):
    """Held back while its lease ended, it is refused by its token: the step is done once, by the other."""
    line, world = line_over("slow")
    ident = line.submit(ticket("erasure"))
    workers = kept.over(tmp_path, line.office.settings)
    late = workers.begin(later=LATER)
    until((tmp_path / f"begun-{late}").exists)
    os.kill(late, signal.SIGSTOP)
    other = workers.begin(later=2 * LATER)
    until((tmp_path / f"begun-{other}").exists)
    (tmp_path / "go").touch()
    assert 0 == workers.end(other)
    os.kill(late, signal.SIGCONT)
    assert 0 == workers.end(late)
    assert "step.late" in workers.log.read_text()
    assert "fulfilled" == line.ticket(ident)["outcome"]
    assert set() == world.of(ADA)
    assert [] == all_is_well(line, 2 * LATER)


@pytest.mark.parametrize("how", ["crash", "memory"])
def test_a_poison_step(tmp_path, kept, line_over, how):
    """One that crashes the interpreter is quarantined, one that wants all memory fails; both say why, others go on."""
    line, _ = line_over("poison")
    ident = line.submit(ticket("erasure"))
    (tmp_path / "poison").write_text(how)
    died, later = [], 0
    workers = kept.over(tmp_path, line.office.settings)
    for _ in range(MOST_LOST + 1 if how == "crash" else 1):
        later += LATER
        died.append(workers.work(later=later, limited=True))
    steps = {one["system"]: one for one in line.ticket(ident)["steps"] if one["verb"] == "locate"}
    assert {"chat": "failed", "mail": "done", "documents": "done"} == {
        name: one["state"] for name, one in steps.items()
    }
    if how == "crash":
        assert [signal.SIGSEGV] * MOST_LOST + [0] == died
        assert steps["chat"]["error"].startswith("quarantined: it took its worker with it each time")
    else:
        assert {0} == set(died)
        assert (1, "RIGHTSDESK_MEMORY_MB") == (steps["chat"]["attempts"], steps["chat"]["error"].split()[6])
    assert [] == all_is_well(line, later)
    (tmp_path / "poison").unlink()
    line.office.now = utc_now
    decide(line.office, lambda _: None, ident, Decision("retry", "ines", "it is well again"))
    assert 0 == workers.work(later=later + LATER)
    assert "fulfilled" == line.ticket(ident)["outcome"]


def test_a_step_that_hangs(tmp_path, kept, line_over):
    """One that comes no further is ended with its process, and tried again as if its system had not answered."""
    line, _ = line_over("slow")
    ident = line.submit(ticket("erasure"))
    workers = kept.over(tmp_path, line.office.settings)
    workers.environment |= {"RIGHTSDESK_LEASE_SECONDS": "0.6", "RIGHTSDESK_STEP_SECONDS": "0.5"}
    assert 0 == workers.end(workers.begin(later=LATER), code=os.EX_TEMPFAIL)
    (found,) = [one for one in line.ticket(ident)["steps"] if (one["system"], one["verb"]) == ("chat", "delete")]
    assert ("ready", 1) == (found["state"], found["attempts"])
    assert found["error"].startswith("it came no further for 0.00833333 minutes")
    (tmp_path / "go").touch()
    assert 0 == workers.work(later=2 * LATER)
    assert "fulfilled" == line.ticket(ident)["outcome"]
