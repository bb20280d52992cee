"""What an erasure in somebody's database must never do, and must never overlook."""

import dataclasses
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from shared.datamap import parse
from shared.domain.errors import Final, Retryable, UsageError
from shared.domain.identifier import PHONE, Identifier, Traits
from shared.testing import Desk
from tests.workers.connectors import sql_store as db
from tests.workers.connectors.sql_store import ADA, ADA_PHONE, BOB, collection, erase, field, of, run, subject
from workers.connectors.sql import matching
from workers.connectors.sql.database import BATCH
from workers.connectors.sql.fates import ends
from workers.connectors.sql.graph import Graph, names_of
from workers.connectors.sql.progress import EVERY
from workers.connectors.sql.rows import tenant

SPOKEN = datetime(2026, 3, 1, 12)  # noqa: DTZ001 - as the system keeps it


def contact(store, **values):
    """Add a contact of the client's account."""
    return store.add(db.CONTACTS, **{"account_id": 1, "name": "Ada Example"} | values)


@pytest.mark.parametrize(
    "values",
    [
        {"email": "jimada@acme.test"},
        {"email": "ada@acme.test.evil.test"},
        {"email": "ada@acme.test2"},
        {"email": "ada+news@acme.test"},
        {"email": "a_a@acme.test"},
        {"name": "ada@acme.test"},
        {"phone_number": "+49301234567"},
        {"phone_number": "+4430123456"},
        {"phone_number": "+4940123456"},
        {"email": ADA, "account_id": 2},
        {"phone_number": ADA_PHONE, "account_id": 2},
        {"name": "Ada Example", "email": BOB},
    ],
)
def test_someone_else_is_never_found(lite, values):
    """Addresses that contain hers, numbers that end like hers, namesakes and other clients' rows are someone else's."""
    one = contact(lite, **values)
    _, located, _, _ = erase(lite)
    assert 0 == located.total("found", "ambiguous")
    assert [one] == lite.ids(db.CONTACTS)


def test_an_address_is_found_however_it_is_written(store):
    """Case, blanks and a display name make no other person."""
    for email in ("ADA@ACME.TEST", " ada@acme.test ", "mailto:ada@acme.test", "Ada <ada@acme.test>"):
        contact(store, email=email)
    erase(store, subject(phone=()))
    assert [] == [row["email"] for row in store.all(db.CONTACTS)]


def test_a_number_is_found_however_it_is_written(store):
    """Separators, prefixes and the trunk zero make no other number."""
    for number in ("030 123456", "+49 (0)30 123-456", "0049 30/123456", "030.12.34.56", "30123456"):
        contact(store, phone_number=number)
    erase(store, subject(email=()))
    assert [] == [row["phone_number"] for row in store.all(db.CONTACTS)]


def test_letters_outside_ascii_are_found_in_any_case(store):
    """`lower` of SQLite knows ASCII only; the search does not depend on it."""
    contact(store, email="ÄDA@Müller.test")
    erase(store, subject(email=("äda@xn--mller-kva.test",)))  # the normal form of what is written
    assert [] == store.ids(db.CONTACTS)


def test_a_household_number_goes_to_a_person(lite):
    """A record with her number and another address is ambiguous, and so is all that hangs on it."""
    household = contact(lite, name="Carl", email="carl@acme.test", phone_number=ADA_PHONE)
    lite.add(db.NOTES, contact_id=household, content="likes milk")
    _, located, deleted, looked = erase(lite)
    assert {"contacts": {"ambiguous": 1}, "notes": {"ambiguous": 1}} == located.counts
    assert {} == deleted.counts
    assert 0 == looked.total("hit")
    assert [household] == lite.ids(db.CONTACTS)


def test_a_row_with_only_a_household_number_goes_to_a_person(lite):
    """Where another person's record bears her number too, a row that bears nothing else may be either's."""
    contact(lite, email=ADA, phone_number=ADA_PHONE)
    contact(lite, name="Bob", email=BOB, phone_number=ADA_PHONE)
    lite.do("CREATE TABLE calls (id INTEGER PRIMARY KEY, src TEXT)")
    lite.do(f"INSERT INTO calls VALUES (1, '{ADA_PHONE}')")
    lite.datamap["dataset"][0]["collections"].append(
        collection("calls", field("src", "user.contact.phone_number", identity="phone_number"))
    )
    _, located, deleted, looked = erase(lite)
    assert {"contacts": {"found": 1, "ambiguous": 1}, "calls": {"ambiguous": 1}} == located.counts
    assert {"contacts": {"erased": 1}} == deleted.counts
    assert 0 == looked.total("hit")


@pytest.mark.parametrize(
    ("recipient", "owner", "expected"),
    [("Bob", True, "ambiguous"), ("Bob", False, "found"), ("Ada", True, "found"), (None, True, "found")],
)
def test_a_row_of_two_people_goes_to_a_person(lite, recipient, owner, expected):
    """What she bought for somebody else is both people's; what an agent only handles (`owner: false`) is hers."""
    people = {"Ada": contact(lite, email=ADA), "Bob": contact(lite, name="Bob", email=BOB), None: None}
    lite.do("CREATE TABLE gifts (id INTEGER PRIMARY KEY, buyer_id INTEGER, recipient_id INTEGER, item TEXT)")
    recipient_id = people[recipient] or "NULL"
    lite.do(f"INSERT INTO gifts VALUES (1, {people['Ada']}, {recipient_id}, 'a book')")
    gifts = collection(
        "gifts",
        field("buyer_id", to="contacts.id"),
        field("recipient_id", to="contacts.id", **({} if owner else {"owner": False})),
        field("item", "user.behavior.purchase_history"),
    )
    lite.datamap["dataset"][0]["collections"].append(gifts)
    _, located, deleted, looked = erase(lite)
    assert {expected: 1} == located.counts["gifts"]
    assert ({"erased": 1} if expected == "found" else None) == deleted.counts.get("gifts")
    assert 0 == looked.total("hit")


