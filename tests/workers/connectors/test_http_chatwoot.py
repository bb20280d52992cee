"""The HTTP connector with the definition that we ship for Chatwoot, against a server that behaves like it."""

from contextlib import closing
from copy import deepcopy
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from shared.domain.errors import Final, Waiting
from shared.domain.identifier import EMAIL, PHONE, Identifier, Subject
from shared.inventory import Client, System
from shared.testing import Desk
from tests.contracts.connector import ConnectorContract, World
from tests.waiting import until
from tests.webs import serving
from tests.workers.connectors.chatwoot import DELETED, Chatwoot
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
        self.chat, self.url, self.folder, self.made = chat, url, folder, []
        self.settle("PT1S")

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
        self.made.append(CONNECTOR(system, client, settings))
        return self.made[-1]

    def close(self):
        """Close every connector."""
        for one in self.made:
            one.close()

    def run(self, desk, verb, account=1, **args):
        """Run one verb on a fresh connector."""
        return getattr(self.connector(account), verb)(desk.work(**args))


@pytest.fixture
def place(tmp_path):
    """A Chatwoot on a real socket."""
    chat = Chatwoot()
    with serving(chat.app) as url, closing(Place(chat, url, tmp_path)) as here:
        yield here


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


def test_the_search_gives_other_people_and_they_are_left_alone(place):
    """A substring search gives Jada and a longer domain; only exact matches are noted, in this account alone."""
    first, second, _ = populate(place.chat)
    desk = Desk(ada())
    place.run(desk, "locate")
    found = {one.key for one in desk.found() if one.collection == "contacts"}
    assert {f'["{first}"]', f'["{second}"]'} == found


def test_no_identifier_stands_in_a_url(place, caplog):
    """The system's access log and our own log learn nothing: searches go in bodies, and httpx's lines not out."""
    populate(place.chat)
    with caplog.at_level("WARNING"):
        desk = Desk(ada())
        for verb in ("locate", "export", "delete", "absent"):
            place.run(desk, verb)
    assert place.chat.heard
    assert [] == [line for line in place.chat.heard if any(one in line for one in ("ada", "30123456", "%40", "C-17"))]
    assert [] == caplog.records


def test_plus_addresses_are_found_where_the_client_says_so(place):
    """With the client's rule ada+shop@ is Ada's; without it, it is someone else's."""
    plus = place.chat.contact(email="ada+shop@example.org")
    for rule, expected in ((True, [f'["{plus}"]']), (False, [])):
        desk = Desk(ada(plus_addresses=rule))
        place.run(desk, "locate")
        assert expected == [one.key for one in desk.found()]


def test_a_number_that_two_people_share_goes_to_a_person(place):
    """Two contacts with one number and other names are ambiguous where nothing else is known; nothing is deleted."""
    for name in ("Ada", "Bob"):
        contact = place.chat.contact(name=name, phone_number=PHONE_NUMBER)
        place.chat.conversation(contact)
    desk = Desk(Subject(frozenset({Identifier(PHONE, PHONE_NUMBER)}), region="DE"))
    outcome = place.run(desk, "locate")
    assert {"contacts": {"ambiguous": 2}, "conversations": {"ambiguous": 2}} == outcome.counts
    place.run(desk, "delete")
    assert 2 == len(place.chat.contacts)


@pytest.mark.parametrize(("other", "expected"), [("Bob", {"ambiguous": 2, "found": 1}), (None, {"found": 2})])
def test_a_bare_number_is_hers_only_if_nobody_else_has_it(place, other, expected):
    """A contact with nothing but a number goes to a person where another person's contact bears it too."""
    place.chat.contact(name="Ada Example", phone_number=PHONE_NUMBER)
    place.chat.contact(phone_number=PHONE_NUMBER)
    if other:
        place.chat.contact(name=other, phone_number=PHONE_NUMBER)
    outcome = place.run(Desk(ada()), "locate")
    assert {"contacts": expected} == outcome.counts


