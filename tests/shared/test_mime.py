"""E-mail, well-formed and not: what it says, and copies without one person."""

import base64
import binascii
import re
import time
from email.message import EmailMessage
from email.policy import SMTP

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared import mime
from shared.mime.parts import written

ADA = "ada@example.org"


def find(text):
    """Find Ada's address, whole."""
    return [match.span() for match in re.finditer(rf"(?<![\w.+-]){re.escape(ADA)}(?![\w-])", text, re.IGNORECASE)]


def is_theirs(address):
    """Know Ada's address."""
    return address.lower() == ADA


def names_her(raw):
    """Say whether a message names Ada anywhere."""
    message = mime.parse(raw)
    return any(find(text) for text in (*mime.headers(message), *mime.texts(message)))


def without_her(raw):
    """Return a redacted copy, made twice to see that once was enough."""
    once = mime.redacted(raw, find, is_theirs)
    assert once is mime.redacted(once, find, is_theirs)
    return once


def part(kind, body, encoding="7bit", head=b""):
    """Write a message of two parts, the second of them this one."""
    return (
        b"From: bob@example.org\nContent-Type: multipart/mixed; boundary=x\n\n--x\n\nHi.\n--x\nContent-Type: "
        + kind.encode()
        + b"\nContent-Transfer-Encoding: "
        + encoding.encode()
        + b"\n"
        + head
        + b"\n"
        + body
        + b"\n--x--\n"
    )


