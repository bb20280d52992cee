"""Identifiers: normalised once, compared exactly; what is doubtful goes to a person."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from shared.domain.identifier import (
    EMAIL,
    PHONE,
    Identifier,
    Subject,
    Traits,
    at_odds,
    normalise,
    normalise_name,
    spellings,
    split_addresses,
    verdict,
)

LOCAL = st.from_regex(r"[a-z0-9]{1,10}([._-][a-z0-9]{1,8})?", fullmatch=True)
DOMAIN = st.from_regex(r"[a-z]{1,8}\.(test|example|org)", fullmatch=True)
ADDRESS = st.builds("{}@{}".format, LOCAL, DOMAIN)


def email(text):
    """Return an e-mail identifier, as it is compared."""
    return Identifier(EMAIL, text)


def phone(text):
    """Return a phone identifier in E.164."""
    return Identifier(PHONE, text)


ADA, BOB, HOUSE = email("ada@example.org"), email("bob@example.org"), phone("+4930231250001")
VISITOR = Identifier("visitor", "v-17")


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ("ada@example.org", "ada@example.org"),
        (" Ada@Example.ORG ", "ada@example.org"),
        ("mailto:ada@example.org", "ada@example.org"),
        ("MAILTO:Ada@example.org", "ada@example.org"),
        ("ada@example.org.", "ada@example.org"),
        ("ａｄａ@example.org", "ada@example.org"),  # noqa: RUF001 - full-width letters
        ("ada+shop@example.org", "ada+shop@example.org"),
        ("udo@bücher.example", "udo@xn--bcher-kva.example"),
        ("Udo@BÜCHER.example", "udo@xn--bcher-kva.example"),
        ("udo@bu\u0308cher.example", "udo@xn--bcher-kva.example"),
        ("udo@XN--BCHER-KVA.example", "udo@xn--bcher-kva.example"),
        ("udo@straße.example", "udo@xn--strae-oqa.example"),
        ("udo@strasse.example", "udo@strasse.example"),
        ("udo@bü_cher.example", "udo@bü_cher.example"),
        ("o'neil@example.org", "o'neil@example.org"),
        ("ada@localhost", None),
        ("ada example.org", None),
        ("ada@@example.org", None),
        ("<ada@example.org>", None),
        ("", None),
        (None, None),
        (0, None),
    ],
)
def test_an_email_address_has_one_form(raw, value):
    """Folded, bare, without the final dot; what is none is None."""
    assert (email(value) if value else None) == normalise(EMAIL, raw)


def test_plus_addresses_only_where_the_client_says_so():
    """`ada+x@` is `ada@` by the client's rule alone."""
    assert ADA == normalise(EMAIL, "Ada+shop@example.org", plus_addresses=True)
    assert ADA != normalise(EMAIL, "ada+shop@example.org")


@given(ADDRESS, LOCAL)
def test_jimbob_is_not_bob(address, prefix):
    """An address with something before or behind it is another person's."""
    mine = normalise(EMAIL, address)
    subject = Subject(frozenset({mine}))
    for other in (prefix + address, address + prefix, address.replace("@", prefix + "@"), prefix + "." + address):
        found = normalise(EMAIL, other)
        assert found != mine
        assert "other" == verdict(subject, Traits(frozenset({found} if found else ())))


LABEL = st.text("abcäöüßéñøğ日本語ж", min_size=1, max_size=12)


@given(LOCAL, LABEL)
def test_an_internationalised_domain_has_one_form(local, label):
    """RFC 5891: as people write it and as mail servers do; and both are among its spellings."""
    written = f"{local}@{label}.example"
    one = normalise(EMAIL, written)
    assert one.value.isascii()
    assert one == normalise(EMAIL, one.value) == normalise(EMAIL, f"{local}@{label.upper().replace('SS', 'ß')}.EXAMPLE")
    assert {one.value, written} == set(spellings(one.value))


def test_spellings_of_a_plain_address_are_one():
    """An address without a special letter, or with a domain that only looks like one, is itself."""
    assert ("ada@example.org",) == spellings("ada@example.org")
    assert ("ada@xn--a.example",) == spellings("ada@xn--a.example")


@given(ADDRESS)
def test_an_address_is_found_however_it_is_written(address):
    """Case and blanks do not matter, and normalising again changes nothing."""
    made = normalise(EMAIL, address)
    assert made == normalise(EMAIL, f"  {address.upper()} ") == normalise(EMAIL, made.value)


@pytest.mark.parametrize(
    "raw",
    [
        "+4930231250001", "+49 30 231 250 001", "+49 (0)30 231250001", "0049 30 231250001", "030/231250001",
        "(030) 231-250-001", "030 231250001", "+49-30-231250001", "tel:+49-30-231250001", "\u00a0030 231250001",
    ],
)  # fmt: skip
def test_a_phone_number_has_one_form(raw):
    """However it is spelt, a number read in its country is E.164."""
    assert HOUSE == normalise(PHONE, raw, region="DE")


