"""The index of exported messages names nobody but the person, the vendor and the client."""

from shared.domain.identifier import EMAIL, Identifier, Subject
from shared.mail import Reader
from shared.mail.index import row

READER = Reader(
    Subject(frozenset({Identifier(EMAIL, "ada@example.org")})), lambda one: one.value.endswith("@acme.example")
)


def test_a_subject_shows_no_address_of_others():
    """They are the pseudonyms that stand under `from`; the person's and the client's addresses stay."""
    raw = (
        b"From: bob@example.org\nTo: ada@example.org, s@acme.example\n"
        b"Subject: =?utf-8?q?F=C3=BCr_Bob=40example=2Eorg?= (ada@example.org; s@acme.example, bob@example.org)\n\nx\n"
    )
    shown = row(raw, "1.eml", READER, b"k" * 32)
    bob = shown["from"]
    assert "bob@" not in bob
    assert f"F\u00fcr {bob} (ada@example.org; s@acme.example, {bob})" == shown["subject"]
    assert "ada@example.org, s@acme.example" == shown["to"]
