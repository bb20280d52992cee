"""What the person is in a message, and what becomes of other people in the person's copy."""

import pytest
from pydantic import ValidationError

from shared import mime
from shared.domain.identifier import EMAIL, Identifier, Subject
from shared.mail import MailSettings, Reader

ADA = Subject(frozenset({Identifier(EMAIL, "ada@example.org")}))


def reader():
    """Read as a client whose own addresses are at acme.example."""
    return Reader(ADA, lambda one: one.value.endswith("@acme.example"))


@pytest.mark.parametrize(
    ("head", "shared", "role"),
    [
        ("From: ada@example.org\nTo: s@acme.example", False, "sender"),
        ("From: ada@example.org\nTo: bob@example.org", True, "sender"),
        ("From: ada@example.org\nTo: ada@example.org, bob@example.org", True, "sender"),
        ("From: bob@example.org\nSender: ada@example.org\nTo: s@acme.example", True, "sender"),
        ("From: form@acme.example\nReply-To: ada@example.org\nTo: bob@example.org", True, "sender"),
        ("From: bob@example.org\nTo: ada@example.org", True, "recipient"),
        ("From: bob@example.org\nTo: ada@example.org\nCc: s@acme.example", True, "recipient"),
        ("From: s@acme.example\nTo: ada@example.org", False, "recipient"),
        ("From: bob@example.org\nReply-To: list@example.org\nTo: ada@example.org", True, "recipient"),
        ("From: bob@example.org\nTo: ada@example.org, eve@example.org", True, "many"),
        ("From: s@acme.example\nTo: s@acme.example\nBcc: ada@example.org, eve@example.org", True, "many"),
        ("From: bob@example.org\nTo: eve@example.org\nResent-To: ada@example.org", True, "many"),
    ],
)
def test_a_role_is_read_from_the_headers(head, shared, role):
    """Who wrote it, was its only recipient, or one of many; the client's own addresses are nobody."""
    letter = reader().read(head.encode() + b"\n\nx\n")
    assert ("subject", shared, role) == (letter.how, letter.shared, letter.role)


def test_one_word_is_the_rule_of_every_role():
    """The plain string means what it always meant; a table may leave roles out."""
    one = MailSettings(shared_messages="keep").shared_messages
    assert ["keep"] * 3 == [one.of(role) for role in ("sender", "recipient", "many")]
    some = MailSettings(shared_messages={"many": "delete"}).shared_messages
    assert ["redact", "redact", "delete"] == [some.of(role) for role in ("sender", "recipient", "many")]
    with pytest.raises(ValidationError):
        MailSettings(shared_messages={"author": "keep"})


def test_other_people_are_taken_out_of_a_copy():
    """Addresses of others and their full names go, in headers, texts and HTML; the person's and the client's stay."""
    raw = (
        b"From: Ada <ada@example.org>\nTo: Bob Builder <bob@example.org>, s@acme.example\n"
        b"Content-Type: multipart/mixed; boundary=x\n\n--x\n\nBob Builder or bob@example.org, not Bobby; "
        b"ada@example.org\n"
        b"--x\nContent-Type: text/html\n\n<a href='mailto:bob@example.org'>Bob <b>Builder</b></a>\n--x--\n"
    )
    shown = reader().without_others(raw)
    assert b"bob@" not in shown
    assert b"Builder" not in shown
    assert b"not Bobby; ada@example.org" in shown
    assert ["ada@example.org", mime.NOBODY, "s@acme.example"] == [
        one.address for one in mime.parties(mime.parse(shown))
    ]
    assert shown is reader().without_others(shown)
