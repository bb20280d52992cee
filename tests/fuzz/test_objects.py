"""Files: their names and the indexes that say whose they are may be anything."""

import json
import os
from contextlib import suppress

from hypothesis import example, given
from hypothesis import strategies as st

from shared.domain.errors import RightsdeskError
from shared.testing import Desk
from tests.fuzz.nasty import changed, fuzz, refusals, spoilt, text
from tests.workers.connectors.objects_store import ADA, Disk, subject

OWNERS = (
    {"path": "{email}/{name}"},
    {"path": "{_a}-{phone_number:dst}-{phone_number:src}-{date}.wav", "own": ["+4930987*"]},
    {"sidecar": ".json", "field": "email"},
    {"scan": True, "ignore": ["*.bin"]},
)
names = st.one_of(
    text.map(lambda one: one.replace("\0", "")),
    st.binary(min_size=1, max_size=40).map(os.fsdecode),
    st.sampled_from(
        (f"{ADA}/a", f"{ADA}/../b", "a-+4930123456-201-1.wav", "a.json", ".restricted/x", "a" * 250, "[a-z]*")
    ),
)
VERBS = ("locate", "export", "restrict", "lift", "delete", "absent")


def worked(disk, owner, **keys):
    """Do everything with the objects; what cannot be done is refused in one line."""
    desk = Desk(subject())
    for verb in VERBS:
        with refusals(RightsdeskError):
            disk.run(desk, verb, owner, keys=keys, act="delete")
    return desk


@fuzz()
@given(
    st.lists(st.tuples(names, st.sampled_from((b"", b"ada@example.org", b'{"email": "ada@example.org"}'))), max_size=4),
    st.sampled_from(OWNERS),
)
@example([("\udcff" * 130, b"ada@example.org")], OWNERS[3])
def test_any_file_name(tmp_path_factory, files, owner):
    """Nothing outside of the storage is touched, whatever files are called."""
    root = tmp_path_factory.mktemp("disk")
    disk, outside = Disk("store", root), root / "b"
    outside.write_bytes(b"ada@example.org")
    for name, content in files:
        with suppress(OSError, ValueError):
            path = (root / "store").joinpath(*[part for part in name.split("/") if part not in ("", "..")])
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    worked(disk, owner)
    assert b"ada@example.org" == outside.read_bytes()


HER = "Hello, write to ada@example.org, or ring 030 123456.\n"
TEXTS = [
    HER.encode(),
    HER.encode("utf-16"),
    HER.encode("utf-32"),
    f"<p>{HER}</p>".encode("utf-16-le"),
    HER.encode("utf-16-be"),
]
MARKS = [b"\xff\xfe", b"\xfe\xff", b"\xff\xfe\0\0", b"\0", b"\xef\xbb\xbf", b"<!--", b"\n", b"ada@example.org", b"<b>"]


@fuzz()
@given(st.sampled_from(("txt", "csv", "json", "html", "xml", "eml", "ics", "vtt", "docx", "ods")), spoilt(TEXTS, MARKS))
@example("txt", b"\xfe\xff" + HER.encode())
@example("txt", b"\xff\xfe" + HER.encode() + b".")
@example("html", HER.encode("utf-16")[:-1])
def test_any_text_in_a_scanned_storage(tmp_path_factory, ending, raw):
    """One text that cannot be read keeps nobody from the others; what names her in so many bytes does not stay."""
    disk = Disk("store", tmp_path_factory.mktemp("disk"))
    disk.put(f"a.{ending}", raw)
    disk.put("hers.txt", HER)
    desk = Desk(subject())
    outcomes = {verb: disk.run(desk, verb, OWNERS[3], act="delete").counts for verb in VERBS}
    left = disk.all()
    assert "hers.txt" not in left
    unread = "residual" in str(outcomes["absent"])
    assert unread or b" ada@example.org, " not in left.get(f"a.{ending}", b"")


ROWS = [{"file": "a.pdf", "mail": ADA}, {"file": "b.pdf", "mail": "bob@example.org"}, {"file": "c.pdf", "mail": None}]
INDEXES = {"csv": b'file,mail\r\na.pdf,ada@example.org\r\nb.pdf,"bob@example.org"\r\n'}
INDEXES |= {"json": json.dumps(ROWS).encode(), "jsonl": "\n".join(map(json.dumps, ROWS)).encode()}
PIECES = [
    b"\0",
    b'"',
    b",",
    b";",
    b"\r",
    b"\n",
    b"\xef\xbb\xbf",
    b"\xff",
    b"\\u0000",
    b"\\ud800",
    b"{",
    b"[",
    b"1e999",
    b"../",
]


def indexed(root, ending, raw):
    """Return a storage with an index and what it names, and do everything with it."""
    disk = Disk("store", root)
    for name in ("a.pdf", "b.pdf", "c.pdf"):
        disk.put(name, b"%PDF")
    (root / "store" / f"index.{ending}").write_bytes(raw)
    (root / "a.pdf").write_bytes(b"outside")
    worked(disk, {"index": f"index.{ending}", "path": "file", "email": "mail"})
    assert b"outside" == (root / "a.pdf").read_bytes()
    return disk


spoilt_indexes = st.one_of(*(st.tuples(st.just(one), spoilt([raw], PIECES)) for one, raw in INDEXES.items()))


@fuzz()
@given(spoilt_indexes)
@example(("json", b"[" * 100_000))
@example(("jsonl", b"[" * 100_000))
@example(("csv", b"file,mail\r\n" + b"a" * 200_000))
def test_any_bytes_as_an_index(tmp_path_factory, index):
    """A damaged index is refused, or read."""
    indexed(tmp_path_factory.mktemp("disk"), *index)


@fuzz()
@given(st.sampled_from(("json", "jsonl")), changed([ROWS]))
@example("json", 7)
@example("json", [[[ROWS[0]]]])
@example("json", [{"file": ["a.pdf"], "mail": {"x": ADA}}])
@example("json", [{"file": "../a.pdf", "mail": ADA}])
def test_any_rows_as_an_index(tmp_path_factory, ending, rows):
    """An index may say anything."""
    lines = rows if ending == "jsonl" and isinstance(rows, list) else None
    raw = json.dumps(rows) if lines is None else "\n".join(map(json.dumps, lines))
    indexed(tmp_path_factory.mktemp("disk"), ending, raw.encode())
