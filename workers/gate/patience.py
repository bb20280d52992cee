"""A database that is connected and does not answer: after a while its connection is shut, and the driver raises."""

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


class Patience:
    """Bounds queries on psycopg connections, which know no time limit of their own. SQLite has its busy timeout."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._watched: dict[int, tuple[float, socket.socket]] = {}
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    @contextmanager
    def watching(self) -> Iterator[Callable[[Any], None]]:
        """Yield a function that takes the driver's connection; it is watched until the block ends."""
        taken = list[int]()

        def watch(connection: Any) -> None:
            taken.append(self._take(connection))

        try:
            yield watch
        finally:
            for number in taken:
                with self._lock:
                    _, ours = self._watched.pop(number)
                ours.close()

    def close(self) -> None:
        """Watch no more."""
        self._over.set()

    def _take(self, connection: Any) -> int:
        ours = socket.socket(fileno=os.dup(connection.pgconn.socket))  # ours: another cannot get its number meanwhile
        with self._lock:
            self._watched[ours.fileno()] = (time.monotonic() + self.seconds, ours)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, daemon=True, name="gate-patience")
                self._thread.start()
        return ours.fileno()

    def _run(self) -> None:
        while not self._over.wait(self.seconds / 8):
            now = time.monotonic()
            with self._lock:
                for end, ours in self._watched.values():
                    if end < now:
                        _shut(ours)


def _shut(ours: socket.socket) -> None:
    try:
        ours.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # it has just ended by itself
