"""Whom the gate is asked about, in the spellings that lists have: known, or not read; never let through."""

import pytest

from shared.domain.errors import UsageError
from shared.domain.identifier import EMAIL, PHONE, Identifier
from shared.inventory import Client
from tests.workers.gate.conftest import ADA_PHONE
from workers.gate import Gate
from workers.gate.reading import identify, stands_for

CLIENT = Client(name="Acme", country="DE", timezone="UTC", contact="dpo@acme.example")

ADA = [
    " ADA@Example.org.", "mailto:ada@example.org", "ada@\uff45xample.org", "a\u00adda@example.org",
    "ada\U000e0041@example.org", "ada\U000e0100@example.org", "\u202aada@example.org\u202c",
]  # fmt: skip
NO_ADDRESS = [
    "ada@example.org\0", "\0ada@example.org", "ada@example.org\x7f", "ada@example.org\x85b", "ada@example.org/",
    "mailto:ada@example.org?subject=x", "ada@example.org#", "ada@example.org:25", "ada@example.org(x)",
    "(x)ada@example.org", "[ada@example.org]", "{ada@example.org}", "ada@example.org|x", "tel:ada@example.org",
    "ada@example..org", "ada@example.org%00", "a\\da@example.org", "ada\udcff@example.org", "ada@exa\ue000mple.org",
    "Ada <ada@example.org>", "ada@example.org,bob@example.org", "",
]  # fmt: skip


@pytest.mark.parametrize("raw", ADA)
def test_an_address_is_one_in_each_spelling(raw):
    """Case, width, what nobody sees and a link's scheme make no other of it."""
    assert Identifier(EMAIL, "ada@example.org") == identify(CLIENT, EMAIL, raw)


@pytest.mark.parametrize("raw", NO_ADDRESS)
def test_what_only_holds_an_address_is_none(raw):
    """Compared as it stands it would be nobody's, and so let through."""
    assert identify(CLIENT, EMAIL, raw) is None


@pytest.mark.parametrize("raw", ["+49 30 123456 oder 7", "+4930123456p5", "+4930123456 w5", "0800 ADA", "30123456 Ada"])
def test_letters_are_no_number(raw):
    """A second number, a pause or a name would be dialled as digits: another number, which nobody objected to."""
    assert identify(CLIENT, PHONE, raw) is None


@pytest.mark.parametrize(
    "raw", ["+4930123456;ext=5", "030 123456 ext. 5", "+4930123456x5", "030/123456 x5", "tel:+4930123456,5"]
)
def test_an_extension_is_its_numbers_too(raw):
    """Who objects to calls at a number is not called at its extensions; two extensions stay two people."""
    one = identify(CLIENT, PHONE, raw)
    assert [Identifier(PHONE, "+4930123456;ext=5"), Identifier(PHONE, "+4930123456")] == stands_for(one)
    assert [Identifier(PHONE, "+4930123456")] == stands_for(Identifier(PHONE, "+4930123456"))


def test_whoever_is_named_twice_is_asked_for_twice(line):
    """Of an address and a number each has to be allowed; one that cannot be read is not passed over."""
    with Gate(line.office.settings) as gate:

        def asked(**who):
            return gate.check(client="acme", purpose="direct-marketing", **who)

        assert ("deny", "objection") == asked(email="new@example.org", phone=ADA_PHONE)
        assert ("deny", "objection") == asked(email="no address", phone=ADA_PHONE)
        assert ("deny", "objection") == asked(phone=f"{ADA_PHONE} ext 5")
        assert ("unknown", "this is no phone number") == asked(email="new@example.org", phone="12")
        assert ("unknown", "this is no email") == asked()
        assert "allow" == asked(email="new@example.org", phone="+49309999999")[0]


@pytest.mark.parametrize(
    "purpose", ["direct-marketing ", "direct\u2011marketing", "direct-marketing\n", "*", "", "\ud800"]
)
def test_a_purpose_that_no_ticket_names_is_wrong_use(line, purpose):
    """With a blank too many nothing would stand against it."""
    with Gate(line.office.settings) as gate, pytest.raises(UsageError, match="a purpose has letters"):
        gate.check(client="acme", purpose=purpose, email="ada@example.org")
