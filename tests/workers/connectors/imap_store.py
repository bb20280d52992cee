"""Mailboxes on a real IMAP server: filled and read back by the standard library, without the connector."""

import imaplib
import re
from contextlib import ExitStack
from dataclasses import dataclass
from email.policy import SMTP
from typing import Any

from shared.domain.errors import UsageError
from shared.inventory import Client, System
from shared.testing import Desk
from tests.mail_servers import PASSWORD, MailServer
from tests.workers.connectors.mails import ADA, SUPPORT, forwarded, mail, with_attachments, with_html
from workers import connectors
from workers.connectors.imap import CONNECTOR

UMLAUTS = "&AMQ-rger 2026"  # Ärger 2026, in modified UTF-7
DATE = '"05-May-2026 08:30:00 +0200"'
_HEAD = re.compile(rb'UID (\d+) .*?INTERNALDATE "([^"]+)".*?FLAGS \(([^)]*)\)')
_LISTED = re.compile(rb'\((?P<flags>[^)]*)\) (?:"."|NIL) (?P<name>.+)$')


@dataclass(frozen=True)
class Entry:
    """A message as the server keeps it."""

    uid: int
    flags: frozenset[str]
    date: str
    raw: bytes


class Store(ExitStack):
    """A client's mailboxes, `support` and `sales`, on a server; connections of their owners stay open."""

    def __init__(self, server: MailServer, *names: str) -> None:
        super().__init__()
        self.server, self._clients = server, {}
        domain = server.domain()
        self.boxes = {name: server.mailbox(name, domain) for name in names or ("support", "sales")}

    def inventory(self, **keys: Any) -> dict[str, Any]:
        """Return the system's keys as the inventory has them; None leaves one out."""
        said = {
            "host": "127.0.0.1", "port": self.server.port, "tls": "none", "username": self.server.username,
            "password": PASSWORD, "mailboxes": list(self.boxes.values()),
            "own_domains": ["acme.example"],
        } | keys  # fmt: skip
        return {name: value for name, value in said.items() if value is not None}

    def connector(self, **keys: Any):
        """Return a fresh connector."""
        client = Client(name="Acme", country="DE", contact="privacy@acme.example")
        system = System(
            id="mail", client="acme", channel="email", connector="imap", region="country:DE",
            settings=self.inventory(**keys), folder=self.server.place,
        )  # fmt: skip
        return CONNECTOR(system, client, connectors.settings_of(system))

    def run(self, desk: Desk, verb: str, keys: dict[str, Any] | None = None, **args: Any):
        """Run one verb on a fresh connector."""
        one = self.connector(**keys or {})
        try:
            result = getattr(one, verb)(desk.work(**args))
            return list(result) if verb == "subjects" else result
        finally:
            one.close()

    def refused(self, **keys: Any) -> str:
        """Return the line with which these keys are refused at set-up."""
        try:
            self.connector(**keys)
        except UsageError as error:
            return str(error)
        raise AssertionError("it was not refused")

    def put(self, message: Any, folder: str = "INBOX", flags: str = r"\Seen", box: str = "support") -> None:
        """Deliver a message."""
        raw = message if isinstance(message, bytes) else message.as_bytes()
        raw = raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        client = self.owner(box)
        known = [name for _, name in self._listed(box)]
        steps = [folder[:at] for at, sign in enumerate(folder) if sign == "/"] if self.server.kind == "pymap" else []
        for name in (*steps, folder):  # pymap makes no folder below one that does not stand
            if name not in known:
                client.create(_quoted(name))
        typ, said = client.append(_quoted(folder), f"({flags})", DATE, raw)
        assert "OK" == typ, said

    def folders(self, box: str = "support") -> list[str]:
        """Return the names, on the wire, of the folders that can be opened."""
        return [name for flags, name in self._listed(box) if "noselect" not in flags]

    def owner(self, box: str = "support") -> imaplib.IMAP4:
        """Return the owner's connection."""
        if box not in self._clients:
            self._clients[box] = self.enter_context(self.server.logged_in(self.boxes[box]))
        return self._clients[box]

    def _listed(self, box: str):
        for line in self.owner(box).list()[1]:
            match = _LISTED.match(line)
            yield match["flags"].decode().lower(), match["name"].decode().strip('"')

    def entries(self, folder: str = "INBOX", box: str = "support") -> list[Entry]:
        """Return a folder's messages; that they are recent is no flag of theirs."""
        client = self.owner(box)
        typ, exists = client.select(_quoted(folder), readonly=True)
        assert "OK" == typ
        found = []
        for one in client.fetch("1:*", "(UID INTERNALDATE FLAGS BODY.PEEK[])")[1] if exists != [b"0"] else ():
            if isinstance(one, tuple):
                uid, date, flags = _HEAD.search(one[0]).groups()
                kept = frozenset(flags.decode().split()) - {r"\Recent"}
                found.append(Entry(int(uid), kept, date.decode(), one[1].replace(b"\r\n", b"\n")))
        client.close()  # after EXAMINE nothing is expunged
        return found

    def everything(self) -> dict[tuple[str, str], list[Entry]]:
        """Return all messages by mailbox and folder."""
        return {
            (box, name): entries
            for box in self.boxes
            for name in self.folders(box)
            if (entries := self.entries(name, box))
        }

    def raws(self) -> list[bytes]:
        """Return the contents of all messages."""
        return [entry.raw for entries in self.everything().values() for entry in entries]


def _quoted(folder: str) -> str:
    return f'"{folder}"'


def fill(store):
    """Put the person's mail, mail of others, mail of both and mail about her into two mailboxes."""
    store.put(mail(f"Ada Example <{ADA}>", f"{SUPPORT}, privacy@acme.example"), flags="")
    store.put(with_html(), "Sent", r"\Answered \Seen")
    store.put(with_attachments(), "Sent/2026", r"\Flagged", box="sales")
    store.put(mail(ADA, f"{SUPPORT}, Bob <bob@example.org>", "To both of you."))
    store.put(mail("bob@example.org", SUPPORT, "Ada's address is <ada@example.org>, you know."), UMLAUTS)
    store.put(forwarded(), flags=r"\Seen \Flagged")
    store.put(mail("bob@example.org", SUPPORT, "Nothing about anyone.", x="stranger"), flags=r"\Deleted")
    store.put(mail("xada@example.org", SUPPORT, "From ada@example.org.uk and ada+x@example.org.", x="stranger"))
    store.put(mail("ada@example.org.test", "sales@acme.example", "+49 30 1234567", x="stranger"), box="sales")
    sender = b"\xff\xfe" if store.server.kind == "dovecot" else b'"'  # pymap takes no header that is not ASCII
    store.put(b"From: " + sender + b" <<,;@\nX: stranger\nContent-Type: multipart/mixed\nY: =?x?q?=zz?=\n\nbody")
    store.put(mail("Carl <carl@example.org>", SUPPORT, "x", x="stranger").as_bytes(policy=SMTP), "Sent")


def is_strangers(entry: Entry) -> bool:
    """Say whether a message is other people's alone."""
    return b"\nx: stranger" in entry.raw.lower()


def strangers(store):
    """Return all that is other people's, as it stands."""
    return {
        place: kept
        for place, entries in store.everything().items()
        if (kept := [entry for entry in entries if is_strangers(entry)])
    }
