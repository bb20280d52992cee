"""Whose an object is: by an index in a file or a table, a voicemail's text, the parties of a call."""

import csv
import io
import json
from contextlib import closing

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from shared.domain.errors import Final, Retryable
from shared.domain.identifier import EMAIL, Identifier
from shared.testing import Desk
from tests.contracts.connector import ConnectorContract
from tests.workers.connectors.objects_store import ADA, PHONE_NUMBER, Disk, subject, world
from workers.connectors.objects import ObjectsSettings
from workers.connectors.objects.paths import InPath
from workers.connectors.objects.sidecar import as_written, document_of

BOB = "bob@example.org"
INDEX = {"index": "index.csv", "path": "file", "email": "mail", "phone_number": "phone"}
VOICEMAIL = {"sidecar": ".txt", "field": "callerid"}
MESSAGE = """\
;
; Message Information file
;
[message]
origmailbox=600
context=default
callerchan=PJSIP/trunk-0000002a
callerid="{name}" <{number}>
origdate=Mon Jan  5 09:00:00 AM UTC 2026
duration=7
"""
CALLS = {
    "path": "monitor/{_year}/{_month}/{_day}/{_way}-{phone_number:dst}-{phone_number:src}-{date}-{_time}-{_id}.wav",
    "own": ["+4930987*"],
}


@pytest.fixture
def disk(tmp_path):
    """A folder."""
    return Disk("docs", tmp_path)


@pytest.fixture
def table(tmp_path):
    """The URL of a database for an index."""
    return f"sqlite:///{tmp_path / 'index.db'}"


class TestIndexFile(ConnectorContract):
    """Owners in a CSV file beside the objects; every other row stays byte for byte."""

    lacks = frozenset({"mask"})

    @pytest.fixture
    def world(self, disk):
        """An index with other people, quotes, semicolons, a gap and a note about Ada in it."""
        self.head = b'\xef\xbb\xbffile;mail;phone;note\r\n"b;1.pdf";bob@example.org;;"two\r\nlines"\r\n\r\n'
        hers = b'a.pdf;ADA@example.org;;"x;y"\r\nc/d.pdf;;030 123456;\r\n'
        self.tail = b"./e.pdf;jada@example.org;+49301234567;\xff\r\n"
        disk.put("index.csv", self.head + hers + self.tail)
        for key in ("a.pdf", "c/d.pdf"):
            disk.put(key, b"%PDF")
        strangers = {"b;1.pdf": b"%PDF", "e.pdf": b"%PDF", "unknown.pdf": b"%PDF"}
        for key, content in strangers.items():
            disk.put(key, content)

        def others():
            raw = disk.all()["index.csv"]
            return [raw.startswith(self.head), raw.endswith(self.tail), *(disk.all()[key] for key in strangers)]

        made = world(
            disk,
            INDEX,
            {},
            4,
            lambda: disk.put("index.csv", self.head + hers + self.tail),
            restricted=lambda: not {"a.pdf", "c/d.pdf"} & set(disk.all()),
        )
        made.others = others
        return made

    def test_nothing_but_her_rows_has_gone(self, world, disk):
        """What is left is the index without two rows."""
        desk = Desk(world.ada)
        self.run(world, desk, "locate")
        expected = {"objects": {"erased": 1, "redacted": 1}, "c": {"erased": 1}, "index": {"erased": 2}}
        assert expected == self.run(world, desk, "delete").counts
        assert self.head + self.tail == disk.all()["index.csv"]

    def test_her_rows_are_in_the_package(self, world):
        """A row about her is hers, with all of its columns."""
        desk = Desk(world.ada)
        self.run(world, desk, "locate")
        self.run(world, desk, "export")
        assert ["a.pdf", "c/d.pdf"] == [row["file"] for row in desk.package.tables["index"]]
        assert {"note"} <= set(desk.package.tables["index"][0])


