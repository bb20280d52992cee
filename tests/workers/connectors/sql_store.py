"""A chat system's database as Chatwoot keeps it, with a shop beside it, and the people who stand in it."""

import json
from pathlib import Path

import sqlalchemy as sa

from shared.domain.identifier import EMAIL, PHONE, Identifier, Subject
from shared.inventory import Client, System
from shared.testing import Desk
from workers.connectors.sql import CONNECTOR

ADA = "ada@acme.test"
ADA_PHONE = "+4930123456"
BOB = "bob@acme.test"

METADATA = sa.MetaData()


def _table(name, *columns, **options):
    return sa.Table(name, METADATA, sa.Column("id", sa.Integer, primary_key=True), *columns, **options)


def _integer(name, *references, **options):
    return sa.Column(name, sa.Integer, *references, **options)


def _text(name, **options):
    return sa.Column(name, sa.Text, **options)


ADDRESSES = _table("addresses", _text("street"))
CONTACTS = _table(
    "contacts",
    _integer("account_id", nullable=False),
    _text("name", nullable=False),
    _text("last_name"),
    sa.Column("email", sa.String(255)),
    sa.Column("phone_number", sa.String(40)),
    sa.Column("additional_attributes", sa.JSON),
    _integer("address_id", sa.ForeignKey("addresses.id")),
    sa.Column("blocked", sa.Boolean, nullable=False, default=False),
    sa.Column("created_at", sa.DateTime),
    sa.UniqueConstraint("email", "account_id"),
)
CONTACT_INBOXES = _table("contact_inboxes", _integer("contact_id"), _text("source_id"))
CONVERSATIONS = _table(
    "conversations",
    _integer("account_id"),
    _integer("contact_id"),
    sa.Column("additional_attributes", sa.JSON),
    sa.Column("created_at", sa.DateTime),
)
MESSAGES = _table(
    "messages",
    _integer("conversation_id"),
    _text("sender_type"),
    _integer("sender_id"),
    _text("content"),
    sa.Column("created_at", sa.DateTime),
)
ATTACHMENTS = _table("attachments", _integer("message_id"), _text("path"))
NOTES = _table("notes", _integer("contact_id", sa.ForeignKey("contacts.id")), _text("content"))
CSAT = _table("csat_survey_responses", _integer("contact_id"), _integer("conversation_id"), _text("feedback_message"))
ORDERS = _table(
    "orders",
    _integer("contact_id", sa.ForeignKey("contacts.id")),
    _text("item"),
    sa.Column("ordered_on", sa.Date),
    sa.Column("blocked", sa.Boolean, nullable=False, default=False),
)
AUDITS = _table("audits", _text("what"))  # no data map knows it


def field(name, *categories, key=False, identity=None, to=None, direction="from", **ours):
    """Return a field of a Fideslang dataset; `to` is the field that it references."""
    meta = {}
    if key:
        meta["primary_key"] = True
    if identity:
        meta["identity"] = identity
    if to:
        meta["references"] = [{"dataset": "chat", "field": to, **({"direction": direction} if direction else {})}]
    return {
        "name": name,
        **({"data_categories": list(categories)} if categories else {}),
        **({"fides_meta": meta} if meta else {}),
        **({"rightsdesk": ours} if ours else {}),
    }


def collection(name, *fields, **ours):
    """Return a collection of a Fideslang dataset."""
    return {"name": name, "fields": [field("id", key=True), *fields], **({"rightsdesk": ours} if ours else {})}


