"""The ticket: strict, and its errors quote no value."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from shared.domain.identifier import Identifier
from shared.domain.ticket import SubjectIn, Ticket, one_line

SECRET = "Zq7-ada-lovelace-secret"
GOOD = {
    "id": "6f8f0a52-0000-4000-8000-000000000001", "client": "acme", "right": "erasure",
    "received_at": "2026-01-31T10:00:00+01:00", "received_via": "email",
    "subject": {
        "email": ["ada@example.org"], "phone_number": ["+4930123456"], "name": "Ada Example",
        "other": {"visitor_id": "v-17"}, "represented_by": {"name": "Eve", "mandate": "power of attorney"},
    },
    "identity": {"method": "attested-by-client", "by": "agent-7", "at": "2026-01-31T10:05:00+01:00"},
    "instruction": "DPA-2026-01 §4", "callback_urls": ["https://client.example/dsr"], "details": {},
}  # fmt: skip


def wrong(raw):
    """Return the line about a wrong ticket."""
    with pytest.raises(ValidationError) as caught:
        Ticket.model_validate(raw)
    return one_line(caught.value)


def put(raw, path, value):
    """Return the ticket with another value at a place."""
    if not path:
        return value
    head, *tail = path
    if isinstance(raw, list):
        return [put(one, tail, value) if number == head else one for number, one in enumerate(raw)]
    return raw | {head: put(raw.get(head, {}), tail, value)}


def test_the_designs_example_is_valid():
    """The ticket of design section 9 is understood."""
    ticket = Ticket.model_validate(GOOD)
    assert GOOD["id"] == str(ticket.key)
    assert Ticket.model_validate(ticket.model_dump(mode="json")) == ticket
    assert "https://client.example/dsr" == str(ticket.callback_urls[0])


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (["colour"], SECRET, "colour: unknown key"),
        (["subject", "nickname"], SECRET, "subject.nickname: unknown key"),
        (["identity", SECRET], 1, "identity.?: unknown key"),
        (["client"], None, "client: "),
        (["client"], "a b", "client: "),
        (["client"], SECRET * 9, "client: "),
        (["received_at"], SECRET, "received_at: "),
        (["received_at"], "2026-01-31T10:00:00", "received_at: Input should have timezone info"),
        (["subject", "email", 0], SECRET, "subject.email.0: not an e-mail address"),
        (["subject", "email", 0], f"{SECRET}@", "subject.email.0: not an e-mail address"),
        (["subject", "email", 0], f"{SECRET * 20}@example.org", "subject.email.0: "),
        (["subject", "email"], f"{SECRET}@example.org", "subject.email: "),
        (["subject", "phone_number", 0], SECRET * 2, "subject.phone_number.0: "),
        (["subject", "name"], SECRET * 9, "subject.name: "),
        (["subject", "name"], "  ", "subject.name: "),
        (["subject", "other"], {SECRET + " x": "v"}, "subject.other.?"),
        (["subject", "other", "visitor_id"], "", "subject.other.visitor_id: "),
        (["subject", "represented_by", "mandate"], "", "subject.represented_by.mandate: "),
        (["subject"], SECRET, "subject: "),
        (["subject", "email", 0], "\ud800@example.org", "subject.email.0: "),
        (["identity", "at"], SECRET, "identity.at: "),
        (["instruction"], SECRET * 20, "instruction: "),
        (["callback_urls", 0], SECRET, "callback_urls.0: "),
        (["callback_urls", 0], f"ftp://{SECRET}", "callback_urls.0: "),
        (["details"], SECRET, "details: "),
        ([], SECRET, "ticket: "),
        ([], [SECRET], "ticket: "),
    ],
)
def test_a_wrong_value_is_named_and_not_quoted(path, value, said):
    """The line says where and what rule; the value, which may be personal, stays out."""
    line = wrong(put(GOOD, path, value))
    assert line.startswith(said)
    assert SECRET not in line
    assert SECRET.lower() not in line.lower()
    assert "\n" not in line


PLACES = [
    ["id"], ["client"], ["right"], ["received_at"], ["subject"], ["subject", "email"], ["subject", "email", 0],
    ["subject", "name"], ["subject", "other"], ["subject", "represented_by"], ["identity"], ["identity", "method"],
    ["identity", "at"], ["instruction"], ["callback_urls"], ["callback_urls", 0], ["details"], ["extra"],
]  # fmt: skip
ANY = st.one_of(
    st.text(alphabet="qxzQXZ \n\u00e9", min_size=1).map(lambda text: SECRET + text + SECRET),
    st.lists(st.just(SECRET), min_size=1, max_size=2),
    st.dictionaries(st.just(SECRET + "!"), st.just(SECRET), min_size=1),
    st.integers(10**15, 10**16),
)


@settings(max_examples=200)
@given(st.sampled_from(PLACES), ANY)
def test_no_error_quotes_a_value(path, value):
    """Wherever a stray value stands, and of whatever type it is, the line does not have it."""
    try:
        Ticket.model_validate(put(GOOD, path, value))
    except ValidationError as error:
        line = one_line(error)
        assert SECRET not in line
        assert not isinstance(value, int) or str(value) not in line
        assert "\n" not in line


def test_several_errors_are_one_line():
    """The first is said, the rest are counted."""
    assert "client: missing (and 2 more)" == wrong({})


def test_a_prefix_stands_in_front():
    """Details are validated apart, and their place is under `details`."""
    with pytest.raises(ValidationError) as caught:
        SubjectIn.model_validate({"x": 1})
    assert "details.x: unknown key" == one_line(caught.value, "details")


def test_a_ticket_is_frozen():
    """Nobody changes it on its way."""
    with pytest.raises(ValidationError):
        Ticket.model_validate(GOOD).right = "access"


def test_a_subject_is_normalised_by_the_client():
    """Addresses, numbers in the client's region, other ids and the name; what cannot be read is named."""
    subject = SubjectIn(email=["Ada@Example.org"], phone_number=["030 123456"], name="Ada  Example", other={"v": "17"})
    found = subject.resolve(region="DE", plus_addresses=False)
    assert {
        Identifier("email", "ada@example.org"), Identifier("phone_number", "+4930123456"), Identifier("v", "17"),
    } == found.given  # fmt: skip
    assert frozenset({"ada example"}) == found.names
    assert [] == subject.unreadable(region="DE")
    assert ["subject.phone_number.0"] == subject.unreadable(region=None)


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("subjct", "subjct: unknown key"), ("recieved_at", "recieved_at: unknown key"),
        ("emails", "emails: unknown key"),
        ("ada", "?: unknown key"), ("example", "?: unknown key"), ("lovelace", "?: unknown key"),
    ],
)  # fmt: skip
def test_a_made_up_key_is_named_if_it_resembles_one(key, expected):
    """A slip of the pen is shown; what may be somebody's name is not."""
    with pytest.raises(ValidationError) as caught:
        Ticket.model_validate(GOOD | {key: 1})
    assert expected == one_line(caught.value, model=Ticket)
