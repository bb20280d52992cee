"""The worker: one Celery task for each channel and verb. Messages carry a step id and nothing else."""

import os
import signal
from datetime import timedelta
from functools import partial
from typing import Any

import structlog
from celery import Celery, signals

from shared import log as logs
from shared.domain.step import CHANNELS, DATA_VERBS, DESK
from shared.inventory import check_packages, load
from shared.settings import Settings
from shared.store.migrate import await_head
from shared.store.session import Store
from workers import checkpoints, connectors, desk, published
from workers.alerts.deliver import deliver
from workers.embedded.tether import die_with_parent
from workers.office import open_office
from workers.patrol import patrol
from workers.perform import Performer
from workers.queues import ALERTS, AUDIT, CHECKPOINT, LOOK, SWEEP, SWEEP_SECONDS, make_app, publish, say_ready
from workers.sla import look
from workers.sweep import sweep

# one prefork child is one process: what it opened after the fork stands here
_here: dict[str, Performer] = {}


def make_worker(settings: Settings) -> Celery:
    """Return the app with its tasks: one for each channel and verb, and those that beat wakes."""
    app = make_app(settings)
    for channel in CHANNELS:
        for verb in DATA_VERBS:
            _register(app, settings, channel, verb)
    for verb in desk.verbs():
        _register(app, settings, DESK, verb)

    @app.task(name=SWEEP, ignore_result=True, shared=False)
    def sweep_task() -> None:
        performer = _performer(app, settings)
        sweep(performer.office, performer.publish)

    @app.task(name=LOOK, ignore_result=True, shared=False)
    def look_task() -> None:
        office = _performer(app, settings).office
        look(office)
        patrol(office, every=timedelta(seconds=SWEEP_SECONDS))

    @app.task(name=ALERTS, ignore_result=True, shared=False)
    def alerts_task() -> None:
        deliver(_performer(app, settings).office)

    @app.task(name=CHECKPOINT, ignore_result=True, shared=False)
    def checkpoint_task() -> None:
        checkpoints.keep(_performer(app, settings).office)

    @app.task(name=AUDIT, ignore_result=True, shared=False)
    def audit_task() -> None:
        checkpoints.audit(_performer(app, settings).office)

    return app


def _register(app: Celery, settings: Settings, channel: str, verb: str) -> None:
    def perform(step: int) -> None:
        _performer(app, settings).perform(step, most_urgent=True)

    app.task(perform, name=f"{channel}.{verb}", ignore_result=True, shared=False)


def _performer(app: Celery, settings: Settings) -> Performer:
    if "performer" not in _here:
        _here["performer"] = Performer(open_office(settings), partial(publish, app))
    return _here["performer"]


def work(settings: Settings, *, queues: list[str], concurrency: int) -> None:
    """Serve queues with a Celery worker until told to stop."""
    check_packages(load(settings.systems), settings.package_url, settings.packages_region)
    if settings.checkpoints:
        published.check(settings.checkpoints)
    logs.configure("worker")
    app = make_worker(settings)
    connectors.kinds()  # imported before the fork, so that the children share it
    desk.verbs()
    store = Store(settings.database)
    await_head(store)
    store.close()  # engines are made in each child, never before the fork

    @signals.worker_process_init.connect(weak=False)
    def _open(**_: Any) -> None:
        die_with_parent(signal.SIGKILL)  # Celery's children ignore SIGTERM while they work; leases take care
        structlog.contextvars.bind_contextvars(part="worker", pid=os.getpid())
        _here.clear()
        _performer(app, settings)

    @signals.worker_process_shutdown.connect(weak=False)
    def _shut(**_: Any) -> None:
        if performer := _here.pop("performer", None):
            performer.close()
            performer.office.close()

    @signals.worker_ready.connect(weak=False)
    def _ready(**_: Any) -> None:
        say_ready(settings, "worker")

    app.worker_main(
        [
            "worker", "--pool=prefork", f"--concurrency={concurrency}", f"--queues={','.join(queues)}",
            "--loglevel=WARNING", "--without-gossip", "--without-mingle", "--events", "--hostname=rightsdesk@%h",
        ]
    )  # fmt: skip
