"""Real processes: the stack as `rightsdesk up` starts it, killed by pid in the middle of things."""

import email
import io
import json
import os
import signal
import subprocess
import sys
import zipfile
from contextlib import closing, contextmanager
from email import policy
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from aiosmtpd.controller import Controller
from sqlalchemy import select

from shared.store.checkpoints import certified
from shared.store.session import Store
from shared.store.tables import AlertRow, StepRow, TicketRow
from tests import small
from tests.servers import children
from tests.small import ADA, BOB, ticket
from tests.waiting import until
from tests.workers.test_order import INCIDENT
from workers.embedded.flower import free_port

pytestmark = pytest.mark.processes
PLUGINS = Path(__file__).parent.parent / "plugins"
ROOT = PLUGINS.parent.parent


class Mails:
    """A mail server's handler that keeps what it takes."""

    def __init__(self):
        self.taken = []

    async def handle_DATA(self, _server, _session, envelope):  # noqa: N802 - aiosmtpd's name
        self.taken.append(email.message_from_bytes(envelope.content, policy=policy.default))
        return "250 OK"


@contextmanager
def stack(folder: Path, world: small.Small, **more: str):
    """Run `rightsdesk up`; yield what `run/stack.json` says, and the environment for commands."""
    environment = os.environ | {
        "RIGHTSDESK_HOME": str(folder / "home"),
        "RIGHTSDESK_SYSTEMS": str(world.systems),
        "RIGHTSDESK_TEST_FOLDER": str(folder),
        "RIGHTSDESK_LEASE_SECONDS": "3",
        "PYTHONPATH": f"{ROOT}:{PLUGINS}",
        **more,
    }
    with (folder / "up.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "workers.cli", "up"], env=environment, stdout=log, stderr=log, cwd=ROOT
        )
        try:
            file = folder / "home" / "run" / "stack.json"
            until(lambda: file.exists() or process.poll() is not None, timeout=60)
            assert process.poll() is None, (folder / "up.log").read_text()
            yield json.loads(file.read_text()), environment
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=30)