class TestIndexTable(ConnectorContract):
    """Owners in a table of another database."""

    lacks = frozenset({"mask"})

    @pytest.fixture
    def world(self, disk, table):
        """A table with Ada's and other people's rows, one of them without a number."""
        engine = sa.create_engine(table, poolclass=sa.NullPool)
        rows = [("a.pdf", ADA, None), ("a/b.pdf", None, "030 123456"), ("b.pdf", BOB, None)]

        def run(statement, *values):
            with engine.begin() as connection:
                return connection.exec_driver_sql(statement, *values)

        run("CREATE TABLE files (file TEXT, mail TEXT, phone TEXT, more TEXT)")
        for row in rows:
            run("INSERT INTO files (file, mail, phone) VALUES (?, ?, ?)", row)
        for key in ("a.pdf", "a/b.pdf", "b.pdf"):
            disk.put(key, b"%PDF")

        def read():
            with engine.connect() as connection:
                return connection.exec_driver_sql("SELECT * FROM files ORDER BY 1").fetchall()

        made = world(
            disk,
            INDEX | {"index": table, "table": "files"},
            {"b.pdf": b""},
            4,
            lambda: run("INSERT INTO files (file, mail) VALUES ('a.pdf', 'ada@example.org')"),
            restricted=lambda: not {"a.pdf", "a/b.pdf"} & set(disk.all()),
        )
        objects = made.others
        made.present = lambda: (
            {str(row) for row in read() if row.file != "b.pdf"} | (set(disk.all()) & {"a.pdf", "a/b.pdf"})
        )
        made.others = lambda: (objects(), [row for row in read() if row.file == "b.pdf"])
        return made


@pytest.mark.parametrize("form", ["json", "jsonl"])
def test_an_index_may_be_json(disk, form):
    """An array of objects, or one a line."""
    rows = [{"file": "a.pdf", "mail": ADA, "n": 1}, {"file": "b.pdf", "mail": BOB, "n": {"x": [2]}}]
    text = json.dumps(rows) if form == "json" else "\n".join(json.dumps(row) for row in rows) + "\n"
    disk.put(f"index.{form}", text)
    disk.put("a.pdf", b"%PDF")
    owner = {"index": f"index.{form}", "path": "file", "email": "mail"}
    desk = Desk(subject())
    assert 2 == disk.run(desk, "locate", owner).total("found")
    assert 2 == disk.run(desk, "delete", owner).total("erased")
    left = disk.all()[f"index.{form}"]
    assert rows[1:] == (json.loads(left) if form == "json" else [json.loads(left)])
    assert 0 == disk.run(desk, "absent", owner, act="delete").total("hit")


def test_the_row_of_what_stays_stays(disk):
    """An object of two people is kept with both rows, and is no hit; by the client's rule it goes."""
    disk.put("index.csv", f"file,mail,phone\na.pdf,{ADA},\na.pdf,{BOB},\n")
    disk.put("a.pdf", b"%PDF")
    before, desk = disk.all(), Desk(subject())
    disk.run(desk, "locate", INDEX)
    assert 1 == disk.run(desk, "delete", INDEX).counts["index"]["retained"]
    assert before == disk.all()
    assert 0 == disk.run(desk, "absent", INDEX, act="delete").total("hit")
    keys = {"shared_objects": "delete"}
    assert 1 == disk.run(desk, "absent", INDEX, keys=keys, act="delete").counts["objects"]["hit"]
    disk.run(desk, "delete", INDEX, keys=keys)
    assert {"index.csv": f"file,mail,phone\na.pdf,{BOB},\n".encode()} == disk.all()
    assert 0 == disk.run(desk, "absent", INDEX, keys=keys, act="delete").total("hit")


FILES = {"index": "index.csv", "path": "file", "email": "mail"}