def test_an_ambiguous_record_that_was_taken_goes_with_all_below_it(lite):
    """What a person takes acts as a root."""
    household = contact(lite, name="Carl", email="carl@acme.test", phone_number=ADA_PHONE)
    lite.add(db.NOTES, contact_id=household, content="likes milk")
    _, _, deleted, looked = erase(lite, take_ambiguous=True)
    assert {"contacts": {"erased": 1}, "notes": {"erased": 1}} == deleted.counts
    assert 0 == looked.total("hit")


def test_a_number_alone_never_joins_two_people(lite):
    """Where the ticket gives only a number, two records that name different people are both ambiguous."""
    contact(lite, name="Ada", email=ADA, phone_number=ADA_PHONE)
    contact(lite, name="Carl", email="carl@acme.test", phone_number=ADA_PHONE)
    _, located, _, _ = erase(lite, subject(email=(), names=()))
    assert {"contacts": {"ambiguous": 2}} == located.counts
    assert set() == located.identifiers


def test_identifiers_found_widen_the_search(store):
    """Her visitor id, found by her address, finds what only bears that id; both are reported."""
    ada = contact(store, email=ADA, phone_number="+4940777777")
    store.add(db.CONTACT_INBOXES, contact_id=ada, source_id="v-17")
    store.add(db.CONTACT_INBOXES, contact_id=None, source_id="v-17")
    contact(store, email=None, phone_number="040 777777")
    _, located, _, _ = erase(store, subject(phone=()))
    assert {Identifier("visitor_id", "v-17"), Identifier(PHONE, "+4940777777")} == located.identifiers
    assert {"contacts": {"found": 2}, "contact_inboxes": {"found": 2}} == located.counts
    assert [] == store.ids(db.CONTACT_INBOXES)


def test_an_identity_that_must_not_widen_does_not(lite):
    """`widen: false` keeps an identifier out of the search and out of the outcome."""
    of(lite.datamap, "contacts")["fields"][5]["rightsdesk"] = {"widen": False}
    contact(lite, email=ADA, phone_number="+4940777777")
    other = contact(lite, name="Carl", phone_number="+4940777777")
    _, located, _, _ = erase(lite, subject(phone=()))
    assert set() == located.identifiers
    assert [other] == lite.ids(db.CONTACTS)


@pytest.mark.parametrize("verb", ["mask", "rectify", "delete"])
def test_a_shared_address_stays(store, verb):
    """A row that another person's row needs is kept as it is, whoever asks, with its ground."""
    place = store.add(db.ADDRESSES, street="Shared Street 1")
    contact(store, email=ADA, address_id=place)
    contact(store, name="Bob", email=BOB, address_id=place)
    desk = Desk(subject())
    run(store, desk, "locate")
    outcome = run(store, desk, verb, changes={"user.contact.address.street": "New Street 2"})
    assert {"retained": 1} == outcome.counts["addresses"]
    assert ["still needed by another person"] == [one.ground for one in outcome.reasons]
    assert [{"id": place, "street": "Shared Street 1"}] == store.all(db.ADDRESSES)


def test_an_address_of_her_own_goes(lite):
    """A row that only her row needs goes with it."""
    contact(lite, email=ADA, address_id=lite.add(db.ADDRESSES, street="Ada Street 1"))
    _, _, deleted, looked = erase(lite)
    assert {"contacts": {"erased": 1}, "addresses": {"erased": 1}} == deleted.counts
    assert 0 == looked.total("hit")


def test_a_retained_order_keeps_what_it_needs(store):
    """A duty keeps the order and its customer, restricted, until its end; the fields that it does not need go."""
    ada = contact(store, email=ADA, phone_number=ADA_PHONE)
    store.add(db.NOTES, contact_id=ada, content="likes tea")
    store.add(db.ORDERS, contact_id=ada, item="Book", ordered_on=date(2024, 2, 29))
    _, _, deleted, looked = erase(store)
    assert {"orders": {"retained": 1}, "contacts": {"retained": 1}, "notes": {"erased": 1}} == deleted.counts
    assert {("orders", "§ 257 HGB", date(2032, 12, 31)), ("contacts", "§ 257 HGB", date(2032, 12, 31))} == {
        (one.collection, one.ground, one.until) for one in deleted.reasons
    }
    (kept,) = store.all(db.CONTACTS)
    assert (ADA, "Ada Example") == (kept["email"], kept["name"])
    assert ADA_PHONE != kept["phone_number"]
    assert store.all(db.ORDERS)[0]["blocked"]
    assert kept["blocked"]
    assert 0 == looked.total("hit")


def test_an_order_whose_duty_has_ended_goes(store):
    """When the last day of the duty is over, nothing keeps the row."""
    ada = contact(store, email=ADA)
    store.add(db.ORDERS, contact_id=ada, item="Book", ordered_on=date(2017, 12, 31))
    _, _, deleted, _ = erase(store)
    assert {"orders": {"erased": 1}, "contacts": {"erased": 1}} == deleted.counts


def test_a_duty_without_a_start_runs(lite):
    """A row whose date is missing is kept; nobody can say that its duty has ended."""
    ada = contact(lite, email=ADA)
    lite.add(db.ORDERS, contact_id=ada, item="Book")
    _, _, deleted, _ = erase(lite)
    assert 1 == deleted.counts["orders"]["retained"]


@pytest.mark.parametrize(
    ("period", "starts", "until"),
    [
        ("P8Y", "end_of_year", date(2032, 12, 31)),
        ("P8Y", "event", date(2032, 2, 29)),
        ("P1Y", "event", date(2025, 2, 28)),
        ("P6M", "event", date(2024, 8, 29)),
        ("P2W3D", "event", date(2024, 3, 17)),
    ],
)
def test_the_end_of_a_duty(period, starts, until):
    """Years, months, weeks and days, from the event or from the end of its year."""
    graph = parse([store_with_duty(period, starts)])
    retain = graph.collections["orders"].ext.retain
    assert until == ends(retain, date(2024, 2, 29))


def store_with_duty(period, starts):
    """Return a dataset with one duty."""
    duty = {"for": period, "from": "at", "starts": starts, "ground": "law"}
    fields = [field("email", identity="email"), field("at")]
    return {"fides_key": "shop", "name": "Shop", "collections": [collection("orders", *fields, retain=duty)]}


