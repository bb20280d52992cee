"""Jobs built by hand: one ticket's desk work over a real database, a real package store and real servers."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from aiosmtpd.controller import Controller

import workflows
from shared.domain.case import Case, Right, SystemView
from shared.domain.outcome import Outcome
from shared.domain.step import Taken
from shared.domain.ticket import Ticket
from shared.inventory import Client, Inventory, System
from shared.plugins import discover
from shared.ports import Affected
from shared.settings import Settings
from shared.store.chain import Chain
from shared.store.session import Store
from shared.store.tables import StepRow, TicketRow
from shared.vault import Vault, open_vault
from tests.schema import to_head
from workers.desk import Job, verbs
from workers.package import PackageStore, PartWriter, package_files, save_part

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
RECEIVED = datetime(2026, 2, 3, 8, 0, tzinfo=UTC)
RIGHTS: dict[str, Right] = discover(workflows, "RIGHT")
ADA = {"email": ["ada@example.org"], "phone_number": ["+4930123456"], "name": "Ada Example"}
INCIDENT = {
    "nature": "A backup disk was lost", "consequences": "Phishing is likely", "measures": "Keys were changed",
    "from": "2026-02-01T00:00:00+01:00", "to": "2026-02-02T00:00:00+01:00",
}  # fmt: skip
DETAILS: dict[str, dict[str, Any]] = {
    "rectification": {"changes": {"user.contact.email": "ada@new.example"}, "statement": "I moved <b>away</b>."},
    "restriction": {"purposes": ["profiling"], "exceptions": {"claims": "a case is pending"}},
    "objection": {"purposes": ["direct-marketing"]},
    "consent": {
        "consent": {
            "action": "withdraw", "purposes": ["newsletter"], "channel": "web", "act": "clicked unsubscribe",
        }
    },
    "breach": {"incident": INCIDENT},
    "portability": {"transfer_to": "https://other.example/in"},
}  # fmt: skip


@dataclass
class Desk:
    """A desk with one ticket; `job(verb)` is a step's work at it."""

    folder: Path
    right: str = "erasure"
    subject: dict[str, Any] | None = field(default_factory=lambda: dict(ADA))
    details: dict[str, Any] | None = None
    client: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    systems: tuple[System, ...] = ()
    verdict: str | None = None
    steps: list[Taken] = field(default_factory=list)
    people: list[Affected] = field(default_factory=list)
    now: datetime = NOW
    database: str | None = None

    def __post_init__(self) -> None:
        self.ticket: UUID = uuid4()
        self.store = Store(self.database or f"sqlite:///{self.folder / 'desk.sqlite3'}")
        to_head(self.store)
        self.vault: Vault = open_vault(self.folder)
        self.key, self.wrapped = self.vault.new_key(self.ticket)
        self.made = Settings(home=self.folder, **self.settings)
        self.packages = PackageStore(self.made.package_url)
        if not self.systems:
            self.systems = (system("chat", "chat"), system("mail", "email"))
        if self.details is None:
            self.details = DETAILS.get(self.right, {})
        if self.right == "breach":
            self.subject = None
        self._insert()

    def _insert(self) -> None:
        common = {"priority": 5, "due_at": NOW, "stage": "answer"}
        with self.store.write() as session:
            session.add(
                TicketRow(
                    id=self.ticket, client="acme", right=self.right, stage_since=NOW, received_at=RECEIVED,
                    accepted_at=RECEIVED, strict_at=NOW, fingerprint=b"", wrapped_key=self.wrapped, **common,
                )
            )  # fmt: skip
            session.flush()
            for number in range(1, 21):
                session.add(
                    StepRow(
                        id=number, ticket_id=self.ticket, key=f"desk.{number}", system="desk", lane="desk:acme:answer",
                        channel="desk", verb="answer", part="", waits="", state="running", created_at=NOW, **common,
                    )
                )  # fmt: skip

    @property
    def inventory(self) -> Inventory:
        """The inventory with the one client."""
        known = {"name": "Acme GmbH", "country": "DE", "timezone": "Europe/Berlin", "contact": "privacy@acme.example"}
        return Inventory(clients={"acme": Client(**(known | self.client))}, systems=self.systems)

    def case(self) -> Case:
        """The case as it stands."""
        client = self.inventory.clients["acme"]
        raw = {
            "id": self.ticket, "client": "acme", "right": self.right, "received_at": RECEIVED,
            "subject": self.subject, "details": self.details,
        }  # fmt: skip
        ticket = Ticket.model_validate(raw)
        named = ticket.subject.resolve(region="DE", plus_addresses=False) if ticket.subject else None
        return Case(
            ticket=ticket,
            client=client,
            subject=named
            or Ticket.model_validate(raw | {"subject": {}}).subject.resolve(region="DE", plus_addresses=False),
            systems=tuple(SystemView(one.id, one.channel, frozenset()) for one in self.systems),
            steps=tuple(self.steps),
            now=self.now,
            stage_since=NOW - timedelta(hours=1),
            verdict=self.verdict,
        )

    def job(self, step: int = 1, *, last_try: bool = False, **args: Any) -> Job:
        """One step's work."""
        return Job(
            step=step, ticket=self.ticket, case=self.case(), right=RIGHTS[self.right], args=args, key=self.key,
            now=self.now, due_at=NOW + timedelta(hours=1), settings=self.made, inventory=self.inventory,
            vault=self.vault, store=self.store, packages=self.packages,
            package=PartWriter(self.packages, self.ticket, self.key),
            files=lambda: self.files(besides=step), affected=lambda: iter(self.people), last_try=last_try,
        )  # fmt: skip

    def do(self, verb: str, step: int = 1, *, last_try: bool = False, **args: Any) -> Outcome:
        """Perform a verb as the engine does: what it put into the package is registered when it ends."""
        job = self.job(step, last_try=last_try, **args)
        outcome = verbs()[verb].run(job)
        self.register(job.package, step)
        return outcome

    def register(self, part: PartWriter, step: int) -> None:
        """Register a step's files."""
        with self.store.write() as session:
            save_part(session, self.key, self.ticket, step, part.files)

    def files(self, besides: int | None = None) -> list[Any]:
        """The package's files."""
        with self.store.read() as session:
            return package_files(session, self.key, self.ticket, besides=besides)

    def content(self, name: str) -> str:
        """A package file's text."""
        (file,) = [one for one in self.files() if one.name == name]
        return b"".join(self.packages.read(self.ticket, self.key, file)).decode()

    def names(self) -> set[str]:
        """The names of the package's files."""
        return {one.name for one in self.files()}

    def exported(self, system_id: str, step: int = 15) -> PartWriter:
        """A part that a connector's export writes; `register` it afterwards."""
        return PartWriter(self.packages, self.ticket, self.key, system_id)

    def decided(self, verdict: str, reason: str) -> None:
        """Keep a decision in the evidence, as the engine does."""
        self.verdict = verdict
        chain = Chain(self.ticket)
        entry = {"decision": verdict, "verdict": verdict, "by": "ines"}
        chain.append("decision", NOW, entry, secret=reason, key=self.key)
        with self.store.write() as session:
            chain.write(session)

    def with_client(self, **client: Any) -> "Desk":
        """Change the client's settings in the inventory."""
        self.client |= client
        return self

    def with_settings(self, **settings: Any) -> "Desk":
        """Change the installation's settings."""
        self.made = Settings(**(self.made.model_dump() | settings))
        return self


