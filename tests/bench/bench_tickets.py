"""Tickets a second over the demo's systems, on the embedded stack, beside Celery no-ops on the same broker."""

import os
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import redis
from sqlalchemy import func, select

from shared import log
from shared.settings import Settings
from shared.store.tables import StepRow, TicketRow
from tests.bench.noop import QUEUE, app
from tests.waiting import until
from workers.broker import connect
from workers.demo.world import World, build
from workers.embedded import Stack
from workers.office import Office, open_office
from workers.stack import prepare
from workers.submit import Submitter, check

TICKETS, NOOPS = 40, 4000


def main() -> None:
    """Print the rates and their ratio."""
    log.configure("bench", level=40)
    with tempfile.TemporaryDirectory(prefix="rd-bench-") as name:
        folder = Path(name)
        world = build(folder / "world")
        settings = Settings(home=folder / "home", systems=folder / "world" / "systems.toml")
        with Stack(settings, meanwhile=partial(prepare, settings)):
            office = open_office(settings)
            noops = _noops(settings)
            for right in ("access", "erasure"):
                seconds, steps = _tickets(settings, office, world, right)
                per_step = noops * seconds / steps
                print(
                    f"{right}: {TICKETS / seconds:.1f} tickets/s, {steps / seconds:.0f} steps/s over five systems; "
                    f"Celery no-ops in the same run {noops:.0f}/s (late acks); a step costs {per_step:.1f}"
                )
            office.close()


def _tickets(settings: Settings, office: Office, world: World, right: str) -> tuple[float, int]:
    people = [one for one in world.people.values() if one.key.startswith("acme:")][-TICKETS:]
    submitter = Submitter(settings, inventory=office.inventory, vault=office.vault)
    raw = [
        {
            "client": "acme", "right": right, "received_at": "2026-11-01T10:00:00+01:00",
            "subject": {"email": [one.email]},
            "identity": {"method": "attested-by-client", "by": "bench", "at": "2026-11-01T10:00:00+01:00"},
        }
        for one in people
    ]  # fmt: skip
    began = time.perf_counter()
    ids = submitter.queue(check(one, inventory=office.inventory) for one in raw)

    def closed() -> bool:
        with office.store.read() as session:
            done = select(func.count()).where(TicketRow.id.in_(ids), TicketRow.state == "closed")
            return session.scalar(done) == len(ids)

    until(closed, timeout=300)
    seconds = time.perf_counter() - began
    with office.store.read() as session:
        steps = session.scalar(select(func.count()).where(StepRow.ticket_id.in_(ids)))
    return seconds, steps or 0


def _noops(settings: Settings) -> float:
    """Return how many no-ops a second a worker of the same size works off."""
    broker: redis.Redis = connect(settings)
    app.conf.broker_url = settings.broker
    command = [sys.executable, "-m", "celery", "-A", "tests.bench.noop", "worker", "--concurrency=2"]
    flags = ["--loglevel=ERROR", "--without-gossip", "--without-mingle", "--events", "-n", "noop@%h"]
    environment = os.environ | {"RIGHTSDESK_BROKER_URL": settings.broker}
    worker = subprocess.Popen([*command, *flags], env=environment, stdout=subprocess.DEVNULL)
    try:
        app.send_task("noop", args=(0,))
        until(lambda: broker.llen(QUEUE) == 0, timeout=60)
        for number in range(NOOPS):
            app.send_task("noop", args=(number,))
        began, left = time.perf_counter(), broker.llen(QUEUE)
        until(lambda: broker.llen(QUEUE) == 0, timeout=120)
        return left / (time.perf_counter() - began)
    finally:
        worker.terminate()
        worker.wait()
