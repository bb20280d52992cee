"""Identifiers in free text: which are found, which are not, and where one person stands."""

import random
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.domain.errors import UsageError
from shared.domain.identifier import Identifier, Subject, normalise
from shared.freetext import find, stands_in
from tests.shared.transcripts import REGIONS, scores, transcript

ROOT = Path(__file__).parents[2]


def kinds(text, **options):
    """Return kind and text of each span found."""
    return [(span.kind, text[span.start : span.end]) for span in find(text, **options)]


def standing(text, subject):
    """Return the text of each span in which the subject stands."""
    return [text[start:end] for start, end in stands_in(text, subject)]


@pytest.mark.parametrize("sought", ["udo@bücher.example", "udo@xn--bcher-kva.example"])
@pytest.mark.parametrize(
    "written",
    ["udo@bücher.example", "Udo@BÜCHER.example", "udo@xn--bcher-kva.example", "udo@bu\u0308cher.example"],
)
def test_an_internationalised_domain_stands_in_a_text_however_it_is_written(sought, written):
    """As people write it, as mail servers do, and with its marks apart."""
    subject = Subject(frozenset({normalise("email", sought)}))
    assert [written] == standing(f"write to {written}, please", subject)
    assert [] == standing(f"write to x{written}, please", subject)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mail bob@acme.test.", "bob@acme.test"),
        ("<Bob.O'Neil+x@sub.acme.co.uk>", "Bob.O'Neil+x@sub.acme.co.uk"),
        ("'bob@acme.test'", "bob@acme.test"),
        ("?mail=bob@acme.test&x", "bob@acme.test"),
        ("jörg@müller.example ja", "jörg@müller.example"),
        (r'{"text": "Hi\nbob@acme.test"}', "bob@acme.test"),
        ("030123456@sip.acme.test", "030123456@sip.acme.test"),
    ],
)
def test_emails(text, expected):
    """An address is found without the punctuation around it."""
    assert [("EMAIL", expected)] == kinds(text)


@pytest.mark.parametrize(
    "text",
    [
        *("user@host", "@acme", "icon@2x.png", "lodash@4.17.21", "a@b.c", "postgres://app:secret@db.acme.test/x"),
        *("bob@acme..test", "bob.@acme.test", "bob@acme.test1", "bob@-acme.test"),
    ],
)
def test_no_emails(text):
    """What has an @ is not always an address."""
    assert [] == kinds(text)


@pytest.mark.parametrize(
    "number",
    [
        *(
            "+49 30 123456",
            "+4930123456",
            "+49 (0)30 123456",
            "0049 30 123456",
            "030/123456",
            "030 123456",
            "(030) 12 34 56",
        ),
        *("030-123456", "0151 12345678", "015112345678", "0 30 / 123 456", "(+49) 30 123456", "0 89 / 1234 5678"),
        *("020 7946 0958", "+44 20 7946 0958", "07700 900123", "(0113) 496 0000", "+44 (0)7700 900123", "0800 1111111"),
        *("(202) 555-0123", "202-555-0123", "202.555.0123", "+1 202 555 0123", "1-800-555-0199", "(555) 123-4567"),
        *(
            "2025550123",
            "+1 (202) 555-0123 x12",
            "011 49 30 123456",
            "+33 1 23 45 67 89",
            "+39 06 698 12345",
            "+800 1234 5678",
        ),
        *("+49\u00a030\u00a0123456", "+49 30 123\u2011456", "\uff0b\uff14\uff19 30 123456"),
    ],
)
@pytest.mark.parametrize("around", ["{}", "Bitte unter {} anrufen.", "call me ({}), please", "x\n{}\ny", "tel:{}"])
def test_phones(number, around):
    """Phone numbers are found as people in Germany, Britain and the USA write them."""
    assert [("PHONE", number)] == kinds(around.format(number))


