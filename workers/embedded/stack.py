"""The whole stack in one process tree, for `rightsdesk up` and `rightsdesk demo`."""

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from types import TracebackType
from typing import Any, Self

from shared.domain.errors import UsageError
from shared.private_file import write_private
from shared.settings import Settings
from workers.embedded import flower, signals
from workers.embedded.folders import home_folder, private_folder
from workers.embedded.parts import all_parts
from workers.embedded.process import Part, Process
from workers.embedded.supervisor import Supervisor

SHOWN = ("valkey", "intake", "worker", "beat", "flower")  # the parts that every stack has


@contextmanager
def only_one(settings: Settings) -> Iterator[None]:
    """Hold the home for one stack; a UsageError names the pid of the one that has it."""
    descriptor = os.open(settings.run / "stack.lock", os.O_RDWR | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "r+", encoding="ascii") as lock:
        for _ in range(10):  # `read_stack` holds it for a moment
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                time.sleep(0.05)
        else:
            raise UsageError(f"a stack already runs on {settings.root}, pid {lock.read().strip()}")
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield


@contextmanager
def metrics_endpoint(registry: Any) -> Iterator[str | None]:
    """Serve a Prometheus registry on the loopback interface, and yield its URL; without a registry, None."""
    if registry is None:
        yield None
        return
    from prometheus_client import start_http_server  # noqa: PLC0415 - `rightsdesk status` does without

    server, thread = start_http_server(0, addr="127.0.0.1", registry=registry)
    try:
        yield f"http://127.0.0.1:{server.server_port}/metrics"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Stack:
    """The running parts; entered or run on the main thread, it is left when everything has ended.

    `say` gets a line per part when it is ready. `meanwhile` runs when the broker answers, while the other parts start:
    the place for migrations, for which they wait. `registry` is a Prometheus registry to be served. `parts` replaces
    the usual ones. `patience` bounds the start, `grace` what each part has to end in, in seconds.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        concurrency: int = 2,
        say: Callable[[str], None] = lambda _line: None,
        meanwhile: Callable[[], None] = lambda: None,
        registry: Any = None,
        parts: Callable[[Settings, int, int], Sequence[Part]] = all_parts,
        patience: float = 30.0,
        grace: float = 8.0,
    ) -> None:
        self.settings = settings
        self.concurrency = concurrency
        self.say = say
        self.meanwhile = meanwhile
        self.registry = registry
        self.parts = parts
        self.patience = patience
        self.grace = grace
        self.file = settings.run / "stack.json"
        self.flower_url: str | None = None
        self.metrics_url: str | None = None
        self.up = False

    def __enter__(self) -> Self:
        """Start everything, wait until it is ready, and say so in the file."""
        self._start()
        self._write()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End everything."""
        self._undo.__exit__(kind, error, trace)

    def run(self, ready: Callable[[], None] = lambda: None) -> None:
        """Start everything, and again whatever dies, until Ctrl-C or SIGTERM; call `ready` once all is.

        Whoever sends a signal after the file appeared gets an orderly end.
        """
        self._start()
        with self._undo, signals.as_bytes() as asked:
            self._write()
            ready()
            while not self.supervisor.poll(None, asked.fileno()):
                pass

    def poll(self, timeout: float = 0.0) -> None:
        """Start again whatever died; wait at most `timeout` seconds for something to happen."""
        self.supervisor.poll(timeout)

    def _start(self) -> None:
        """Start everything and wait until it is ready; undo it if that fails or is interrupted."""
        with ExitStack() as undo:
            undo.callback(os.umask, os.umask(0o077))  # migrations run in this process and make files, too
            home_folder(self.settings.root)
            logs = private_folder(self.settings.root / "log")
            private_folder(self.settings.run)
            undo.enter_context(only_one(self.settings))
            undo.callback(self.file.unlink, missing_ok=True)
            self.file.unlink(missing_ok=True)  # of a stack that was killed
            undo.enter_context(signals.as_exceptions())
            port = flower.free_port()
            self.supervisor = Supervisor(self.parts(self.settings, self.concurrency, port), logs, self._announce)
            undo.callback(self._end)
            self.supervisor.begin(first=True, patience=self.patience)
            self.supervisor.begin(first=False, patience=self.patience, meanwhile=self.meanwhile)
            self.metrics_url = undo.enter_context(metrics_endpoint(self.registry))
            if self.metrics_url:
                self.say(f"{'metrics':<8}{self.metrics_url}")
            self.flower_url = f"http://127.0.0.1:{port}" if "flower" in self.supervisor.pids else None
            self.up = True
            self._undo = undo.pop_all()

    def _end(self) -> None:
        """End the processes, and leave no empty folder under /tmp."""
        self.up = False
        self.supervisor.end(self.grace)
        with suppress(OSError):  # there is none, or the socket of a server that had to be killed is in it
            self.settings.socket.parent.rmdir()

    def _announce(self, process: Process) -> None:
        """Tell that a part is ready, and where."""
        self.say(f"{process.part.name:<8}{process.part.where}")
        if self.up and self.supervisor.complete:
            self._write()

    def _write(self) -> None:
        """Say where everything is: what other programs read."""
        found = {
            "broker_url": self.settings.broker,
            "database_url": self.settings.database,
            "flower_url": self.flower_url,
            "metrics_url": self.metrics_url,
            "pids": {name: pid for name, pid in self.supervisor.pids.items() if name in SHOWN},
        }
        write_private(self.file, json.dumps(found, indent=2).encode() + b"\n")


def read_stack(settings: Settings) -> dict[str, Any] | None:
    """Return what `run/stack.json` says, or None when no stack is ready there; a killed one's file does not count."""
    try:
        with (settings.run / "stack.lock").open(encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)  # free: whoever wrote the file is gone
    except BlockingIOError:
        try:
            found: dict[str, Any] = json.loads((settings.run / "stack.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        return found
    except FileNotFoundError:
        return None
    return None