INNER = b"From: Ada <ada@example.org>\nSubject: hi\n\nYours, ada@example.org\n"
CASES = {
    "quoted-printable": part("text/plain", b"write to ada=40exam=\nple.org, caf=C3=A9", "quoted-printable"),
    "base64": part("text/plain; charset=utf-8", base64.encodebytes("ada@example.org, café".encode()), "base64"),
    "broken base64": part("text/plain", b"YWRhQGV4YW1wbGUub3Jn!!", "BASE64 "),
    "utf-16": part("text/plain; charset=utf-16", base64.encodebytes("to ada@example.org".encode("utf-16")), "base64"),
    "a charset that lies": part("text/plain; charset=utf-16", b"ada@example.org"),
    "no such charset": part("text/plain; charset=no-such", b"ada@example.org \xe9"),
    "a zero in a charset": part("text/plain; charset*=a'b'\x00%00", b"ada@example.org"),
    "uuencode": part("text/plain", b"begin 644 a\n/861A0&5X86UP;&4N;W)G\n`\nend", "x-uuencode"),
    "tags inside": part("text/html", b"<p>ada@<b>example</b>.org<br>bob</p>"),
    "entities": part("text/html", b"<td>ada&#64;example&#x2e;org</td><td>x</td>"),
    "mailto": part("text/html", b'<a href="mailto:ada@example.org?subject=x">mail</a>'),
    "calendar": part("text/calendar", b"ATTENDEE;CN=Ada:mailto:ada@example.org"),
    "folded calendar": part("text/calendar", b"ATTENDEE;CN=Ada:mailto:ada@exa\n mple.org"),
    "folded card": part(
        "application/octet-stream", b"EMAIL:ada@\n\texample.org", head=b"Content-Disposition: inline; filename=A.VCF\n"
    ),
    "card in base64": part("text/x-vcard", base64.encodebytes(b"EMAIL:ada@example\r\n .org\r\n"), "base64"),
    "calendar by type": part("application/ics", b"ORGANIZER:mailto:ada@example.org"),
    "html in base64": part("text/html", base64.encodebytes(b"<b>ada</b>@example.<i>org</i>"), "base64"),
    "utf-16 unsaid": part("text/csv", base64.encodebytes("Ada;ada@example.org".encode("utf-16")), "base64"),
    "json by type": part("application/vnd.api+json", b'{"to": "ada@example.org"}'),
    "text by name": part(
        "application/octet-stream", b"ada@example.org", head=b"Content-Disposition: attachment; filename=a.csv\n"
    ),
    "file name": part("image/png", b"\x89PNG", head=b'Content-Disposition: inline; filename="ada@example.org;1.png"\n'),
    "file name in pieces": part(
        "image/png; name*=utf-8''ada%40example.org",
        b"\x89PNG",
        head=b"Content-Disposition: attachment; filename*0=ada@exam; filename*1=ple.org\n",
    ),
    "nested": part("message/rfc822", INNER),
    "nested in base64": part("message/rfc822", base64.encodebytes(INNER), "base64"),
    "nested in quoted-printable": part("message/rfc822", INNER.replace(b"@", b"=40"), "quoted-printable"),
    "bounce": part("message/delivery-status", b"Reporting-MTA: dns; x\n\nFinal-Recipient: rfc822;ada@example.org\n"),
    "encoded subject": b"Subject: =?utf-8?q?f=C3=BCr_ada=40example?= =?utf-8?b?Lm9yZw==?=\n\nx\n",
    "eight-bit subject": "Subject: für ada@example.org\n\nx\n".encode(),
    "latin-1 header": b"X-Note: \xe9 ada@example.org\n\nx\n",
    "folded header": b"Received: from x\n\tfor <ada@example.org>;\n\tMon, 4 May 2026\n\nx\n",
    "return path": b"Return-Path: <ada@example.org>\n\nx\n",
    "display name": b'To: "ada@example.org" <list@example.com>, eve@example.org\n\nx\n',
    "preamble": b"Content-Type: multipart/mixed; boundary=x\n\nada@example.org\n--x\n\nx\n--x--\nand ada@example.org\n",
    "no boundary": b"Content-Type: multipart/mixed\n\n\x80 ada@example.org",
    "no blank line": b"Subject: x\nada@example.org\n",
    "no header": b"\nada@example.org",
    "mbox line": b"From ada@example.org Mon May  4\nTo: bob@example.org\n\nada@example.org\n",
    "html by name": part(
        'application/octet-stream; name="a.html"', base64.encodebytes(b"<b>ada&#64;<i>example</i>.org</b>"), "base64"
    ),
    "xml": part("application/atom+xml", b"<a><![CDATA[ada@]]>example&#46;org</a>"),
    "card of old": part("text/x-vcard", b"EMAIL;ENCODING=QUOTED-PRINTABLE:ada=40example=\n.org\n"),
    "bound in quotes": part("text/html", b"<p>ada@example.<span class='a>b'>org</span></p>"),
    "tags of no break": part("text/html", b"<p>ada@<nobr>exam<label>ple</label></nobr>.<x-y>org</x-y></p>"),
    "a comment after the encoding": part("text/plain", base64.encodebytes(b"to ada@example.org"), "base64 (RFC 2045)"),
    "two encodings": part(
        "text/plain", base64.encodebytes(b"to ada@example.org"), "8bit\nContent-Transfer-Encoding: base64"
    ),
    "two types": part("application/octet-stream\nContent-Type: text/html", b"ada&#64;example.org"),
    "encoded file name": part(
        "application/pdf",
        b"x",
        head=b'Content-Disposition: attachment; filename="=?utf-8?q?ada=40example=2Eorg=2Epdf?="\n',
    ),
    "utf-16 without a mark": part(
        "text/plain; charset=utf-16", base64.encodebytes("to ada@example.org".encode("utf-16-be")), "base64"
    ),
    "utf-32 unsaid": part("text/plain", base64.encodebytes("to ada@example.org".encode("utf-32-le")), "base64"),
    "flowed": part("text/plain; format=flowed; delsp=yes", b"> to ada@ \n> example.org"),
    "envelope among headers": b"To: bob@example.org\nFrom ada@example.org Mon May  4\nSubject: x\n\nx\n",
    "too deep": b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(1500)
    ) + b"\n\nada@example.org\n",
    "deeper than we read": b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(80)
    ) + b"\n\nada@example.org\n",
}  # fmt: skip

# The blank line after the headers is put in, a line that is no header left out.
COMPLETED = {"no blank line", "nested in base64", "envelope among headers"}


@pytest.mark.parametrize("raw", CASES.values(), ids=CASES)
def test_she_is_seen_and_taken_out(raw):
    """Wherever the address stands it is seen, and the copy has none of it."""
    assert names_her(raw)
    after = without_her(raw)
    assert not names_her(after)
    assert ADA.encode() not in after


