"""A part of the stack, and the process that it is at the moment."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from workers.embedded.folders import private_log
from workers.embedded.tether import tether

FIRST_PAUSE = 0.1  # a part that keeps dying is started again ever more slowly
LONGEST_PAUSE = 5.0
SETTLED = 10.0  # seconds after which a part's next death counts as its first


@dataclass(frozen=True)
class Part:
    """How a part is started and how it shows that it is ready.

    `where` is what people read about it. `prepare` runs before each start and returns the descriptors that the
    process inherits. The others wait for a part that is `first`, and end before it. `orphaned` is the signal that
    it gets when we are killed.
    """

    name: str
    command: Sequence[str]
    where: str
    ready: Callable[[int], bool]
    env: Mapping[str, str] = field(default_factory=dict)
    prepare: Callable[[], Sequence[int]] = tuple
    folder: Path | None = None
    first: bool = False
    orphaned: int = signal.SIGTERM


class Process:
    """A part's process: started, watched by its pidfd, ended with all that it forked."""

    def __init__(self, part: Part, logs: Path) -> None:
        self.part = part
        self.log = logs / f"{part.name}.log"
        self.child: subprocess.Popen[bytes] | None = None
        self.pidfd = -1
        self.ready = False
        self.started_at = 0.0
        self.due_at = 0.0
        self.pause = 0.0

    @property
    def pid(self) -> int | None:
        """The process id, while it runs."""
        return self.child.pid if self.child else None

    def start(self) -> None:
        """Start it, tied to this process; a terminal's Ctrl-C goes to us alone, for it is its own session."""
        self.ready = False
        self.started_at = time.monotonic()
        inherited = self.part.prepare()
        try:
            log = private_log(self.log)
            try:
                self.child = subprocess.Popen(
                    self.part.command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env=self.part.env,
                    cwd=self.part.folder,
                    pass_fds=inherited,
                    start_new_session=True,
                    umask=0o077,
                    preexec_fn=tether(self.part.orphaned),  # noqa: PLW1509 - it takes no lock
                )
            finally:
                os.close(log)
        finally:
            for descriptor in inherited:
                os.close(descriptor)
        self.pidfd = os.pidfd_open(self.child.pid)

    def look(self) -> bool:
        """Ask a part that is starting whether it is ready; return True the moment it is."""
        if self.child is None or self.ready or not self.part.ready(self.child.pid):
            return False
        self.ready = True
        return True

    def signal(self, sig: int) -> None:
        """Send a signal to the process."""
        if self.child is not None:
            with suppress(ProcessLookupError):
                self.child.send_signal(sig)

    def reap(self) -> int:
        """Take leave of a process that ended, and of the children that it left; return its exit code.

        The group is killed while its dead leader still holds the number, which nobody else can have then.
        """
        assert self.child is not None
        with suppress(ProcessLookupError):
            os.killpg(self.child.pid, signal.SIGKILL)
        code = self.child.wait()
        os.close(self.pidfd)
        self.child, self.pidfd, self.ready = None, -1, False
        return code

    def put_off(self) -> None:
        """Set the time of the next start."""
        now = time.monotonic()
        settled = now - self.started_at > SETTLED
        self.pause = FIRST_PAUSE if settled or not self.pause else min(2 * self.pause, LONGEST_PAUSE)
        self.due_at = now + self.pause