def test_messages_of_others_stay(store):
    """In her conversation another contact's message stays, and so does the conversation, without her data."""
    ada, bob = contact(store, email=ADA), contact(store, name="Bob", email=BOB)
    talk = store.add(db.CONVERSATIONS, account_id=1, contact_id=ada, additional_attributes={"from": ADA})
    for sender in (ada, bob):
        store.add(db.MESSAGES, conversation_id=talk, sender_type="Contact", sender_id=sender, content="Hello")
    store.add(db.MESSAGES, conversation_id=talk, sender_type="User", sender_id=ada, content="How can I help?")
    _, _, deleted, looked = erase(store)
    assert [(bob, "Hello")] == [(one["sender_id"], one["content"]) for one in store.all(db.MESSAGES)]
    assert {"masked": 1} == deleted.counts["conversations"]
    assert None is store.all(db.CONVERSATIONS)[0]["additional_attributes"]
    assert [bob] == store.ids(db.CONTACTS)
    assert 0 == looked.total("hit")


def test_her_message_in_anothers_conversation_goes_alone(lite):
    """What she wrote goes; the conversation that it stands in is not hers."""
    ada, bob = contact(lite, email=ADA), contact(lite, name="Bob", email=BOB)
    talk = lite.add(db.CONVERSATIONS, account_id=1, contact_id=bob)
    of(lite.datamap, "messages")["fields"][1]["fides_meta"]["references"][0].pop("direction")
    for sender in (ada, bob):
        lite.add(db.MESSAGES, conversation_id=talk, sender_type="Contact", sender_id=sender, content="Hello")
    _, _, deleted, _ = erase(lite)
    assert {"contacts": {"erased": 1}, "messages": {"erased": 1}} == deleted.counts
    assert [bob] == [one["sender_id"] for one in lite.all(db.MESSAGES)]
    assert [talk] == lite.ids(db.CONVERSATIONS)


def test_a_mention_is_redacted_and_its_row_stays(store):
    """Another's message that names her loses her identifiers, and nothing else."""
    bob = contact(store, name="Bob", email=BOB)
    talk = store.add(db.CONVERSATIONS, account_id=1, contact_id=bob)
    said = f"Ask Ada@ACME.test (030 123 456), not jim{ADA} or {BOB}."
    store.add(db.MESSAGES, conversation_id=talk, sender_type="Contact", sender_id=bob, content=said)
    desk, located, deleted, looked = erase(store)
    assert {"messages": {"mention": 1}} == located.counts
    assert {"messages": {"redacted": 1}} == deleted.counts
    assert f"Ask [redacted] ([redacted]), not jim{ADA} or {BOB}." == store.all(db.MESSAGES)[0]["content"]
    assert 0 == looked.total("hit")
    assert ["redacted"] == [one.fate for one in desk.found()]


def test_an_unmapped_text_is_caught_by_the_scan(store):
    """A table that no map knows is read by the second look."""
    contact(store, email=ADA)
    store.add(db.AUDITS, what='{"email": ["ada@acme.test", null], "by": "x"}')
    store.add(db.AUDITS, what="called 030/12 34 56")
    store.add(db.AUDITS, what="jimada@acme.test was here")
    _, _, _, looked = erase(store)
    assert {"audits": {"hit": 2}} == looked.counts
    assert ["the value stands in audits.what"] == [one.ground for one in looked.reasons]


def test_an_orphan_is_caught_by_its_key(store):
    """A child that was left after its parent is found by the key written down, though no edge leads to it."""
    ada = contact(store, email=ADA)
    talk = store.add(db.CONVERSATIONS, account_id=1, contact_id=ada)
    said = store.add(db.MESSAGES, conversation_id=talk, content="no identifier in here")
    desk, _, _, looked = erase(store)
    assert 0 == looked.total("hit")
    store.add(db.MESSAGES, id=said, conversation_id=talk, content="no identifier in here")
    assert {"messages": {"hit": 1}} == run(store, desk, "absent", act="delete").counts


def test_a_crash_in_the_middle_leaves_work_that_can_be_finished(store):
    """Whatever note the worker died at, the next run ends in the same state."""
    ada = contact(store, email=ADA)
    store.add(db.ORDERS, contact_id=ada, item="Book", ordered_on=SPOKEN.date())
    talk = store.add(db.CONVERSATIONS, account_id=1, contact_id=ada)
    store.add(db.MESSAGES, conversation_id=talk, sender_type="Contact", sender_id=ada, content="Hello")
    desk = Desk(subject())
    run(store, desk, "locate")
    work = dataclasses.replace(desk.work(), note=die)
    connector = store.connector()
    with pytest.raises(KeyboardInterrupt):
        connector.delete(work)
    connector.close()
    run(store, desk, "delete")
    assert [[], []] == [store.ids(db.MESSAGES), store.ids(db.CONVERSATIONS)]
    assert 0 == run(store, desk, "absent", act="delete").total("hit")


def die(_):
    """Die, as a worker does."""
    raise KeyboardInterrupt


@pytest.mark.parametrize("stored", [0, 1])
def test_a_delete_goes_on_where_it_stopped(lite, stored):
    """Whether a checkpoint was stored before the crash or none, all rows go and each is counted once."""
    rows = (stored + 1) * EVERY * BATCH + 1
    ada = contact(lite, email=ADA)
    talk = lite.add(db.CONVERSATIONS, account_id=1, contact_id=ada)
    with lite.engine.begin() as connection:
        connection.execute(
            db.MESSAGES.insert(), [{"conversation_id": talk, "content": f"message {one}"} for one in range(rows)]
        )
    desk, cursors = Desk(subject()), [""]
    run(lite, desk, "locate")

    def checkpoint(cursor):
        if len(cursors) > stored:
            raise KeyboardInterrupt
        cursors.append(cursor)

    connector = lite.connector()
    with pytest.raises(KeyboardInterrupt):
        connector.delete(dataclasses.replace(desk.work(), checkpoint=checkpoint))
    outcome = connector.delete(dataclasses.replace(desk.work(), cursor=cursors[-1], again=True))
    connector.close()
    assert {"messages": {"erased": rows}, "conversations": {"erased": 1}, "contacts": {"erased": 1}} == outcome.counts
    assert [] == lite.ids(db.MESSAGES)


