"""The soak's world: four systems, one of each channel, people who come while others go, and what must stand at the end.

What stands is read back by sqlite3, mailbox and pathlib alone, and is compared as a whole: so nobody else's data may
be gone, either.
"""

import mailbox
import random
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path

from tests.small import CLIENT, MAP

CRM = """
dataset:
  - fides_key: crm
    name: Customers
    rightsdesk: {provided: true, info: {purpose: contracts, legal_basis: contract, retention: 2 years}}
    collections:
      - name: customers
        rightsdesk: {restrict: {resting: 1}}
        fields:
          - {name: id, fides_meta: {primary_key: true}}
          - {name: name, data_categories: [user.name]}
          - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email}}
          - {name: resting}
      - name: notes
        fields:
          - {name: id, fides_meta: {primary_key: true}}
          - name: customer
            fides_meta: {references: [{dataset: crm, field: customers.id, direction: from}]}
          - {name: text, data_categories: [user.content], rightsdesk: {free_text: true}}
"""
SYSTEMS = """
[[systems]]
id = "chat"
client = "acme"
channel = "chat"
connector = "sql"
region = "country:DE"
url = "sqlite:///chat.db"
datamap = "chat.yaml"

[[systems]]
id = "mail"
client = "acme"
channel = "email"
connector = "maildir"
region = "country:DE"
path = "mail/"

[[systems]]
id = "calls"
client = "acme"
channel = "call"
connector = "objects"
region = "country:DE"
url = "calls"
owner = { path = "{phone_number}/{name}" }

[[systems]]
id = "crm"
client = "acme"
channel = "data-center"
connector = "sql"
region = "country:DE"
url = "sqlite:///crm.db"
datamap = "crm.yaml"
"""
TABLES = {
    "chat.db": (
        "CREATE TABLE contacts (id INTEGER PRIMARY KEY, name, email TEXT, phone TEXT, blocked, created_at)",
        "CREATE TABLE messages (id INTEGER PRIMARY KEY, contact_id INTEGER, content TEXT)",
        "CREATE INDEX contacts_email ON contacts (email)",
        "CREATE INDEX messages_contact ON messages (contact_id)",
    ),
    "crm.db": (
        "CREATE TABLE customers (id INTEGER PRIMARY KEY, name, email TEXT, resting)",
        "CREATE TABLE notes (id INTEGER PRIMARY KEY, customer INTEGER, text TEXT)",
    ),
}
SUPPORT = "support@acme.example"


@dataclass(eq=False)
class Person:
    """Someone by number, and what has been asked for in their name: `erased`, `renamed`, `restricted`."""

    number: int
    fates: set[str] = field(default_factory=set)

    @property
    def email(self) -> str:
        return f"p{self.number}@people.example"

    @property
    def phone(self) -> str:
        return f"+49302312{self.number:05d}"

    @property
    def name(self) -> str:
        return f"Somebody {'New' if 'renamed' in self.fates else 'Old'}-{self.number}"

    @property
    def gone(self) -> bool:
        return "erased" in self.fates

    @property
    def rests(self) -> bool:
        return "restricted" in self.fates and not self.gone


