"""The chat store: Chatwoot's tables with their traps, no foreign keys, files in a folder of blobs."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from uuid import UUID

from workers.demo.world.ledger import Conditions, Ledger, Place
from workers.demo.world.people import AFFECTED, Person
from workers.demo.world.phrases import PHRASES
from workers.demo.world.tables import Tables

ACCOUNT, SISTER = 1, 2  # two tenants of one Chatwoot; only the first is the client's
AGENTS = ("Nora Agent", "Theo Agent", "Selma Agent")
BREACH_FROM, BREACH_TO = datetime(2026, 1, 10), datetime(2026, 1, 10, 6)  # noqa: DTZ001 - as Chatwoot stores it, UTC

SCHEMA = {
    "users": ("id INTEGER PRIMARY KEY", "name TEXT", "email TEXT"),
    "contacts": (
        "id INTEGER PRIMARY KEY", "account_id INTEGER NOT NULL", "name TEXT", "email TEXT", "phone_number TEXT",
        "identifier TEXT", "location TEXT", "country_code TEXT", "blocked INTEGER NOT NULL DEFAULT 0",
        "additional_attributes TEXT", "custom_attributes TEXT", "created_at TEXT NOT NULL", "last_activity_at TEXT",
    ),
    "contact_inboxes": (
        "id INTEGER PRIMARY KEY", "contact_id INTEGER", "inbox_id INTEGER", "source_id TEXT NOT NULL",
        "pubsub_token TEXT", "created_at TEXT NOT NULL",
    ),
    "conversations": (
        "id INTEGER PRIMARY KEY", "account_id INTEGER NOT NULL", "inbox_id INTEGER", "contact_id INTEGER",
        "contact_inbox_id INTEGER", "display_id INTEGER NOT NULL", "uuid TEXT NOT NULL", "status INTEGER NOT NULL",
        "additional_attributes TEXT", "cached_label_list TEXT", "created_at TEXT NOT NULL", "last_activity_at TEXT",
    ),
    "messages": (
        "id INTEGER PRIMARY KEY", "account_id INTEGER NOT NULL", "inbox_id INTEGER", "conversation_id INTEGER",
        "message_type INTEGER NOT NULL", "content TEXT", "content_attributes TEXT", "sender_type TEXT",
        "sender_id INTEGER", "private INTEGER NOT NULL DEFAULT 0", "source_id TEXT", "created_at TEXT NOT NULL",
    ),
    "attachments": (
        "id INTEGER PRIMARY KEY", "account_id INTEGER NOT NULL", "message_id INTEGER", "file_type INTEGER",
        "external_url TEXT", "fallback_title TEXT", "created_at TEXT NOT NULL",
    ),
    "active_storage_attachments": (
        "id INTEGER PRIMARY KEY", "name TEXT NOT NULL", "record_type TEXT NOT NULL", "record_id INTEGER NOT NULL",
        "blob_id INTEGER NOT NULL", "created_at TEXT NOT NULL",
    ),
    "active_storage_blobs": (
        "id INTEGER PRIMARY KEY", "key TEXT NOT NULL", "filename TEXT NOT NULL", "content_type TEXT",
        "byte_size INTEGER NOT NULL", "created_at TEXT NOT NULL",
    ),
    "notes": (
        "id INTEGER PRIMARY KEY", "account_id INTEGER NOT NULL", "contact_id INTEGER NOT NULL", "user_id INTEGER",
        "content TEXT NOT NULL", "created_at TEXT NOT NULL",
    ),
    "csat_survey_responses": (
        "id INTEGER PRIMARY KEY", "account_id INTEGER NOT NULL", "conversation_id INTEGER", "message_id INTEGER",
        "contact_id INTEGER NOT NULL", "rating INTEGER NOT NULL", "feedback_message TEXT",
        "assigned_agent_id INTEGER", "created_at TEXT NOT NULL",
    ),
}  # fmt: skip


class Chat:
    """One client's chat store in the making."""

    def __init__(self, client: str, folder: Path, ledger: Ledger, random: Random) -> None:
        self.store, self.phrases, self.random, self.ledger = f"{client}-chat", PHRASES[client], random, ledger
        self.domain = f"{client}.example"
        self.blobs = folder / client / "chat-blobs"
        self.tables = Tables(self.store, folder / client / "chat.db", SCHEMA, ledger)
        for name in AGENTS:
            self.tables.add("users", None, name=name, email=f"{name.split()[0].lower()}@{self.domain}")

    def seed(self, people: list[Person]) -> None:
        """Seed a contact with conversations for everyone."""
        self.blobs.mkdir(parents=True)
        for person in people:
            self._contact(person)
            affected = person.key.partition(":")[2] in AFFECTED
            for _ in range(1 if affected else self.random.choice((1, 1, 2))):
                self.conversation(person, BREACH_FROM + timedelta(hours=2, minutes=person.number) if affected else None)
            if self.random.random() < 0.2 or person.erased:
                self.tables.add(
                    "notes", person, account_id=ACCOUNT, contact_id=person.number, user_id=1,
                    content=self.random.choice(self.phrases.notes), created_at=self._when(),
                )  # fmt: skip

    def conversation(self, person: Person, at: datetime | None = None) -> int:
        """Seed a conversation: question, answer, often an attachment and a survey; return its id."""
        say, pick, at = self.phrases, self.random.choice, at or self._moment()
        conversation = self.tables.add(
            "conversations", person, account_id=ACCOUNT, inbox_id=1, contact_id=person.number,
            contact_inbox_id=person.number, display_id=self._number(), uuid=self._uuid(), status=pick((0, 1)),
            additional_attributes=json.dumps({"referer": f"https://shop.{self.domain}/", "browser": "Firefox"}),
            cached_label_list="delivery", created_at=str(at), last_activity_at=str(at + timedelta(minutes=9)),
        )  # fmt: skip
        question = self.message(person, conversation, f"{say.greeting}! {pick(say.questions)}", at=at, by=person)
        self.message(person, conversation, pick(say.answers), at=at + timedelta(minutes=4))
        if self.random.random() < 0.25 or person.erased:
            self.attachment(person, question, self.blob(person, f"photo-{question}.jpg"))
        if self.random.random() < 0.3:
            self.tables.add(
                "csat_survey_responses", person, account_id=ACCOUNT, conversation_id=conversation, message_id=question,
                contact_id=person.number, rating=pick((3, 4, 5)), feedback_message=pick((None, say.closing)),
                assigned_agent_id=2, created_at=str(at + timedelta(minutes=9)),
            )  # fmt: skip
        return conversation

    def message(
        self, whose: Person, conversation: int, content: str, *, at: datetime | None = None, by: Person | None = None,
        private: bool = False, then: Conditions = None,
    ) -> int:  # fmt: skip
        """Seed a message by a contact or, without one, by an agent; return its id."""
        emails = json.dumps({"email": {"from": [by.email]}}) if by and by.number % 4 == 0 else None
        return self.tables.add(
            "messages", whose, then=then, account_id=ACCOUNT, inbox_id=1, conversation_id=conversation,
            message_type=0 if by else 1, content=content, content_attributes=emails,
            sender_type="Contact" if by else "User", sender_id=by.number if by else 1, private=int(private),
            created_at=str(at or self._moment()),
        )  # fmt: skip

    def attachment(self, whose: Person, message: int, blob: int) -> None:
        """Attach a blob to a message."""
        at = self._when()
        attachment = self.tables.add(
            "attachments", whose, account_id=ACCOUNT, message_id=message, file_type=0, created_at=at
        )
        self.tables.add(
            "active_storage_attachments", whose, name="file", record_type="Attachment", record_id=attachment,
            blob_id=blob, created_at=at,
        )  # fmt: skip

    def blob(self, whose: Person | None, filename: str) -> int:
        """Seed a blob with its file; return its id."""
        key, content = self._uuid().replace("-", ""), b"\xff\xd8\xff\xe0" + self.random.randbytes(60)
        (self.blobs / key).write_bytes(content)
        self.ledger.add(Place(self.store, "files", key), content, whose)
        return self.tables.add(
            "active_storage_blobs", whose, key=key, filename=filename, content_type="image/jpeg",
            byte_size=len(content), created_at=self._when(),
        )  # fmt: skip

    def sister(self, person: Person) -> None:
        """Seed the same person at another tenant of this Chatwoot, which is not the client's to touch."""
        contact, at = 9001, self._when()
        self.tables.add(
            "contacts", person, stays=True, id=contact, account_id=SISTER, name=person.name, email=person.email,
            blocked=0, created_at=at,
        )  # fmt: skip
        conversation = self.tables.add(
            "conversations", person, stays=True, account_id=SISTER, contact_id=contact, display_id=1,
            uuid=self._uuid(), status=0, created_at=at,
        )  # fmt: skip
        self.tables.add(
            "messages", person, stays=True, account_id=SISTER, conversation_id=conversation, message_type=0,
            content=self.phrases.questions[0], sender_type="Contact", sender_id=contact, private=0, created_at=at,
        )  # fmt: skip

    def _contact(self, person: Person) -> None:
        by_fate: dict[str, Conditions] = {
            "restrict": {"blocked": {"is": 1}},
            "rectify": {"email": {"is": new_address(person)}},
        }
        country = "DE" if person.client == "acme" else "IE"
        at = BREACH_FROM + timedelta(hours=1) if person.key.partition(":")[2] in AFFECTED else self._moment()
        self.tables.add(
            "contacts", person, then=by_fate.get(person.fate), id=person.number, account_id=ACCOUNT, name=person.name,
            email=person.email.upper() if person.number % 7 == 0 else person.email, phone_number=person.phone,
            identifier=person.customer_number, location=person.city, country_code=country,
            blocked=0, additional_attributes=json.dumps({"city": person.city, "created_at_ip": "192.0.2.7"}),
            custom_attributes="{}", created_at=str(at), last_activity_at=str(at),
        )  # fmt: skip
        source = person.email if person.number % 2 and person.fate != "rectify" else self._uuid()
        self.tables.add(
            "contact_inboxes", person, id=person.number, contact_id=person.number, inbox_id=1, source_id=source,
            pubsub_token=self._uuid(), created_at=str(at),
        )  # fmt: skip

    def _moment(self) -> datetime:
        return datetime(2025, 6, 1) + timedelta(minutes=self.random.randrange(300_000))  # noqa: DTZ001 - as stored

    def _when(self) -> str:
        return str(self._moment())

    def _uuid(self) -> str:
        return str(UUID(int=self.random.getrandbits(128), version=4))

    def _number(self) -> int:
        return self.random.randrange(1, 100_000)