def system(name: str, channel: str, folder: Path = Path(), **settings: Any) -> System:
    """A system of the client."""
    return System(
        id=name, client="acme", channel=channel, connector="sql", region="country:DE", settings=settings, folder=folder
    )


_BASE = Taken(
    id=100, stage="act", key="k", verb="delete", system="chat", channel="chat", part="", state="done", waits="",
    counts={}, reasons=(), error=None, decision=None, by=None, created_at=NOW, finished_at=NOW,
)  # fmt: skip


def taken(verb: str, where: str = "chat", /, counts: dict[str, Any] | None = None, **how: Any) -> Taken:
    """A step that was done."""
    channel = {"chat": "chat", "mail": "email"}.get(where, "desk")
    name = "" if channel == "desk" else where
    return replace(_BASE, verb=verb, system=name, channel=channel, counts=counts or {}, **how)


class Box:
    """A mail server's handler: keeps what it takes, and answers as it is told."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.refused: dict[str, str] = {}
        self.answer = "250 OK"
        self.hang_up = False
        self.welcome = "250 OK"
        self.envelopes: list[list[str]] = []
        self.spam: dict[str, str] = {}  # answers to the message itself, by recipient

    async def handle_MAIL(self, server, session, envelope, address, mail_options):  # noqa: N802 - aiosmtpd's name
        envelope.mail_from = address
        envelope.mail_options.extend(mail_options)
        return self.welcome

    async def handle_RCPT(self, server, session, envelope, address, rcpt_options):  # noqa: N802 - aiosmtpd's name
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):  # noqa: N802 - aiosmtpd calls it so
        if envelope.rcpt_tos[0] in self.spam:
            return self.spam[envelope.rcpt_tos[0]]
        if self.answer.startswith("250"):
            self.mails.append(message_from_bytes(envelope.content, policy=policy.default))
            self.envelopes.append(envelope.rcpt_tos)
        if self.hang_up:
            server.transport.close()
        return self.answer


@contextmanager
def mail_server() -> Iterator[tuple[str, Box]]:
    """Run a real mail server; yield its URL and its box."""
    box = Box()
    controller = Controller(box, hostname="127.0.0.1", port=free_port())
    controller.start()
    try:
        yield f"smtp://127.0.0.1:{controller.port}", box
    finally:
        controller.stop()


def free_port() -> int:
    """A port that was free a moment ago."""
    import socket

    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@dataclass
class Heard:
    """A request that the web server took."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """The body, read as JSON."""
        return json.loads(self.body)


class Web:
    """What the web server heard, and the statuses that it answers with (then 204)."""

    def __init__(self) -> None:
        self.heard: list[Heard] = []
        self.statuses: list[int] = []
        self.url = ""


@contextmanager
def web_server() -> Iterator[Web]:
    """Run a real HTTP server on the loopback."""
    web = Web()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding") != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length", 0)))
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body

        def do_POST(self) -> None:
            web.heard.append(Heard(self.command, self.path, dict(self.headers), self._body()))
            status = web.statuses.pop(0) if web.statuses else 204
            if status:
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()
            else:
                self.close_connection = True

        do_PUT = do_POST  # noqa: N815 - http.server's name

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    web.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield web
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