@pytest.mark.parametrize(
    "written",
    ["{root}/sub/a.wav", "file://{root}/sub/a.wav", "sub//a.wav", "sub/./a.wav", "x/../sub/a.wav", "/sub/a.wav",
     "a\u0308.wav", "sub\\a.wav?", "sub/a%2Ewav?", '"sub/a.wav "?', "\u00e4.wav?"],
)  # fmt: skip
def test_an_object_is_found_however_its_row_spells_it(disk, written):
    """In full, as a URL, with dots: object and row go together; with other signs (`?`) when a person agrees."""
    guess, written = written.endswith("?"), written.removesuffix("?")
    name = "a\u0308.wav" if "a.wav" not in written and "%" not in written else "sub/a.wav"
    disk.put(name, b"RIFF")
    disk.put("b.wav", b"RIFF")
    disk.put("index.csv", f"file,mail\n{written.format(root=disk.root)},{ADA}\nb.wav,{BOB}\n")
    desk = Desk(subject(), take_ambiguous=guess)
    assert 2 == disk.run(desk, "locate", FILES).total("ambiguous" if guess else "found")
    assert 2 == disk.run(desk, "delete", FILES).total("erased")
    assert {"b.wav": b"RIFF", "index.csv": f"file,mail\nb.wav,{BOB}\n".encode()} == disk.all()
    assert 0 == disk.run(desk, "absent", FILES, act="delete").total("hit")


@pytest.mark.parametrize("written", ["A.WAV", "recordings/a.wav", "sub", "*", "", "../a.wav", "a.wav/b", "/", "."])
def test_a_row_without_its_object_asks_a_person(disk, written):
    """Only the row says whose the object is, so it stays until somebody has looked, and holds nothing up."""
    for key in ("a.wav", "sub/c.wav"):
        disk.put(key, b"RIFF")
    disk.put("index.csv", f"file,mail\n{written},{ADA}\na.wav,{BOB}\n")
    before, desk = disk.all(), Desk(subject())
    outcome = disk.run(desk, "locate", FILES)
    assert {"ambiguous": 1} == outcome.counts["index"]
    assert outcome.reasons[-1].ground.startswith("a row names an object that is not there as written")
    disk.run(desk, "delete", FILES)
    assert before == disk.all()
    assert 0 == disk.run(desk, "absent", FILES, act="delete").total("hit")
    desk.take_ambiguous = True
    assert 1 == disk.run(desk, "delete", FILES).counts["index"]["erased"]
    assert before | {"index.csv": f"file,mail\na.wav,{BOB}\n".encode()} == disk.all()
    with closing(disk.connector(FILES)) as connector:
        assert [] == list(connector.check())
    disk.put("index.csv", before["index.csv"])
    with closing(disk.connector(FILES)) as connector:
        assert ["1 of 2 rows of the index"] == [one.place for one in connector.check()]


@pytest.mark.parametrize("index", ["index.csv", "./index.csv", "/index.csv"])
@pytest.mark.parametrize("written", ["index.csv", "./index.csv", ".restricted/index.csv", "{root}/index.csv"])
def test_an_index_is_nobodys_object(disk, index, written):
    """A row that names the index itself never takes everybody's rows with it."""
    disk.put("b.wav", b"RIFF")
    disk.put("index.csv", f"file,mail\n{written.format(root=disk.root)},{ADA}\nb.wav,{BOB}\n")
    desk, rule = Desk(subject(), take_ambiguous=True), FILES | {"index": index}
    disk.run(desk, "locate", rule)
    for verb in ("restrict", "lift", "delete"):
        disk.run(desk, verb, rule)
    assert {"b.wav": b"RIFF", "index.csv": f"file,mail\nb.wav,{BOB}\n".encode()} == disk.all()


