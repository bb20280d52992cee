"""Fields within documents and lists: found, widened, exported, masked, rectified and verified, the rest untouched."""

import json

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from shared.domain.identifier import EMAIL, PHONE, Identifier
from shared.testing import Desk
from tests.workers.connectors.sql_store import ADA, ADA_PHONE, BOB, collection, erase, field, run, subject
from workers.connectors.sql.documents import at, changed, only

PATHS = {
    "email.from[]": {"data_categories": ["user.contact.email"], "fides_meta": {"identity": "email"}},
    "email.subject": {"data_categories": ["user.content"]},
    "caller.number": {
        "data_categories": ["user.contact.phone_number"],
        "fides_meta": {"identity": "phone_number"},
        "rightsdesk": {"mask": "phone"},
    },
    "agent.email": {
        "data_categories": ["user.contact.email"],
        "rightsdesk": {"others": True},
    },
    "note": {"rightsdesk": {"free_text": True}},
}


def letter(sender, **more):
    """Return a document as a chat system keeps it."""
    return {
        "email": {"from": [sender], "subject": "My bill", "spam": False, "size": 12},
        "caller": {"number": ADA_PHONE if sender == ADA else "+4940111111"},
        "agent": {"email": "agent@acme.test"},
        "note": None,
    } | more


@pytest.fixture
def letters(store):
    """Return a store whose messages know their senders by a document only."""
    metadata = sa.MetaData()
    table = sa.Table("letters", metadata, sa.Column("id", sa.Integer, primary_key=True), sa.Column("details", sa.JSON))
    mapped = field("details", provided=True, paths=PATHS)
    store.tables(metadata, collection("letters", mapped, on_erasure="mask"))
    store.letters = table
    return store


def details(store):
    """Return the documents as the database has them."""
    rows = store.all(store.letters)
    return [json.loads(one["details"]) if isinstance(one["details"], str) else one["details"] for one in rows]


def test_an_address_in_a_document_finds_its_row_and_nobody_elses(letters):
    """Broad in the database, exact in the document; what stands beside it widens the search."""
    hers = letters.add(letters.letters, details=letter("Ada <ADA@acme.test>", caller={"number": "+49 40 777777"}))
    for other in (BOB, f"jim{ADA}", "ada@acme.test.evil.test"):
        letters.add(letters.letters, details=letter(other, note=f"not {ADA}"[:5]))
    letters.add(letters.letters, details=letter(BOB, email={"to": [ADA]}))
    desk = Desk(subject(phone=()))
    located = run(letters, desk, "locate")
    assert [f"[{hers}]"] == [one.key for one in desk.found() if one.how == "subject"]
    assert {Identifier(PHONE, "+4940777777")} == located.identifiers


def test_only_the_path_is_masked(letters):
    """Texts are redacted or masked by their strategy, everything else in the document is as it was."""
    letters.add(letters.letters, details=letter(ADA))
    letters.add(letters.letters, details=letter(BOB))
    _, _, deleted, looked = erase(letters)
    hers, his = details(letters)
    assert {"letters": {"masked": 1}} == deleted.counts
    assert letter(BOB) == his
    number = hers["caller"]["number"]
    assert ADA_PHONE != number
    assert number.startswith("+4900")
    masked = {"from": ["[redacted]"], "subject": "[redacted]", "spam": False, "size": 12}
    assert {**letter(ADA), "email": masked, "caller": {"number": number}} == hers
    assert 0 == looked.total("hit")


def test_the_second_look_reads_the_path(letters):
    """A field within the document that was put back is named by its column."""
    letters.add(letters.letters, details=letter(ADA))
    desk, _, _, looked = erase(letters)
    assert 0 == looked.total("hit")
    stood = details(letters)[0]
    stood["email"]["subject"] = "My bill"
    letters.do(letters.letters.update().values(details=stood))
    again = run(letters, desk, "absent", act="delete")
    assert ["letters.details is not masked"] == [one.ground for one in again.reasons]


def test_another_party_is_masked_in_the_copy(letters):
    """Her copy shows the document as it stands, but for the field that is another's."""
    letters.add(letters.letters, details=letter(ADA))
    desk = Desk(subject())
    run(letters, desk, "locate")
    run(letters, desk, "export")
    (row,) = desk.package.tables["letters"]
    assert [ADA] == row["details"]["email"]["from"]
    assert row["details"]["agent"]["email"].endswith("@masked.invalid")


