"""Phone numbers in free text, by the numbering plans of `phonenumbers`.

`phonenumbers.parse` takes 50 µs and reads order numbers as phone numbers. So the plans' own data are asked instead
(country codes, national prefixes, lengths, patterns), and how a number is written, and called, counts too.
"""

import re
from collections.abc import Iterator
from functools import cache, lru_cache
from typing import Literal

from phonenumbers import (
    COUNTRY_CODE_TO_REGION_CODE,
    NumberParseException,
    PhoneMetadata,
    PhoneNumber,
    is_valid_number,
    is_valid_number_for_region,
    parse,
)

from shared.domain.errors import UsageError

Reading = Literal["surely", "likely", "if called so", "no"]

_RUN = re.compile(r"[+(0-9](?<!\w.)(?:(?<![0-9])[ (]{0,2}[0-9])?(?:(?: ?+[()\-/]{0,3}+ ?+|\.)[0-9])*+")
_PIECE = re.compile(r"[^ ]+")
_NO_DIGIT = re.compile(r"[^0-9]+")
_LONGEST_IN_PIECES = 7
_LONGEST_AT_HOME = 12
_LONGEST = 40
_SHORT = 8

_DAY, _MONTH = "(?:0?[1-9]|[12][0-9]|3[01])", "(?:0?[1-9]|1[0-2])"
_DATE = re.compile(
    rf"(?<![0-9./-])(?:(?:19|20)\d\d([-./]){_MONTH}\1{_DAY}|(?:{_DAY}[./-]{_MONTH}|{_MONTH}[./-]{_DAY})"
    r"[./-](?:19|20)\d\d)"
    r"(?![0-9]|[./-][0-9])"
)
_SHORT_DATE = rf"(?<![0-9./-])(?:{_DAY}([./-]){_MONTH}\1\d\d)(?![0-9]|[./-][0-9])"
_LATE_BRACKET = re.compile(r"(?:[^0-9(]*[0-9]){5,}[^0-9(]*\(")
_GROUPED = re.compile(r"\(?0\d{1,5}\)?[ /-]{1,3}\d")
_NORTH_AMERICAN = re.compile(r"(?:1[ .-]?)?(?:\([2-9]\d\d\)[ ./-]{0,2}|[2-9]\d\d[ ./-]{1,2})\d{3}[ .-]?\d{4}")
_NO_PHONE = re.compile(rf"\A\d-\d{{2,7}}-\d{{1,6}}-\d\Z|(?<![0-9])[0-9] [0-9] |{_SHORT_DATE}")

_EXTENSION = re.compile(r" ?(?:x|ext\.?|Durchwahl|App\.) ?[0-9]{1,6}\b")
_GOES_ON = re.compile(r"\w|[-_/:]\w|\.(?:[a-z]{2,4}\b|[0-9])|,[0-9]| ?[%€$£°]| ?(?:EUR|USD|GBP|Euro)\b")
_JOINED = re.compile(r"(?:[\w#]|\w[-/]|[0-9][.,:]|[€$£] ?)\Z")
_JOINED_PLUS = re.compile(r"[\w#]\Z")
_WRONG_IBAN = re.compile(r"\b[A-Z]{2}[0-9]{2} (?:[0-9A-Z]{4} )*\Z")
_CLAUSE = re.compile(r"[0-9;\n]|[.!?] +(?=[^\W\d])")
_BESIDE_DIGITS = re.compile(r"(?<=[0-9] )[0-9]+|[0-9]+(?= [0-9])")
_WORDS = re.compile(r"[^\W\d_]+|#")
_PHONE_WORDS = (
    *("phone", "tel", "fon", "mobil", "cell", "handy", "fax", "call", "dial", "reach", "contact", "ring", "text"),
    *("anruf", "ruf", "rückruf", "zurückruf", "durchwahl", "festnetz", "whatsapp", "signal", "sms", "erreich"),
    *("hotline", "service", "support", "notruf", "zentrale", "kundenserv", "kundendien", "kundenhot", "bestellhot"),
    *("tél", "portable", "appel", "joindre", "joign", "rappel", "numérovert"),
)
_OTHER_WORDS = (
    *("#", "order", "invoice", "ticket", "ref", "account", "acct", "tracking", "parcel", "serial", "isbn", "ean"),
    *("sku", "article", "version", "tax", "vat", "patient", "customer", "member", "policy", "imei", "timestamp"),
    *("epoch", "pin", "zip", "id", "build", "transaction", "contract", "receipt", "amount", "batch", "bestell"),
    *("rechnung", "auftrag", "vorgang", "aktenzeichen", "sendung", "serien", "artikel", "konto", "blz", "steuer"),
    *("kto", "ust", "kunden", "mitglied", "police", "plz", "vertrag", "beleg", "betrag", "charge"),
    *("commande", "facture", "référence", "dossier", "colis", "suivi", "contrat", "compte", "montant", "siret"),
)


