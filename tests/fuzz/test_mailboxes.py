"""Mail that anybody sends: however it is malformed, hers goes, others' stays to the byte, and nothing stops."""

from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st

from shared.testing import Desk
from tests.fuzz.nasty import fuzz, spoilt
from tests.workers.connectors import mails
from tests.workers.connectors.test_maildir import connector, put

BOB = b"From: bob@example.org\nTo: support@acme.example\nSubject: Mine\n\nNobody else.\n"
REPORT = b"""From: ada@example.org
Received: by x; 1 Jan
Content-Type: multipart/report; boundary=b

--b
Content-Type: message/delivery-status

Final-Recipient: rfc822; ada@example.org

--b--
""".replace(b"\n", b"\r\n")
REAL = [
    mails.mail(mails.ADA, mails.SUPPORT).as_bytes(),
    mails.with_html().as_bytes(),
    mails.with_attachments().as_bytes(),
    mails.forwarded().as_bytes(),
    REPORT,
    b'Content-Type: text/calendar; charset="utf-7"\nFrom: =?big5?B?pA==?= <ada@example.org>\n\nAAA',
    b"Subject: =?utf-8?q?=F0=9F?=\n =?utf-8?q?=98=80?=\nFrom: ADA@EXAMPLE.ORG (Ada)\nTo:;,<>\n\n",
]
PIECES = [
    b"\n", b"\r\n", b"\n\n", b"\0", b"\xff", b"--", b"=?utf-16?b?//4=?=", b"=?x?q?=?=",
    b"Content-Type: multipart/mixed\n",
    b"Content-Type: message/rfc822\n", b"Content-Transfer-Encoding: x-uuencode\n", b"charset=unicode-1-1-utf-7",
    b'boundary=""', b"Date: 99 Foo 99999\n", b"Date: Mon, 31 Feb 2026 25:61:61 +9999\n", b"Message-ID: <>\n",
    b"filename*1*=utf-8''%ff", b"From nobody\n", b"\n.\n", b"=3D=\n", b"\x1b$B", b"@", b"ada@example.org",
]  # fmt: skip


@fuzz()
@given(st.lists(spoilt(REAL, PIECES), min_size=1, max_size=3))
@example([b""])
@example([b"From: ada@example.org\nContent-Type: multipart/mixed; boundary=x\n\n" + b"--x\n\n" * 500])
def test_any_mail_is_searched_exported_and_erased(tmp_path_factory, raws):
    """What names her by its headers or text names her no more, and Bob's mail is as it was."""
    root = tmp_path_factory.mktemp("box")
    for raw in raws:
        put(root, raw)
    bob = put(root, BOB)
    desk = Desk(mails.subject())
    maildir = connector(root)
    for verb in ("locate", "export", "restrict", "lift", "delete", "absent"):
        outcome = getattr(maildir, verb)(desk.work(act="delete"))
    assert {} == {name: counts for name, counts in outcome.counts.items() if counts.get("hit")}, raws
    left = {path: path.read_bytes() for path in Path(root).rglob("*") if path.is_file() and path.parent.name == "cur"}
    assert [BOB] == [raw for path, raw in left.items() if path.name.startswith(bob.rpartition("/")[2])]
    assert not any(b"\nFrom: ada@example.org\n" in b"\n" + raw.partition(b"\n\n")[0] for raw in left.values())


@fuzz()
@given(st.lists(spoilt(REAL, PIECES), min_size=1, max_size=3))
def test_any_mail_stands_in_a_breach_or_not(tmp_path_factory, raws):
    """Who stands in the mails of a window is listed, whatever they look like."""
    root = tmp_path_factory.mktemp("box")
    for raw in raws:
        put(root, raw)
    window = {"from": "2026-01-01T00:00:00+00:00", "to": "2027-01-01T00:00:00+00:00"}
    for one in connector(root).subjects(Desk(mails.subject()).work(**window)):
        assert one.identifiers
