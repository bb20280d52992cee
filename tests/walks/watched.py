"""The embedded stack under watch: every place in which it writes, shows or says something."""

import json
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from uuid import UUID

import httpx
import redis
from sqlalchemy import update

from shared.store.tables import CircuitRow, StepRow
from tests.leaks import TEXT
from workers.decisions import Decision, decide
from workers.embedded.flower import USER, password
from workers.office import Office
from workers.queues import make_app, publish
from workers.sweep import sweep


class Tap:
    """Keeps whatever the broker sends to a client after one command."""

    def __init__(self, path: Path, command: bytes) -> None:
        self.heard = bytearray()
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(str(path))
        self.socket.sendall(command + b"\r\n")
        self.thread = threading.Thread(target=self._hear)
        self.thread.start()

    def _hear(self) -> None:
        while some := self.socket.recv(65536):
            self.heard += some

    def close(self) -> None:
        """Stop listening."""
        self.socket.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.socket.close()


@dataclass
class Running:
    """The stack under test, an office on the same home, and what was heard on the wire."""

    folder: Path
    found: dict
    environment: dict
    office: Office
    broker: redis.Redis
    callback: int  # a port at which nothing is welcome
    wire: Tap  # every command of every client
    events: Tap  # what Celery's event exchange carries
    caught: dict[str, bytes] = field(default_factory=dict)

    @property
    def home(self) -> Path:
        """The installation's home."""
        return self.folder / "home"

    @property
    def publish(self):
        """What sends steps to the worker."""
        return partial(publish, make_app(self.office.settings))

    def decide(self, ident: str, verb: str) -> None:
        """Decide as a person who writes more than is good into the reason."""
        decide(self.office, self.publish, UUID(ident), Decision(verb, "ines", TEXT))

    def hurry(self) -> None:
        """Let the time pass for which steps rest after a failure, twice; look at what stands for a moment only, too."""
        self.glance()
        with self.office.store.write() as session:
            rests = StepRow.state == "ready", StepRow.not_before.is_not(None), StepRow.attempts < 3
            session.execute(update(StepRow).where(*rests).values(not_before=self.office.now()))
            session.execute(update(CircuitRow).where(CircuitRow.failures < 5).values(next_at=self.office.now()))
        sweep(self.office, self.publish)

    def glance(self) -> None:
        """Keep what processes show of themselves, and temporary files, before they are gone."""
        for name, data in (*self.processes(), *self.temporary()):
            if data not in self.caught.get(name, b""):
                self.caught[name] = self.caught.get(name, b"") + data

    def processes(self) -> Iterator[tuple[str, bytes]]:
        """Yield the titles and environments of all that belong to this home."""
        for one in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                title, environment = (one / "cmdline").read_bytes(), (one / "environ").read_bytes()
                if os.fsencode(self.home) in title + environment and int(one.name) != os.getpid():
                    yield "process titles", title
                    yield "process environments", environment

    def temporary(self) -> Iterator[tuple[str, bytes]]:
        """Yield temporary files, and those without a name that a process holds open."""
        for one in (self.folder / "tmp").rglob("*"):
            with suppress(OSError):
                yield "temporary files", bytes(one.name, "utf-8") + (one.read_bytes() if one.is_file() else b"")
        for pid in self.found["pids"].values():
            for one in Path(f"/proc/{pid}/fd").glob("*"):
                with suppress(OSError):
                    if str(one.readlink()).endswith(" (deleted)") and one.is_file():
                        yield "temporary files", one.read_bytes()

    def look(self) -> dict[str, bytes]:
        """Return what stands in every place now."""
        self.glance()
        self.broker.config_set("rdbcompression", "no")  # else what stands there is not what is searched
        self.broker.save()
        data = self.home / "valkey"
        return {
            "Valkey: dump (RDB)": (data / "dump.rdb").read_bytes(),
            "Valkey: append-only file": joined(data / "appendonlydir"),
            "Valkey: every command on the wire": bytes(self.wire.heard),
            "Celery: events on the wire": bytes(self.events.heard),
            "database: write-ahead log": (self.home / "rightsdesk.sqlite3-wal").read_bytes(),
            "database: file": (self.home / "rightsdesk.sqlite3").read_bytes(),
            **{f"log: {one.stem}": one.read_bytes() for one in sorted((self.home / "log").glob("*.log"))},
            "log: rightsdesk up": (self.folder / "up.log").read_bytes(),
            **self.flower(),
            "metrics": httpx.get(self.found["metrics_url"]).content,
            **self.caught,
            "home: spool, run, keys": b"".join(joined(self.home / name) for name in ("spool", "run", "keys")),
            "packages (encrypted)": joined(self.home / "packages"),
        }

    def flower(self) -> dict[str, bytes]:
        """Return what Flower shows to who knows the password."""
        word = password(self.office.settings)
        with httpx.Client(base_url=self.found["flower_url"], auth=(USER, word), timeout=20) as client:
            known = client.get("/api/tasks", params={"limit": 10_000}).raise_for_status().json()
            workers = client.get("/api/workers", params={"refresh": True}).raise_for_status().json()
            tasks = [one for one, task in known.items() if not task["name"].startswith("maintenance")]
            asked = {"draw": 1, "start": 0, "length": 1000, "search[value]": "", "order[0][column]": 0}
            asked |= {"order[0][dir]": "asc", "columns[0][data]": "name"}
            table = client.post("/tasks/datatable", data=asked).raise_for_status().content
            pages = [
                "/",
                *(f"/worker/{one}" for one in workers),
                "/tasks",
                "/broker",
                *(f"/task/{one}" for one in tasks[-4:]),
            ]
            answers = ["/api/workers", "/api/task/types", "/api/queues/length", "/metrics"]
            answers += [f"/api/task/info/{one}" for one in tasks[-4:]]
            shown, said = (
                b"".join(client.get(one).raise_for_status().content for one in urls) for urls in (pages, answers)
            )
            return {"Flower: pages": shown + table, "Flower: API": json.dumps(known).encode() + said}


def joined(folder: Path) -> bytes:
    """Return the names and contents of all files of a folder."""
    files = [one for one in sorted(folder.rglob("*")) if one.is_file()]
    return b"".join(os.fsencode(one.relative_to(folder)) + b"\n" + one.read_bytes() for one in files)
