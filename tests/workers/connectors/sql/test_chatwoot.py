"""The ready map of Chatwoot, on Chatwoot's real schema: the person, and nobody who is easily taken for her."""

import json
import sys
from contextlib import closing

import pytest

from shared.domain.identifier import EMAIL, PHONE, Identifier, Subject
from shared.testing import Desk
from tests.workers.connectors.schemas import chatwoot, chatwoot_people
from tests.workers.connectors.schemas.chatwoot_people import ADA, ADA_PHONE, BOB, CAROL, NEAR
from tests.workers.connectors.schemas.people import People, shown
from tests.workers.connectors.schemas.ready import MAPS
from workers.cli import main

MAP = MAPS / "chatwoot.yaml"
STRANGERS = ("Bob", "Jimbob", "Carol", "Ada elsewhere", "Ada, staff elsewhere", "Ines", "the system")


@pytest.fixture(scope="module")
def prepared(postgres, tmp_path_factory):
    """Return a Chatwoot with two accounts in it, to be copied."""
    with postgres.database() as url, closing(People(url, tmp_path_factory.mktemp("chatwoot"))) as people:
        chatwoot.create(people.engine)
        chatwoot_people.populate(people)
        people.close()  # nobody may be in a database that is copied
        yield people


@pytest.fixture
def people(postgres, prepared, tmp_path):
    """Return a copy of that Chatwoot."""
    with (
        postgres.copy(prepared.engine.url.database) as url,
        closing(prepared.copied(url, tmp_path)) as people,
    ):
        yield people


@pytest.fixture
def ada():
    """Return Ada, as her ticket gives her."""
    given = frozenset({Identifier(EMAIL, ADA), Identifier(PHONE, ADA_PHONE)})
    return Subject(given, names=frozenset({"ada example"}), region="DE")


def run(people, desk, verb, datamap=MAP, **args):
    """Run a verb on a fresh connector."""
    connector = people.connector(datamap)
    try:
        return getattr(connector, verb)(desk.work(**args))
    finally:
        connector.close()


def noted(desk, people, how="subject"):
    """Return whose rows were written down, by how."""
    return {people.whose[one.collection, *json.loads(one.key)] for one in desk.found() if one.how == how}


def test_locate_finds_her_and_leaves_doubts_to_a_person(people, ada):
    """Her rows are found, texts that name her are mentions, and who shares her number is doubtful."""
    desk = Desk(ada)
    run(people, desk, "locate")
    assert {"Ada", "Ada and Bob"} == noted(desk, people)
    assert {"Ada, by mention"} == noted(desk, people, "mention")
    assert ["contacts"] == [one.collection for one in desk.notes if not one.sure]
    hers = {place for place, whose in people.whose.items() if whose == "Ada"}
    assert set() == hers - {(one.collection, *json.loads(one.key)) for one in desk.found() if one.how == "subject"}
    files = {one.key for one in desk.found() if one.how == "file"}
    assert {path for path, whose in people.files.items() if whose in ("Ada", "Ada and Bob")} == files


def test_delete_takes_her_and_nobody_else(people, ada):
    """Whoever else was near is as before; what both need stays without her; the second look sees nothing."""
    before, desk = people.rows(), Desk(ada)
    run(people, desk, "locate")
    outcome = run(people, desk, "delete")
    touched = people.touched(before)
    sys.stdout.write(shown("Chatwoot, erasure", "Ada", NEAR, touched) + "\n")
    assert {} == {whose: what for whose, what in touched.items() if whose in STRANGERS}
    assert people.gone(before, "Ada")
    assert {
        "copilot_messages changed": 1, "custom_filters changed": 1, "messages changed": 1, "notes changed": 1,
    } == touched["Ada, by mention"]  # fmt: skip
    assert {"conversations changed": 1} == touched["Ada and Bob"]
    assert 0 == outcome.total("failed")
    assert (0, ()) == hits(run(people, desk, "absent", act="delete"))


def hits(outcome):
    """Return how many contradictions were seen, and which."""
    return outcome.total("hit"), tuple(one.ground for one in outcome.reasons if one.outcome == "hit")


def test_a_look_sees_what_came_back(people, ada):
    """A row that was put back, or a new one that names her, is a contradiction; another account's never is."""
    desk = Desk(ada)
    for verb in ("locate", "delete"):
        run(people, desk, verb)
    people.add("Ada", "contacts", account_id=1, email=ADA)
    people.add("Ada", "canned_responses", account_id=1, short_code="ada", content=f"Write to {ADA}")
    people.add("Ada elsewhere", "canned_responses", account_id=2, short_code="more", content=f"Write to {ADA}")
    number, said = hits(run(people, desk, "absent", act="delete"))
    assert 3 == number
    assert {
        "a row with the person's identifiers stands", "the value stands in contacts.email",
        "the value stands in canned_responses.content",
    } == set(said)  # fmt: skip


def test_export_shows_her_what_is_hers(people, ada):
    """Her rows and files, and of others no address."""
    before, desk = people.rows(), Desk(ada)
    run(people, desk, "locate")
    run(people, desk, "export")
    tables, files = desk.package.tables, desk.package.files
    assert {"key71", "key72", "key73", "key75", "key76", "key79"} == set(files)
    assert ["Ada@Acme.test"] == [one["email"] for one in tables["contacts"]]
    assert {41, 42, 43, 44, 45, 46, 50} == {one["id"] for one in tables["messages"]}
    mail = next(one["content_attributes"] for one in tables["messages"] if one["id"] == 45)
    assert [ADA] == mail["email"]["from"]
    shown_text = json.dumps(tables)
    assert [] == [one for one in (CAROL, "ines@vendor.test", "192.0.2.9", "says Bob", "kind") if one in shown_text]
    assert BOB not in json.dumps([one for one in tables["messages"] if one["id"] != 45])
    assert {} == people.touched(before)