def test_thousands_of_rows_go_in_batches(store):
    """More rows than fit into one statement or transaction are found and go, children of their own table too."""
    ada = contact(store, email=ADA)
    talk = store.add(db.CONVERSATIONS, account_id=1, contact_id=ada)
    with store.engine.begin() as connection:
        connection.execute(
            db.MESSAGES.insert(),
            [{"conversation_id": talk, "sender_type": "User", "content": str(one)} for one in range(1203)],
        )
    _, located, deleted, looked = erase(store)
    assert 1203 == located.counts["messages"]["found"] == deleted.counts["messages"]["erased"]
    assert 0 == looked.total("hit")


def test_what_the_database_refuses_is_failed_and_tells_no_value(store):
    """A refusal costs its field: the reason names the field and the kind of obstacle, and no value."""
    contact(store, email=ADA)
    contact(store, name="Bob", email=BOB)
    desk = Desk(subject())
    run(store, desk, "locate")
    outcome = run(store, desk, "rectify", changes={"user.contact.email": BOB, "user.name": "Ada B."})
    assert {"contacts": {"failed": 1, "rectified": 1}} == outcome.counts
    reasons = [(one.outcome, one.ground) for one in outcome.reasons]
    assert [("failed", "contacts.email: a unique constraint"), ("rectified", "user.name")] == reasons
    assert ["Ada", ADA] == [store.all(db.CONTACTS)[0][name] for name in ("name", "email")]


def test_a_field_that_cannot_be_masked_is_counted_as_failed(store):
    """A personal field that takes neither NULL nor text is an error with its name, and the rest is masked."""
    of(store.datamap, "orders")["fields"].append(field("blocked", "user.content"))
    of(store.datamap, "orders")["rightsdesk"].pop("restrict")
    ada = contact(store, email=ADA)
    store.add(db.ORDERS, contact_id=ada, item="Book")
    desk = Desk(subject())
    run(store, desk, "locate")
    outcome = run(store, desk, "mask")
    assert 1 == outcome.counts["orders"]["failed"]
    assert any("orders.blocked" in one.ground for one in outcome.reasons)
    assert None is store.all(db.ORDERS)[0]["item"]


def test_a_mask_is_seen_to_hold(store):
    """The second look at a mask names the field that was put back."""
    contact(store, email=ADA, phone_number=ADA_PHONE, last_name="Example")
    desk = Desk(subject())
    run(store, desk, "locate")
    run(store, desk, "mask")
    (row,) = store.all(db.CONTACTS)
    assert ("[redacted]", None, None) == (row["name"], row["last_name"], row["email"])
    assert 0 == run(store, desk, "absent", act="mask").total("hit")
    store.do("UPDATE contacts SET name = 'Ada Example'")
    looked = run(store, desk, "absent", act="mask")
    assert ["contacts.name is not masked"] == [one.ground for one in looked.reasons]


def test_files_go_before_the_rows_that_name_them(lite):
    """Her file goes; one that another person's row names too stays, with its ground."""
    ada, bob = contact(lite, email=ADA), contact(lite, name="Bob", email=BOB)
    for person, paths in ((ada, ("hers.wav", "both.wav")), (bob, ("both.wav",))):
        talk = lite.add(db.CONVERSATIONS, account_id=1, contact_id=person)
        said = lite.add(db.MESSAGES, conversation_id=talk, sender_type="User", content="Hello")
        for path in paths:
            lite.add(db.ATTACHMENTS, message_id=said, path=path)
            lite.file(path)
    desk, _, deleted, looked = erase(lite)
    assert {"erased": 1, "retained": 1} == deleted.counts["attachments.path"]
    assert ["both.wav"] == [path.name for path in (lite.folder / "files").iterdir()]
    assert 0 == looked.total("hit")
    lite.file("hers.wav")
    assert {"attachments.path": {"hit": 1}} == run(lite, desk, "absent", act="delete").counts


@pytest.mark.parametrize("spelt", ["both.wav", "/both.wav", "./both.wav", "{root}/both.wav"])
def test_a_file_is_one_however_rows_spell_its_path(lite, spelt):
    """Another person's row that names her file in another spelling keeps it all the same."""
    ada, bob = contact(lite, email=ADA), contact(lite, name="Bob", email=BOB)
    for person, path in ((ada, "both.wav"), (bob, spelt.format(root=lite.folder / "files"))):
        talk = lite.add(db.CONVERSATIONS, account_id=1, contact_id=person)
        said = lite.add(db.MESSAGES, conversation_id=talk, sender_type="User", content="Hello")
        lite.add(db.ATTACHMENTS, message_id=said, path=path)
    file = lite.file("both.wav")
    _, _, deleted, looked = erase(lite)
    assert {"retained": 1} == deleted.counts["attachments.path"]
    assert file.exists()
    assert 0 == looked.total("hit")


def test_a_path_never_leads_out_of_the_files(lite):
    """A row that names `../map.yaml` deletes nothing."""
    ada = contact(lite, email=ADA)
    talk = lite.add(db.CONVERSATIONS, account_id=1, contact_id=ada)
    said = lite.add(db.MESSAGES, conversation_id=talk)
    lite.add(db.ATTACHMENTS, message_id=said, path="../map.yaml")
    with pytest.raises(Final, match=r"attachments\.path: a path leads out"):
        erase(lite)
    assert (lite.folder / "map.yaml").exists()


def test_files_are_exported(lite):
    """The files that her rows name are in the package."""
    ada = contact(lite, email=ADA)
    talk = lite.add(db.CONVERSATIONS, account_id=1, contact_id=ada)
    said = lite.add(db.MESSAGES, conversation_id=talk)
    lite.add(db.ATTACHMENTS, message_id=said, path="a/hers.wav")
    lite.file("a/hers.wav", b"her voice")
    desk = Desk(subject())
    run(lite, desk, "locate")
    run(lite, desk, "export")
    assert {"a/hers.wav": b"her voice"} == desk.package.files


