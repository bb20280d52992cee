"""The heartbeat: one thread a process that renews leases, so that a long step is not taken for dead.

A step that comes no further (no record written down, no cursor kept) for `step_seconds` hangs: it is ended as one that
may be tried again, and its process with it, for nothing else frees the place that it holds.
"""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from time import monotonic

import structlog
from sqlalchemy.exc import SQLAlchemyError

from shared.domain.step import DESK
from shared.store import steps
from shared.store.steps import Claim
from workers.office import Office

log = structlog.get_logger()


class Heartbeat:
    """Renews the leases of the claims that are at work, three times in each lease."""

    def __init__(self, office: Office, give_up: Callable[[Claim], object]) -> None:
        self.office, self.give_up = office, give_up
        self._moved = monotonic()
        self._claims: dict[int, Claim] = {}
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    @contextmanager
    def beating(self, claim: Claim) -> Iterator[None]:
        """Keep a claim's lease alive until the block ends."""
        self.moved()
        with self._lock:
            self._claims[claim.id] = claim
            if self._thread is None:  # started late: a thread does not survive a fork
                self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)
                self._thread.start()
        try:
            yield
        finally:
            with self._lock:
                self._claims.pop(claim.id, None)

    def moved(self) -> None:
        """Note that the work has come further."""
        self._moved = monotonic()

    def stop(self) -> None:
        """End the thread."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join(timeout=5)

    def _run(self) -> None:
        lease = self.office.settings.lease_seconds
        while not self._stopped.wait(lease / 3):
            with self._lock:
                claims = list(self._claims.values())
            self._look(claims)
            for claim in claims:
                self._renew(claim, lease)

    def _look(self, claims: list[Claim]) -> None:
        # what the desk sends has its own time limits, and a breach's letters may take hours
        hanging = [claim for claim in claims if claim.system != DESK]
        if hanging and monotonic() - self._moved > self.office.settings.step_seconds:
            log.error("step.hangs", step=hanging[0].id)
            try:
                self.give_up(hanging[0])
            finally:
                os._exit(os.EX_TEMPFAIL)

    def _renew(self, claim: Claim, lease: float) -> None:
        until = self.office.now() + timedelta(seconds=lease)
        try:
            with self.office.store.write() as session:
                ours = steps.renew(session, claim.id, claim.token, until=until)
        except SQLAlchemyError as error:
            log.warning("lease.unreachable", step=claim.id, error=type(error).__name__)
            return
        if not ours:
            log.warning("lease.lost", step=claim.id)
