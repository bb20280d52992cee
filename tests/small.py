"""A small world for walks: one client, a chat database, a mailbox, documents; Ada and Bob, and what is left of them."""

import json
import mailbox
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from uuid import uuid4

ADA, BOB = "ada@example.org", "bob@example.org"
MAP = """
dataset:
  - fides_key: chat
    name: Chat
    rightsdesk: {provided: true, info: {purpose: support, legal_basis: contract, retention: 2 years}}
    collections:
      - name: contacts
        rightsdesk: {restrict: {blocked: 1}, at: created_at}
        fields:
          - {name: id, fides_meta: {primary_key: true}}
          - {name: name, data_categories: [user.name]}
          - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email}}
          - {name: phone, data_categories: [user.contact.phone_number], fides_meta: {identity: phone_number}}
          - {name: blocked}
          - {name: created_at}
      - name: messages
        fields:
          - {name: id, fides_meta: {primary_key: true}}
          - name: contact_id
            fides_meta: {references: [{dataset: chat, field: contacts.id, direction: from}]}
          - {name: content, data_categories: [user.content], rightsdesk: {free_text: true}}
"""
CLIENT = """
[clients.acme]
name = "Acme GmbH"
country = "DE"
timezone = "Europe/Berlin"
language = "de"
phone_region = "DE"
contact = "privacy@acme.example"
"""
SYSTEMS = """
[[systems]]
id = "chat"
client = "acme"
channel = "chat"
connector = "{chat}"
region = "country:DE"
url = "sqlite:///chat.db"
datamap = "map.yaml"

[[systems]]
id = "mail"
client = "acme"
channel = "email"
connector = "{mail}"
region = "country:DE"
path = "mail/"

[[systems]]
id = "documents"
client = "acme"
channel = "data-center"
connector = "{documents}"
region = "country:DE"
url = "documents"
owner = {{ sidecar = ".json", field = "email" }}
"""


@dataclass
class Small:
    """The world's folder, and what stands in it, read without any connector."""

    folder: Path

    @property
    def systems(self) -> Path:
        """The inventory."""
        return self.folder / "systems.toml"

    def of(self, person: str) -> set[str]:
        """Say where an address stands."""
        return set(self._standing(person))

    def _standing(self, person: str) -> Iterator[str]:
        with closing(sqlite3.connect(self.folder / "chat.db")) as database:
            for table in ("contacts", "messages"):
                for row in database.execute(f"SELECT * FROM {table}"):
                    if person in str(row):
                        yield f"{table} {row[0]}"
        for path in (self.folder / "mail").rglob("*"):
            if path.is_file() and person in path.read_text():
                yield "mail"
        for path in (self.folder / "documents").rglob("*"):
            if path.is_file() and person in path.read_text():
                yield f"documents {path.name}"

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Return what a query finds in the chat database."""
        with closing(sqlite3.connect(self.folder / "chat.db")) as database:
            return database.execute(query).fetchall()


def build(folder: Path, *, head: str = "", **kinds: str) -> Small:
    """Write the world; `kinds` replaces connectors (chat, mail, documents), `head` adds keys to the client."""
    folder.mkdir(parents=True)
    names = {"chat": "sql", "mail": "maildir", "documents": "objects"} | kinds
    (folder / "systems.toml").write_text(CLIENT + head + SYSTEMS.format(**names))
    (folder / "map.yaml").write_text(MAP)
    with closing(sqlite3.connect(folder / "chat.db")) as database, database:
        database.execute(
            "CREATE TABLE contacts (id INTEGER PRIMARY KEY, name, email TEXT, phone TEXT, blocked, created_at)"
        )
        database.execute("CREATE TABLE messages (id INTEGER PRIMARY KEY, contact_id INTEGER, content TEXT)")
        database.executemany(
            "INSERT INTO contacts VALUES (?, ?, ?, ?, 0, '2026-01-05 10:00:00')",
            [(1, "Ada Example", ADA, "+4930231250001"), (2, "Bob Other", BOB, "+4930231250002")],
        )
        database.executemany(
            "INSERT INTO messages VALUES (?, ?, ?)",
            [(1, 1, f"write to {ADA} please"), (2, 1, "thank you"), (3, 2, f"I am {BOB}")],
        )
    for person in (ADA, BOB):
        _mail(folder, person)
        document = folder / "documents" / "contracts" / f"{uuid4().hex}.txt"
        document.parent.mkdir(parents=True, exist_ok=True)
        document.write_text("a contract")
        document.with_name(document.name + ".json").write_text(json.dumps({"email": person}))
    return Small(folder)


def _mail(folder: Path, person: str) -> None:
    (folder / "mail").mkdir(exist_ok=True)
    box = mailbox.Maildir(folder / "mail" / "support@acme.example")
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = person, "support@acme.example", "Hello"
    message["Message-ID"], message["Date"] = f"<{uuid4()}@example.org>", "Mon, 05 Jan 2026 10:00:00 +0100"
    message.set_content("Hello!")
    box.add(message)


def ticket(right: str, person: str = ADA, **more: Any) -> dict[str, Any]:
    """Return a ticket about a person for whom the client vouches."""
    return {
        "id": str(uuid4()),
        "client": "acme",
        "right": right,
        "received_at": "2026-01-31T10:00:00+01:00",
        "subject": {"email": [person]},
        "identity": {"method": "attested-by-client", "by": "agent-7", "at": "2026-01-31T10:05:00+01:00"},
        "instruction": "DPA-2026-01 §4",
    } | more