def test_a_contact_that_is_online_waits_and_the_others_go(place):
    """422 is no failure: the other contact goes, the step waits without a name in its reason, and ends later."""
    first, second, _ = populate(place.chat)
    place.chat.online.add(first)
    desk = Desk(ada())
    place.run(desk, "locate")
    with pytest.raises(Waiting, match="the contact is online") as error:
        place.run(desk, "delete")
    assert "Ada" not in str(error.value)
    assert error.value.after >= 5
    assert first in place.chat.contacts
    assert second not in place.chat.contacts
    place.chat.online.clear()
    assert 2 == place.run(desk, "delete").counts["contacts"]["erased"]
    assert 0 == place.run(desk, "absent", act="delete").total("hit")


def test_a_contact_that_is_always_online_fails_in_the_end(place):
    """After the time that the definition allows the step fails, and a person is asked."""
    first, _, _ = populate(place.chat)
    place.chat.online.add(first)
    desk, cursor = Desk(ada()), []
    place.run(desk, "locate")
    with pytest.raises(Waiting):
        place.connector().delete(replace(desk.work(), checkpoint=cursor.append))
    late = replace(desk.work(), cursor=cursor[-1], now=desk.now + timedelta(days=4))
    with pytest.raises(Final, match="whenever it was tried"):
        place.connector().delete(late)


def test_a_deletion_that_ends_later_is_not_a_hit(place):
    """What a job destroys after the 200 is waited for; the second look agrees when it is gone."""
    populate(place.chat)
    place.chat.jobs_take = 0.6
    desk = Desk(ada())
    place.run(desk, "locate")
    place.run(desk, "delete")
    assert place.chat.conversations
    outcome = place.run(desk, "absent", act="delete")
    assert 0 == outcome.total("hit")
    assert place.chat.run_jobs()


def test_a_deletion_that_takes_long_holds_no_worker(place):
    """Where it may take an hour, the step waits in the queue; the wait goes on from where it began."""
    populate(place.chat)
    place.settle("PT1H")
    place.chat.jobs_take = float("inf")
    desk, cursor = Desk(ada()), []
    place.run(desk, "locate")
    place.run(desk, "delete")
    with pytest.raises(Waiting, match="not over yet"):
        place.connector().absent(replace(desk.work(act="delete"), checkpoint=cursor.append))
    later = replace(desk.work(act="delete"), cursor=cursor[-1], now=desk.now + timedelta(minutes=59))
    with pytest.raises(Waiting) as error:
        place.connector().absent(later)
    assert 50 < error.value.after <= 60
    too_late = replace(later, now=desk.now + timedelta(minutes=61))
    outcome = place.connector().absent(too_late)
    assert 2 == outcome.counts["conversations"]["hit"]
    assert 29 == outcome.counts["messages"]["hit"]


def test_a_job_that_is_lost_is_a_hit(place):
    """A system that answered 200 and never did it is caught when the time has passed."""
    populate(place.chat)
    place.chat.jobs_take = float("inf")
    desk = Desk(ada())
    place.run(desk, "locate")
    place.run(desk, "delete")
    outcome = place.run(desk, "absent", act="delete")
    assert 2 == outcome.counts["conversations"]["hit"]
    assert {"a record that was deleted still stands"} == {one.ground for one in outcome.reasons}


def talk_of_two(chat):
    """Put a message of Bob's into Ada's conversation; return (her contact, her conversation, her message, his)."""
    hers = chat.contact(name="Ada Example", email=ADA, additional_attributes={"city": "Berlin"})
    bob = chat.contact(name="Bob", email="bob@example.org")
    talk = chat.conversation(hers)
    return hers, talk, chat.message(talk, f"I am {ADA}", by=hers), chat.message(talk, "Bob here, in copy", by=bob)


