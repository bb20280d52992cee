"""Masking: the contract of every strategy, said once, and what each adds."""

import re
from typing import ClassVar

import phonenumbers
import pytest
from email_validator import validate_email
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from shared import masking
from shared.domain.errors import UsageError
from shared.domain.identifier import Identifier, Subject
from shared.freetext import find, stands_in
from shared.masking.freetext import redact, redact_others

KEY, OTHER = b"k" * 32, b"o" * 32
NAMES = st.text(min_size=4).filter(lambda text: text not in "p-[redacted]@masked.invalid")
EMAILS = st.from_regex(r"[a-z]{1,8}(\.[a-z]{1,8})?@[a-z]{2,10}\.(test|example)", fullmatch=True)
PHONES = st.builds(
    "{}{}".format,
    st.sampled_from(["+49 30 ", "+4930", "030/", "(0151) ", "+1 202-", "0044 20 ", "+358 9 ", "(+43) 1 ", "01632 "]),
    st.from_regex(r"[1-9][0-9]{6,7}", fullmatch=True),
)


class MaskContract:
    """What every strategy keeps; a subclass names it and says which values it is for."""

    name: ClassVar[str]
    values: ClassVar[st.SearchStrategy[str]] = NAMES
    idempotent: ClassVar[bool] = True

    # One test runs for each subclass, which is what hypothesis warns of.
    once_each = settings(suppress_health_check=[HealthCheck.differing_executors], max_examples=50, deadline=None)

    def mask(self, value, key=KEY, **options):
        """Mask by the strategy under test."""
        return masking.strategy(self.name)(value, key=key, **options)

    def test_null_stays_null(self):
        """A value that is not there is not made up."""
        assert self.mask(None) is None

    @once_each
    @given(data=st.data())
    def test_the_original_is_gone(self, data):
        """No mask contains the value that it masks."""
        value = data.draw(self.values)
        assert value not in (self.mask(value) or "")

    @once_each
    @given(data=st.data())
    def test_the_same_again(self, data):
        """The same value under the same key has the same mask."""
        value = data.draw(self.values)
        assert self.mask(value) == self.mask(value)

    @once_each
    @given(data=st.data())
    def test_the_key_decides(self, data):
        """Another key gives another mask, unless no key takes part."""
        value = data.draw(self.values)
        assert masking.keyless(self.name) == (self.mask(value) == self.mask(value, OTHER))

    @once_each
    @given(data=st.data())
    def test_masking_twice_is_masking_once(self, data):
        """A mask that is masked again, after a crash, stays as it is."""
        if self.idempotent:
            masked = self.mask(data.draw(self.values))
            assert masked == self.mask(masked)


class TestNull(MaskContract):
    name = "null"


class TestRedact(MaskContract):
    name = "redact"

    def test_what_stays(self):
        """Only the mark stays."""
        assert "[redacted]" == self.mask("Ada")


class TestHmac(MaskContract):
    name = "hmac"

    @given(NAMES, NAMES)
    def test_equal_values_stay_equal(self, one, other):
        """Pseudonyms can be joined and counted as the values could."""
        assert (one == other) == (self.mask(one) == self.mask(other))

    def test_shape(self):
        """A pseudonym is 32 hex digits, and a suffix that is asked for is put on once."""
        assert re.fullmatch("[0-9a-f]{32}", self.mask("Ada"))
        masked = self.mask("Ada", suffix="@masked.test")
        assert re.fullmatch("[0-9a-f]{32}@masked.test", masked)
        assert masked == self.mask(masked, suffix="@masked.test")

    @given(st.from_regex("[0-9a-f]{32}", fullmatch=True))
    def test_what_only_looks_like_a_pseudonym_is_masked(self, value):
        """Somebody's session id of 32 hex digits does not pass as masked already."""
        assert value != self.mask(value)


