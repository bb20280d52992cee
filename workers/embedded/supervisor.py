"""Start the parts, start again the one that died, end them in order."""

import select
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from shared.domain.errors import RightsdeskError, UsageError
from workers.embedded import signals
from workers.embedded.process import Part, Process

LOOK_EVERY = 0.05  # seconds, only while a part is starting
LOOK_SELDOM = 1.0  # and when its start takes long


def complain(line: str) -> None:
    """Say on standard error what the operator should know."""
    sys.stderr.write(f"rightsdesk: {line}\n")
    sys.stderr.flush()


def wait_readable(descriptors: Iterable[int], timeout: float | None) -> set[int]:
    """Sleep until a descriptor is readable, or `timeout` seconds (None: for ever); return the readable ones."""
    poller = select.poll()
    for descriptor in descriptors:
        poller.register(descriptor, select.POLLIN)
    return {descriptor for descriptor, _ in poller.poll(None if timeout is None else max(timeout, 0.0) * 1000)}


class Supervisor:
    """The processes of a stack; `announce` hears of each one that became ready."""

    def __init__(self, parts: Sequence[Part], logs: Path, announce: Callable[[Process], None]) -> None:
        self.processes = [Process(part, logs) for part in parts]
        self.announce = announce

    @property
    def pids(self) -> dict[str, int]:
        """The process id of each part that runs."""
        return {process.part.name: process.pid for process in self.processes if process.pid is not None}

    @property
    def complete(self) -> bool:
        """Whether every part is ready."""
        return all(process.ready for process in self.processes)

    def begin(self, *, first: bool, patience: float, meanwhile: Callable[[], None] = lambda: None) -> None:
        """Start the parts that are `first`, or the others, do something meanwhile, and wait until they are ready.

        A part that ends meanwhile will not do better a second time: RightsdeskError.
        """
        chosen = [process for process in self.processes if process.part.first == first]
        for process in chosen:
            process.start()
        meanwhile()
        end = time.monotonic() + patience
        while starting := [process for process in chosen if not process.ready]:
            dead = wait_readable([process.pidfd for process in chosen], LOOK_EVERY)
            for process in chosen:
                if process.pidfd in dead:
                    raise RightsdeskError(f"{process.part.name} ended with {process.reap()}; see {process.log}")
            self._look(starting)
            if time.monotonic() > end:
                names = ", ".join(process.part.name for process in starting)
                raise RightsdeskError(f"not ready after {patience:g} s: {names}; see {chosen[0].log.parent}")

    def poll(self, timeout: float | None, *wakers: int) -> bool:
        """Sleep until something happens, then tend to it; return True if it was a waker."""
        alive = {process.pidfd: process for process in self.processes if process.child}
        readable = wait_readable([*alive, *wakers], self._pause(timeout))
        for descriptor in readable & alive.keys():
            self._mourn(alive[descriptor])
        now = time.monotonic()
        for process in self.processes:
            if process.child is None and process.due_at <= now:
                self._revive(process)
        self._look(self.processes)
        return bool(readable.intersection(wakers))

    def end(self, grace: float) -> None:
        """End all, last started first, the `first` ones when the others are gone; a second signal ends it at once."""
        with signals.as_bytes() as hurry:
            for first in (False, True):
                chosen = [one for one in reversed(self.processes) if one.child and one.part.first == first]
                for process in chosen:
                    process.signal(signal.SIGTERM)
                self._bury(chosen, grace, hurry)

    def _bury(self, chosen: list[Process], grace: float, hurry: socket.socket) -> None:
        """Wait for processes to end, then kill them and what they forked."""
        end = time.monotonic() + grace
        while chosen:
            readable = wait_readable([hurry.fileno(), *(process.pidfd for process in chosen)], end - time.monotonic())
            for process in [one for one in chosen if one.pidfd in readable]:
                chosen.remove(process)
                process.reap()
            if hurry.fileno() in readable:
                hurry.recv(64)  # the broker, whose turn is next, keeps its own grace
                break
            if time.monotonic() >= end:
                break
        for process in chosen:
            process.reap()

    def _look(self, processes: Iterable[Process]) -> None:
        for process in processes:
            if process.look():
                self.announce(process)

    def _mourn(self, process: Process) -> None:
        pid, code = process.pid, process.reap()
        process.put_off()
        complain(f"{process.part.name} (pid {pid}) ended with {code}, starting it again in {process.pause:g} s")

    def _revive(self, process: Process) -> None:
        try:
            process.start()
        except (OSError, UsageError) as error:
            process.put_off()
            complain(f"{process.part.name} did not start, next try in {process.pause:g} s: {error}")

    def _pause(self, timeout: float | None) -> float | None:
        """Shorten a sleep to when a part is due, or to be looked at."""
        now = time.monotonic()
        pauses = [] if timeout is None else [timeout]
        for process in self.processes:
            if process.child is None:
                pauses.append(process.due_at - now)
            elif not process.ready:
                pauses.append(LOOK_EVERY if now - process.started_at < 30 else LOOK_SELDOM)
        return min(pauses, default=None)
