"""The connector of objects, on local files and in memory, by each rule of who owns what."""

import json
import os
from contextlib import closing
from dataclasses import replace
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from shared.domain.errors import Final, Retryable
from shared.domain.identifier import PHONE, Identifier, Subject
from shared.testing import Desk
from tests.workers.connectors.objects_store import (
    ADA,
    IN_PATH,
    SCAN,
    SIDECAR,
    Disk,
    InPathWorld,
    ScanWorld,
    SidecarWorld,
    subject,
    with_sidecars,
)
from workers.connectors.objects import ObjectsSettings
from workers.connectors.objects.paths import InPath
from workers.connectors.objects.store import Store


@pytest.fixture(params=["local", "file", "memory"])
def disk(request, tmp_path):
    """A storage: a relative path, a file URL, or in memory."""
    urls = {"local": "docs", "file": f"file://{tmp_path}/docs", "memory": f"memory://docs-{uuid4().hex}"}
    return Disk(urls[request.param], tmp_path)


class TestSidecar(SidecarWorld):
    """Owners beside the objects."""


class TestInPath(InPathWorld):
    """Owners in the paths."""


class TestScan(ScanWorld):
    """Owners in the texts."""


def test_an_object_of_two_people_is_kept(disk):
    """What is another person's too is retained, exported without the list of its owners, and passed over later."""
    disk.put("a.pdf", b"%PDF")
    disk.put("a.pdf.json", {"email": [ADA, "bob@example.org"], "name": "Bob", "phone": "+4930888888"})
    desk = Desk(subject())
    found = disk.run(desk, "locate", SIDECAR)
    assert (set(), set()) == (found.identifiers, found.names)
    assert {"shared"} == {one.fate for one in desk.notes}
    disk.run(desk, "export", SIDECAR)
    assert {"a.pdf"} == set(desk.package.files)
    outcome = disk.run(desk, "delete", SIDECAR)
    assert {"objects": {"retained": 2}} == outcome.counts
    assert {"still needed by another person"} == {one.ground for one in outcome.reasons}
    assert 0 == disk.run(desk, "absent", SIDECAR, act="delete").total("hit")
    assert {"a.pdf", "a.pdf.json"} == set(disk.all())


@pytest.mark.parametrize("now", [{"email": "bob@example.org"}, {"email": [ADA, "bob@example.org"]}])
def test_an_object_that_changed_hands_is_left_alone(disk, now):
    """What came to be another person's after it was noted is not deleted."""
    disk.put("a.pdf", b"%PDF")
    disk.put("a.json", {"email": ADA})
    desk = Desk(subject())
    disk.run(desk, "locate", SIDECAR)
    disk.put("a.json", now)
    assert 2 == disk.run(desk, "delete", SIDECAR).total("retained")
    assert {"a.pdf", "a.json"} == set(disk.all())


def test_a_household_number_asks_a_person(disk):
    """A shared phone number under another name or address is ambiguous, never deleted unasked, and no hit later."""
    disk.put("a.pdf", b"%PDF")
    disk.put("a.pdf.json", {"phone": "030 123456", "email": "carl@example.org"})
    owner = {"sidecar": ".json", "field": "phone"}
    desk = Desk(subject())
    assert {"objects": {"ambiguous": 2}} == disk.run(desk, "locate", owner).counts
    disk.run(desk, "delete", owner)
    assert 2 == len(disk.all())
    assert 0 == disk.run(desk, "absent", owner, act="delete").total("hit")
    desk.take_ambiguous = True
    disk.run(desk, "delete", owner)
    assert {} == disk.all()


def test_a_path_that_names_the_person_asks_a_person(disk):
    """An object nobody owns whose path names the person is ambiguous, and stays a hit until someone decides."""
    disk.put("misc/ada@example.org.zip", b"PK")
    desk = Desk(subject())
    assert {"misc": {"ambiguous": 1}} == disk.run(desk, "locate", SIDECAR).counts
    assert 1 == disk.run(desk, "absent", SIDECAR, act="delete").total("hit")