@pytest.mark.parametrize(("cell", "kept"), [(f"{ADA}; {BOB}", True), (f"{ADA}; {ADA}", False)])
def test_a_cell_that_the_rule_cannot_read_goes_to_a_person(disk, cell, kept):
    """Row and object are ambiguous and stay as they are; taken, they go, unless they are another's too."""
    disk.put("a.wav", b"RIFF")
    disk.put("index.csv", f"file,mail\na.wav,{cell}\n")
    before, desk = disk.all(), Desk(subject())
    outcome = disk.run(desk, "locate", FILES)
    assert [1, 1] == [outcome.counts["index"]["ambiguous"], outcome.counts["objects"]["ambiguous"]]
    disk.run(desk, "delete", FILES)
    assert before == disk.all()
    assert 0 == disk.run(desk, "absent", FILES, act="delete").total("hit")
    desk.take_ambiguous = True
    disk.run(desk, "delete", FILES)
    assert (before if kept else {"index.csv": b"file,mail\n"}) == disk.all()
    assert 0 == disk.run(desk, "absent", FILES, act="delete").total("hit")


@pytest.mark.parametrize("cell", ["Ada <{}>", "<{}>", "'Ada' <{}>", "Ada A. <{}> (home)", "{} (Ada)", "MAILTO:{}"])
@pytest.mark.parametrize("rule", [FILES, {"sidecar": ".json", "field": "owner.mail"}], ids=["index", "sidecar"])
def test_an_address_beside_a_name_is_read(disk, rule, cell):
    """As mail writes it, in an index or beside an object: hers goes, Bob's stays."""
    bob = cell.format(BOB)
    disk.put("index.csv", f"file,mail\na.wav,{cell.format(ADA)}\nb.wav,{bob}\n" if "index" in rule else "")
    for key, owner in (("a.wav", ADA), ("b.wav", BOB)):
        disk.put(key, b"RIFF")
        if "sidecar" in rule:
            disk.put(f"{key}.json", {"owner": {"mail": cell.format(owner)}})
    desk = Desk(subject())
    outcome = disk.run(desk, "locate", rule)
    assert (2, 0) == (outcome.total("found"), outcome.total("ambiguous"))
    assert 2 == disk.run(desk, "delete", rule).total("erased")
    assert {"b.wav", "index.csv"} == set(disk.all()) - {"b.wav.json"}
    assert bob in "".join(raw.decode() for raw in disk.all().values())


@pytest.mark.parametrize("cell", ["Ada <{}>", "{} (Ada)"])
def test_an_address_beside_a_name_is_rectified(disk, cell):
    """What is read as hers is written anew, and the second look sees the old one."""
    rule, changes = {"sidecar": ".json", "field": "mail"}, {"user.contact.email": "ada@new.example"}
    disk.put("a.wav", b"RIFF")
    disk.put("a.wav.json", {"mail": cell.format(ADA)})
    desk = Desk(subject())
    disk.run(desk, "locate", rule)
    assert 1 == disk.run(desk, "absent", rule, act="rectify", changes=changes).total("hit")
    assert 1 == disk.run(desk, "rectify", rule, changes=changes).total("rectified")
    assert ADA not in disk.all()["a.wav.json"].decode()
    assert b"ada@new.example" in disk.all()["a.wav.json"]
    assert 0 == disk.run(desk, "absent", rule, act="rectify", changes=changes).total("hit")


@pytest.mark.parametrize("content", [None, b"path,mail,phone\n", b"file;mail\n", b"file,mail,phone\na.pdf\n"])
def test_an_index_that_cannot_be_read_is_told(disk, content):
    """A missing file, column or cell stops the search: nothing may be reported as searched."""
    disk.put("a.pdf", b"%PDF")
    if content is not None:
        disk.put("index.csv", content)
    with pytest.raises(Final, match="the index of the objects cannot be read"):
        disk.run(Desk(subject()), "locate", INDEX)


def test_a_table_that_is_not_there_is_told(disk, table):
    """Neither the database's password nor its words stand in the error."""
    owner = INDEX | {"index": table, "table": "files"}
    with pytest.raises(Final, match="check `index`, `table`"):
        disk.run(Desk(subject()), "locate", owner)
    owner["index"] = "postgresql+psycopg://u:secret@127.0.0.1:1/x"
    with pytest.raises(Retryable) as caught:
        disk.run(Desk(subject()), "locate", owner)
    assert "the index of the objects cannot be reached" == str(caught.value)


