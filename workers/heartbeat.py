"""The heartbeat: one thread a process that renews leases, so that a long step is not taken for dead."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import structlog
from sqlalchemy.exc import SQLAlchemyError

from shared.store import steps
from shared.store.steps import Claim
from workers.office import Office

log = structlog.get_logger()


class Heartbeat:
    """Renews the leases of the claims that are at work, three times in each lease."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self._claims: dict[int, Claim] = {}
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    @contextmanager
    def beating(self, claim: Claim) -> Iterator[None]:
        """Keep a claim's lease alive until the block ends."""
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
            for claim in claims:
                self._renew(claim, lease)

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