def test_other_people_in_a_text_are_redacted_in_an_export(lite):
    """What an agent wrote about her shows her address and nobody else's; what she wrote herself stays (15(4))."""
    text = f"{ADA} says that {BOB} (+49 40 1111111) is ill"
    ada = contact(lite, email=ADA)
    lite.add(db.NOTES, contact_id=ada, content=text)
    talk = lite.add(db.CONVERSATIONS, account_id=1, contact_id=ada)
    lite.add(db.MESSAGES, conversation_id=talk, sender_type="Contact", sender_id=ada, content=text)
    desk = Desk(subject())
    run(lite, desk, "locate")
    run(lite, desk, "export")
    shown = {name: rows[0]["content"] for name, rows in desk.package.tables.items() if name in ("notes", "messages")}
    assert {"notes": f"{ADA} says that [redacted] ([redacted]) is ill", "messages": text} == shown


def test_portability_takes_what_she_provided(lite):
    """Only columns that the person provided, or that were observed, and collections that have some."""
    ada = contact(lite, email=ADA)
    talk = lite.add(db.CONVERSATIONS, account_id=1, contact_id=ada)
    lite.add(db.MESSAGES, conversation_id=talk, sender_type="Contact", sender_id=ada, content="Hello")
    desk = Desk(subject())
    run(lite, desk, "locate")
    run(lite, desk, "export", provided=True)
    assert {"contacts": [{"email": ADA}], "messages": [{"content": "Hello"}]} == desk.package.tables


def test_an_access_copy_is_json(store):
    """Dates, documents and numbers come as JSON has them."""
    contact(store, email=ADA, additional_attributes={"city": "Köln"}, created_at=SPOKEN)
    desk = Desk(subject())
    run(store, desk, "locate")
    run(store, desk, "export")
    (row,) = desk.package.tables["contacts"]
    assert "Köln" in str(row["additional_attributes"])
    assert row["created_at"].replace("T", " ").startswith("2026-03-01 12:00:00")


def test_a_mark_that_stood_before_stands_after(store):
    """Lifting puts back what stood there: a contact who was blocked stays blocked, also after a crash."""
    contact(store, email=ADA, blocked=True)
    contact(store, email=None, phone_number=ADA_PHONE, blocked=False)
    desk = Desk(subject())
    run(store, desk, "locate")
    cursors = []
    lost = dataclasses.replace(desk.work(), note=lambda _: None, checkpoint=cursors.append)
    connector = store.connector()
    connector.restrict(lost)
    connector.restrict(dataclasses.replace(desk.work(), cursor=cursors[-1]))
    connector.close()
    assert [True, True] == [row["blocked"] for row in store.all(db.CONTACTS)]
    assert 2 == run(store, desk, "lift").total("lifted")
    assert [True, False] == [row["blocked"] for row in store.all(db.CONTACTS)]
    assert 0 == run(store, desk, "absent", act="lift").total("hit")


def stating(store, column="notes"):
    """Give contacts a column for statements."""
    store.do(f"ALTER TABLE contacts ADD COLUMN {column} VARCHAR(40)")
    contacts = of(store.datamap, "contacts")
    contacts["fields"].append(field(column, "user.content"))
    contacts["rightsdesk"]["statement"] = column


def test_a_statement_completes_what_stands(store):
    """It is written once behind what stands in the column that the map names, and the second look asks for it."""
    stating(store)
    contact(store, email=ADA)
    store.do("UPDATE contacts SET notes = 'likes tea'")
    desk = Desk(subject())
    run(store, desk, "locate")
    assert 1 == run(store, desk, "absent", act="rectify", statement="I moved.").total("hit")
    for _ in range(2):
        outcome = run(store, desk, "rectify", statement="I moved.")
        assert {"contacts": {"rectified": 1}} == outcome.counts
        assert [("contacts", "rectified", "statement")] == [
            (r.collection, r.outcome, r.ground) for r in outcome.reasons
        ]
    with store.engine.connect() as connection:
        assert ["likes tea\nI moved."] == list(connection.scalars(sa.text("SELECT notes FROM contacts")))
    assert {} == run(store, desk, "absent", act="rectify", statement="I moved.").counts


def test_a_statement_that_does_not_fit_is_an_error(store):
    """It is not cut: a statement is the person's own words."""
    stating(store)
    contact(store, email=ADA)
    desk = Desk(subject())
    run(store, desk, "locate")
    with pytest.raises(Final, match=r"the statement does not fit contacts\.notes"):
        run(store, desk, "rectify", statement="x" * 41)


def test_a_statement_without_a_column_is_written_nowhere(lite):
    """And nothing says that it was."""
    contact(lite, email=ADA)
    desk = Desk(subject())
    run(lite, desk, "locate")
    outcome = run(lite, desk, "rectify", statement="I moved.")
    assert ({}, []) == (outcome.counts, outcome.reasons)


def test_a_value_that_stood_already_is_rectified(store):
    """Whoever wrote it, it stands: the same however often the step runs."""
    contact(store, email=ADA)
    desk = Desk(subject())
    run(store, desk, "locate")
    outcome = run(store, desk, "rectify", changes={"user.contact.email": ADA, "user.job_title": "Captain"})
    assert {"contacts": {"rectified": 1}} == outcome.counts
    assert ["user.contact.email"] == [one.ground for one in outcome.reasons]


def test_a_name_in_two_columns_is_rectified_in_both(lite):
    """A new name is split where first and last name stand apart."""
    contact(lite, email=ADA, name="Ada", last_name="Exampel")
    desk = Desk(subject())
    run(lite, desk, "locate")
    run(lite, desk, "rectify", changes={"user.name": "Ada Example"})
    assert [("Ada", "Example")] == [(row["name"], row["last_name"]) for row in lite.all(db.CONTACTS)]