@pytest.mark.parametrize("raw", [case for name, case in CASES.items() if name not in COMPLETED])
def test_nothing_else_changes(raw):
    """A message that does not name the person is the very same bytes, and is written as it was read."""
    other = re.sub(rb"(?i)ada", b"eva", raw)
    assert names_her(other) or other is mime.redacted(other, find, is_theirs)
    assert other.rstrip() == written(mime.parse(other), like=other).rstrip()


def test_line_ends_stay():
    """A message with CRLF stays one with CRLF, in every part."""
    message = EmailMessage()
    message["To"] = f"Ada <{ADA}>, Jörg <joerg@example.org>"
    message.set_content(f"one\ntwo {ADA}\n")
    message.add_alternative(f"<p>grüße {ADA}</p>", subtype="html")
    raw = message.as_bytes(policy=SMTP)
    after = without_her(raw)
    assert after.count(b"\n") == after.count(b"\r\n") == raw.count(b"\r\n")


def test_other_parties_stay_byte_for_byte():
    """Only the person's place in a header is taken: not one that ends alike, nor the folds between them."""
    raw = b"To: jada@example.org,\n Ada <ADA@example.org>,\n =?utf-8?q?J=C3=B6rg?= <j@example.org>\n\nx\n"
    expected = raw.replace(b"Ada <ADA@example.org>", b'"[redacted]" <redacted@redacted.invalid>')
    assert expected == without_her(raw)


def test_who_stands_in_the_headers():
    """Parties are read with their names, decoded; groups, comments and broken quotes too."""
    raw = (
        b"From: =?utf-8?q?J=C3=B6rg?= <j@example.org>\nTo: a@example.org (A, B), Team: b@example.org, c@example.org;\n"
        b'Cc: "D, E" <d@example.org>, "F <f@example.org>\nBcc: undisclosed-recipients:;\n\nx'
    )
    assert [
        ("from", "Jörg", "j@example.org"),
        ("to", "A, B", "a@example.org"),
        ("to", "", "b@example.org"),
        ("to", "", "c@example.org"),
        ("cc", "D, E", "d@example.org"),
        ("cc", "F", "f@example.org"),
    ] == [(one.role, one.name, one.address) for one in mime.parties(mime.parse(raw))]


def test_a_header_may_be_left_out():
    """A header goes if someone in it is picked, and else the message is the same."""
    raw = b"To: a@example.org\nBcc: b@example.org\n\nx\n"
    assert b"To: a@example.org\n\nx\n" == mime.without(raw, "bcc", lambda one: one.address.startswith("b"))
    assert raw is mime.without(raw, "bcc", lambda one: one.address.startswith("a"))


@given(st.binary(max_size=300))
@example(b"Content-Type: text/plain; charset=\xff\n\nx")
@example(b"Content-Type: text/\xff\xffcalendar; charset=x-none\n\nx")
@example(b"From: \nTo: =?utf-8?b?===?=\nContent-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n!!")
def test_nothing_that_comes_makes_it_fail(raw):
    """Whatever bytes come, they are read, and redacted."""
    noise = raw + b"\n" + raw + b" ada@example.org"
    assert not names_her(without_her(noise))


@pytest.mark.parametrize("mark", [b"\xfe\xff", b"\xff\xfe", b"\xff\xfe\0\0", b"\0\0\xfe\xff"])
@pytest.mark.parametrize("length", range(4))
def test_a_mark_before_single_bytes_hides_nobody(mark, length):
    """A text that says it is UTF-16 and is not is read as what it is, too, however many bytes it has."""
    raw = b"From: bob@example.org\n\n" + mark + b"Hello ada@example.org" + b"." * length
    assert names_her(raw)
    assert ADA.encode() not in without_her(raw)