@pytest.mark.parametrize(
    "text",
    [
        *(
            "2024-01-15 10:30:00",
            "15.01.2024 08:15",
            "01/15/2024",
            "1700000000",
            "order no. 2025550199",
            "12.345.678,90 EUR",
        ),
        *(
            "Bestellnummer 0301234567",
            "INV-0301234567",
            "0-306-40615-2",
            "978-0-306-40615-7",
            "4006381333931",
            "#0301234567",
        ),
        *("https://acme.test/t/0301234567", "0301234567.pdf", "12345678-1234-1234-1234-123456789012", "10115 Berlin"),
        *(
            "1 2 3 4 5 6 7 8 9 10 11 12",
            "£0301234567",
            "3.1415926535",
            "+1",
            "+1 234",
            "(2024)",
            "A0301234567",
            "2023-2024",
        ),
    ],
)
def test_no_phones(text):
    """Dates, times, amounts and the numbers of orders and books are no phone numbers."""
    assert [] == kinds(text)


def test_a_word_decides_where_digits_do_not():
    """The same digits are a phone number where they are called one."""
    assert [] == kinds("Rechnung 5551234567")
    assert [("PHONE", "5551234567")] == kinds("Rechnung 12: Rückruf unter 5551234567")
    assert [("PHONE", "030 1234567")] == kinds("Bei Fragen zur Rechnung: Kundenservice, 030 1234567")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("numéro de commande 0123456789", []),
        ("mon numéro : 01 23 45 67 89", ["01 23 45 67 89"]),
        ("my order. My number is 07400 123456", ["07400 123456"]),
        ("2015550123 19283", []),
        ("+31101234567 1 2 3", ["+31101234567"]),
        ("for 5 € +1 202-555-0123", ["+1 202-555-0123"]),
        ("BLZ 10020030, Kto. 2015550123", []),
    ],
)
def test_what_stands_around_a_number(text, expected):
    """Words and numbers beside it tell what a number is, in the same sentence only."""
    assert expected == [found for kind, found in kinds(text, regions=REGIONS) if kind == "PHONE"]


def test_regions():
    """National numbers are read as in the regions asked for, international ones everywhere."""
    assert [("PHONE", "912 345 678")] == kinds("912 345 678", regions=("ES",))
    assert [] == kinds("202-555-0123", regions=("DE",))
    assert [("PHONE", "+34 912 345 678")] == kinds("+34 912 345 678", regions=())
    with pytest.raises(UsageError, match="no numbering plan for region 'XX'"):
        find("030 123456", regions=("XX",))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("4111 1111 1111 1111", [("CARD", "4111 1111 1111 1111")]),
        ("card 5555-5555-5555-4444.", [("CARD", "5555-5555-5555-4444")]),
        ("3782 822463 10005", [("CARD", "3782 822463 10005")]),
        ("6011111111111117, 30569309025904", [("CARD", "6011111111111117"), ("CARD", "30569309025904")]),
        ("4111111111111112", []),
        ("order no. 4111111111111111", []),
        ("0.4111111111111111", []),
        ("9111111111111111", []),
        ("6759 6498 2640", []),
        ("card 6759 6498 2648, Visa 4000-000-000-006", [("CARD", "6759 6498 2648"), ("CARD", "4000-000-000-006")]),
        ("4111 1111 1111 1111 123", [("CARD", "4111 1111 1111 1111")]),
        ("2026 3333 4111 1111 1111 1111", [("CARD", "4111 1111 1111 1111")]),
        ("+4915121825405", [("PHONE", "+4915121825405")]),
        ("4006381333931", []),
        ("AT44 9295 4111 1111 1111 1111", []),
        ("4111 1111 1111 1111 030 1234567", [("CARD", "4111 1111 1111 1111"), ("PHONE", "030 1234567")]),
        ("DE89 3704 0044 0532 0130 00 BIC COBADEFF", [("IBAN", "DE89 3704 0044 0532 0130 00")]),
        ("gb29nwbk60161331926819", [("IBAN", "gb29nwbk60161331926819")]),
        ("NO93 8601 1117 947", [("IBAN", "NO93 8601 1117 947")]),
        ("DE88 3704 0044 0532 0130 00", []),
        ("XDE89370400440532013000", []),
        ("192.0.2.1:80 and 10.0.0.0/8", [("IP", "192.0.2.1"), ("IP", "10.0.0.0")]),
        ("http://192.0.2.1/", [("IP", "192.0.2.1")]),
        ("version 1.2.3.4, v1.2.3.4, Chrome/114.0.0.0, 1.2.3.4.5, 999.1.1.1, 1.2.3", []),
        ("[IPv6:2001:db8::1] fe80::1%eth0", [("IP", "2001:db8::1"), ("IP", "fe80::1")]),
        (
            "::ffff:192.0.2.1 ::1 2001:db8:0:1:2:3:4:5",
            [("IP", "::ffff:192.0.2.1"), ("IP", "::1"), ("IP", "2001:db8:0:1:2:3:4:5")],
        ),
        ("2001:db8::5: refused", [("IP", "2001:db8::5")]),
        ("12:30:45, std::vector, a::b, 00:11:22:33:44:55, ::", []),
    ],
)
def test_cards_accounts_and_hosts(text, expected):
    """Check digits and address rules decide, and a stricter kind is never taken for a looser one."""
    assert expected == kinds(text)


