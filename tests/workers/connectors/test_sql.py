"""The SQL connector keeps the contract, on SQLite, PostgreSQL and MariaDB."""

from contextlib import closing
from datetime import datetime

import pytest
import sqlalchemy as sa

from shared.domain.identifier import EMAIL, PHONE, Identifier, Subject
from tests.contracts.connector import ConnectorContract, World
from tests.workers.connectors import sql_store as db
from tests.workers.connectors.sql_store import ADA, ADA_PHONE, BOB, Store, subject

SHE = ("ada", "30123456", "v-17", "030 123")
SPOKEN = datetime(2026, 3, 1, 12)  # noqa: DTZ001 - as the system keeps it


def populate(store):
    """Put Ada, Bob and Jimbob into the store; return what is hers."""
    shared = store.add(db.ADDRESSES, street="Shared Street 1")
    ada = store.add(
        db.CONTACTS, account_id=1, name="Ada Example", email="Ada@Acme.test", phone_number=ADA_PHONE,
        additional_attributes={"browser": "x", "mail": ADA}, address_id=shared, created_at=SPOKEN,
    )  # fmt: skip
    bob = store.add(db.CONTACTS, account_id=1, name="Bob", email=BOB, address_id=shared, created_at=SPOKEN)
    store.add(db.CONTACTS, account_id=1, name="Jim", email="jimbob@acme.test")
    store.add(db.CONTACTS, account_id=1, name="Namesake A.", email="xa.da@acme.test")
    inbox = store.add(db.CONTACT_INBOXES, contact_id=ada, source_id="v-17")
    store.add(db.CONTACT_INBOXES, contact_id=bob, source_id="v-18")
    hers = store.add(db.CONVERSATIONS, account_id=1, contact_id=ada, additional_attributes={"from": ADA})
    his = store.add(db.CONVERSATIONS, account_id=1, contact_id=bob, additional_attributes={"subject": "hi"})
    said = store.add(
        db.MESSAGES,
        conversation_id=hers,
        sender_type="Contact",
        sender_id=ada,
        content=f"I am {ADA}",
        created_at=SPOKEN,
    )
    store.add(db.MESSAGES, conversation_id=hers, sender_type="User", sender_id=bob, content="Hello Ada, 030 123456?")
    store.add(db.MESSAGES, conversation_id=hers, sender_type="Contact", sender_id=bob, content="I am in copy")
    store.add(db.MESSAGES, conversation_id=his, sender_type="Contact", sender_id=bob, content="I am Bob")
    store.add(db.MESSAGES, conversation_id=his, sender_type="Contact", sender_id=ada, content="Ada here")
    store.add(db.ATTACHMENTS, message_id=said, path="2026/03/ada.wav")
    store.file("2026/03/ada.wav")
    store.file("2026/03/bob.wav")
    store.add(db.NOTES, contact_id=ada, content="likes tea, ada@acme.test")
    store.add(db.NOTES, contact_id=bob, content="likes coffee")
    store.add(db.CSAT, contact_id=ada, conversation_id=hers, feedback_message="Thank you, Ada")
    store.add(db.ORDERS, contact_id=bob, item="Book", ordered_on=SPOKEN.date())
    return inbox


def present(store):
    """Return the tables and columns in which a value of Ada's stands."""
    return {
        f"{table.name}.{name}"
        for table in db.METADATA.sorted_tables
        for row in store.all(table)
        for name, value in row.items()
        if any(one in str(value).lower() for one in SHE) and "xa.da" not in str(value)
    } | {"files" for path in (store.folder / "files").rglob("*ada*")}


def others(store):
    """Return all that is not Ada's."""
    bob = sa.or_(db.CONTACTS.c.email.in_([BOB, "jimbob@acme.test", "xa.da@acme.test"]))
    return [
        store.all(db.ADDRESSES),
        store.all(db.CONTACTS, bob),
        store.all(db.CONTACT_INBOXES, db.CONTACT_INBOXES.c.source_id == "v-18"),
        store.all(db.CONVERSATIONS, db.CONVERSATIONS.c.contact_id == 2),
        store.all(db.MESSAGES, db.MESSAGES.c.content.in_(["I am in copy", "I am Bob"])),
        store.all(db.NOTES, db.NOTES.c.content == "likes coffee"),
        store.all(db.ORDERS),
        sorted(path.name for path in (store.folder / "files").rglob("*bob*")),
    ]


class SqlContract(ConnectorContract):
    @pytest.fixture
    def world(self, store):
        """Return a chat system with Ada, Bob, who shares her address and a conversation, and Jimbob."""
        populate(store)
        connectors = store.connector
        contact = sa.select(db.CONTACTS.c.blocked, db.CONTACTS.c.email).where(db.CONTACTS.c.id == 1)

        def read():
            with store.engine.connect() as connection:
                return connection.execute(contact).one()

        return World(
            make=connectors,
            ada=subject(),
            present=lambda: present(store),
            others=lambda: others(store),
            lie=lambda: store.add(
                db.MESSAGES, conversation_id=99, sender_type="Contact", sender_id=1, content=f"I am {ADA}"
            ),
            records=11,
            changes={"user.contact.email": "ada.new@acme.test"},
            rectified=lambda: read().email == "ada.new@acme.test",
            restricted=lambda: read().blocked,
            nobody=Subject(
                frozenset({Identifier(EMAIL, "nobody@acme.test"), Identifier(PHONE, "+4930999999")}), region="DE"
            ),
        )


class TestSqlite(SqlContract):
    @pytest.fixture
    def store(self, tmp_path):
        """Return a store in a SQLite file."""
        with closing(Store(f"sqlite:///{tmp_path / 'chat.db'}", tmp_path)) as store:
            yield store


class TestMariaDb(SqlContract):
    @pytest.fixture
    def store(self, maria_database, tmp_path):
        """Return a store in a MariaDB database."""
        with closing(Store(maria_database, tmp_path)) as store:
            yield store


class TestPostgres(SqlContract):
    @pytest.fixture
    def store(self, database, tmp_path):
        """Return a store in a PostgreSQL database."""
        with closing(Store(database, tmp_path)) as store:
            yield store
