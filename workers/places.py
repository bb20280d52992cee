"""A worker's places. While steps take long its pool has a process more for each, so that quick ones do not wait.

Nobody knows beforehand which system will hang: so no place is kept free for others, but one is added for each step that
holds its own for longer than `LONG`. A lane has a few steps in flight only, so what all of them can hold has an end.
"""

import time
from typing import Any

import structlog
from billiard.process import current_process
from celery.bootsteps import StartStopStep
from celery.worker import state
from celery.worker.consumer.tasks import Tasks

log = structlog.get_logger()

LONG = 2.0  # seconds, after which a step is one that takes long; less, and a busy machine would be made busier
EVERY = 0.25
KEPT = 60.0  # seconds that a place stays after it was needed: a system that hangs will do so again


class Places(StartStopStep):  # type: ignore[misc]  # Celery has no types
    """Lets the pool grow and shrink. Celery's autoscaler would not: it goes by what is fetched, at most its places."""

    requires = (Tasks,)

    def __init__(self, consumer: Any, **how: Any) -> None:
        conf = consumer.app.conf
        self.usual, self.most = conf.usual_places, max(conf.usual_places, conf.most_places)
        self.needed, self.told = 0.0, False
        super().__init__(consumer, **how)

    def start(self, consumer: Any) -> None:
        """Look several times a second, in the loop that serves the pool."""
        self.timer = consumer.timer.call_repeatedly(EVERY, self.look, (consumer,))

    def stop(self, consumer: Any) -> None:  # noqa: ARG002 - Celery's signature
        """Look no more."""
        self.timer.cancel()

    def look(self, consumer: Any) -> None:
        """Add places for steps that take long; take one away that was not needed for a while and is free."""
        size, now = consumer.pool.num_processes, time.time()
        long = sum(1 for one in state.active_requests if one.time_start and one.time_start < now - LONG)
        missing = self.usual + long - size
        if missing >= 0:
            self.needed = now
        if missing > 0 and size >= self.most:
            self._tell()
        elif missing > 0:
            # as many again as are held: where many systems hang at once, the others wait for few rounds
            self._change(consumer, min(max(missing, long), self.most - size))
        elif now > self.needed + KEPT and size > self.usual:
            self._take_one(consumer)

    def _tell(self) -> None:
        if not self.told:
            log.warning("places.full", places=self.most)
        self.told = True

    def _change(self, consumer: Any, by: int) -> None:
        consumer.pool.grow(by)
        consumer.pool.maintain_pool()
        consumer._update_prefetch_count(by)  # noqa: SLF001 - as Celery's own `pool_grow` does
        self.needed = time.time()  # the forks took a while
        log.info("places.changed", places=consumer.pool.num_processes)

    def _take_one(self, consumer: Any) -> None:
        """Take the last that came, one at a time: `shrink` would take one again that is on its way out."""
        self.told, pool = False, consumer.pool._pool  # noqa: SLF001 - Celery has no public way
        pool.maintain_pool()
        pool._pool.sort(key=lambda one: one.index, reverse=True)  # noqa: SLF001 - Celery has no public way
        leaving = len(pool._pool) > consumer.pool.num_processes  # noqa: SLF001 - Celery has no public way
        fetched = len(state.reserved_requests) > len(state.active_requests)  # and not begun
        if not leaving and not fetched and not pool._worker_active(pool._pool[0]):  # noqa: SLF001 - Celery has no public way
            consumer.pool.shrink(1)
            consumer._update_prefetch_count(-1)  # noqa: SLF001 - Celery has no public way
            log.info("places.changed", places=consumer.pool.num_processes)


def is_extra(usual: int) -> bool:
    """Say whether this process of a pool is one that was added."""
    return getattr(current_process(), "index", 0) >= usual