@given(st.text())
@example("@" * 1000)
@example("1" * 1000)
@example("1-" * 1000)
@example("a." * 1000 + "@" + "a." * 1000)
@example(":" * 1000)
@example("DE89" * 300)
def test_any_text(text):
    """Spans are in order, do not overlap and lie inside the text, whatever it is."""
    spans = find(text)
    edges = [edge for span in spans for edge in (span.start, span.end)]
    assert edges == sorted(edges)
    assert all(0 <= span.start < span.end <= len(text) for span in spans)


@pytest.mark.parametrize(
    "piece",
    [
        *("1 ", "4", "4111 ", "1-", "a@", "(", "+1", "1.", "a:", "DE12 ", ":1", "\\n", "\u00a0", "a.a@a."),
        *("\\", "\\u0", "%2", "%20", "&#", "&a;", "\u200b", "1\n", "123456\n>"),
    ],
)
def test_no_text_is_slow(piece):
    """Text made to be slow is read in a time that grows with its length only."""
    started = time.perf_counter()
    find(piece * 20_000)
    stands_in(piece * 20_000, ADA)
    assert time.perf_counter() - started < 5


PHONE_FORMS = (
    *(
        "+49 30 {:07}",
        "+49 (0)89 {:07}",
        "030/{:07}",
        "040 {:07}",
        "0171 {:07}",
        "+49171{:07}",
        "0049 30 {:07}",
        "(0221) {:07}",
    ),
    *("+44 20 7{:07}", "020 7{:07}", "+44 7911 {:06}", "07911 {:06}", "(212) 2{:06}", "+1 212-2{:06}", "1-212-2{:06}"),
)
NOISE_FORMS = (
    *(
        "Bestellung {:010}",
        "order #{:09}",
        "2024-03-{:02.0f} 10:{:02.0f}",
        "{:.2f} EUR",
        "Ticket {:08}",
        "Kunde {:07}",
        "v{:d}.1.2",
    ),
    *(
        "IMEI 35{:013}",
        "ISBN 978-3-{:05}-12-3",
        "{:d}",
        "PLZ {:05}",
        "INV-2024-{:06}",
        "{:05} Zeilen in {:d} ms",
        "EAN 40{:011}",
    ),
)


def test_recall_and_precision_of_phones():
    """Of made-up phone numbers among made-up other numbers at least 95 % are found; at least 80 % of the found are."""
    chance = random.Random(7)
    true, found, right = 0, 0, 0
    for _ in range(2000):
        form = chance.choice(PHONE_FORMS)
        number = form.format(chance.randrange(2_000_000, 9_999_999) % (10**6 if "06" in form else 10**7))
        noise = [chance.choice(NOISE_FORMS).format(chance.randrange(1, 10**7), chance.randrange(60)) for _ in range(3)]
        text = f"{noise[0]}; bitte {number}, {noise[1]}\n{noise[2]}"
        hits = [hit for kind, hit in kinds(text) if kind == "PHONE"]
        true, found, right = true + 1, found + len(hits), right + hits.count(number)
    assert right / true >= 0.95
    assert right / found >= 0.95


def test_recall_and_precision_in_transcripts():
    """In chats in three languages nearly all identifiers are found, and little else (`make bench T=freetext`)."""
    made = transcript(seed=11, lines=12_000)
    for kind, score in scores(made, find(made.text, regions=REGIONS)).items():
        assert score.expected > 300, kind
        assert score.recall >= (0.95 if kind == "PHONE" else 0.98), kind
        assert score.precision >= (0.80 if kind == "PHONE" else 0.98), kind