def test_a_sidecar_widens_the_search(disk):
    """A sure owner's other contacts and name widen the search."""
    disk.put("a.pdf", b"%PDF")
    disk.put("a.pdf.json", {"email": ADA, "phone_number": "+4930888888", "name": "Ada King"})
    outcome = disk.run(Desk(subject()), "locate", SIDECAR)
    assert {Identifier(PHONE, "+4930888888")} == outcome.identifiers
    assert {"ada king"} == outcome.names


@pytest.mark.parametrize(
    ("field", "document"),
    [
        ("owner.email", {"owner": {"email": ADA}}),
        ("owner", {"owner": "+49 (30) 123456"}),
        ("owner", {"owner": ["x", ADA.upper()]}),
        ("visitor_id", {"visitor_id": "v-17"}),
        ("id", {"id": 17}),
    ],
)
def test_whom_a_field_names_is_told_by_its_value(tmp_path, field, document):
    """Dotted fields, lists, phone numbers and other ids name the owner."""
    disk = Disk("docs", tmp_path)
    disk.put("a.pdf", b"%PDF")
    disk.put("a.pdf.json", document)
    other = {Identifier("visitor_id", "v-17"), Identifier("id", "17")}
    desk = Desk(Subject(subject().given | other, region="DE"))
    assert 2 == disk.run(desk, "locate", {"sidecar": ".json", "field": field}).total("found")


def test_a_delete_that_died_is_found_again(disk):
    """An object goes before its sidecar; whatever is left of the two after a crash is found and deleted again."""
    with_sidecars(disk)
    desk = Desk(subject())
    disk.run(desk, "locate", SIDECAR)
    assert ["subject", "file"] == [one.how for one in desk.found() if one.key.startswith("contracts/a.pdf")]
    disk.fs.rm_file(f"{disk.root}/contracts/a.pdf")
    again = Desk(subject())
    assert 3 == disk.run(again, "locate", SIDECAR).total("found")
    assert 3 == disk.run(again, "delete", SIDECAR).total("erased")
    assert 4 == disk.run(desk, "delete", SIDECAR).total("erased")
    assert 0 == disk.run(desk, "absent", SIDECAR, act="delete").total("hit")


def test_only_what_a_ticket_moved_is_moved_back_for_it(disk):
    """An object that another ticket restricted stays so when this one's restriction ends."""
    with_sidecars(disk)
    first, second = Desk(subject()), Desk(subject())
    for desk in (first, second):
        disk.run(desk, "locate", SIDECAR)
        disk.run(desk, "restrict", SIDECAR)
    assert 0 == disk.run(second, "lift", SIDECAR).total("lifted")
    assert 0 == disk.run(first, "absent", SIDECAR, act="restrict").total("hit")
    assert 4 == disk.run(first, "lift", SIDECAR).total("lifted")


@pytest.mark.parametrize(
    "content",
    [
        '{"email": "ada@example.org",}',
        '[{"email": "ada@example.org"}]',
        '{"Email": "ada@example.org"}',
        '{"email": "ada@example.org; bob@example.org"}',
        '{"email": "ada@example.org", "email": "bob@example.org"}',
    ],
)
def test_a_sidecar_that_the_rule_cannot_read_goes_to_a_person(disk, content):
    """It names her, but not as the rule has it: object and sidecar are ambiguous, and neither is touched."""
    disk.put("contracts/k.pdf", b"%PDF")
    disk.put("contracts/k.pdf.json", content.encode())
    before, desk = disk.all(), Desk(subject())
    assert {"contracts": {"ambiguous": 2}} == disk.run(desk, "locate", SIDECAR).counts
    disk.run(desk, "delete", SIDECAR)
    assert 0 == disk.run(desk, "absent", SIDECAR, act="delete").total("hit")
    assert before == disk.all()


@pytest.mark.parametrize("name", ["k.pdf.JSON", "k.Json"])
def test_a_sidecar_in_other_letters_goes_to_a_person(disk, name):
    """It may be what says whose the object is, so it is no mention that loses her."""
    disk.put("contracts/k.pdf", b"%PDF")
    disk.put(f"contracts/{name}", {"email": ADA})
    disk.put("contracts/l.pdf", b"%PDF")
    before, desk = disk.all(), Desk(subject())
    assert {"contracts": {"ambiguous": 2}} == disk.run(desk, "locate", SIDECAR).counts
    disk.run(desk, "delete", SIDECAR)
    assert before == disk.all()
    desk.take_ambiguous = True
    disk.run(desk, "delete", SIDECAR)
    assert {"contracts/l.pdf"} == set(disk.all())