def test_rectification_says_where_to_correct(disk):
    """An index is not rewritten: that is a failure with its reason; documents stay as they were written."""
    disk.put("index.csv", f"file,mail,phone\na.pdf,{ADA},\n")
    disk.put("a.pdf", b"%PDF")
    desk = Desk(subject())
    disk.run(desk, "locate", INDEX)
    changes = {"user.contact.email": "ada@new.example"}
    expected = {"index": {"failed": 1}, "objects": {"retained": 2}}
    assert expected == disk.run(desk, "rectify", INDEX, changes=changes).counts
    assert 1 == disk.run(desk, "absent", INDEX, act="rectify", changes=changes).total("hit")


def test_the_people_of_an_index(disk):
    """A breach finds everyone whose objects lie there."""
    disk.put("index.csv", f"file,mail,phone\na.pdf,{ADA},\nb.pdf,{BOB},\n")
    disk.put("b.pdf", b"%PDF")
    with closing(disk.connector(INDEX)) as connector:
        people = list(connector.subjects(Desk(subject()).work(**{"from": None, "to": None})))
    assert [{Identifier(EMAIL, BOB)}] == [one.identifiers for one in people]


@pytest.mark.parametrize(
    "owner",
    [
        {"index": "index.csv", "path": "file"},
        {"index": "index.xml", "path": "file", "email": "mail"},
        {"index": "sqlite:///x", "path": "file", "email": "mail"},
        {"index": "index.csv", "table": "x", "path": "file", "email": "mail"},
        {"metadata": "a", "tag": "b"},
        {"path": "{phone_number:a}-{phone_number:a}"},
        {"path": "{_id}/{date}"},
    ],
)
def test_a_rule_that_names_nobody_stops_the_load(owner):
    """Half a rule is none."""
    with pytest.raises(ValidationError):
        ObjectsSettings(url="docs", owner=owner)


cells = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=12)


@given(rows=st.lists(st.tuples(cells, st.sampled_from([ADA, BOB]), cells), max_size=8), sign=st.sampled_from(",;\t|"))
def test_other_peoples_rows_survive_to_the_byte(tmp_path_factory, rows, sign):
    """However a program writes CSV, what is left is what the others' rows were."""
    disk = Disk("docs", tmp_path_factory.mktemp("index"))

    def written(some):
        text = io.StringIO(newline="")
        csv.writer(text, delimiter=sign).writerows([("file", "mail", "phone"), *some])
        return text.getvalue().encode("utf-8", "surrogatepass")

    rows = [(f"x{path}", mail, "") for path, mail, _ in rows]
    disk.put("index.csv", written(rows))
    desk = Desk(subject(), take_ambiguous=True)  # none of these objects is there
    disk.run(desk, "locate", INDEX)
    disk.run(desk, "delete", INDEX, keys={"shared_objects": "delete"})
    assert written([row for row in rows if row[1] != ADA]) == disk.all()["index.csv"]


def test_a_voicemail_goes_with_its_text(disk):
    """Asterisk writes who called beside each message, in one or several formats; Bob's message stays."""
    box = "voicemail/default/600/INBOX"
    for name in ("msg0000.wav", "msg0000.gsm"):
        disk.put(f"{box}/{name}", b"RIFF")
    disk.put(f"{box}/msg0000.txt", MESSAGE.format(name="Ada Example", number="030123456"))
    disk.put(f"{box}/msg0001.wav", b"RIFF")
    disk.put(f"{box}/msg0001.txt", MESSAGE.format(name="Bob", number="+4930555555"))
    desk = Desk(subject())
    found = disk.run(desk, "locate", VOICEMAIL)
    assert {"voicemail": {"found": 3}} == found.counts
    assert {"ada example"} == found.names
    assert 3 == disk.run(desk, "delete", VOICEMAIL).total("erased")
    assert {f"{box}/msg0001.wav", f"{box}/msg0001.txt"} == set(disk.all())
    assert 0 == disk.run(desk, "absent", VOICEMAIL, act="delete").total("hit")