class TestRewrite(MaskContract):
    name = "rewrite"

    def test_what_stands_there(self):
        """The text and its suffix, whatever stood there."""
        assert "1234-test" == self.mask("Ada", text="1234", suffix="-test")


class TestRandom(MaskContract):
    name = "random"
    idempotent = False

    @given(NAMES, st.integers(0, 100))
    def test_shape(self, value, length):
        """So many letters and digits, then the suffix."""
        assert re.fullmatch(f"[a-z0-9]{{{length}}}@x", self.mask(value, length=length, suffix="@x"))


class TestIp(MaskContract):
    name = "ip"
    values = st.builds("10.0.{}.{}".format, st.integers(0, 255), st.integers(10, 255))

    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            ("203.0.113.77", "203.0.113.0"),
            ("2001:db8:1:2:3::4", "2001:db8:1::"),
            ("localhost", "[redacted]"),
        ],
    )
    def test_the_network_stays(self, value, expected):
        """The host's bits are zero; what is no address says nothing."""
        assert expected == self.mask(value)


class TestTruncate(MaskContract):
    name = "truncate"

    @pytest.mark.parametrize(
        ("value", "options", "expected"),
        [
            ("10115", {}, "101"),
            ("1980-02-03", {"length": 4}, "1980"),
            ("AB", {}, "AB"),
            ("Ada", {"length": 0}, ""),
            ("Ada Example", {"length": -2}, ""),
        ],
    )
    def test_what_stays(self, value, options, expected):
        """The first characters stay, three unless told, and never the last."""
        assert expected == self.mask(value, **options)


class TestEmail(MaskContract):
    name = "email"
    values = EMAILS

    @given(EMAILS)
    def test_still_an_address(self, value):
        """The mask is an address that never receives mail."""
        masked = self.mask(value)
        validate_email(masked.replace(".invalid", ".test"), check_deliverability=False, test_environment=True)
        assert masked.endswith("@masked.invalid")

    @given(EMAILS)
    def test_case_does_not_matter(self, value):
        """One person's address has one pseudonym, however it was typed."""
        assert self.mask(value) == self.mask(f" {value.upper()}")


class TestPhone(MaskContract):
    name = "phone"
    values = PHONES
    idempotent = False

    @given(PHONES)
    def test_shape(self, value):
        """Plus, country code, separators and length stay."""
        masked = self.mask(value)
        assert re.sub(r"\d", "0", value) == re.sub(r"\d", "0", masked)
        assert value.startswith("+") <= (value[:3].strip() == masked[:3].strip())

    @given(PHONES)
    def test_nobody_is_called(self, value):
        """The mask is no number that anybody has, here or abroad."""
        for region in ("DE", "GB", "US"):
            number = phonenumbers.parse(self.mask(value), region)
            assert not phonenumbers.is_valid_number(number)

    @pytest.mark.parametrize(
        "value",
        ["030 123456 (Ada)", "unknown", "", "+", "1" * 100, "\u0660\u0661\u0662\u0663\u0664\u0665\u0666", "123"],
    )
    def test_what_is_no_number(self, value):
        """What is not a number is replaced as a whole, for it may be anything."""
        assert re.fullmatch(r"\+000\d{11}", self.mask(value))

    @given(st.text("0123456789+ -/()", max_size=20))
    def test_never_the_original(self, value):
        """Not even zeros stay as they are."""
        assert value != self.mask(value)

    def test_spellings_of_one_number(self):
        """The digits decide, not the separators."""
        assert re.sub(r"\D", "", self.mask("+49 30 123456")) == re.sub(r"\D", "", self.mask("+49-30-123456"))