def test_a_mention_within_a_document_is_redacted_there(letters):
    """Only the free text loses her address; the same address in another's own field stays his."""
    letters.add(letters.letters, details=letter(BOB, note=f"Ask {ADA}, please"))
    _, located, deleted, _ = erase(letters)
    assert {"letters": {"mention": 1}} == located.counts
    assert {"letters": {"redacted": 1}} == deleted.counts
    assert [letter(BOB, note="Ask [redacted], please")] == details(letters)


def test_a_document_is_rectified_at_its_path(letters):
    """The new address stands where the old one stood; the other party's stays."""
    letters.add(letters.letters, details=letter(ADA))
    desk = Desk(subject())
    run(letters, desk, "locate")
    changes = {"user.contact.email": "new@acme.test"}
    assert 1 == run(letters, desk, "absent", act="rectify", changes=changes).total("hit")
    assert {"letters": {"rectified": 1}} == run(letters, desk, "rectify", changes=changes).counts
    (stood,) = details(letters)
    assert letter(ADA, email={**letter(ADA)["email"], "from": ["new@acme.test"]}) == stood
    assert 0 == run(letters, desk, "absent", act="rectify", changes=changes).total("hit")


def test_portability_takes_the_fields_that_were_provided(letters):
    """Of a document of which some fields were provided, these are written, and nothing else of it."""
    column = letters.datamap["dataset"][0]["collections"][0]["fields"][1]
    paths = {"email.subject": {"rightsdesk": {"provided": True}}, "email.from": PATHS["email.from[]"]}
    column["rightsdesk"] = {"paths": paths}
    letters.add(letters.letters, details=letter(ADA))
    desk = Desk(subject())
    run(letters, desk, "locate")
    run(letters, desk, "export", provided=True)
    assert [{"details": {"email": {"subject": "My bill"}}}] == desk.package.tables["letters"]


NESTED = {
    "name": "profile",
    "fides_meta": {"data_type": "object"},
    "fields": [
        {"name": "mails", "data_categories": ["user.contact.email"],
         "fides_meta": {"data_type": "string[]", "identity": "email"}},
        {"name": "customer", "fides_meta": {"data_type": "integer"}},
        {"name": "born", "data_categories": ["user.demographic.date_of_birth"],
         "fides_meta": {"masking_strategy_override": {"strategy": "truncate", "configuration": {"length": 4}}}},
        {"name": "age", "data_categories": ["user.demographic"]},
        {"name": "theme", "data_categories": ["system.operations"]},
    ],
}  # fmt: skip


def test_fides_nested_fields_lead_on(store):
    """A key in a document leads to the rows of another table, and from them back up into a document."""
    metadata = sa.MetaData()
    profiles = sa.Table(
        "profiles", metadata, sa.Column("id", sa.Integer, primary_key=True), sa.Column("profile", sa.JSON)
    )
    events = sa.Table("events", metadata, sa.Column("id", sa.Integer, primary_key=True), sa.Column("what", sa.JSON))
    what = {"name": "what", "fides_meta": {"data_type": "object[]"}, "fields": [
        {"name": "who", "fides_meta": {"references": [
            {"dataset": "chat", "field": "profiles.profile.customer", "direction": "from"}]}},
    ]}  # fmt: skip
    store.tables(metadata, collection("profiles", NESTED, on_erasure="mask"), collection("events", what))
    store.add(profiles, profile={"mails": [ADA], "customer": 7, "born": "1980-02-03", "age": 46, "theme": "dark"})
    store.add(profiles, profile={"mails": [BOB], "customer": 70, "born": "1990-02-03", "age": 36, "theme": "dark"})
    store.add(events, what=[{"who": 7}])
    other = store.add(events, what=[{"who": 70}, {"who": "x7"}])
    _, located, deleted, looked = erase(store)
    assert {"profiles": {"found": 1}, "events": {"found": 1}} == located.counts
    assert {"profiles": {"masked": 1}, "events": {"erased": 1}} == deleted.counts
    assert [other] == store.ids(events)
    stood = store.all(profiles)[0]["profile"]
    stood = json.loads(stood) if isinstance(stood, str) else stood
    assert {"mails": ["[redacted]"], "customer": 7, "born": "1980", "age": None, "theme": "dark"} == stood
    assert 0 == looked.total("hit")


PEOPLE = {"name": "people", "fides_meta": {"data_type": "object[]"}, "fields": [
    {"name": "mail", "data_categories": ["user.contact.email"], "fides_meta": {"identity": "email"}},
    {"name": "name", "data_categories": ["user.name"]},
]}  # fmt: skip