def test_portability_takes_what_she_provided(people, ada):
    """Not what staff thought of her."""
    desk = Desk(ada)
    run(people, desk, "locate")
    run(people, desk, "export", provided=True)
    assert "notes" not in desk.package.tables
    assert "taggings" not in desk.package.tables
    assert {"contacts", "conversations", "messages", "csat_survey_responses"} <= desk.package.tables.keys()


def test_mask_leaves_the_rows(people, ada):
    """No row goes, nothing of hers is said any more, and nobody else's is touched."""
    before, desk = people.rows(), Desk(ada)
    run(people, desk, "locate")
    outcome = run(people, desk, "mask")
    touched = people.touched(before)
    sys.stdout.write(shown("Chatwoot, masking", "Ada", NEAR, touched) + "\n")
    assert {} == {whose: what for whose, what in touched.items() if whose in STRANGERS}
    assert [] == [what for counts in touched.values() for what in counts if "gone" in what and "file" not in what]
    assert 0 == outcome.total("failed")
    contact = people.rows()["contacts", 11]
    assert [None] * 4 == [contact[name] for name in ("name", "email", "phone_number", "identifier")]
    assert [{}, {}] == [contact[name] for name in ("additional_attributes", "custom_attributes")]
    assert (0, ()) == hits(run(people, desk, "absent", act="mask"))


def test_restriction_blocks_her_contact_and_is_lifted(people, ada):
    """`blocked` is Chatwoot's own mark: agents see it, and no message comes in."""
    before, desk = people.rows(), Desk(ada)
    run(people, desk, "locate")
    run(people, desk, "restrict")
    assert {"Ada": {"contacts changed": 1}} == people.touched(before)
    assert {("contacts", "blocked"): True} == people.changed(before, "Ada")
    assert (0, ()) == hits(run(people, desk, "absent", act="restrict"))
    run(people, desk, "lift")
    assert {} == people.touched(before)


def test_rectification_writes_to_her_contact(people, ada):
    """The new address and name stand in her contact, and in nothing that was said."""
    before, desk = people.rows(), Desk(ada)
    changes = {"user.contact.email": "ada.new@acme.test", "user.name": "Ada Newname"}
    run(people, desk, "locate")
    run(people, desk, "rectify", changes=changes)
    assert {
        ("contacts", "email"): "ada.new@acme.test", ("contacts", "last_name"): "Newname",
    } == people.changed(before, "Ada")  # fmt: skip
    assert {"Ada"} == people.touched(before).keys()
    assert (0, ()) == hits(run(people, desk, "absent", act="rectify", changes=changes))


def test_a_colleague_who_is_a_customer_keeps_the_account(people, ada):
    """Staff of this account who ask as customers are found, and their account of staff is kept with its ground."""
    people.add("Ada", "users", id=3, name="Ada", email=ADA, uid="3", encrypted_password="x")
    people.add("Ada", "account_users", account_id=1, user_id=3)
    before, desk = people.rows(), Desk(ada)
    run(people, desk, "locate")
    outcome = run(people, desk, "delete")
    after = people.rows()
    assert before["users", 3] == after["users", 3]
    assert before["users", 2] == after["users", 2]
    assert {"While the person works for the client"} == {
        one.ground for one in outcome.reasons if one.collection == "users"
    }
    assert (0, ()) == hits(run(people, desk, "absent", act="delete"))


def test_everybody_in_a_breach_of_this_account(people, ada):
    """Who is affected stands in this account: not the other client's people, nor their staff."""
    connector = people.connector(MAP)
    window = {"from": "2026-02-01T00:00:00+00:00", "to": "2026-04-01T00:00:00+00:00"}
    affected = list(connector.subjects(Desk(ada).work(**window)))
    connector.close()
    emails = sorted(one.value for who in affected for one in who.identifiers if one.kind == EMAIL)
    assert [ADA, BOB, CAROL, "ines@vendor.test", "jimbob@acme.test"] == emails


def test_the_map_fits_the_schema(people, monkeypatch, capsys):
    """`systems check` has nothing to say of the real schema, whatever stands in it."""
    monkeypatch.setenv("RIGHTSDESK_HOME", str(people.folder / "home"))
    monkeypatch.setenv("RIGHTSDESK_SYSTEMS", str(people.inventory(MAP)))
    with pytest.raises(SystemExit) as ended:
        main(["systems", "check"])
    assert (0, "acme: ok\n", "") == (ended.value.code, *capsys.readouterr())


def test_files_of_a_disk_service_are_found(people, ada, tmp_path):
    """ActiveStorage's Disk service keeps a file in folders of its key's first letters; `path` says so."""
    start, end = "files: [{column: key}]  # on a disk: ", "\n"
    text = MAP.read_text(encoding="utf-8")
    stated = text[text.index(start) + len(start) :].partition(end)[0]
    (tmp_path / "disk.yaml").write_text(text.replace(f"{start}{stated}", f"files: [{stated}]"), encoding="utf-8")
    for path, whose in list(people.files.items()):
        (people.folder / "files" / path).unlink()
        del people.files[path]
        people.file(whose, f"ke/y{path[3]}/{path}")
    before, desk = people.rows(), Desk(ada)
    for verb in ("locate", "delete"):
        run(people, desk, verb, tmp_path / "disk.yaml")
    touched = people.touched(before)
    assert 5 == touched["Ada"]["file gone"]
    assert {"Ada", "Ada, by mention", "Ada and Bob"} == touched.keys()
    assert (0, ()) == hits(run(people, desk, "absent", tmp_path / "disk.yaml", act="delete"))