@pytest.mark.parametrize(("domains", "expected"), [((), "mention"), (("acme.example",), "subject")])
def test_a_domain_is_the_clients_only_where_it_says_so(disk, domains, expected):
    """A text that names her and somebody at the contact's domain is hers alone only if that domain is stated."""
    disk.put("exports/one.txt", b"ada@example.org was served by carl@acme.example")
    desk = Desk(subject())
    disk.run(desk, "locate", {"scan": True}, keys={"own_domains": domains})
    assert [expected] == [one.how for one in desk.notes]


def test_a_restriction_that_died_is_finished(disk):
    """An object in both places, or apart from its sidecar, is restricted, lifted and deleted as one."""
    with_sidecars(disk)
    before = disk.all()
    desk, again = Desk(subject()), Desk(subject())
    disk.run(desk, "locate", SIDECAR)
    disk.put(".restricted/contracts/a.pdf", b"%PDF of Ada")  # copied, not yet removed
    disk.put(".restricted/contracts/2026/b[1].pdf", disk.all()["contracts/2026/b[1].pdf"])
    disk.fs.rm_file(f"{disk.root}/contracts/2026/b[1].pdf")  # moved, its sidecar not yet
    assert 4 == disk.run(again, "locate", SIDECAR).total("found")
    assert {one.place for one in desk.found()} == {one.place for one in again.found()}
    begun = json.dumps([one.key for one in desk.found()])  # what the crash left of the first run
    with closing(disk.connector(SIDECAR)) as connector:
        assert 4 == connector.restrict(replace(desk.work(), cursor=begun)).total("restricted")
    assert 4 == disk.run(Desk(subject()), "locate", SIDECAR).total("found")
    assert 4 == disk.run(desk, "lift", SIDECAR).total("lifted")
    assert before == disk.all()
    disk.run(desk, "restrict", SIDECAR)
    disk.run(desk, "delete", SIDECAR)
    assert 0 == disk.run(desk, "absent", SIDECAR, act="delete").total("hit")
    assert set() == disk.present()


def test_lifting_overwrites_nothing(disk):
    """Where another object has taken the place meanwhile, both stay and a person is told."""
    disk.put("a.pdf", b"%PDF")
    disk.put("a.pdf.json", {"email": ADA})
    desk = Desk(subject())
    disk.run(desk, "locate", SIDECAR)
    disk.run(desk, "restrict", SIDECAR)
    disk.put("a.pdf", b"another")
    outcome = disk.run(desk, "lift", SIDECAR)
    assert {"objects": {"failed": 1, "lifted": 1}} == outcome.counts
    assert {b"another", b"%PDF"} <= set(disk.all().values())
    assert 1 == disk.run(desk, "absent", SIDECAR, act="lift").total("hit")


def test_rectify_changes_only_the_person_in_a_list(disk):
    """In a list of owners only the person's entry changes, and nothing that is several people's."""
    disk.put("a.pdf", b"%PDF")
    disk.put("a.pdf.json", {"email": ["bob@example.org", ADA], "name": "Bob", "kept": {"x": 1}})
    desk = Desk(subject())
    disk.run(desk, "locate", SIDECAR)
    changes = {"user.contact.email": "ada@new.example", "user.name": "Ada"}
    assert 1 == disk.run(desk, "rectify", SIDECAR, changes=changes).total("rectified")
    expected = {"email": ["bob@example.org", "ada@new.example"], "name": "Bob", "kept": {"x": 1}}
    assert expected == json.loads(disk.all()["a.pdf.json"])


def test_rectify_says_what_it_cannot_do(disk):
    """A number in a path is not rewritten: that is a failure with its reason, and texts stay as written."""
    disk.put("calls/+4930123456/one.wav", b"RIFF")
    desk = Desk(subject())
    disk.run(desk, "locate", IN_PATH)
    changes = {"user.contact.phone_number": "+4930777777"}
    outcome = disk.run(desk, "rectify", IN_PATH, changes=changes)
    assert {"calls": {"failed": 1}} == outcome.counts
    assert 1 == disk.run(desk, "absent", IN_PATH, act="rectify", changes=changes).total("hit")
    name = {"user.name": "Ada"}
    assert 0 == disk.run(desk, "absent", IN_PATH, act="rectify", changes=name).total("hit")
    outcome = disk.run(desk, "rectify", IN_PATH, changes=name)
    assert {"calls": {"retained": 1}} == outcome.counts
    assert {"retained"} == {one.outcome for one in outcome.reasons}