def datamap():
    """Return the data map as the YAML file's content."""
    sender = {"field": "sender_id", "to": "contacts.id", "when": {"sender_type": "Contact"}}
    collections = [
        collection("addresses", field("street", "user.contact.address.street")),
        collection(
            "contacts",
            field("account_id"),
            field("name", "user.name"),
            field("last_name", "user.name.last"),
            field("email", "user.contact.email", identity="email", provided="true"),
            field("phone_number", "user.contact.phone_number", identity="phone_number", mask="phone"),
            field("additional_attributes", "user.content"),
            field("address_id", to="addresses.id", direction=None),
            field("created_at"),
            scope={"account_id": 1},
            restrict={"blocked": True},
            at="created_at",
        ),
        collection(
            "contact_inboxes",
            field("contact_id", to="contacts.id"),
            field("source_id", "user.unique_id", identity="visitor_id"),
        ),
        collection(
            "conversations",
            field("contact_id", to="contacts.id"),
            field("additional_attributes", "user.content"),
            scope={"account_id": 1},
        ),
        collection(
            "messages",
            field("conversation_id", to="conversations.id"),
            field("sender_type"),
            field("sender_id"),
            field("content", "user.content", free_text=True, provided="true"),
            field("created_at"),
            author=sender,
            at="created_at",
        ),
        collection(
            "attachments",
            field("message_id", to="messages.id"),
            field("path", "user.content"),
            files=[{"column": "path"}],
        ),
        collection("notes", field("contact_id", to="contacts.id"), field("content", "user.content", free_text=True)),
        collection(
            "csat_survey_responses",
            field("contact_id", to="contacts.id"),
            field("conversation_id", to="conversations.id"),
            field("feedback_message", "user.content"),
        ),
        collection(
            "orders",
            field("contact_id", to="contacts.id"),
            field("item", "user.content"),
            field("ordered_on"),
            restrict={"blocked": True},
            retain={"for": "P8Y", "from": "ordered_on", "starts": "end_of_year", "ground": "§ 257 HGB"},
        ),
    ]
    return {"dataset": [{"fides_key": "chat", "name": "Chat", "collections": collections}]}


def of(graph, name):
    """Return a collection of a raw data map, to change it."""
    return next(one for one in graph["dataset"][0]["collections"] if one["name"] == name)


class Store:
    """A database with the chat system in it, its data map and its files, read back without the connector."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url, self.folder = url, folder
        self.engine = sa.create_engine(url, pool_size=1)
        self.datamap = datamap()
        (folder / "files").mkdir(exist_ok=True)
        METADATA.create_all(self.engine)

    def close(self) -> None:
        """Let go of the connection."""
        self.engine.dispose()

    def add(self, table, **values):
        """Insert a row; return its id."""
        with self.engine.begin() as connection:
            return connection.execute(table.insert().values(**values)).inserted_primary_key[0]

    def do(self, statement):
        """Run a statement."""
        with self.engine.begin() as connection:
            connection.execute(sa.text(statement) if isinstance(statement, str) else statement)

    def all(self, table, *where):
        """Return rows as dictionaries, by their ids."""
        with self.engine.connect() as connection:
            rows = connection.execute(sa.select(table).where(*where).order_by(table.c.id)).mappings()
            return [dict(row) for row in rows]

    def ids(self, table):
        """Return the ids that stand in a table."""
        return [row["id"] for row in self.all(table)]

    def file(self, path, content=b"sound"):
        """Write a file below `files`."""
        place = self.folder / "files" / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
        return place

    def tables(self, metadata, *collections, key="chat", **dataset):
        """Make tables of one's own and describe them instead of the chat system's."""
        metadata.create_all(self.engine)
        self.datamap = {"dataset": [{"fides_key": key, "name": key, "collections": list(collections), **dataset}]}

    def connector(self, **settings):
        """Return a fresh connector."""
        place, text = self.folder / "map.yaml", json.dumps(self.datamap)  # every JSON is a YAML
        if not place.exists() or place.read_text(encoding="utf-8") != text:
            place.write_text(text, encoding="utf-8")
        client = Client(name="Acme", country="DE", contact="privacy@acme.test", timezone="Europe/Berlin")
        system = System(
            id="chat", client="acme", channel="chat", connector="sql", region="country:DE", folder=self.folder
        )
        keys = {"url": self.url, "datamap": "map.yaml", "files": "files"} | settings
        return CONNECTOR(system, client, CONNECTOR.Settings.model_validate(keys))


def subject(*, email=(ADA,), phone=(ADA_PHONE,), names=("ada example",), other=(), **more):
    """Return a person asked for; Ada unless told otherwise."""
    given = [Identifier(EMAIL, one) for one in email] + [Identifier(PHONE, one) for one in phone]
    given += [Identifier(kind, value) for kind, value in other]
    return Subject(frozenset(given), names=frozenset(names), region="DE", **more)


def run(store, desk, verb, **args):
    """Run a verb on a fresh connector."""
    connector = store.connector()
    try:
        return getattr(connector, verb)(desk.work(**args))
    finally:
        connector.close()


def erase(store, person=None, **more):
    """Locate, delete and look again; return the desk and the three outcomes."""
    desk = Desk(person or subject(), **more)
    connector = store.connector()  # kept open between steps, as the worker keeps it, but for the second look
    try:
        located, deleted = connector.locate(desk.work()), connector.delete(desk.work())
    finally:
        connector.close()
    return desk, located, deleted, run(store, desk, "absent", act="delete")