def rightsdesk(environment, *words, stdin=None):
    """Run a command; return its exit code and standard output."""
    done = subprocess.run(
        [sys.executable, "-m", "workers.cli", *words],
        env=environment, cwd=ROOT, input=stdin, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout or done.stderr


def closed(store: Store, ticket: str) -> bool:
    """Say whether a ticket has ended; a command would take a second of a core each time."""
    with store.read() as session:
        return session.get_one(TicketRow, UUID(ticket)).closed_at is not None


@pytest.fixture
def post():
    """A mail server: its URL, and the messages that it took."""
    handler, port = Mails(), free_port()
    controller = Controller(handler, hostname="127.0.0.1", port=port)
    controller.start()
    yield f"smtp://127.0.0.1:{port}", handler.taken
    controller.stop()


def test_a_pool_child_killed_in_the_middle_of_a_step(tmp_path, database, post):
    """The lease ends, the sweep gives the step to another, and the erasure is fulfilled; on PostgreSQL.

    The same stack then answers another person by a mailed link.
    """
    world = small.build(tmp_path / "world", head='deliver = "link"\n', chat="slow")
    url, mails = post
    more = {"RIGHTSDESK_SMTP_URL": url, "RIGHTSDESK_CONSOLE_PORT": str(free_port())}
    with stack(tmp_path, world, RIGHTSDESK_DATABASE_URL=database, **more) as (found, environment):
        raw = ticket("erasure")
        code, out = rightsdesk(environment, "submit", "-", stdin=json.dumps(raw))
        assert (0, raw["id"] + "\n") == (code, out)
        begun = until(lambda: list(tmp_path.glob("begun-*")), timeout=30)
        child = int(begun[0].name.removeprefix("begun-"))
        assert child in children(found["pids"]["worker"])
        os.kill(child, signal.SIGKILL)
        (tmp_path / "go").touch()

        with closing(Store(found["database_url"])) as store:
            until(lambda: closed(store, raw["id"]), timeout=60)
        shown = json.loads(rightsdesk(environment, "ticket", raw["id"], "--json")[1])
        a_package_behind_a_mailed_link(tmp_path, environment, mails)
    assert "fulfilled" == shown["outcome"]
    assert 2 <= max(one["attempts"] for one in shown["steps"] if one["verb"] == "delete")
    assert set() == world.of(ADA)
    assert world.of(BOB)


def a_package_behind_a_mailed_link(folder: Path, environment, mails: list):
    """The person is mailed a link, has the code by another way, and opens the package once in a browser's way."""
    raw = ticket("access", BOB)
    code, said = rightsdesk(environment, "submit", "--wait", "--timeout", "60", "-", stdin=json.dumps(raw))
    assert 0 == code, said
    (mail,) = (one for one in mails if one["To"] == BOB)
    link = next(word for word in mail.get_content().split() if word.startswith("http"))
    assert link.startswith(f"http://127.0.0.1:{environment['RIGHTSDESK_CONSOLE_PORT']}/p/")
    secret = rightsdesk(environment, "package", "code", raw["id"])[1].strip()
    assert secret not in mail.get_content()
    assert 200 == httpx.get(link).status_code
    wrong = httpx.post(link, data={"code": "00000000"})
    right = httpx.post(link, data={"code": secret})
    again = httpx.post(link, data={"code": secret})
    assert right.status_code == 200
    assert zipfile.is_zipfile(io.BytesIO(right.content))
    assert wrong.status_code != 200
    assert again.status_code != 200
    logs = "".join(path.read_text() for path in (folder / "home" / "log").iterdir())
    assert link.rpartition("/")[2] not in logs


def covered(store: Store, ticket: str) -> bool:
    """Say whether a ticket's certificate has its proof."""
    with store.read() as session:
        found = certified(session, UUID(ticket))
    return found is not None and found["proof"] != "pending"


def nothing_waits_for_the_slow(folder: Path, found, environment):
    """Let two erasures hold all places that one system may have; alerts, a breach and other systems go on."""
    other, access = ticket("erasure", BOB), ticket("access", "nobody@never.example")
    breach = ticket("breach", details={"incident": INCIDENT}, subject=None, identity=None)
    lines = "".join(json.dumps(one) + "\n" for one in (other, access, breach))
    assert 0 == rightsdesk(environment, "submit", "-", stdin=lines)[0]
    until(lambda: len(list(folder.glob("begun-*"))) == 2, timeout=30)
    with closing(Store(found["database_url"])) as store:

        def all_of(query):
            with store.read() as session:
                return set(session.scalars(query))

        def done(one, verb):
            mine = StepRow.ticket_id == UUID(one["id"]), StepRow.verb == verb, StepRow.state == "done"
            return all_of(select(StepRow.system).where(*mine))

        until(lambda: {"mail", "documents"} <= done(access, "locate"))
        until(lambda: "chat" in done(breach, "subjects"))
        late = AlertRow.ticket_id == UUID(breach["id"]), AlertRow.milestone == "passed"
        until(lambda: all_of(select(AlertRow.id).where(*late)))


def test_a_worker_killed_then_everything_and_started_again(tmp_path):
    """A step of a dead worker runs again in the next one; and what was submitted before the end is answered after.

    The certificate that is signed then is soon in a checkpoint, which is published.
    """
    world = small.build(tmp_path / "world", chat="slow")
    raw = ticket("erasure")
    with stack(tmp_path, world) as (found, environment):
        rightsdesk(environment, "submit", "-", stdin=json.dumps(raw))
        until(lambda: set(tmp_path.glob("begun-*")), timeout=30)
        nothing_waits_for_the_slow(tmp_path, found, environment)
        first = set(tmp_path.glob("begun-*"))
        parent = int(Path(f"/proc/{found['pids']['worker']}/stat").read_text().split()[3])
        os.kill(found["pids"]["worker"], signal.SIGKILL)
        until(lambda: set(tmp_path.glob("begun-*")) - first, timeout=60)
        os.kill(parent, signal.SIGKILL)
        until(lambda: not any(Path(f"/proc/{pid}/exe").exists() for pid in found["pids"].values()), timeout=20)
    (tmp_path / "go").touch()
    more = {"RIGHTSDESK_CHECKPOINTS": f"file://{tmp_path / 'published'}", "RIGHTSDESK_CHECKPOINT_SECONDS": "1"}
    with stack(tmp_path, world, **more) as (found, environment):
        code, said = rightsdesk(environment, "submit", "--wait", "--timeout", "60", "-", stdin=json.dumps(raw))
        assert 0 == code, (said, rightsdesk(environment, "ticket", raw["id"])[1])
        shown = json.loads(rightsdesk(environment, "ticket", raw["id"], "--json")[1])
        with closing(Store(found["database_url"])) as store:
            until(lambda: covered(store, raw["id"]), timeout=30)
        until(lambda: list((tmp_path / "published").glob("*.json")), timeout=10)
    assert 3 <= max(one["attempts"] for one in shown["steps"] if one["verb"] == "delete")
    assert set() == world.of(ADA)


WRITERS = """
import os, sys
from sqlalchemy import text
from shared.store.session import Store
children = []
while len(children) < 6 and (child := os.fork()):
    children.append(child)
if len(children) == 6:
    sys.exit(max(os.waitpid(child, 0)[1] for child in children) > 0)
store = Store(sys.argv[1])
for _ in range(50):
    with store.write() as session:
        value = session.scalar(text("SELECT value FROM counter"))
        session.execute(text("UPDATE counter SET value = :value"), {"value": value + 1})
"""


def test_six_processes_write_on_sqlite_without_a_lost_update(tmp_path):
    """A read and a write in one writing session is one step, whoever else writes."""
    from sqlalchemy import text

    store = Store(url := f"sqlite:///{tmp_path / 'counter.sqlite3'}")
    with store.write() as session:
        session.execute(text("CREATE TABLE counter (value INTEGER)"))
        session.execute(text("INSERT INTO counter VALUES (0)"))
    subprocess.run([sys.executable, "-c", WRITERS, url], cwd=ROOT, timeout=120, check=True)
    with store.read() as session:
        assert 300 == session.scalar(text("SELECT value FROM counter"))
    store.close()