def test_export_lists_what_it_wrote(disk):
    """Files go under their own paths, restricted or not, with size and time in the list."""
    with_sidecars(disk)
    desk = Desk(subject())
    disk.run(desk, "locate", SIDECAR)
    disk.run(desk, "restrict", SIDECAR)
    assert 4 == disk.run(desk, "export", SIDECAR).total("exported")
    rows = desk.package.tables["objects"]
    assert set(desk.package.files) == {row["path"] for row in rows}
    assert b"%PDF of Ada" == desk.package.files["contracts/a.pdf"]
    assert {11} == {row["size"] for row in rows if row["path"] == "contracts/a.pdf"}
    assert all(row["modified"].startswith("20") for row in rows)


def test_subjects_of_a_window(tmp_path):
    """The owners of what changed in the window are streamed, each once."""
    disk = Disk("docs", tmp_path)
    with_sidecars(disk)
    for path in (tmp_path / "docs").rglob("*"):
        os.utime(path, (1_700_000_000, 1_700_000_000))
    os.utime(tmp_path / "docs/contracts/c.pdf", (1_780_000_000, 1_780_000_000))
    args = {"from": "2026-01-01T00:00:00+00:00", "to": "2026-12-31T00:00:00+00:00"}
    assert [{"bob@example.org"}] == [
        {i.value for i in one.identifiers} for one in disk.connector(SIDECAR).subjects(Desk(subject()).work(**args))
    ]
    everyone = list(disk.connector(SCAN).subjects(Desk(subject()).work(**{"from": None, "to": None})))
    assert {"ada@example.org", "bob@example.org", "jada@example.org"} <= {
        i.value for one in everyone for i in one.identifiers
    }


def test_a_folder_that_may_name_a_person_is_no_collection(disk):
    """Counts are shown and kept, so a topmost folder that is an address or a number is not named in them."""
    disk.put("ada@example.org/a.txt", b"ada@example.org")
    assert {"objects"} == set(disk.run(Desk(subject()), "locate", SCAN).counts)
    assert {"objects"} == set(disk.run(Desk(subject()), "locate", {"path": "{email}/{name}"}).counts)


def test_a_key_cannot_leave_the_storage(disk):
    """A note that names a place outside of the storage is refused."""
    store = disk.connector(SCAN)._store
    for key in ("../x", "/etc/passwd", "a/../../x"):
        with pytest.raises(Final):
            store.places(key)


def test_a_link_is_not_followed(tmp_path):
    """Nothing outside of the folder is read or changed through a link in it."""
    outside = tmp_path / "outside.txt"
    outside.write_text("bob@example.org ada@example.org")
    disk = Disk("docs", tmp_path)
    (tmp_path / "docs/link.txt").symlink_to(outside)
    desk = Desk(subject())
    disk.run(desk, "locate", SCAN)
    disk.run(desk, "delete", SCAN)
    assert "bob@example.org ada@example.org" == outside.read_text()


def test_a_link_is_told(tmp_path):
    """One that leads out may hide anybody's, one that is named after her is hers; what is listed anyway is not told."""
    (tmp_path / "outside").mkdir()
    disk = Disk("docs", tmp_path)
    disk.put("calls/+4930123456/a.wav", b"RIFF")
    disk.put("calls/+4930555555/b.wav", b"RIFF")
    calls = tmp_path / "docs/calls"
    (calls / "+4930555555/same.wav").symlink_to("b.wav")
    with closing(disk.connector(IN_PATH)) as connector:
        assert [] == list(connector.check())
    for name, target in (("+4930123456/l.wav", calls / "+4930555555/b.wav"), ("2025", tmp_path / "outside"),
                         ("lost", "/nowhere"), ("loop", calls)):  # fmt: skip
        (calls / name).symlink_to(target)
    desk = Desk(subject())
    outcome = disk.run(desk, "locate", IN_PATH)
    assert {"calls": {"found": 1, "residual": 3}} == outcome.counts
    assert {"symbolic links are not followed, nor deleted: look by hand at what they lead to"} == {
        one.ground for one in outcome.reasons
    }
    disk.run(desk, "delete", IN_PATH)
    assert {"calls": {"residual": 3}} == disk.run(desk, "absent", IN_PATH, act="delete").counts
    assert b"RIFF" == (calls / "+4930555555/b.wav").read_bytes()
    with closing(disk.connector(IN_PATH)) as connector:
        assert ["2 symbolic links"] == [one.place for one in connector.check()]


