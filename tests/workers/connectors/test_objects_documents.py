"""What stands in office documents, and what nobody can read."""

import base64
import io
import zipfile

import pytest

from shared.testing import Desk
from tests.workers.connectors.objects_store import ADA, SCAN, SIDECAR, Disk, subject
from workers.connectors.objects import documents

W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
S = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
A = 'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"'
T = 'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"'
R = 'xmlns="http://schemas.openxmlformats.org/package/2006/relationships"'


def zipped(name, content):
    """Return a document with one part."""
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(name, content)
    return raw.getvalue()


def words(*runs):
    """Return a text document whose paragraph is parted into runs of other styles."""
    inside = "".join(f"<w:r><w:rPr><w:highlight/></w:rPr><w:t>{run}</w:t></w:r>" for run in runs)
    return zipped("word/document.xml", f"<w:document {W}><w:body><w:p>{inside}</w:p></w:body></w:document>")


HERS = {
    "a.docx": words("ada@", "exam", "ple.org"),
    "b.xlsx": zipped(
        "xl/sharedStrings.xml", f"<sst {S}><si><t>Ada</t></si><si><r><t>030 </t></r><r><t>123456</t></r></si></sst>"
    ),
    "c.pptx": zipped(
        "ppt/slides/slide1.xml", f"<x {A}><a:p><a:r><a:t>ada@example</a:t></a:r><a:r><a:t>.org</a:t></a:r></a:p></x>"
    ),
    "d.odt": zipped("content.xml", f"<x {T}><text:p>ada@<text:span>example.org</text:span></text:p></x>"),
    "e.docx": zipped(
        "word/_rels/document.xml.rels",
        f'<Relationships {R}><Relationship Target="mailto:ada@example.org"/></Relationships>',
    ),
    "f.docx": zipped("docProps/core.xml", "<x><creator>ada@example.org</creator><title>2026</title></x>"),
}
OTHERS = {
    "g.docx": words("jada@", "example.org"),
    "h.docx": zipped("word/document.xml", f"<w:document {W}><w:p>ada</w:p><w:p>@example.org</w:p></w:document>"),
    "i.xlsx": zipped("xl/sharedStrings.xml", f"<sst {S}><si><t>030 123</t></si><si><t>456</t></si></sst>"),
}
BOMB = zipped("word/document.xml", b"<x>" + b"<p>" * 1_000 + b"\0" * 10)
UNREADABLE = {
    "j.pdf": b"%PDF-1.7 ada@example.org",
    "k.docx": b"\xd0\xcf\x11\xe0 encrypted",
    "l.docx": words("ada@example.org")[:-30],
    "m.docx": BOMB,
    "n.docx": zipped("word/document.xml", '<!DOCTYPE x [<!ENTITY a "ada@example.org">]><x>&a;</x>'),
    "o.docx": zipped("a.txt", "ada@example.org"),
}


@pytest.fixture
def disk(tmp_path):
    """A folder."""
    return Disk("docs", tmp_path)


@pytest.mark.parametrize("key", sorted(HERS))
def test_a_document_that_names_the_person_only_is_theirs(disk, key):
    """Words that are parted by styles are read as one; headers, links and properties are read, too."""
    disk.put(key, HERS[key])
    desk = Desk(subject())
    assert {"objects": {"found": 1}} == disk.run(desk, "locate", SCAN).counts
    disk.run(desk, "delete", SCAN)
    assert {} == disk.all()


@pytest.mark.parametrize("key", sorted(OTHERS))
def test_what_a_reader_sees_apart_is_not_one(disk, key):
    """Two paragraphs or cells are no address, and a longer one is another's."""
    disk.put(key, OTHERS[key])
    assert {} == disk.run(Desk(subject()), "locate", SCAN).counts
    assert {} == disk.run(Desk(subject()), "absent", SCAN, act="delete").counts


@pytest.mark.parametrize("key", sorted(UNREADABLE))
def test_what_cannot_be_read_is_told(disk, key):
    """Nobody can say whose it is: counted as residual, at the search and at the second look, and left alone."""
    disk.put(key, UNREADABLE[key])
    desk = Desk(subject())
    for verb in ("locate", "absent"):
        outcome = disk.run(desk, verb, SCAN, act="delete")
        assert {"objects": {"residual": 1}} == outcome.counts
        assert "cannot be read" in outcome.reasons[0].ground
    disk.run(desk, "delete", SCAN)
    assert {key} == set(disk.all())