def test_another_persons_message_in_the_conversation_stays(place):
    """The conversation is not deleted for Bob's sake: her messages are overwritten, her contact is masked."""
    hers, _, said, his = talk_of_two(place.chat)
    before = deepcopy(place.chat.messages[his])
    desk = Desk(ada())
    place.run(desk, "locate")
    assert {"contacts", "conversations", "messages"} == {one.collection for one in desk.found()}
    assert 1 == len([one for one in desk.found() if one.collection == "messages"])
    for _ in range(2):
        outcome = place.run(desk, "delete")
        assert {"masked": 1} == outcome.counts["contacts"]
        assert {"retained": 1} == outcome.counts["conversations"]
        assert {"masked": 1} == outcome.counts["messages"]
    assert before == place.chat.messages[his]
    assert DELETED == place.chat.messages[said]["content"]
    contact = place.chat.contacts[hers]
    assert (None, "[redacted]", {"city": None}) == (
        contact["email"], contact["name"], contact["additional_attributes"],
    )  # fmt: skip
    assert 0 == place.run(desk, "absent", act="delete").total("hit")


def test_her_other_conversations_go_though_the_contact_stays(place):
    """Only what Bob needs is kept: a conversation of hers alone is deleted, by its own call."""
    hers, shared, _, _ = talk_of_two(place.chat)
    alone = place.chat.conversation(hers)
    place.chat.message(alone, f"I am {ADA}", by=hers)
    place.chat.message(alone, "Hello Ada Example")
    place.chat.note(hers, "likes tea")
    desk = Desk(ada())
    place.run(desk, "locate")
    outcome = place.run(desk, "delete")
    assert {"retained": 1, "erased": 1} == outcome.counts["conversations"]
    assert {"masked": 1, "erased": 2} == outcome.counts["messages"]
    assert {"erased": 1} == outcome.counts["notes"]
    assert 0 == place.run(desk, "absent", act="delete").total("hit")
    assert ([shared], {}) == (list(place.chat.conversations), place.chat.notes)


def test_an_address_that_cannot_be_written_is_a_hit(place):
    """A contact that stays keeps its address in an inbox, which the API does not change: said, and seen."""
    hers, _, _, _ = talk_of_two(place.chat)
    place.chat.contacts[hers]["contact_inboxes"] = [{"source_id": ADA}]
    desk = Desk(ada())
    place.run(desk, "locate")
    outcome = place.run(desk, "delete")
    assert {"masked": 1, "residual": 1} == outcome.counts["contacts"]
    outcome = place.run(desk, "absent", act="delete")
    assert ["the value stands in a record that was masked"] == [one.ground for one in outcome.reasons]


def test_what_she_writes_into_a_kept_conversation_later_is_seen(place):
    """The second look reads conversations that stay for others: a new message of hers is a hit."""
    hers, talk, _, _ = talk_of_two(place.chat)
    desk = Desk(ada())
    place.run(desk, "locate")
    place.run(desk, "delete")
    place.chat.message(talk, "me again", by=hers)
    assert {"hit": 1} == place.run(desk, "absent", act="delete").counts["messages"]


def test_a_message_that_was_not_overwritten_is_seen(place):
    """A system that says that it overwrote a message, and did not, is caught."""
    _, _, said, _ = talk_of_two(place.chat)
    desk = Desk(ada())
    place.run(desk, "locate")
    place.run(desk, "delete")
    place.chat.messages[said].update(content=f"I am {ADA}", content_attributes={})
    assert {"hit": 1} == place.run(desk, "absent", act="delete").counts["messages"]


def test_someone_who_joins_after_the_search_is_safe(place):
    """Whose messages a conversation holds is looked at again at the time of the deletion."""
    first, _, talk = populate(place.chat)
    desk = Desk(ada())
    place.run(desk, "locate")
    bob = next(number for number, one in place.chat.contacts.items() if one["name"] == "Bob")
    his = place.chat.message(talk, "Bob, in copy", by=bob)
    place.run(desk, "delete")
    until(place.chat.run_jobs)
    assert his in place.chat.messages
    assert "[redacted]" == place.chat.contacts[first]["name"]