@pytest.mark.parametrize("raw", ["", None, "1", "anonymous", "+", "0" * 40, "not a number", "030 231250001 and more"])
def test_what_is_no_phone_number_is_none(raw):
    """Neither too short, nor too long, nor a word."""
    assert normalise(PHONE, raw, region="DE") is None


def test_a_number_without_a_country_needs_a_region():
    """A national number means nothing without one, and another in another country."""
    assert normalise(PHONE, "030 231250001") is None
    assert normalise(PHONE, "020 7946 0018", region="DE") != normalise(PHONE, "020 7946 0018", region="GB")


@given(st.from_regex(r"[1-9][0-9]{6,8}", fullmatch=True), st.data())
def test_spellings_of_one_number_are_one(subscriber, data):
    """Blanks, dashes, brackets and the ways to write the country make no other number."""
    plain = normalise(PHONE, f"+4930{subscriber}")
    assume(plain is not None)
    marks = data.draw(st.lists(st.sampled_from(["", " ", "-"]), min_size=len(subscriber), max_size=len(subscriber)))
    spelt = "".join(digit + mark for digit, mark in zip(subscriber, marks, strict=True)).strip(" -")
    for head in ("+49 30 ", "0049 30 ", "030 ", "(030) ", "+49 (0)30 "):
        assert plain == normalise(PHONE, head + spelt, region="DE")


@given(st.from_regex(r"[1-9][0-9]{7}", fullmatch=True), st.from_regex(r"[1-9][0-9]{7}", fullmatch=True))
def test_two_numbers_stay_two(one, other):
    """Different subscribers never become one."""
    assume(one != other)
    assert normalise(PHONE, f"+4930{one}") != normalise(PHONE, f"+4930{other}")


def test_other_ids_keep_their_case():
    """They are stripped, and compared as they are."""
    assert Identifier("visitor_id", "V-17") == normalise("visitor_id", " V-17 ")
    assert normalise("visitor_id", "v-17") != normalise("visitor_id", "V-17")
    assert Identifier("account", "17") == normalise("account", 17)
    assert normalise("visitor_id", "  ") is None


def test_names_are_compared_folded():
    """Case and blanks do not matter to a name."""
    assert "ada lovelace" == normalise_name("  ADA\t Lovelace ")


@pytest.mark.parametrize(
    ("subject", "record", "said"),
    [
        (Subject(frozenset({ADA})), Traits(frozenset({ADA})), "sure"),
        (Subject(frozenset({ADA})), Traits(frozenset({ADA, BOB})), "sure"),
        (Subject(frozenset({ADA})), Traits(frozenset({BOB})), "other"),
        (Subject(frozenset({ADA})), Traits(), "other"),
        (Subject(), Traits(frozenset({ADA})), "other"),
        (Subject(names=frozenset({"ada"})), Traits(names=frozenset({"ada"})), "other"),
        (Subject(frozenset({ADA}), frozenset({BOB})), Traits(frozenset({BOB})), "sure"),
        (Subject(frozenset({HOUSE})), Traits(frozenset({HOUSE})), "sure"),
        (Subject(frozenset({HOUSE})), Traits(frozenset({HOUSE, BOB})), "sure"),
        (Subject(frozenset({HOUSE, ADA})), Traits(frozenset({HOUSE, BOB})), "ambiguous"),
        (Subject(frozenset({HOUSE, ADA})), Traits(frozenset({HOUSE, BOB, ADA})), "sure"),
        (Subject(frozenset({HOUSE}), names=frozenset({"ada"})), Traits(frozenset({HOUSE}), frozenset({"bob"})),
         "ambiguous"),
        (Subject(frozenset({HOUSE}), names=frozenset({"ada"})), Traits(frozenset({HOUSE}), frozenset({"ada", "bob"})),
         "sure"),
        (Subject(frozenset({HOUSE}), names=frozenset({"ada"})), Traits(frozenset({HOUSE})), "sure"),
        (Subject(frozenset({ADA}), names=frozenset({"ada"})), Traits(frozenset({ADA}), frozenset({"bob"})), "sure"),
        (Subject(frozenset({VISITOR})), Traits(frozenset({VISITOR, BOB})), "sure"),
        (Subject(frozenset({VISITOR, ADA})), Traits(frozenset({VISITOR, BOB})), "sure"),
        (Subject(frozenset({ADA}), frozenset({VISITOR})), Traits(frozenset({VISITOR, BOB})), "ambiguous"),
        (Subject(frozenset({ADA}), frozenset({VISITOR})), Traits(frozenset({VISITOR})), "sure"),
        (Subject(frozenset({ADA}), frozenset({VISITOR}), frozenset({"ada"})),
         Traits(frozenset({VISITOR}), frozenset({"guest"})), "sure"),
        (Subject(frozenset({ADA}), frozenset({VISITOR}), frozenset({"ada"})),
         Traits(frozenset({VISITOR, BOB}), frozenset({"guest"})), "ambiguous"),
        (Subject(frozenset({ADA}), frozenset({VISITOR, HOUSE}), frozenset({"ada"})),
         Traits(frozenset({VISITOR, HOUSE}), frozenset({"guest"})), "sure"),
        (Subject(frozenset({HOUSE}), names=frozenset({"ada"})),
         Traits(frozenset({HOUSE}), frozenset({"+49 30 231250001"})), "sure"),
    ],
)  # fmt: skip
def test_a_record_is_theirs_doubtful_or_anothers(subject, record, said):
    """What was asked for decides; an address contradicts all else, a name a number only; no name matches."""
    assert said == verdict(subject, record)


