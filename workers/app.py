"""The worker: one Celery task for each channel and verb. Messages carry a step id and nothing else."""

import os
import resource
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
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
from shared.vault import Vault, open_vault
from workers import connectors, desk, published
from workers.embedded.tether import die_with_parent
from workers.office import open_office
from workers.perform import Performer
from workers.places import Places, is_extra
from workers.queues import BREACHES_ONLY, make_app, mostly_urgent, publish, say_ready

# one prefork child is one process: what it opened after the fork stands here
_here: dict[str, Performer] = {}
_shared: dict[str, Vault] = {}  # opened before the fork: stretching the passphrase takes time and memory
_GRACE = 5.0


def make_worker(settings: Settings, *, for_breaches: bool = False) -> Celery:
    """Return the app with its tasks, one for each channel and verb."""
    app = make_app(settings)
    app.conf.broker_transport_options |= BREACHES_ONLY if for_breaches else mostly_urgent()
    for channel, verbs in (*((one, DATA_VERBS) for one in CHANNELS), (DESK, desk.verbs())):
        for verb in verbs:
            _register(app, settings, f"{channel}.{verb}", most_urgent=not for_breaches)
    return app


def _register(app: Celery, settings: Settings, name: str, *, most_urgent: bool) -> None:
    def perform(step: int) -> None:
        _performer(settings).perform(step, most_urgent=most_urgent)

    app.task(perform, name=name, ignore_result=True, shared=False)


def _performer(settings: Settings) -> Performer:
    if "performer" not in _here:
        # an app of its own: one that looks at breaches only would send everything as a breach
        office, send = open_office(settings, vault=_shared.get("vault")), partial(publish, make_app(settings))
        _here["performer"] = Performer(office, send, keep_open=not is_extra(_usual_places(settings)))
    return _here["performer"]


def work(settings: Settings, *, queues: list[str], concurrency: int) -> None:
    """Serve queues with Celery workers until told to stop.

    `concurrency` is how many places one lane may hold; one more is for other lanes, one is kept for breaches, and while
    steps take long there are more (`workers.places`).
    """
    settings = settings.model_copy(update={"concurrency": concurrency})
    check_packages(load(settings.systems), settings.package_url, settings.packages_region)
    if settings.checkpoints:
        published.check(settings.checkpoints)
    logs.configure("worker")
    _shared["vault"] = open_vault(settings.root, settings.secrets)
    connectors.kinds()  # imported before the fork, so that the children share it
    desk.verbs()
    store = Store(settings.database)
    await_head(store)
    store.close()  # engines are made in each child, never before the fork
    kept = os.fork()
    if kept == 0:
        die_with_parent(signal.SIGKILL)
        _serve(settings, queues, ["--pool=prefork", "--concurrency=1", "--hostname=breaches@%h"], for_breaches=True)
        return
    with _ending_with(kept):
        usual = _usual_places(settings)
        _serve(settings, queues, ["--pool=prefork", f"--concurrency={usual}", "--hostname=rightsdesk@%h"])


def _usual_places(settings: Settings) -> int:
    return settings.concurrency + 1


@contextmanager
def _ending_with(child: int) -> Iterator[None]:
    """End a child with the block; and end with the child, so that both are started again."""
    ending = threading.Event()

    def watch() -> None:
        os.waitpid(child, 0)
        if not ending.is_set():
            os.kill(os.getpid(), signal.SIGTERM)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ending.set()
        if watcher.is_alive():
            os.kill(child, signal.SIGTERM)
            watcher.join(_GRACE)


def _limit_memory(settings: Settings) -> None:
    """Let this process have so much data and no more: a step that wants all memory fails, and takes nobody with it."""
    most = settings.memory_mb << 20
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))


def _serve(settings: Settings, queues: list[str], how: list[str], *, for_breaches: bool = False) -> None:
    app = make_worker(settings, for_breaches=for_breaches)
    if not for_breaches:
        app.conf.update(usual_places=_usual_places(settings), most_places=settings.most_places)
        app.steps["consumer"].add(Places)
    app.conf.worker_max_memory_per_child = settings.memory_mb * 512  # kB: one that has grown to half of it is replaced

    codes = [0]

    @signals.worker_process_init.connect(weak=False)
    def _open(**_: Any) -> None:
        die_with_parent(signal.SIGKILL)  # Celery's children ignore SIGTERM while they work; leases take care
        _limit_memory(settings)
        structlog.contextvars.bind_contextvars(part="worker", pid=os.getpid())
        _here.clear()
        _performer(settings)

    @signals.worker_process_shutdown.connect(weak=False)
    def _shut(**_: Any) -> None:
        if performer := _here.pop("performer", None):
            performer.close()
            performer.office.close()

    @signals.worker_ready.connect(weak=False)
    def _ready(**_: Any) -> None:
        if not for_breaches:
            say_ready(settings, "worker")

    @signals.worker_shutdown.connect(weak=False)
    def _end(sender: Any, **_: Any) -> None:
        codes.append(sender.exitcode or 0)

    app.worker_main(
        [
            "worker", *how, f"--queues={','.join(queues)}", "--loglevel=WARNING", "--without-gossip",
            "--without-mingle", "--events",
        ]
    )  # fmt: skip
    if codes[-1]:  # Celery gives up, e.g. when the broker's disk is full; whoever started us is to start us again
        sys.exit(codes[-1])