def test_two_contacts_of_hers_may_write_in_one_conversation(place):
    """A message of her second contact in the first one's conversation is hers, whichever is found first."""
    first = place.chat.contact(name="Ada Example", email=ADA, phone_number=PHONE_NUMBER)
    second = place.chat.contact(name="Ada Example", phone_number=PHONE_NUMBER)
    place.chat.message(place.chat.conversation(first), "from my telephone", by=second)
    desk = Desk(Subject(frozenset({Identifier(EMAIL, ADA)}), region="DE"))
    outcome = place.run(desk, "locate")
    assert {"contacts": {"found": 2}, "conversations": {"found": 1}, "messages": {"found": 1}} == outcome.counts
    place.run(desk, "delete")
    until(place.chat.run_jobs)
    assert ({}, {}) == (place.chat.contacts, place.chat.messages)


def test_more_conversations_than_the_api_lists_are_said(place):
    """Chatwoot lists a contact's last 20: the rest is not passed over in silence."""
    contact = place.chat.contact(name="Ada Example", email=ADA)
    for _ in range(21):
        place.chat.conversation(contact)
    outcome = place.run(Desk(ada()), "locate")
    assert {"found": 20, "residual": 1} == outcome.counts["conversations"]


def test_one_client_never_reaches_another(place):
    """Account 2's Ada is as she was, and account 2's token does not open account 1."""
    populate(place.chat)

    def theirs():
        return {
            number: deepcopy(one)
            for table in (place.chat.contacts, place.chat.conversations)
            for number, one in table.items()
            if 2 in (one.get("account"), one.get("account_id"))
        }

    before = theirs()
    assert 2 == len(before)
    desk = Desk(ada())
    for verb in ("locate", "restrict", "delete"):
        place.run(desk, verb)
    until(place.chat.run_jobs)
    assert before == theirs()
    with pytest.raises(Final, match=r"contacts\.find by email: answered 401; check `credentials`"):
        place.connector(1, token="token-2").locate(Desk(ada()).work())


def test_a_copy_holds_what_is_hers_and_no_agents_name(place):
    """The package has her rows; who was assigned and what an agent is called stays out; portability is narrower."""
    populate(place.chat)
    desk = Desk(ada())
    place.run(desk, "locate")
    place.run(desk, "export")
    assert {"contacts": 2, "conversations": 2, "messages": 29, "notes": 1} == {
        name: len(rows) for name, rows in desk.package.tables.items()
    }
    assert {"[redacted]"} == {row["user"] for row in desk.package.tables["notes"]}
    desk.package.tables.clear()
    place.run(desk, "export", provided=True)
    assert "notes" not in desk.package.tables
    assert "contact_inboxes" not in desk.package.tables["contacts"][0]
    assert {"content", "content_attributes", "created_at"} == set(desk.package.tables["messages"][0])


def test_people_of_a_window(place):
    """A breach's window takes whoever's record lived in it, page after page, each with what stands there."""
    for number in range(40):
        place.chat.contact(email=f"p{number}@example.org", created_at=1767225600, last_activity_at=1767225600 + number)
    place.chat.contact(name="nobody to reach")
    window = {"from": "2026-01-01T00:00:10+00:00", "to": "2026-01-31T00:00:00+00:00"}
    people = list(place.connector().subjects(Desk(ada()).work(**window)))
    assert 30 == len(people)
    assert {frozenset({"user.contact.email"})} == {one.categories for one in people}


def test_a_check_tells_what_the_definition_lacks(place):
    """A key that holds addresses and is in no field is drift, named without a value; a wrong token is raised."""
    populate(place.chat)
    assert [] == list(place.connector().check())
    place.chat.contact(email="new@example.org", billing={"copy_to": ADA}, **{ADA: ADA})
    (found,) = place.connector().check()
    assert ("drift", "contacts.billing") == (found.severity, found.place)
    assert ADA not in repr(found)
    with pytest.raises(Final, match="answered 401"):
        list(place.connector(token="wrong").check())
