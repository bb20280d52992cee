"""Systems that finish later than they answer: looked at again with growing pauses, and then without a worker."""

import json
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

from shared.domain.errors import Waiting
from shared.ports import Work

_AT_ONCE = 2.0  # seconds that a step looks again itself
_FIRST, _LONGEST_HERE = 0.1, 1.0
_SHORTEST_AWAY, _LONGEST_AWAY = 5.0, 900.0


class Patience:
    """How long a step has been waiting, and what for: kept in its cursor, so that it outlives the worker."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._kept: dict[str, Any] = json.loads(work.cursor) if work.cursor else {}
        self._started = time.monotonic()

    def waited(self, for_what: str) -> timedelta:
        """Return for how long something has been waited for; the first call begins it."""
        now, began = self._work.now, self._kept.get("since", {}).get(for_what)
        if began is None:
            self._kept.setdefault("since", {})[for_what] = now.isoformat()
            return timedelta(0)
        return now - datetime.fromisoformat(began)

    def job(self, key: str) -> str:
        """Return the job that an earlier attempt began for a record, or nothing."""
        return str(self._kept.get("jobs", {}).get(key, ""))

    def began(self, key: str, job: str) -> None:
        """Remember a job before it is waited for."""
        self._kept.setdefault("jobs", {})[key] = job
        self._work.checkpoint(json.dumps(self._kept))

    def remembered(self, key: str, value: str) -> str:
        """Return what was first remembered under a key, stored before the act that would destroy it."""
        former = self._kept.setdefault("former", {})
        if key not in former:
            former[key] = value
            self._work.checkpoint(json.dumps(self._kept))
        return str(former[key])

    def away(self, message: str, waited: timedelta, within: timedelta) -> Waiting:
        """Return what lets the step wait without a worker: the longer the wait, the longer the pause."""
        self._work.checkpoint(json.dumps(self._kept))
        growing = min(waited.total_seconds() / 4, _LONGEST_AWAY, (within - waited).total_seconds())
        return Waiting(message, after=max(_SHORTEST_AWAY, growing))

    def until(self, done: Callable[[], bool], within: timedelta, for_what: str, *, key: str = "") -> bool:
        """Ask until it is done; False if it is not within the time, Waiting where that takes longer than a step may."""
        before = self.waited(key or for_what)
        began = time.monotonic()
        for pause in _pauses():
            if done():
                return True
            here = time.monotonic() - began
            left = (within - before).total_seconds() - here
            if left <= 0:
                return False
            if here + min(pause, left) > _AT_ONCE:
                raise self.away(f"{for_what} is not over yet", before + timedelta(seconds=here), within)
            time.sleep(min(pause, left))
        raise AssertionError  # pragma: no cover - the pauses do not end


def _pauses() -> Iterator[float]:
    pause = _FIRST
    while True:
        yield pause
        pause = min(pause * 2, _LONGEST_HERE)