def test_a_list_of_people_is_shared(store):
    """A row whose list names others too stays; her elements are masked, theirs are as they were, also in her copy."""
    metadata = sa.MetaData()
    rooms = sa.Table("rooms", metadata, sa.Column("id", sa.Integer, primary_key=True), sa.Column("people", sa.JSON))
    store.tables(metadata, collection("rooms", PEOPLE))
    bob = {"mail": BOB, "name": "Bob"}
    store.add(rooms, people=[{"mail": ADA, "name": "Ada Example"}, bob])
    store.add(rooms, people=[{"mail": ADA, "name": "Ada Example"}])
    desk = Desk(subject())
    run(store, desk, "locate")
    run(store, desk, "export")
    assert [1, 1] == [len(row["people"]) for row in desk.package.tables["rooms"]]
    _, located, deleted, looked = erase(store)
    assert set() == located.identifiers
    assert {"rooms": {"erased": 1, "retained": 1}} == deleted.counts
    stood = store.all(rooms)[0]["people"]
    stood = json.loads(stood) if isinstance(stood, str) else stood
    assert [{"mail": "[redacted]", "name": "[redacted]"}, bob] == stood
    assert 0 == looked.total("hit")


def test_arrays_of_postgresql(postgres_store):
    """An address in a text[] column finds the row; NULL where it may be, else an empty list."""
    store, metadata = postgres_store, sa.MetaData()
    table = sa.Table(
        "subscribers", metadata, sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("mails", postgresql.ARRAY(sa.Text), nullable=False), sa.Column("tags", postgresql.ARRAY(sa.Text)),
    )  # fmt: skip
    mails = {"name": "mails", "data_categories": ["user.contact.email"],
             "fides_meta": {"identity": "email", "data_type": "string[]", "return_all_elements": True}}  # fmt: skip
    store.tables(metadata, collection("subscribers", mails, field("tags", "user.content"), on_erasure="mask"))
    store.add(table, mails=["old@acme.test", ADA], tags=["tea"])
    store.add(table, mails=[BOB], tags=["coffee"])
    _, located, deleted, looked = erase(store)
    assert {"subscribers": {"found": 1}} == located.counts
    assert {"subscribers": {"masked": 1}} == deleted.counts
    assert [([], None), ([BOB], ["coffee"])] == [(row["mails"], row["tags"]) for row in store.all(table)]
    assert 0 == looked.total("hit")


@pytest.mark.parametrize(
    ("value", "path", "found"),
    [
        ({"a": {"b": 1}}, ("a", "b"), [1]),
        ({"a": [{"b": 1}, {"b": [2, 3]}, {"c": 4}]}, ("a", "b"), [1, 2, 3]),
        ('{"a": "{\\"b\\": 1}"}', ("a", "b"), [1]),
        ({"a": None}, ("a",), []),
        ({"a": "text"}, ("a", "b"), []),
        ([["x"], "y"], (), ["x", "y"]),
        (None, ("a",), []),
    ],
)
def test_what_stands_at_a_path(value, path, found):
    """Lists are walked, texts that hold documents are opened, what is not there is nothing."""
    assert found == list(at(value, path))


def test_a_document_kept_as_text_stays_text():
    """Also one within another; a text that nothing changes stays to the byte."""
    text = '{"a":  "{\\"b\\": \\"x\\", \\"c\\": 1}"}'
    assert text == changed(text, ("a", "z"), str.upper)
    new = changed(text, ("a", "b"), str.upper)
    assert {"b": "X", "c": 1} == json.loads(json.loads(new)["a"])
    assert {"a": {"b": 1}} == only({"a": {"b": 1, "c": 2}, "d": 3}, [("a", "b")])


def test_a_number_in_a_document_is_her_identifier(letters):
    """A kind of id is compared as it is written, a number as its digits."""
    column = letters.datamap["dataset"][0]["collections"][0]["fields"][1]
    column["rightsdesk"] = {"paths": {"customer": {"fides_meta": {"identity": "customer_number"}}}}
    hers = letters.add(letters.letters, details={"customer": 7})
    letters.add(letters.letters, details={"customer": 77})
    person = subject(email=(), phone=(), other=(("customer_number", "7"),))
    desk = Desk(person)
    run(letters, desk, "locate")
    assert [f"[{hers}]"] == [one.key for one in desk.found()]
    assert EMAIL not in {one.kind for one in person.identifiers}