@pytest.mark.parametrize(
    ("one", "other", "odd"),
    [
        (Traits(frozenset({HOUSE}), frozenset({"ada"})), Traits(frozenset({HOUSE}), frozenset({"bob"})), True),
        (Traits(frozenset({HOUSE}), frozenset({"ada"})), Traits(frozenset({HOUSE, BOB}), frozenset({"ada"})), False),
        (Traits(frozenset({VISITOR}), frozenset({"ada"})), Traits(frozenset({VISITOR}), frozenset({"guest"})), False),
        (Traits(frozenset({VISITOR, ADA}), frozenset({"ada"})), Traits(frozenset({VISITOR, BOB})), True),
        (Traits(frozenset({VISITOR, ADA}), frozenset({"ada"})), Traits(frozenset({VISITOR, BOB}), frozenset({"bob"})),
         True),
    ],
)  # fmt: skip
def test_records_that_share_what_decides_nothing_may_be_at_odds(one, other, odd):
    """Two addresses are two people unless their name is one; two names are only beside a number."""
    assert odd == at_odds([one, other])


def test_a_subject_normalises_by_its_clients_rules():
    """Region and plus addresses are the client's."""
    subject = Subject(frozenset({ADA, HOUSE}), frozenset({BOB}), region="DE", plus_addresses=True)
    assert HOUSE == subject.normalise(PHONE, "030 231250001")
    assert ADA == subject.normalise(EMAIL, "ada+x@example.org")
    assert frozenset({"ada@example.org", "bob@example.org"}) == subject.of_kind(EMAIL)
    assert frozenset({ADA, HOUSE, BOB}) == subject.identifiers


def test_addresses_are_cut_out_of_a_text():
    """Each address of a header value, as written."""
    text = '"Ada, E." <Ada@example.org>, bob@example.org; nobody'
    assert ["Ada@example.org", "bob@example.org"] == list(split_addresses(text))


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ("030 123456", "+4930123456"),
        ("9 030 123456", "+4930123456"),
        ("9030123456", "+4930123456"),
        ("9-(030) 123456", "+4930123456"),
        ("0 030 123456", "+4930123456"),
        ("0030123456", "+4930123456"),  # of ten digits at least are numbers in Greece
        ("0049 30 123456", "+4930123456"),
        ("0 0049 30 123456", "+4930123456"),
        ("000493012\u20113456", "+4930123456"),
        ("9004930123456", "+4930123456"),
        ("+49 30 123456", "+4930123456"),
        ("00302101234567", "+302101234567"),
        ("4930123456", "+4930123456"),
        ("101", None),
        ("9101", None),
        ("*97", None),
        ("s", None),
    ],
)
def test_a_number_is_read_as_it_was_dialled(raw, value):
    """What is dialled for an outside line is no part of the number; an internal extension is no number."""
    assert (phone(value) if value else None) == normalise(PHONE, raw, region="DE", trunk=("9", "0"))


@given(st.integers(2_000_000, 99_999_999), st.sampled_from(["030", "004930", "+4930"]), st.sampled_from(["", "9", "8"]))
def test_an_outside_line_makes_no_other_number(subscriber, beginning, prefix):
    """However it is written and through whatever line it is dialled, it is one number."""
    assume(not (prefix and beginning.startswith("+")))
    dialled = f"{prefix}{beginning}{subscriber}"
    assert phone(f"+4930{subscriber}") == normalise(PHONE, dialled, region="DE", trunk=("9", "8"))


def test_a_country_without_a_national_prefix_dials_out_as_well():
    """In America the digit before ten others is the outside line's."""
    assert phone("+12125551234") == normalise(PHONE, "9 212 555 1234", region="US", trunk=("9",))
    assert phone("+12125551234") == normalise(PHONE, "912125551234", region="US", trunk=("9",))
    assert phone("+4930123456") == normalise(PHONE, "9011 49 30 123456", region="US", trunk=("9",))
    assert phone("+34911234567") == normalise(PHONE, "0911234567", region="ES", trunk=("0",))


def test_an_apostrophe_is_part_of_an_address():
    """O'Brien has an address, and it is not Brien's; quotes around one are none of it."""
    assert normalise("email", "O'Brien@acme.test") == Identifier("email", "o'brien@acme.test")
    assert ["o'brien@acme.test"] == list(split_addresses("to o'brien@acme.test"))
    assert ["brien@acme.test"] == list(split_addresses("to 'brien@acme.test'"))