def test_no_network_is_needed():
    """Neither the import nor the first use opens a socket, looks up a name or reads a URL."""
    script = (
        "import sys\n"
        "def refuse(event, args):\n"
        "    if event.startswith(('socket.', 'urllib.', 'http.client.')):\n"
        "        raise SystemExit(f'{event} was called')\n"
        "sys.addaudithook(refuse)\n"
        "from shared.freetext import find\n"
        "text = 'bob@acme.test 030 1234567 4111 1111 1111 1111 DE89 3704 0044 0532 0130 00 192.0.2.1 +1 202-555-0123'\n"
        "print(*(span.kind for span in find(text)))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ("EMAIL PHONE CARD IBAN IP PHONE\n", "", 0) == (done.stdout, done.stderr, done.returncode)


ADA = Subject(
    given=frozenset({Identifier("email", "bob@acme.test"), Identifier("phone_number", "+4930123456")}),
    widened=frozenset({Identifier("visitor_id", "v-17")}),
    region="DE",
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("BOB@Acme.Test.", ["BOB@Acme.Test"]),
        ("<bob@acme.test>, 'bob@acme.test'", ["bob@acme.test", "bob@acme.test"]),
        ("...bob@acme.test", ["bob@acme.test"]),
        ("mailto:bob@acme.test?subject=x", ["bob@acme.test"]),
        ("?mail=bob%40acme.test&x", ["bob%40acme.test"]),
        (r"Hi\nbob@acme.test", ["bob@acme.test"]),
        ("&lt;bob@acme.test&gt;", ["bob@acme.test"]),
        ("_bob@acme.test_", ["bob@acme.test"]),
        ("jimbob@acme.test", []),
        ("jim.bob@acme.test x-bob@acme.test o'bob@acme.test", []),
        ("bob@acme.test.example bob@acme.tester bob@acme.test-x.example", []),
        ("bob@sub.acme.test", []),
        ("bob+news@acme.test", []),
        ("news+bob@acme.test", []),
    ],
)
def test_an_address_stands_as_a_whole(text, expected):
    """An address is found in any case, and never inside another."""
    assert expected == standing(text, ADA)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a":"bob\\u0040acme.test"}', ["bob\\u0040acme.test"]),
        (r"{\"a\": \"bob\\\\u0040acme.test\"}", [r"bob\\\\u0040acme.test"]),
        ("mailto:%62ob%2540acme.test", ["%62ob%2540acme.test"]),
        ("&lt;bob&#64;acme&period;test&gt;", ["bob&#64;acme&period;test"]),
        ("bob@ac\u200bme.te\u00adst", ["bob@ac\u200bme.te\u00adst"]),
        ("\u202abob@acme.test\u202c", ["bob@acme.test"]),
        (r"030\/12\/34\/56", [r"030\/12\/34\/56"]),
        ("tel:%2B49%2030%20123456", ["%2B49%2030%20123456"]),
        ("030&nbsp;123&nbsp;456", ["030&nbsp;123&nbsp;456"]),
        ("x%2Bbob@acme.test jim%2Ebob@acme.test jim\u200bbob@acme.test", []),
        (r"bob\u0040acme.tester \u0031030123456", []),
    ],
)
def test_escapes_are_read(text, expected):
    """What a program has escaped, and what nobody sees in between, is the person's where it was written."""
    assert expected == standing(text, ADA)


@pytest.mark.parametrize("address", ["ada+x@acme.test", "o'ada@acme.test"])
def test_signs_that_json_writers_escape(address):
    """`System.Text.Json` writes + and ' as escapes, JavaScript's encodeURIComponent writes + and @."""
    subject = Subject(given=frozenset({Identifier("email", address)}))
    escaped = re.sub(r"[+']", lambda sign: f"\\u{ord(sign.group()):04x}", address)
    for text in (escaped, address.replace("+", "%2B").replace("@", "%40")):
        assert [text] == standing(f'"{text}"', subject)


def test_plus_addresses():
    """`bob+news@` is Bob's where the client says so."""
    subject = Subject(given=ADA.given, plus_addresses=True)
    assert ["Bob+News@acme.test"] == standing("Bob+News@acme.test", subject)
    assert [] == standing("news+bob@acme.test", subject)