def test_the_people_of_a_window(store):
    """A breach concerns those whose record, or a row below it, is of its time."""
    contact(store, email=ADA, created_at=datetime(2026, 3, 1))  # noqa: DTZ001 - without an offset on purpose
    bob = contact(store, name="Bob", email=BOB, created_at=datetime(2020, 3, 1))  # noqa: DTZ001 - without an offset on purpose
    talk = store.add(db.CONVERSATIONS, account_id=1, contact_id=bob)
    store.add(db.MESSAGES, conversation_id=talk, content="Hello", created_at=SPOKEN)
    contact(store, name="Old", email="old@acme.test", created_at=datetime(2020, 3, 1))  # noqa: DTZ001 - without an offset on purpose
    connector = store.connector()
    window = {"from": datetime(2026, 1, 1, tzinfo=UTC).isoformat(), "to": "2026-06-01T00:00:00+02:00"}
    people = [one for one in connector.subjects(Desk(subject()).work(**window)) if one.name]
    connector.close()
    assert {(ADA, "ada example"), (BOB, "bob")} == {
        (identifier.value, one.name) for one in people for identifier in one.identifiers
    }
    assert "user.contact.email" in people[0].categories


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda graph: of(graph, "notes").update(name="notices"), "the data map has notices"),
        (lambda graph: of(graph, "notes")["fields"].append(field("colour")), "the data map has notes.colour"),
    ],
)
def test_a_map_that_does_not_fit_is_final(store, change, said):
    """A mapped table or column that is not there is an error with its name."""
    change(store.datamap)
    with pytest.raises(Final, match=said):
        run(store, Desk(subject()), "locate")


def test_a_database_that_is_not_there_is_not_created(lite):
    """A wrong path is an error; an empty database would say that nobody is known."""
    (lite.folder / "chat.db").unlink()
    with pytest.raises(Final, match="does not exist"):
        run(lite, Desk(subject()), "locate")
    assert not (lite.folder / "chat.db").exists()


def test_a_server_that_is_away_is_tried_again(tmp_path, lite):
    """No connection is no answer."""
    lite.url = f"postgresql+psycopg://nobody@/none?host={tmp_path}"
    with pytest.raises(Retryable, match="not available"):
        run(lite, Desk(subject()), "locate")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda store: of(store.datamap, "contacts")["fields"][3].update(rightsdesk={"mask": "blur"}), "blur"),
        (lambda store: of(store.datamap, "orders")["rightsdesk"]["retain"].update({"for": "8 years"}), "8 years"),
        (lambda store: of(store.datamap, "messages")["rightsdesk"]["author"].update(to="people.id"), "author"),
    ],
)
def test_a_wrong_map_is_said_at_the_door(lite, change, said):
    """What no verb could work with is said before any verb runs."""
    change(lite)
    with pytest.raises(UsageError, match=said):
        lite.connector()


def test_files_without_a_place_are_said_at_the_door(lite):
    """A map that names files needs the inventory to say where they are."""
    with pytest.raises(UsageError, match="add `files`"):
        lite.connector(files=None)


def test_paths_are_relative_to_the_inventory(lite):
    """`sqlite:///chat.db` stands beside the inventory, wherever the worker runs."""
    contact(lite, email=ADA)
    lite.url = "sqlite:///chat.db"
    assert Path.cwd() != lite.folder
    assert 1 == run(lite, Desk(subject()), "locate").total("found")


CALLS = {
    "fides_key": "calls",
    "name": "Calls",
    "collections": [
        {
            "name": "cdr",
            "fields": [
                field("uniqueid", key=True),
                field("linkedid", to="cdr.linkedid"),
                field("src", "user.contact.phone_number", identity="phone_number"),
                field("dst", "user.contact.phone_number", identity="phone_number", others=True),
                field("clid", "user.name"),
            ],
        }
    ],
}


@pytest.fixture
def calls(store):
    """Return a store with calls: hers to Bob, the leg on which Bob was sent on to Carol, and one of theirs."""
    table = sa.Table(
        "cdr", sa.MetaData(), sa.Column("uniqueid", sa.String(40), primary_key=True),
        *(sa.Column(name, sa.String(80)) for name in ("linkedid", "src", "dst", "clid")),
    )  # fmt: skip
    table.create(store.engine)
    rows = [("1", "1", ADA_PHONE, "+4940111111"), ("2", "1", "+4940111111", "+4940222222")]
    rows += [("3", "3", "+4940111111", "+4940222222"), ("4", "4", "+4940111111", "030123456")]
    with store.engine.begin() as connection:
        connection.execute(
            table.insert(), [dict(zip(("uniqueid", "linkedid", "src", "dst"), row, strict=True)) for row in rows]
        )
    store.datamap = {"dataset": [CALLS]}
    return store


def test_calls_between_others_are_theirs(calls):
    """Her calls are found at either end; the others of a call, and their calls, are not."""
    desk = Desk(subject())
    located = run(calls, desk, "locate")
    assert ['["1"]', '["4"]'] == sorted(one.key for one in desk.found())
    assert set() == located.identifiers


def test_the_other_party_is_masked_in_an_export(calls):
    """The number at the other end is another person's; her own is shown."""
    desk = Desk(subject())
    run(calls, desk, "locate")
    run(calls, desk, "export")
    shown = {row["uniqueid"]: (row["src"], row["dst"]) for row in desk.package.tables["cdr"]}
    assert (ADA_PHONE, "030123456") == (shown["1"][0], shown["4"][1])
    assert "+4940111111" != shown["1"][1]


def test_each_party_of_a_call_is_a_person_of_a_breach(calls):
    """Two numbers of one call are two people."""
    connector = calls.connector()
    people = list(connector.subjects(Desk(subject()).work()))
    connector.close()
    assert 8 == len(people)
    assert all(1 == len(one.identifiers) for one in people)


