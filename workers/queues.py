"""The queues: the Celery app that sends, and its settings. Light: what runs the steps stands in `workers.app`."""

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import structlog
from celery import Celery
from kombu import Queue  # type: ignore[attr-defined]  # its stub is lazy
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from shared import settings as settings_module
from shared.domain.step import CHANNELS, DESK
from shared.settings import Settings
from shared.store.nudge import Nudge
from workers.broker import connect

log = structlog.get_logger()

QUEUES = (*CHANNELS, DESK)
# Redis has a list for each, looked at in this order: breaches, objections and consents, the rest
PRIORITIES = [0, 1, 2]
BREACHES_ONLY = {"priority_steps": PRIORITIES[:1]}  # for a consumer; it must not send
_TURN, _SEP = 4, "#"


class _MostlyUrgent(list[int]):
    """Lists the priorities the most urgent first, and each fourth time the other way round.

    Else a flood of one client's objections would leave no place to other clients' accesses.
    """

    turns = 0

    def __iter__(self) -> Iterator[int]:
        self.turns += 1
        return reversed(self) if self.turns % _TURN == 0 else super().__iter__()


def mostly_urgent() -> dict[str, list[int]]:
    """Return transport options for a consumer: the transport lists the priorities each time that it fetches."""
    return {"priority_steps": _MostlyUrgent(PRIORITIES)}


def make_app(settings: Settings) -> Celery:
    """Return the app for these settings: it sends, and knows no task. Nothing is connected yet."""
    app = Celery("rightsdesk", broker=settings.broker)
    app.conf.update(
        task_queues=[Queue(name) for name in QUEUES],
        task_default_queue=DESK,
        task_acks_late=True,
        task_reject_on_worker_lost=True,  # else a killed child's task is acked and lost
        task_ignore_result=True,
        task_serializer="json",
        accept_content=["json"],
        worker_prefetch_multiplier=1,  # what a worker has fetched, nothing more urgent overtakes
        worker_send_task_events=True,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_soft_shutdown_timeout=5.0,
        broker_connection_retry_on_startup=True,
        broker_transport_options={
            "visibility_timeout": 6 * 3600,  # above the longest task; the row's lease is what counts
            "unacked_restore_interval": 2,
            "socket_keepalive": True,
            "priority_steps": PRIORITIES,
            "sep": _SEP,  # chat, chat#1, chat#2; no queue and no host is named so
        },
    )
    return app


def publish(app: Celery, nudges: list[Nudge]) -> None:
    """Send steps to their queues. If the broker does not take them, the sweep sends them later: the row is the job."""
    try:
        for nudge in nudges:
            app.send_task(
                f"{nudge.channel}.{nudge.verb}",
                args=(nudge.id,),
                queue=nudge.channel,
                priority=min(nudge.priority, PRIORITIES[-1]),
                argsrepr=str(nudge.id),
                kwargsrepr="",
                retry_policy={"max_retries": 2, "interval_start": 0, "interval_step": 0.2},
            )
    except (OperationalError, OSError) as error:
        log.warning("publish.broker_down", error=type(error).__name__)


def list_of(channel: str, priority: int) -> str:
    """Return the broker's list in which a step's message lies, as its transport names it."""
    return f"{channel}{_SEP}{min(priority, PRIORITIES[-1])}" if priority else channel


def in_line(settings: Settings) -> dict[str, int]:
    """Return how many messages lie in each of the broker's lists; nothing if it cannot be asked."""
    lists = [list_of(queue, priority) for queue in QUEUES for priority in PRIORITIES]
    try:
        with closing(connect(settings, retries=0)) as broker, broker.pipeline(transaction=False) as asked:
            for name in lists:
                asked.llen(name)
            return dict(zip(lists, asked.execute(), strict=True))
    except (RedisError, OSError):
        return {}


def say_ready(settings: Settings, part: str) -> None:
    """Leave a file with our pid: the launcher waits for it."""
    settings.run.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = Path(settings.run / f"{part}.ready")
    fresh = path.with_suffix(".fresh")
    fresh.write_text(str(os.getpid()))
    fresh.replace(path)


def __getattr__(name: str) -> Celery:
    """Make `celery -A workers.queues` work: the app, of the settings in the environment."""
    if name in ("app", "celery"):
        return make_app(settings_module.read())
    raise AttributeError(name)