def test_a_voicemail_of_another_in_the_house_asks_a_person(disk):
    """The same number under another name is ambiguous."""
    disk.put("msg0000.wav", b"RIFF")
    disk.put("msg0000.txt", MESSAGE.format(name="Carl", number="030123456"))
    assert {"objects": {"ambiguous": 2}} == disk.run(Desk(subject()), "locate", VOICEMAIL).counts


def test_a_voicemails_text_is_rectified_in_its_place(disk):
    """Only the number changes."""
    disk.put("msg0000.wav", b"RIFF")
    disk.put("msg0000.txt", MESSAGE.format(name="Ada Example", number="030123456"))
    desk = Desk(subject())
    disk.run(desk, "locate", VOICEMAIL)
    changes = {"user.contact.phone_number": "+4930777777"}
    assert 1 == disk.run(desk, "rectify", VOICEMAIL, changes=changes).total("rectified")
    assert MESSAGE.format(name="Ada Example", number="+4930777777").encode() == disk.all()["msg0000.txt"]
    assert 0 == disk.run(desk, "absent", VOICEMAIL, act="rectify", changes=changes).total("hit")


@given(raw=st.binary(max_size=200))
def test_a_sidecar_of_any_bytes_is_written_as_it_was(raw):
    """Nothing changes that nobody changed."""
    document = document_of(raw, "a.txt")
    if document is not None and not raw.lstrip().startswith(b"{"):
        assert raw == as_written(document, raw)


def owners(key, rule=CALLS):
    """Return the numbers of each party that a path names."""
    return [
        {one.value for one in owner.traits.identifiers}
        for owner in InPath.model_validate(rule).owners(f"monitor/2026/01/05/{key}", subject())
    ]


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("in-201-+4930123456-20260105-101500-1767600900.17.wav", [{PHONE_NUMBER}]),
        ("out-030123456-201-20260105-101500-1767600900.17.wav", [{PHONE_NUMBER}]),
        ("in-+4930987001-030123456-20260105-101500-1767600900.17.wav", [{PHONE_NUMBER}]),
        ("in-support-+4930123456-20260105-101500-1767600900.17.wav", [{PHONE_NUMBER}]),
        ("in-201-anonymous-20260105-101500-1767600900.17.wav", []),
        ("external-+4930555555-+4930123456-20260105-101500-1.2.wav", [{"+4930555555"}, {PHONE_NUMBER}]),
    ],
)
def test_the_parties_of_a_call_stand_in_its_name(key, expected):
    """Extensions and the client's own numbers are nobody's; two callers are two owners."""
    assert expected == owners(key)


def test_what_says_nothing_widens_nothing(disk):
    """The direction, the time and the id in a name are no identifiers of the person."""
    disk.put("monitor/2026/01/05/in-201-+4930123456-20260105-101500-1.2.wav", b"RIFF")
    outcome = disk.run(Desk(subject()), "locate", CALLS)
    assert {"monitor": {"found": 1}} == outcome.counts
    assert set() == outcome.identifiers


def test_a_recording_of_two_callers_stays_unless_the_client_says_otherwise(disk):
    """By default it is retained, for the other; `delete` is the client's own rule, and is proved."""
    key = "monitor/2026/01/05/external-+4930555555-+4930123456-20260105-101500-1.2.wav"
    disk.put(key, b"RIFF")
    desk = Desk(subject())
    assert set() == disk.run(desk, "locate", CALLS).identifiers
    assert {"monitor": {"retained": 1}} == disk.run(desk, "delete", CALLS).counts
    assert 0 == disk.run(desk, "absent", CALLS, act="delete").total("hit")
    keys = {"shared_objects": "delete"}
    assert 1 == disk.run(desk, "absent", CALLS, keys=keys, act="delete").total("hit")
    assert {"monitor": {"erased": 1}} == disk.run(desk, "delete", CALLS, keys=keys).counts
    assert {} == disk.all()
    assert 0 == disk.run(desk, "absent", CALLS, keys=keys, act="delete").total("hit")


