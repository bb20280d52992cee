"""The HTTP connector with the definition that we ship for Chatwoot, against a server that behaves like it."""

from copy import deepcopy
from pathlib import Path

import pytest

from shared.domain.identifier import EMAIL, PHONE, Identifier, Subject
from shared.inventory import Client, System
from tests.contracts.connector import ConnectorContract, World
from tests.waiting import until
from tests.webs import serving
from tests.workers.connectors.chatwoot import Chatwoot
from workers.connectors.http import CONNECTOR, HttpSettings

ADA, PHONE_NUMBER = "ada@example.org", "+4930123456"
SHIPPED = Path(__file__).parents[3] / "deploy" / "http" / "chatwoot.yaml"
SHE = ("ada@example.org", "30123456", "Ada Example", "C-17", "030 123")


def ada(**more):
    """Return Ada, as her client knows her."""
    given = frozenset({Identifier(EMAIL, ADA), Identifier(PHONE, PHONE_NUMBER)})
    return Subject(given, names=frozenset({"ada example"}), region="DE", **more)


class Place:
    """A Chatwoot, and connectors to its accounts."""

    def __init__(self, chat, url, folder):
        self.chat, self.url, self.folder = chat, url, folder
        self.settle("PT2S")

    def settle(self, period):
        """Write the shipped definition with another `settles_within`."""
        shipped = SHIPPED.read_text()
        assert "settles_within: PT1H" in shipped
        self.folder.joinpath("chatwoot.yaml").write_text(shipped.replace("within: PT1H", f"within: {period}"))

    def connector(self, account=1, token=None):
        """Return a fresh connector to an account."""
        client = Client(name="Acme", country="DE", contact="privacy@acme.example")
        system = System(
            id="chat", client="acme", channel="chat", connector="http", region="country:DE", folder=self.folder
        )
        settings = HttpSettings(
            url=self.url,
            definition="chatwoot.yaml",
            credentials={"token": token or f"token-{account}"},
            parameters={"account_id": str(account)},
        )
        return CONNECTOR(system, client, settings)

    def run(self, desk, verb, account=1, **args):
        """Run one verb on a fresh connector."""
        connector = self.connector(account)
        try:
            return getattr(connector, verb)(desk.work(**args))
        finally:
            connector.close()


@pytest.fixture
def place(tmp_path):
    """A Chatwoot on a real socket."""
    chat = Chatwoot()
    with serving(chat.app) as url:
        yield Place(chat, url, tmp_path)


def populate(chat):
    """Put Ada into account 1, with others near her; return her contacts and the first conversation."""
    attributes = {"city": "Berlin", "social": {"mastodon": ADA}}
    first = chat.contact(
        name="Ada Example", email="Ada@Example.org", phone_number=PHONE_NUMBER, additional_attributes=attributes,
        identifier="C-17",
    )  # fmt: skip
    second = chat.contact(name="Ada Example", identifier="C-17b", phone_number=PHONE_NUMBER)
    bob = chat.contact(name="Bob", email="bob@example.org")
    chat.contact(name="Jada", email="jada@example.org", phone_number="+49301234567")
    chat.contact(name="Far", email="ada@example.org.uk")
    hers = chat.conversation(first)
    for number in range(14):
        chat.message(hers, f"{number}: I am {ADA}", by=first)
        chat.message(hers, "Hello Ada Example, 030 123456?", private=number == 3)
    chat.message(chat.conversation(second), "it is me, Ada Example", by=second)
    his = chat.conversation(bob)
    chat.message(his, "I am Bob", by=bob)
    chat.note(first, f"likes tea, {ADA}")
    chat.note(bob, "likes coffee")
    other = chat.contact(account=2, name="Ada Example", email=ADA, phone_number=PHONE_NUMBER)
    chat.message(chat.conversation(other), f"{ADA} to another client", by=other)
    return first, second, hers


def mine(chat, first, second):
    """Say which rows are hers: contacts, and what hangs on them."""
    talks = {number for number, one in chat.conversations.items() if one["contact"] in (first, second)}
    return {
        "contacts": {first, second},
        "conversations": talks,
        "messages": {number for number, one in chat.messages.items() if one["conversation_id"] in talks},
        "notes": {number for number, one in chat.notes.items() if one["contact"] in (first, second)},
    }


class TestChatwoot(ConnectorContract):
    @pytest.fixture
    def world(self, place):
        """Ada with two contacts, two conversations and a note; others near her, and a namesake at another client."""
        chat = place.chat
        first, second, _ = populate(chat)
        hers = mine(chat, first, second)

        def tables():
            until(chat.run_jobs)
            return {name: deepcopy(getattr(chat, name)) for name in hers}

        def present():
            return {
                f"{name}.{key}"
                for name, rows in tables().items()
                for number, row in rows.items()
                for key, value in row.items()
                if (number in hers[name] or row.get("email") == "ADA@example.org")
                and any(one.lower() in str(value).lower() for one in SHE)
            }

        return World(
            make=place.connector,
            ada=ada(),
            present=present,
            others=lambda: {
                name: {number: row for number, row in rows.items() if number not in hers[name]}
                for name, rows in tables().items()
            },
            lie=lambda: chat.contact(name="Ada", email="ADA@example.org"),
            records=sum(map(len, hers.values())),
            changes={"user.contact.email": "ada@new.example", "user.name": "Ada New"},
            rectified=lambda: (
                chat.contacts[first]["email"] == "ada@new.example"
                and {"Ada New"} == {chat.contacts[one]["name"] for one in (first, second)}
            ),
            restricted=lambda: all(chat.contacts[one]["blocked"] for one in (first, second) if one in chat.contacts),
            nobody=Subject(frozenset({Identifier(EMAIL, "nobody@example.org"), Identifier(PHONE, "+4930999999")})),
        )