def test_replies_to_herself_and_cycles_end(store):
    """Rows that reference their own table, and tables that reference each other, are walked once and go."""
    metadata = sa.MetaData()
    people = sa.Table(
        "people", metadata, sa.Column("id", sa.Integer, primary_key=True), sa.Column("email", sa.Text),
        sa.Column("last_post", sa.Integer),
    )  # fmt: skip
    posts = sa.Table(
        "posts", metadata, sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("person", sa.Integer, sa.ForeignKey("people.id")),
        sa.Column("parent", sa.Integer, sa.ForeignKey("posts.id")),
    )  # fmt: skip
    metadata.create_all(store.engine)
    with store.engine.begin() as connection:
        connection.execute(
            people.insert(), [{"id": 1, "email": ADA, "last_post": 3}, {"id": 2, "email": BOB, "last_post": None}]
        )
        connection.execute(posts.insert(), [{"id": one, "person": 1, "parent": one - 1 or None} for one in (1, 2, 3)])
        connection.execute(posts.insert(), [{"id": 4, "person": 2, "parent": None}])
    fields = [field("person", to="people.id", direction=None), field("parent", to="posts.id", direction=None)]
    person = [field("email", identity="email"), field("last_post", to="posts.id", direction=None)]
    store.datamap["dataset"][0]["collections"] = [collection("people", *person), collection("posts", *fields)]
    _, _, deleted, _ = erase(store)
    assert {"people": {"erased": 1}, "posts": {"erased": 3}} == deleted.counts
    assert [4] == store.ids(posts)


LOCAL = st.text("abc.+_-%1", min_size=1, max_size=8)


@given(LOCAL, LOCAL)
def test_only_the_same_address_is_the_same(one, other):
    """Whatever two addresses look like, a record is hers only if they are equal once normalised."""
    person = subject(email=(f"{one}@acme.test",), phone=())
    row = {"email": f"{other}@acme.test", "id": 1}
    (accounts,) = parse(
        [{"fides_key": "x", "name": "x", "collections": [collection("accounts", field("email", identity="email"))]}]
    ).collections.values()
    found: Traits = matching.traits(accounts, row, person)
    assert (one == other) == bool(found.identifiers & person.identifiers)


ENGINE = sa.create_engine("sqlite://", poolclass=sa.StaticPool)
AROUND = st.text("abz .,;:()@<>/-+0123456789\n'\"\\%u\u200b\u202f", max_size=12)
WRITTEN = st.sampled_from([
    "ada@acme.test", "ADA@acme.TEST", "ada%40acme.test", "+49 30 123456", "030-12 34 56", "(030) 123456", "v-17",
    "jimada@acme.test", "0301234567", "ada\\u0040acme.test", "ada&#64;acme\u200b.test", "+49\u202f30\u202f123\u202f456",
    "030 123\u2212456", "030 123\u200b456", "\uff10\uff13\uff10123456", "\u0660\u0663\u0660123456", "030\n123456",
    "030&nbsp;12\\/34%2056", "v\\u002d17",
])  # fmt: skip


@given(AROUND, WRITTEN, AROUND)
def test_the_broad_search_misses_nothing_that_the_exact_one_sees(before, written, after):
    """Whatever the exact compare would take for hers, the database's own search hands over."""
    person = subject(other=(("visitor_id", "v-17"),))
    text = before + written + after
    source = sa.select(sa.literal(text).label("t")).subquery()
    query = sa.select(sa.func.count()).select_from(source)
    with ENGINE.connect() as connection:
        seen = connection.execute(query.where(matching.may_name(source.c.t, person.identifiers))).scalar_one()
    assert seen or not matching.names_subject(text, person)


SPELT = [
    "+49\u202f30\u202f123\u202f456",
    "030 123\u2212456",
    "030 123\u200b456",
    "\uff10\uff13\uff10123456",
    "[030] 123456",
]


def test_a_number_is_found_however_it_is_spelt(lite):
    """Narrow blanks, minus signs, wide digits and signs that nobody sees stand in address books."""
    rows = [contact(lite, phone_number=one) for one in SPELT]
    other = contact(lite, name="Bob", phone_number="+49\u202f30\u202f123\u202f457")
    _, located, deleted, looked = erase(lite)
    assert len(rows) == located.total("found") == deleted.total("erased")
    assert [other] == lite.ids(db.CONTACTS)
    assert 0 == looked.total("hit")


def test_an_extension_is_found_as_it_is_spelt(lite):
    """Who is asked for by an extension of a switchboard is found, and no other extension is."""
    contact(lite, phone_number="+49 30 123456 ext. 12")
    other = contact(lite, name="Bob", phone_number="+49 30 123456 ext. 13")
    lite.add(db.AUDITS, what="called 030 123456 x12")
    person = dataclasses.replace(subject(), given=frozenset({Identifier(PHONE, "+4930123456;ext=12")}))
    _, _, deleted, looked = erase(lite, person)
    assert 1 == deleted.total("erased")
    assert [other] == lite.ids(db.CONTACTS)
    assert {"audits": {"hit": 1}} == looked.counts


def test_an_address_is_seen_behind_escapes(lite):
    """JSON kept as text by programs that escape signs of an address is a text like others."""
    person = dataclasses.replace(subject(), given=frozenset({Identifier("email", "ada+x@acme.test")}))
    for what in ('"to": "ada\\u002bx@acme.test"', "?to=ada%2Bx%40acme.test", "?to=ada%2By%40acme.test"):
        lite.add(db.AUDITS, what=what)
    assert {"audits": {"hit": 2}} == erase(lite, person)[3].counts


@pytest.mark.parametrize(
    ("row", "names"),
    [
        ({"name": "Ada  Example", "first": None, "last": None}, {"ada example"}),
        ({"name": "Ada", "first": None, "last": "Example"}, {"ada", "ada example"}),
        ({"name": None, "first": "Ada", "last": "Example"}, {"ada example"}),
        ({"name": None, "first": "Ada", "last": None}, {"ada"}),
        ({"name": None, "first": None, "last": None}, set()),
    ],
)
def test_names_are_joined_where_they_stand_apart(row, names):
    """First and last name make one name, with a whole name beside them or not."""
    fields = [field("email", identity="email"), field("name", "user.name")]
    fields += [field("first", "user.name.first"), field("last", "user.name.last")]
    dataset = {"fides_key": "x", "name": "x", "collections": [collection("people", *fields)]}
    people = Graph(parse([dataset])).collections["people"]
    assert names == names_of(people, row)