def test_a_redacted_file_keeps_its_rights(tmp_path):
    """Whoever could not read a file before cannot read its redacted copy."""
    disk = Disk("docs", tmp_path)
    disk.put("all.txt", b"bob@example.org ada@example.org")
    (tmp_path / "docs/all.txt").chmod(0o600)
    desk = Desk(subject())
    disk.run(desk, "locate", SCAN)
    disk.run(desk, "delete", SCAN)
    assert 0o600 == (tmp_path / "docs/all.txt").stat().st_mode & 0o777
    assert ["all.txt"] == list(disk.all())


def test_a_missing_disk_is_not_an_empty_storage(tmp_path):
    """Where the folder is not there nothing may be reported as searched, nor where no driver knows the URL."""
    disk = Disk("docs", tmp_path)
    (tmp_path / "docs").rmdir()
    with pytest.raises(Final):
        disk.run(Desk(subject()), "locate", SCAN)
    disk.url = "no-such-driver://x"
    with pytest.raises(Final):
        disk.run(Desk(subject()), "absent", SCAN, act="delete")


def test_what_the_storage_raises_says_no_path(tmp_path):
    """An error of the storage is one of ours, and names nobody."""
    disk = Disk("docs", tmp_path)
    (tmp_path / "docs/ada.txt").symlink_to("ada.txt")
    disk.put("a.txt", b"ada@example.org")
    (tmp_path / "docs/.restricted").write_text("a file where a folder has to be")
    desk = Desk(subject())
    disk.run(desk, "locate", SCAN)
    with pytest.raises(Retryable) as caught:
        disk.run(desk, "restrict", SCAN)
    assert "the storage of the objects cannot be reached" == str(caught.value)


@pytest.mark.parametrize(
    "owner",
    [{}, {"scan": False}, {"sidecar": "json", "field": "x"}, {"scan": True, "path": "{email}"}, {"path": "{name}"}, 7],
)
def test_exactly_one_rule_is_given(owner):
    """A rule that is none, or two at once, stops the load."""
    with pytest.raises(ValidationError):
        ObjectsSettings(url="docs", owner=owner)


def test_long_lines_are_read_in_parts(tmp_path):
    """A text of one endless line is read in parts that never divide a word."""
    disk = Disk("docs", tmp_path)
    disk.put("a.json", b"x" * (1024 * 1024 - 5) + b" ada@example.org " + b"y" * 100)
    desk = Desk(subject())
    assert 1 == disk.run(desk, "locate", SCAN).total("found")


def test_folders_are_listed_one_at_a_time(tmp_path):
    """Memory holds one folder's names, not the storage's."""
    disk = Disk("docs", tmp_path)
    disk.put("a/b/c.txt", b"")
    disk.put("a/d.txt", b"")
    store = Store("docs", {}, tmp_path, ".restricted/")
    assert [[], ["d.txt"], ["c.txt"]] == [list(one) for one in store.folders()]


DIGITS = st.integers(min_value=30_1000_000, max_value=30_9999_999)


@given(number=DIGITS, date=st.dates(), spaced=st.booleans(), rest=st.sampled_from(["", "/x", "/x/y.wav"]))
def test_paths_are_read_by_their_template(number, date, spaced, rest):
    """A number beside a date is read as the number that it is, however it is written."""
    written = f"+49 {number}" if spaced else f"+49{number}"
    rule = InPath(path="calls/{date}-{phone_number}.d")
    (owner,) = rule.owners(f"calls/{date.isoformat()}-{written}.d{rest}", subject())
    assert {Identifier(PHONE, f"+49{number}")} == owner.traits.identifiers
    assert [] == rule.owners(f"other/{date.isoformat()}-{written}.d", subject())
