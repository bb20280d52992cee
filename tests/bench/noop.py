"""A Celery task that does nothing, with late acks: what the engine's rates stand beside."""

import os

from celery import Celery

QUEUE = "noop"
app = Celery("noop", broker=os.environ.get("RIGHTSDESK_BROKER_URL"))
app.conf.update(
    task_acks_late=True, task_ignore_result=True, task_default_queue=QUEUE, worker_prefetch_multiplier=2,
    worker_hijack_root_logger=False,
)  # fmt: skip


@app.task(name="noop")
def noop(_: int) -> None:
    """Do nothing."""