class TestFreetext(MaskContract):
    name = "freetext"
    values = st.builds("{} {}, {}".format, st.text("abc äöü.\n"), EMAILS, st.text("abc äöü.\n"))

    def test_what_stays(self):
        """The words between the identifiers stay byte for byte."""
        text = "Ada <ada@acme.test>, +49 30 123456, DE89370400440532013000 / 192.0.2.7\r\n"
        assert "Ada <[redacted]>, [redacted], [redacted] / [redacted]\r\n" == self.mask(text)

    @given(st.text())
    def test_text_without_identifiers_stays(self, text):
        """Where nothing is found, nothing changes."""
        assume(not find(text))
        assert text == self.mask(text)


ADA = Subject(
    given=frozenset(
        {
            Identifier("email", "ada@acme.test"),
            Identifier("phone_number", "+4930123456"),
            Identifier("visitor_id", "v-17"),
            Identifier("contact_id", "17"),
        }
    ),
    region="DE",
)
PIECES = st.sampled_from([
    *("ada@acme.test", "ADA@acme.test", "nada@acme.test", "030 123456", "+49 30 123456", "030/12 34 56", "v-17", "17"),
    *("v-171", " ", ", ", "-", "\n", "<", ">", ".", "+43", "0", "x", "[redacted]", "ä", "\\n", "/", "@", "_", "%40"),
])  # fmt: skip


@given(st.lists(PIECES, max_size=12).map("".join))
def test_nobody_stands_in_a_redacted_text(text):
    """After redaction the person is not found again, and a second one changes nothing."""
    redacted = redact(text, ADA)
    assert [] == stands_in(redacted, ADA)
    assert redacted == redact(redacted, ADA)


@given(st.one_of(st.text(), st.lists(PIECES, max_size=12).map("".join)))
def test_redaction_leaves_other_text_alone(text):
    """A text in which the person does not stand stays byte for byte."""
    assume(not stands_in(text, ADA))
    assert text == redact(text, ADA)


def test_redaction_leaves_other_people_alone():
    """Only the person asked for is redacted."""
    assert "[redacted] to bob@acme.test" == redact("Ada@ACME.test to bob@acme.test", ADA)


@pytest.mark.parametrize("value", ["redacted", "[redacted]", "[", "red"])
def test_an_id_that_looks_like_the_mark_ends(value):
    """An id that stands in the mark itself does not make redaction run for ever."""
    subject = Subject(given=frozenset({Identifier("visitor_id", value)}))
    assert redact(f"a {value} [redacted]", subject).count("redacted") in {2, 3}


def test_every_strategy_keeps_the_contract():
    """No strategy is left out of the contract."""
    assert set(masking.names()) == {tested.name for tested in MaskContract.__subclasses__()}


def test_what_may_be_called_anonymous():
    """Strategies with a key are pseudonymising, the others are not."""
    assert {"hmac", "email", "phone", "random"} == {name for name in masking.names() if not masking.keyless(name)}


@pytest.mark.parametrize("ask", [masking.strategy, masking.keyless])
@pytest.mark.parametrize(
    ("name", "near"), [("trunkate", "did you mean 'truncate'"), ("_keyed", ""), ("", ""), ("os.path", "")]
)
def test_an_unknown_strategy_stops(ask, name, near):
    """A strategy that does not exist is an error that lists those that do."""
    with pytest.raises(UsageError, match=rf"no masking strategy .*{near}.*email, freetext, hmac"):
        ask(name)


def test_nothing_of_others_stands_in_a_persons_copy():
    """Other people's accounts, cards and hosts go like their addresses; what is hers stays, in any spelling."""
    person = Subject(
        given=frozenset({Identifier("email", "ada@acme.test"), Identifier("iban", "GB29NWBK60161331926819")}),
        region="DE",
    )
    hers = "ada@acme.test, GB29 NWBK 6016 1331 9268 19"
    others = ("bob@acme.test", "030 1234567", "DE89 3704 0044 0532 0130 00", "4111 1111 1111 1111", "10.0.0.9")
    assert f"{hers}; {', '.join(['[redacted]'] * 5)}." == redact_others(f"{hers}; {', '.join(others)}.", person)