def test_what_the_client_knows_to_be_harmless_is_passed_over(disk):
    """Pictures of products need nobody's eyes."""
    disk.put("img/a.png", b"\x89PNG")
    disk.put("b.png", b"\x89PNG")
    assert {"objects": {"residual": 1}} == disk.run(Desk(subject()), "locate", SCAN | {"ignore": ["img/*"]}).counts


def test_a_document_of_several_people_asks_a_person(disk):
    """It is not redacted here: residual with its reason, untouched, and no failure of the second look."""
    disk.put("all.docx", words("bob@example.org, ", ADA))
    before, desk = disk.all(), Desk(subject())
    assert {"objects": {"mention": 1}} == disk.run(desk, "locate", SCAN).counts
    outcome = disk.run(desk, "delete", SCAN)
    assert {"objects": {"residual": 1}} == outcome.counts
    assert "office documents are not redacted" in outcome.reasons[0].ground
    assert before == disk.all()
    assert 0 == disk.run(desk, "absent", SCAN, act="delete").total("hit")


def test_another_ones_document_that_names_the_person_is_told_under_every_rule(disk):
    """Bob's contract names Ada."""
    disk.put("bob.docx", words(ADA))
    disk.put("bob.docx.json", {"email": "bob@example.org"})
    assert {"objects": {"mention": 1}} == disk.run(Desk(subject()), "locate", SIDECAR).counts


def test_a_bomb_is_not_unpacked(disk, monkeypatch):
    """Kilobytes that would be gigabytes are given up at the limit."""
    monkeypatch.setattr(documents, "_LARGEST", 1024 * 1024)
    disk.put("a.docx", zipped("word/document.xml", b"<x>" + b" " * 5_000_000 + b"</x>"))
    assert {"objects": {"residual": 1}} == disk.run(Desk(subject()), "locate", SCAN).counts


HEAD = b"From: bob@example.org\nTo: x@acme.example\n"
ESCAPED = {
    "base64.eml": HEAD + b"Content-Transfer-Encoding: base64\n\n" + base64.encodebytes(b"write ada@example.org"),
    "printable.eml": HEAD + b"Content-Transfer-Encoding: quoted-printable\n\nwrite ada=40exam=\nple.org\n",
    "word.eml": HEAD + b"Subject: =?utf-8?q?ada=40example=2Eorg?=\n\nx\n",
    "escaped.jsonl": b'{"a": "ada\\u0040example.org"}',
    "entity.xml": b"<a>ada&#64;example.org</a>",
    "folded.ics": b"ATTENDEE:mailto:ada@exam\r\n ple.org\r\n",
    "folded.vcf": b"EMAIL:ada@exam\r\n ple.org\r\n",
    "wide.txt": "to ada@example.org".encode("utf-16-le"),
    "wider.txt": "to ada@example.org".encode("utf-32"),
    "lines.html": b"<p>ada@<b\n>example.org</b></p>",
    "wrapped.txt": "call 030\u202f12\u202f34\n56".encode(),
}


@pytest.mark.parametrize("name", ESCAPED)
def test_a_text_is_read_as_its_kind_is_written(tmp_path, name):
    """Mail, JSON, XML, calendars, cards and wide texts of others are redacted wherever they name her."""
    disk, desk = Disk("objs", tmp_path), Desk(subject())
    disk.put("a.pdf", b"%PDF")
    disk.put("a.pdf.json", {"email": "bob@example.org"})
    disk.put(name, ESCAPED[name])
    assert 1 == disk.run(desk, "locate", SIDECAR).total("mention")
    assert 1 == disk.run(desk, "delete", SIDECAR).total("redacted")
    assert disk.all()[name] != ESCAPED[name]
    assert 0 == disk.run(desk, "absent", SIDECAR, act="delete").total("hit")


@pytest.mark.parametrize(
    "content", ["\u0430\u0434\u0430 ada@example.org \u0430\u0434\u0430\u0430".encode("utf-16-le"), b"\0\1\2"]
)
def test_what_is_no_text_in_a_known_charset_may_be_anybodys(tmp_path, content):
    """Bytes that are called a text and are none are counted as not read."""
    disk, desk = Disk("objs", tmp_path), Desk(subject())
    disk.put("a.txt", content)
    assert {"objects": {"residual": 1}} == disk.run(desk, "locate", SCAN).counts


def test_something_across_two_pieces_of_a_long_text_is_seen(tmp_path):
    """Long texts are read in pieces; what stands where one ends is not lost."""
    disk, desk = Disk("objs", tmp_path), Desk(subject())
    disk.put("a.html", b"<p>" + b"x" * (1024 * 1024 - 20) + b" ada@<b\n>example.org</b></p>")
    assert 1 == disk.run(desk, "locate", SCAN).total("found")