def phones(text: str, regions: tuple[str, ...]) -> Iterator[tuple[int, int]]:
    """Yield where phone numbers stand: international ones, and national ones as written in `regions`."""
    for run in _RUN.finditer(text):
        if run.end() - run.start() < 7:
            continue
        pieces = [piece.span() for piece in _PIECE.finditer(text, *run.span())]
        first = 0
        while first < len(pieces):
            start, ends = pieces[first][0], [end for _, end in pieces[first : first + _LONGEST_IN_PIECES]]
            span = _longest(text, start, ends, regions)
            if span:
                yield span
            first += sum(1 for end in ends if span and end <= span[1]) or 1


def _longest(text: str, start: int, ends: list[int], regions: tuple[str, ...]) -> tuple[int, int] | None:
    """Return the longest number that begins here; one that is assigned, if what follows it could belong to it."""
    found = None
    for end in reversed(ends):
        if not 7 <= end - start <= _LONGEST or not (span := _phone(text, start, end, regions)):
            continue
        if text[start] != "+" or _is_assigned(text[start:end]):
            return span
        found = found or span
    return found


def _phone(text: str, start: int, end: int, regions: tuple[str, ...]) -> tuple[int, int] | None:
    written = text[start:end]
    if written[0] == "(" and written.count("(") > written.count(")"):
        start, written = start + 1, written[1:]
    reading = _read(written, regions)
    if reading == "no":
        return None
    extension = _EXTENSION.match(text, end)
    if _GOES_ON.match(text, end) and not extension:
        return None
    before = text[max(start - 30, 0) : start]
    if (_JOINED_PLUS if written[0] == "+" else _JOINED).search(before[-2:]) or _WRONG_IBAN.search(before):
        return None
    if reading == "likely" and _BESIDE_DIGITS.match(text, start, end + 2) and text[start:end].isdigit():
        reading = "if called so"
    if reading != "surely" and not _is_called(before, reading):
        return None
    if before.endswith("(") and "(" not in written and ")" in written:
        start -= 1
    return start, extension.end() if extension else end


@lru_cache(maxsize=1024)
def _is_assigned(written: str) -> bool:
    try:
        return is_valid_number(parse(written))
    except NumberParseException:
        return False


def _is_called(before: str, reading: Reading) -> bool:
    """Let the nearest telling word since the last number decide: `Rückruf: …` or `order no. …`."""
    for word in reversed(_WORDS.findall(_CLAUSE.split(before)[-1].lower())):
        if word.startswith(_PHONE_WORDS):
            return True
        if word.startswith(_OTHER_WORDS):
            return False
    return reading == "likely"


@lru_cache(maxsize=8192)
def _read(written: str, regions: tuple[str, ...]) -> Reading:
    digits = _NO_DIGIT.sub("", written)
    if not 7 <= len(digits) <= 18 or written[0] in ")-/." or _DATE.search(written) or _LATE_BRACKET.match(written):
        return "no"
    if written[0] == "+":
        return "surely" if _is_international(digits) else "no"
    if digits.startswith("00"):
        return "surely" if _is_international(digits[2:]) else "no"
    if len(digits) >= 13 and digits.startswith("011") and "US" in regions and _is_international(digits[3:]):
        return "surely"
    if len(digits) > _LONGEST_AT_HOME or _NO_PHONE.search(written):
        return "no"
    readings = {_read_at_home(written, digits, region) for region in regions}
    return "likely" if "likely" in readings else "if called so" if "if called so" in readings else "no"


def _is_international(digits: str) -> bool:
    if digits.startswith("0"):
        return False
    for size in (1, 2, 3):
        code, number = int(digits[:size]), digits[size:]
        if code in COUNTRY_CODE_TO_REGION_CODE:
            plan = _plan_abroad(code)
            return _fits(plan, number.removeprefix("0") if plan.national_prefix == "0" else number)
    return False


def _read_at_home(written: str, digits: str, region: str) -> Reading:
    plan = _plan(region)
    prefix = plan.national_prefix or ""
    number = digits.removeprefix(prefix)
    if prefix == "1":
        usual = _NORTH_AMERICAN.fullmatch(written)
        if not usual and not written.isdigit():
            return "no"
    elif digits.startswith(prefix):
        usual = _GROUPED.match(written)
    else:
        return "no"
    if not _fits(plan, number) or (prefix == "0" and number.startswith("0")):
        return "no"
    # The plan knows what is assigned; people also write numbers kept for films, in groups that nothing else has.
    likely = len(digits) > _SHORT and (usual or _is_valid(number, plan, region))
    return "likely" if likely else "if called so"


def _fits(plan: PhoneMetadata, number: str) -> bool:
    return plan.general_desc is not None and len(number) in plan.general_desc.possible_length


def _is_valid(number: str, plan: PhoneMetadata, region: str) -> bool:
    return is_valid_number_for_region(
        PhoneNumber(country_code=plan.country_code, national_number=int(number), italian_leading_zero=number[0] == "0"),
        region,
    )


@cache
def _plan_abroad(code: int) -> PhoneMetadata:
    plan = PhoneMetadata.metadata_for_region_or_calling_code(code, COUNTRY_CODE_TO_REGION_CODE[code][0])
    assert plan is not None
    return plan


@cache
def _plan(region: str) -> PhoneMetadata:
    plan = PhoneMetadata.metadata_for_region(region)
    if plan is None:
        raise UsageError(f"no numbering plan for region {region!r}; give ISO 3166-1 codes such as DE")
    return plan