def test_what_says_nothing_about_anybody_is_left_alone(store):
    """An inbox that her conversation references is nobody's data: not found, not turned back from, not deleted."""
    metadata = sa.MetaData()
    inboxes = sa.Table("inboxes", metadata, sa.Column("id", sa.Integer, primary_key=True), sa.Column("title", sa.Text))
    metadata.create_all(store.engine)
    store.do(inboxes.insert().values(id=7, title="Support"))
    ada, bob = contact(store, email=ADA), contact(store, name="Bob", email=BOB)
    for person in (ada, bob):
        store.add(db.CSAT, contact_id=person, conversation_id=7)
    answers = of(store.datamap, "csat_survey_responses")
    answers["fields"][2] = field("conversation_id", to="inboxes.id", direction=None)
    store.datamap["dataset"][0]["collections"].append(collection("inboxes", field("title")))
    _, located, _, _ = erase(store)
    assert {"contacts": {"found": 1}, "csat_survey_responses": {"found": 1}} == located.counts
    assert [7] == store.ids(inboxes)
    assert [bob] == [row["contact_id"] for row in store.all(db.CSAT)]


def test_masking_again_changes_nothing(store):
    """A mask that would change even its own result is put on once; on what was put back it is put on again."""
    contact(store, email=ADA, phone_number=ADA_PHONE)
    desk = Desk(subject())
    run(store, desk, "locate")
    run(store, desk, "mask")
    first = store.all(db.CONTACTS)
    run(store, desk, "mask")
    assert first == store.all(db.CONTACTS)
    store.do(f"UPDATE contacts SET phone_number = '{ADA_PHONE}'")
    run(store, desk, "mask")
    assert first == store.all(db.CONTACTS)


def test_a_locked_database_is_tried_again(lite):
    """Somebody else's long transaction is no refusal."""
    contact(lite, email=ADA)
    desk = Desk(subject())
    run(lite, desk, "locate")
    lite.url += "?timeout=0.1"
    with lite.engine.connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        with pytest.raises(Retryable, match="locked"):
            run(lite, desk, "delete")
        connection.exec_driver_sql("ROLLBACK")


def test_a_trigger_that_refuses_is_failed(lite):
    """What the database's own rules refuse a person has to look at; the text of the refusal stays there."""
    contact(lite, email=ADA)
    lite.do(f"CREATE TRIGGER t BEFORE DELETE ON contacts BEGIN SELECT RAISE(ABORT, 'keep {ADA}'); END")
    desk = Desk(subject())
    run(lite, desk, "locate")
    outcome = run(lite, desk, "delete")
    assert {"contacts": {"failed": 1}} == outcome.counts
    assert ["contacts: a trigger or rule keeps the row"] == [one.ground for one in outcome.reasons]


def test_a_table_without_a_tenant_is_its_parents(store):
    """What hangs on another client's contact is never found by its value; what hangs on nothing still is."""
    ada = contact(store, email=ADA)
    elsewhere = contact(store, email=ADA, account_id=2)
    hers = store.add(db.CONTACT_INBOXES, contact_id=ada, source_id="v-17")
    theirs = store.add(db.CONTACT_INBOXES, contact_id=elsewhere, source_id="v-17")
    orphan = store.add(db.CONTACT_INBOXES, contact_id=None, source_id="v-17")
    store.add(db.NOTES, contact_id=elsewhere, content=f"{ADA} is kind")
    desk, located, _, looked = erase(store, subject(other=[("visitor_id", "v-17")]))
    found = [one.key for one in desk.found() if one.collection == "contact_inboxes"]
    assert [f"[{hers}]", f"[{orphan}]"] == sorted(found)
    assert [theirs] == store.ids(db.CONTACT_INBOXES)
    assert "notes" not in located.counts
    assert [f"{ADA} is kind"] == [one["content"] for one in store.all(db.NOTES)]
    assert 0 == looked.total("hit")


def test_an_unmapped_table_is_read_within_a_scope_that_several_have(lite):
    """A scope of one collection alone (a kind of message) leaves out nothing of a table that no map knows."""
    graph = parse([dataset_of(lite, {"kind": "m"})])
    tables = sa.MetaData()
    table = sa.Table("loose", tables, sa.Column("account_id", sa.Integer), sa.Column("kind", sa.Text))
    said = str(tenant(table, Graph(graph)).compile(compile_kwargs={"literal_binds": True}))
    assert "loose.account_id = 1" in said
    assert "kind" not in said


def dataset_of(store, scope):
    """Return the store's dataset in which one more collection has a scope of its own."""
    (dataset,) = store.datamap["dataset"]
    of(store.datamap, "notes")["rightsdesk"] = {"scope": scope}
    return dataset


@pytest.mark.parametrize("owns", [True, False])
def test_what_hangs_on_an_owned_row_is_hers_too(lite, owns):
    """A blob is its attachment's alone only where the map says so; else its variants may be anybody's."""
    tables = sa.MetaData()
    people, blobs, variants = (
        sa.Table(name, tables, sa.Column("id", sa.Integer, primary_key=True), *columns)
        for name, columns in (
            ("people", (sa.Column("email", sa.Text), sa.Column("blob_id", sa.Integer))),
            ("blobs", (sa.Column("filename", sa.Text),)),
            ("variants", (sa.Column("blob_id", sa.Integer),)),
        )
    )
    lite.tables(
        tables,
        collection(
            "people",
            field("email", "user.contact.email", identity="email"),
            field("blob_id", to="blobs.id", direction="to", owns=owns),
        ),
        collection("blobs", field("filename", "user.content")),
        collection("variants", field("blob_id", to="blobs.id")),
    )
    blob = lite.add(blobs, filename="portrait.png")
    lite.add(people, email=ADA, blob_id=blob)
    lite.add(variants, blob_id=blob)
    desk = Desk(subject())
    run(lite, desk, "locate")
    assert owns == all(one.sure for one in desk.notes)
    assert {"people", "blobs", "variants"} == {one.collection for one in desk.notes}