def test_the_other_partys_number_is_not_shown_to_the_person(disk):
    """The package names the other caller by a pseudonym, in the file's name and in the list; the house's own stay."""
    names = [f"external-+493055555{n}-+4930123456-20260105-101500-1.{n}.wav" for n in (55, 55, 66)]
    for number, name in enumerate(names):
        disk.put(f"monitor/2026/01/{number + 10}/{name}", b"RIFF")
    disk.put("monitor/2026/01/20/in-201-+4930123456-20260105-101500-1.9.wav", b"RIFF")
    desk = Desk(subject())
    disk.run(desk, "locate", CALLS)
    disk.run(desk, "export", CALLS)
    paths = [row["path"] for row in desk.package.tables["objects"]]
    assert sorted(paths) == sorted(desk.package.files)
    assert not any("30555" in path for path in paths)
    others = [path.partition("other-")[2][:8] for path in sorted(paths)]
    assert others[0] == others[1] != others[2]
    assert "monitor/2026/01/20/in-201-+4930123456-20260105-101500-1.9.wav" in paths


LIKE = [("ca%20ll.wav", "ca ll.wav"), ("x\\a.wav", "x/a.wav"), ("a.wav ", "a.wav"), ("a\u0308.wav", "\u00e4.wav")]


@pytest.mark.parametrize(("hers", "like"), LIKE)
def test_a_row_goes_with_the_object_that_it_was_noted_with(disk, hers, like):
    """When hers has gone, another's object under a like path stays, however often the search is repeated."""
    disk.put(hers, b"RIFF")
    disk.put(like, b"Bob's")
    disk.put("index.csv", f'file,mail\n"{hers}",{ADA}\n')
    desk = Desk(subject())
    assert 2 == disk.run(desk, "locate", FILES).total("found")
    disk.fs.rm_file(f"{disk.root}/{hers}")  # a worker died between object and row
    assert {"found": 1} == disk.run(desk, "locate", FILES).counts["index"]
    for _ in range(2):
        disk.run(desk, "delete", FILES)
        assert {like: b"Bob's", "index.csv": b"file,mail\n"} == disk.all()
        assert 0 == disk.run(desk, "absent", FILES, act="delete").total("hit")
        disk.run(desk, "locate", FILES)


@pytest.mark.parametrize(("hers", "like"), LIKE)
def test_an_object_under_a_like_path_is_a_guess(disk, hers, like):
    """Hers has gone before: a person decides about row and object; an object that another's row names is no guess."""
    disk.put(like, b"Bob's?")
    disk.put("index.csv", f'file,mail\n"{hers}",{ADA}\n')
    before, desk = disk.all(), Desk(subject())
    outcome = disk.run(desk, "locate", FILES)
    assert (0, 2) == (outcome.total("found"), outcome.total("ambiguous"))
    disk.run(desk, "delete", FILES)
    assert before == disk.all()
    assert 0 == disk.run(desk, "absent", FILES, act="delete").total("hit")
    desk.take_ambiguous = True
    assert 2 == disk.run(desk, "delete", FILES).total("erased")
    assert {"index.csv": b"file,mail\n"} == disk.all()
    theirs = f'file,mail\n"{like}",{BOB}\n'.encode()
    disk.put(like, b"Bob's")
    disk.put("index.csv", theirs + f'"{hers}",{ADA}\n'.encode())
    desk = Desk(subject(), take_ambiguous=True)
    assert {"mention": 1} == disk.run(desk, "locate", FILES).counts["objects"]
    assert 1 == disk.run(desk, "delete", FILES).total("erased")
    assert {like: b"Bob's", "index.csv": theirs} == disk.all()
    assert 0 == disk.run(desk, "absent", FILES, act="delete").total("hit")