class World:
    """The stores, the people in them, and what was written."""

    def __init__(self, folder: Path, rng: random.Random):
        self.folder, self.rng, self.people = folder, rng, []
        self.mails, self.sounds = {}, {}
        (folder / "calls").mkdir(parents=True)
        (folder / "systems.toml").write_text(CLIENT + SYSTEMS)
        (folder / "chat.yaml").write_text(MAP)
        (folder / "crm.yaml").write_text(CRM)
        for name, statements in TABLES.items():
            with closing(sqlite3.connect(folder / name)) as database:
                database.execute("PRAGMA journal_mode=WAL")
                for one in statements:
                    database.execute(one)
        (folder / "mail").mkdir()
        self.box = mailbox.Maildir(folder / "mail" / SUPPORT)

    @property
    def systems(self) -> Path:
        """The inventory."""
        return self.folder / "systems.toml"

    def come(self, number: int) -> list[Person]:
        """Let people come: into each store while it is in use."""
        fresh = [Person(len(self.people) + n) for n in range(number)]
        self.people += fresh
        with closing(sqlite3.connect(self.folder / "chat.db", timeout=60)) as database, database:
            database.executemany(
                "INSERT INTO contacts VALUES (?, ?, ?, ?, 0, '2026-01-05 10:00:00')",
                [(one.number, one.name, one.email, one.phone) for one in fresh],
            )
            database.executemany("INSERT INTO messages VALUES (?, ?, ?)", [row for one in fresh for row in said(one)])
        with closing(sqlite3.connect(self.folder / "crm.db", timeout=60)) as database, database:
            database.executemany(
                "INSERT INTO customers VALUES (?, ?, ?, 0)", [(one.number, one.name, one.email) for one in fresh]
            )
            database.executemany("INSERT INTO notes VALUES (?, ?, ?)", [noted(one) for one in fresh])
        for one in fresh:
            if one.number % 3 == 0:
                self.mails[one.number] = mailed(one).as_bytes()
                self.box.add(self.mails[one.number])
            if one.number % 2 == 0:
                self.sounds[one.number] = self.rng.randbytes(200)
                call = self.folder / "calls" / one.phone / "1.wav"
                call.parent.mkdir()
                call.write_bytes(self.sounds[one.number])
        return fresh

    def differences(self) -> list[str]:
        """Say where the stores differ from what they must hold."""
        return [*self._rows(), *self._letters(), *self._calls()]

    def _rows(self):
        wanted = {"contacts": set(), "messages": set(), "customers": set(), "notes": set()}
        for one in self.people:
            if not one.gone:
                wanted["contacts"].add(
                    (one.number, one.name, one.email, one.phone, int(one.rests), "2026-01-05 10:00:00")
                )
                wanted["messages"] |= {(*row, self._told(text)) for *row, text in said(one)}
                wanted["customers"].add((one.number, one.name, one.email, int(one.rests)))
                number, whose, text = noted(one)
                wanted["notes"].add((number, whose, self._told(text)))
        for table, rows in wanted.items():
            name = "chat.db" if table in ("contacts", "messages") else "crm.db"
            with closing(sqlite3.connect(self.folder / name)) as database:
                found = set(database.execute(f"SELECT * FROM {table}"))
            yield from (f"{table} lacks {row[0]}" for row in sorted(rows - found))
            yield from (f"{table} has {row[0]}" for row in sorted(found - rows))

    def _told(self, text: str) -> str:
        """Return a text without those who are gone."""
        for one in self._named(text):
            if one.gone:
                text = text.replace(one.email, "[redacted]")
        return text

    def _named(self, text: str) -> list[Person]:
        """Return who is named in a text."""
        words = (word for word in text.replace("<", " ").replace(">", " ").replace(",", " ").split())
        numbers = (word[1:].partition("@")[0] for word in words if word.endswith("@people.example"))
        return [self.people[int(number)] for number in numbers]

    def _letters(self):
        found = {}
        for folder in (self.folder / "mail").rglob("*"):
            if folder.parent.name in ("cur", "new") and folder.is_file():
                raw = folder.read_bytes()
                number = int(raw.partition(b"X-Number: ")[2].split()[0])
                if number in found:
                    yield f"mail {number} stands twice"
                found[number] = raw, "Restricted" in str(folder.relative_to(self.folder))
        for number, written in self.mails.items():
            yield from self._letter(number, written, *found.pop(number, (None, False)))
        yield from (f"mail {number} is nobody's" for number in found)

    def _letter(self, number, written, stands, aside):
        named = list(dict.fromkeys(self._named(written.decode())))
        left = [one for one in named if not one.gone]
        if not left:
            if stands is not None and (len(named) == 1 or any(one.email.encode() in stands for one in named)):
                yield f"mail {number} still stands"
            return
        if stands is None:
            yield f"mail {number} is gone"
            return
        if left == named and stands != written:
            yield f"mail {number} has changed"
        yield from (f"mail {number} lost {one.number}" for one in left if one.email.encode() not in stands)
        yield from (f"mail {number} names {one.number}" for one in named if one.gone and one.email.encode() in stands)
        if aside != (len(named) == 1 and named[0].rests):
            yield f"mail {number} is {'set aside' if aside else 'in use'}"

    def _calls(self):
        calls = self.folder / "calls"
        wanted = {}
        for number, sound in self.sounds.items():
            one = self.people[number]
            if not one.gone:
                wanted[f"{'.restricted/' if one.rests else ''}{one.phone}/1.wav"] = sound
        found = {str(path.relative_to(calls)): path.read_bytes() for path in calls.rglob("*") if path.is_file()}
        for path in sorted(wanted.keys() | found.keys()):
            if wanted.get(path) != found.get(path):
                number = int(path.rpartition("/")[0][-5:])
                yield f"call {number} {'stands' if path not in wanted else 'lacks' if path not in found else 'differs'}"


def said(one: Person) -> list[tuple[int, int, str]]:
    """Return a person's chat messages; some name others."""
    rows = [(2 * one.number, one.number, f"I am {one.email} and write")]
    if one.number % 4 == 3:
        first, second = Person(one.number - 1), Person(one.number - 2)
        rows.append((2 * one.number + 1, one.number, f"between {first.email} and {second.email} it was said"))
    return rows


def noted(one: Person) -> tuple[int, int, str]:
    """Return what was noted of a customer."""
    return (one.number, one.number, f"customer {one.email} called")


def mailed(one: Person) -> EmailMessage:
    """Return a person's mail; every other one went to somebody else, too."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = one.email, SUPPORT, "A question"
    if one.number % 6 == 3:
        message["Cc"] = Person(one.number - 1).email
    message["X-Number"] = str(one.number)
    message["Message-ID"], message["Date"] = f"<{one.number}@mails.example>", "Mon, 05 Jan 2026 10:00:00 +0100"
    message.set_content("Hello, and thank you.")
    return message