@pytest.mark.parametrize(
    "spelling",
    [
        *(
            "+4930123456",
            "+49 30 123456",
            "030/123456",
            "(030) 12 34 56",
            "0049 30 123456",
            "+49 (0)30 123456",
            "030123456",
        ),
        *("00 49 (0) 30 / 123-456", "+49-30-12.34.56", "030\u00a0123\u2011456", "(+49) 30 123456", "004930123456"),
        *("+49\u202f30\u202f123\u202f456", "030 123\u2212456", "030 123\u2012456", "030 123\u200b456"),
        *(
            "030 123\u2060456",
            "\uff10\uff13\uff10 123456",
            "\u0660\u0663\u0660123456",
            "030\n123456",
            "+49 30 123\r\n> 456",
        ),
    ],
)
@pytest.mark.parametrize("around", ["{}", "tel:{}.", "4711 {} 2024", "x\n{}\ny", r"Hi\n{}", "({})", "{}, {}", "{}/x"])
def test_a_phone_number_stands_however_spelt(spelling, around):
    """A number is found in every spelling, in the middle of other digits too."""
    text = around.format(*[spelling] * around.count("{}"))
    assert [spelling] * around.count("{}") == standing(text, ADA)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "+43 30 123456",
            "0043 30 123456",
            "030 1234567",
            "+49 30 1234567",
            "030 123456-7",
            "0301 123456",
            "1030123456",
        ),
        *("+39 030 123456", "030 654321", "030-12-34-56-78", "x030123456", "030123456x", "040 123456"),
    ],
)
def test_another_number_is_not_this_one(text):
    """A number that contains this one's digits is somebody else's."""
    assert [] == standing(text, ADA)


def test_two_numbers_side_by_side():
    """A number after another one is found, though nothing but a blank parts them."""
    assert ["030 123456"] == standing("+49 30 98765432 030 123456", ADA)


def test_numbers_one_a_line():
    """A number that begins in a line is not one with the line before, though both together would be a number."""
    assert ["030 123456"] == standing("+49 12\n030 123456\n040 99", ADA)
    assert [] == standing("030\n1234567", ADA)


@pytest.mark.parametrize("spelling", ["+49 30 123456 ext. 12", "030 123456 x12", "+4930123456;ext=12"])
def test_a_number_with_an_extension(spelling):
    """Two extensions of a switchboard are two people."""
    person = Subject(given=frozenset({Identifier("phone_number", "+4930123456;ext=12")}), region="DE")
    assert [spelling] == standing(f"call {spelling}, please", person)
    assert [] == standing(f"call {spelling}3, or 030 123456", person)


@pytest.mark.parametrize("value", ["", "unknown", "+"])
def test_what_is_no_identifier_stands_nowhere(value):
    """A value without substance does not match everything."""
    subject = Subject(given=frozenset({Identifier("phone_number", value), Identifier("email", value)}))
    assert [] == standing("bob@acme.test, 030 123456", subject)
    assert [] == standing("bob", Subject(given=frozenset({Identifier("visitor_id", "")})))


def test_a_number_is_read_in_the_subjects_region():
    """`030 123456` is Berlin's only where Germany is meant."""
    number = Identifier("phone_number", "+4930123456")
    assert [] == standing("030 123456", Subject(given=frozenset({number}), region="GB"))
    assert ["+49 30 123456"] == standing("030 123456, +49 30 123456", Subject(given=frozenset({number})))


@pytest.mark.parametrize(
    ("text", "expected"),
    [("v-17", ["v-17"]), ("(v-17), v-17;", ["v-17", "v-17"]), ("v-171 xv-17 V-17 v-17_", []), (r"x\nv-17", ["v-17"])],
)
def test_other_ids_stand_to_the_letter(text, expected):
    """An id is found as a whole token, with its case."""
    assert expected == standing(text, ADA)


def test_overlapping_identifiers_are_one_span():
    """Where one identifier stands inside another, the spans are merged."""
    subject = Subject(given=frozenset({Identifier("email", "v-17@acme.test"), Identifier("visitor_id", "v-17")}))
    assert [(3, 17)] == stands_in("by v-17@acme.test", subject)


def test_nobody_stands_nowhere():
    """A person without identifiers is not found."""
    assert [] == stands_in("bob@acme.test 030 123456", Subject())


@given(st.text(), st.text())
def test_what_was_put_in_is_found(before, after):
    """A person put between blanks into any text is found there."""
    text = f"{before} bob@acme.test {after}"
    assert (len(before) + 1, len(before) + 14) in stands_in(text, ADA)