HOSTILE = st.lists(
    st.sampled_from(
        [
            b"Content-Type: multipart/mixed; boundary=x\n",
            b"Content-Type: message/rfc822\n",
            b"Content-Type: text/html; charset=utf-16\n",
            b"Content-Type: message/delivery-status\n",
            b"Content-Transfer-Encoding: base64\n",
            b"Content-Transfer-Encoding: quoted-printable\n",
            b"To: Ada <ada@example.org\n",
            b"Content-Disposition: attachment; filename*0*=x'y'ada%40; filename*1=example.org\n",
            b"\n",
            b"--x\n",
            b"--x--\n",
            b"ada@<i>example.org</i> \xff\n",
            b"\x00\r\x0b ada@example.org\n",
        ]
    ),
    max_size=12,
)


@given(HOSTILE)
def test_no_order_of_the_pieces_makes_it_fail(pieces):
    """Headers, bounds and texts in any order are read, and redacted."""
    assert not names_her(without_her(b"".join(pieces)))


@pytest.mark.parametrize(
    "raw",
    [
        b"To: " + b'\\"' * 100_000,
        b"To: " + b"(\\(" * 100_000,
        b"To: " + b"a" * 200_000 + b"@",
        b"To: " + b"<" * 200_000,
        b"To: @" + b" " * 200_000,
        b"Subject: " + b"=?" * 100_000,
        b"Subject: " + b"=?utf-8?q?" * 50_000,
        b"Subject: =?utf-8?q?x?=" + b" " * 200_000,
        b"Content-Type: text/html\n\n" + b"<!--" * 100_000,
        b"Content-Type: text/html\n\n" + b"</b" * 100_000,
        b"Content-Type: text/html\n\n" + b"&" * 200_000,
        b"Content-Type: text/plain; " + b"a=b; " * 20_000 + b"\n\n",
        b"Content-Type: text/html\n\n" + b'<a "=' * 100_000,
        b"Content-Type: text/html\n\n" + b'<a ="<a "' * 100_000,
        b"Content-Type: text/html\n\n" + b"<a =" * 100_000,
        b"Content-Type: text/html\n\n<a " + b"='x" * 100_000,
        b"Content-Type: text/plain\n\n" + b"begin 644 a\n" * 50_000,
    ],
    ids=range(17),
)
def test_a_message_made_to_be_slow_is_not(raw):
    """Hostile headers and texts are read in seconds, however they are made."""
    started = time.process_time()
    message = mime.parse(raw)
    assert [] == [one for one in mime.parties(message) if is_theirs(one.address)]
    assert not names_her(raw)
    assert time.process_time() - started < 5


def test_a_long_head_is_redacted_in_a_time_that_grows_with_it():
    """Anybody may send a message with thousands of headers."""
    raw = b"To: Ada <ada@example.org>\n" + b"".join(b"X-%d: y\n" % n for n in range(20_000)) + b"\nx\n"
    started = time.process_time()
    assert ADA.encode() not in mime.redacted(raw, find, is_theirs)
    assert time.process_time() - started < 5


def test_addresses_written_with_blanks():
    """RFC 5322 section 4.4 lets blanks stand around the signs of an address."""
    parties = list(
        mime.parties(mime.parse(b"From: ada @ example . org\nTo: Ada (x) <ada@ example.org>, Bob B. b@x.org\n\n"))
    )
    assert [ADA, ADA, "b@x.org"] == [one.address for one in parties]


@pytest.mark.parametrize(
    ("raw", "unread"),
    [
        (part("application/pdf", b"%PDF"), True),
        (part("application/zip", b"UEs=", "base64"), True),
        (part("text/plain", b"begin 644 x.txt\n" + binascii.b2a_uu(b"ada@example.org") + b"`\nend\n"), True),
        (part("message/rfc822", base64.encodebytes(part("application/pdf", b"%PDF")), "base64"), True),
        (part("application/pdf", b""), False),
        (part("image/png", b"\x89PNG"), False),
        (part("application/pgp-signature", b"x"), False),
        (part("text/plain", b"begin 644 things\nthat we forgot\n"), False),
        (part("application/json", b"{}"), False),
    ],
)
def test_what_is_not_read_is_known(raw, unread):
    """Archives and documents may name people, and nobody has read them."""
    assert unread == mime.unread(mime.parse(raw))