def new_address(person: Person) -> str:
    """Return the address that a rectification writes for a person."""
    return f"new.{person.email}"


def _spelt(person: Person) -> str:
    return f"030 / {person.phone[5:10]}-{person.phone[10:]}"


def stories(chat: Chat, who: dict[str, Person]) -> None:
    """Seed what happens between acme's people in the chat."""
    ada, jimbob, bob, berta, anton = who["ada"], who["jimbob"], who["bob"], who["berta"], who["anton"]
    chat.sister(ada)
    theirs = chat.conversation(ada)
    chat.message(ada, theirs, f"Ada schreibt von {ada.email} und {ada.dialled}.", private=True)
    other = chat.conversation(who["namesake"])
    chat.message(
        who["namesake"], other, f"Nicht verwechseln mit {ada.email} (Tel. {_spelt(ada)}), bitte.", private=True,
        then={"content": {"lacks": [ada.email, _spelt(ada)], "has": ["Nicht verwechseln mit", "bitte."]}},
    )  # fmt: skip
    brothers = chat.conversation(bob)
    chat.message(
        bob, brothers, f"Ich bin {bob.email}, nicht {jimbob.email}!", by=bob,
        then={"content": {"lacks": [jimbob.email], "has": [f"Ich bin {bob.email}"]}},
    )  # fmt: skip
    shared = chat.conversation(anton)
    asked = chat.message(berta, shared, "Ich bin in Kopie und frage mit: geht auch Samstag?", by=berta)
    chat.attachment(berta, asked, chat.blob(berta, "lageplan.jpg"))
    chat.message(
        anton, shared, f"Kopie an {berta.email} notiert.", private=True,
        then={"content": {"lacks": [berta.email], "has": ["Kopie an"]}},
    )  # fmt: skip
    leaflet = chat.blob(None, "pflegehinweise.jpg")
    for person in (who["greta"], who["emil"]):
        answer = chat.message(person, chat.conversation(person), "Hier sind die Pflegehinweise.")
        chat.attachment(person, answer, leaflet)
