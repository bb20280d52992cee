"""The parts of an installation, each a process of its own that can be killed, held, and started again; timed."""

import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from shared.settings import Settings
from shared.store.tables import StepRow, TicketRow
from tests import small
from tests.faults.nursery import ROOT
from tests.line import open_line
from tests.servers import private_place
from tests.waiting import until
from workers.doctor import examine
from workers.embedded import valkey
from workers.embedded.tether import tether
from workers.submit import QueueDown, Submitter, check

LEASE = 5.0
PARTS = ("worker", "intake", "beat")


class Broker:
    """A Valkey that can be killed and started again on the same data."""

    def __init__(self, place: Path, data: Path | None):
        self.socket, self.data, self.log = place / "s", data or place / "data", place / "log"
        self.url = f"redis+socket://{self.socket}?virtual_host=0"
        self.process = None

    def start(self):
        lock = valkey.prepare(self.socket, self.data)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                valkey.command(self.socket, self.data), stdout=log, stderr=log, pass_fds=[lock],
                preexec_fn=tether(signal.SIGKILL),  # noqa: PLW1509 - it takes no lock
            )  # fmt: skip
        os.close(lock)
        until(lambda: valkey.answers(self.socket))

    def kill(self):
        self.process.kill()
        self.process.wait()


class Rig:
    """A home with its parts."""

    def __init__(self, folder: Path, world: small.Small, broker: Broker, database: str | None):
        self.folder, self.world, self.broker = folder, world, broker
        self.line = open_line(folder / "home", world.systems, broker=broker.url, database=database, lease_seconds=LEASE)
        settings: Settings = self.line.office.settings
        self.store, self.settings, self.processes = self.line.office.store, settings, {}
        self.environment = os.environ | {
            "RIGHTSDESK_HOME": str(settings.home), "RIGHTSDESK_SYSTEMS": str(settings.systems),
            "RIGHTSDESK_DATABASE_URL": settings.database, "RIGHTSDESK_BROKER_URL": broker.url,
            "RIGHTSDESK_TEST_FOLDER": str(folder), "RIGHTSDESK_LEASE_SECONDS": str(LEASE),
            "PYTHONPATH": f"{ROOT}:{ROOT / 'tests' / 'plugins'}",
        }  # fmt: skip

    def start(self, *parts: str, before=(), **more: str):
        """Start parts, behind a command's words, and wait until they are ready."""
        for part in parts:
            (self.settings.run / f"{part}.ready").unlink(missing_ok=True)
            with (self.folder / f"{part}.log").open("ab") as log:
                self.processes[part] = subprocess.Popen(
                    [*before, sys.executable, "-m", "workers.cli", part],
                    env=self.environment | more, cwd=ROOT, stdout=log, stderr=log, start_new_session=True,
                    preexec_fn=tether(signal.SIGKILL),  # noqa: PLW1509 - it takes no lock
                )  # fmt: skip
        until(lambda: all((self.settings.run / f"{part}.ready").exists() for part in parts), timeout=60)

    def kill(self, part: str, sig: int = signal.SIGKILL):
        """End a part, with what it forked if it is killed; wait until it is gone."""
        process = self.processes.pop(part)
        process.send_signal(sig)
        process.wait(60)
        if sig == signal.SIGKILL:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

    def stop(self):
        """Kill whatever runs."""
        for part in list(self.processes):
            self.kill(part)

    def submit(self, right: str = "access", person: str | None = None, **more):
        """Submit a ticket that was received just now, of somebody unknown by default; it is spooled at least."""
        person = person or f"{uuid4().hex}@never.example"  # each another: the same person's would be linked
        raw = small.ticket(right, person, received_at=datetime.now(UTC).isoformat(), **more)
        submitter = Submitter(self.settings, inventory=self.line.office.inventory, vault=self.line.office.vault)
        with closing(submitter.broker), suppress(QueueDown):
            submitter.queue([check(raw, inventory=self.line.office.inventory)])
        return UUID(raw["id"])

    def closed(self, *tickets):
        """Say whether tickets have ended."""
        try:
            with self.store.read() as session:
                ended = TicketRow.closed_at.is_not(None), TicketRow.id.in_(tickets)
                return len(session.scalars(select(TicketRow.id).where(*ended)).all()) == len(tickets)
        except SQLAlchemyError:
            return False

    def seconds_until_closed(self, *tickets, timeout=120):
        """Wait until tickets have ended; return how long it took."""
        began = time.monotonic()
        until(lambda: self.closed(*tickets), timeout=timeout, every=0.05)
        return time.monotonic() - began

    def steps(self, *columns, **where):
        """Return columns of steps."""
        with self.store.read() as session:
            return session.execute(select(*columns).filter_by(**where).order_by(StepRow.id)).all()

    def wrong(self, **how):
        """Return what the doctor finds."""
        return [(check.name, one.of, one.what) for check, one in examine(self.line.office, **how)]


@contextmanager
def rig(
    folder: Path, *, world=None, database: str | None = None, parts=PARTS, broker_data: Path | None = None, **kinds
):
    """Run an installation over a world, a small one by default, for the length of a block."""
    world = world or small.build(folder / "world", **kinds)
    with private_place("broker") as place, ExitStack() as undo:
        broker = Broker(place, broker_data)
        broker.start()
        undo.callback(broker.kill)
        made = Rig(folder, world, broker, database)
        undo.callback(made.line.close)
        undo.callback(made.stop)
        made.start(*parts)
        yield made


def row(capsys, fault: str, happened: str, seconds: float | str):
    """Print a row of docs/faults.md."""
    took = f"{seconds:.1f} s" if isinstance(seconds, float) else seconds
    with capsys.disabled():
        print(f"\n| {fault} | {happened} | {took} |")
