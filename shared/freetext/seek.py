"""Whatever looks like an identifier: candidates by regular expressions, each then checked by its own rule.

The kinds are sought from the strictest to the loosest, and what one has taken is blanked for the next: so an IBAN is
never a card, nor a card a phone number.
"""

import ipaddress
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from stdnum import ean, iban, luhn

from shared.freetext.phones import phones
from shared.signs import readable

Kind = Literal["EMAIL", "PHONE", "CARD", "IBAN", "IP"]


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Where an identifier stands: `text[start:end]`."""

    start: int
    end: int
    kind: Kind


def find(text: str, *, regions: Iterable[str] = ("DE", "GB", "US")) -> list[Span]:
    """Return the identifiers in the text, in order and without overlap; phone numbers as written in `regions`."""
    seen = readable(text)
    rest = seen.text
    found: list[Span] = []
    rest = _take(found, rest, "EMAIL", _emails(rest))
    rest = _take(found, rest, "IP", _ipv6(rest))
    rest = _take(found, rest, "IP", _ipv4(rest))
    rest = _take(found, rest, "IBAN", _ibans(rest))
    rest = _take(found, rest, "CARD", _cards(rest))
    _take(found, rest, "PHONE", phones(rest, tuple(regions)))
    return sorted(Span(*seen.span(one.start, one.end), one.kind) for one in found)


def _take(found: list[Span], rest: str, kind: Kind, spans: Iterable[tuple[int, int]]) -> str:
    pieces, before = [], 0
    for start, end in spans:
        found.append(Span(start, end, kind))
        pieces += [rest[before:start], "\0" * (end - start)]
        before = end
    return "".join([*pieces, rest[before:]]) if pieces else rest


_LOCAL_BACKWARDS = re.compile(r"[\w.%+'-]{1,64}")
_DOMAIN = re.compile(
    r"(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.)+(?:xn--[A-Za-z0-9-]{2,59}|[^\W\d_]{2,63})(?![^\W_]|[-.]+[^\W_])"
)
_IN_URL = re.compile(r"://[^\s/@]*\Z")
_FILES = frozenset(
    {"png", "jpg", "jpeg", "gif", "svg", "webp", "css", "js", "json", "html", "pdf", "txt", "xml", "zip"}
)


def _emails(text: str) -> Iterator[tuple[int, int]]:
    """Look at each `@`, backwards and forwards: most text has none, and `str.find` sees that fastest."""
    at, taken = text.find("@"), 0
    while at >= 0:
        local = _LOCAL_BACKWARDS.match(text[max(at - 64, taken) : at][::-1])
        domain = _DOMAIN.match(text, at + 1)
        if local and domain and domain.group().rpartition(".")[2].lower() not in _FILES:
            start = at - len(local.group()[::-1].lstrip(".'-+%"))
            if start < at and text[at - 1] != "." and not _is_password(text, start):
                taken = domain.end()
                yield start, taken
        at = text.find("@", at + 1)


def _is_password(text: str, start: int) -> bool:
    """Say whether what stands before the @ belongs to a URL: `postgres://app:secret@db.acme.test`."""
    url = text.rfind("://", max(start - 200, 0), start)
    return url >= 0 and bool(_IN_URL.match(text, url, start))


_WORD = re.compile(r"\w")
_IPV4 = re.compile(r"[0-9](?<![\w.].)[0-9]{0,2}(?:\.[0-9]{1,3}){3}(?![\w]|-[A-Za-z]|[.,]\w)")
_TWO_COLONS = re.compile(r":[0-9A-Fa-f]{0,4}:")
_HEX_BACKWARDS = re.compile(r"[0-9A-Fa-f:]{0,38}")
_IPV6 = re.compile(r"(?:[0-9A-Fa-f:]{2,30}:[0-9]{1,3}(?:\.[0-9]{1,3}){3}|[0-9A-Fa-f:]{2,39})(?!\w)")
_VERSION = re.compile(
    r"(?:\w/|\b(?:version|ver|v|release|build|firmware|section|chapter|kapitel|abschnitt)[.:]?\s?|§\s?)\Z",
    re.IGNORECASE,
)


def _ipv4(text: str) -> Iterator[tuple[int, int]]:
    for match in _IPV4.finditer(text):
        if _is_ip(match.group()) and not _VERSION.search(text, max(match.start() - 12, 0), match.start()):
            yield match.span()


def _ipv6(text: str) -> Iterator[tuple[int, int]]:
    taken = 0
    for hit in _TWO_COLONS.finditer(text):
        before = _HEX_BACKWARDS.match(text[max(hit.start() - 38, taken) : hit.start()][::-1])
        start = hit.start() - (before.end() if before else 0)
        if _WORD.match(text, start - 1) if start else None:
            start = text.index(":", start) + 1  # the name before it, as in IPv6:2001:db8::1
        address = _IPV6.match(text, start)
        if address is None or hit.start() < taken:
            continue
        end = address.end() - (address.group().endswith(":") and not address.group().endswith("::"))
        written = text[start:end]
        whole = "::" in written or "." in written or written.count(":") == 7  # a time of day is not: most hits are
        if whole and any(sign.isdigit() for sign in written) and _is_ip(written):
            taken = end
            yield start, end


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


_IBAN = re.compile(r"[0-9](?<=[A-Za-z]{2}.)(?<![^\W_]...)[0-9](?:[ -]?[A-Za-z0-9]){11,30}")
_TOKEN_END = re.compile(r"[A-Za-z0-9](?![^\W_])")


def _ibans(text: str) -> Iterator[tuple[int, int]]:
    for match in _IBAN.finditer(text):
        start = match.start() - 2
        ends = [token.end() for token in _TOKEN_END.finditer(text, start + 14, match.end())]
        end = next((end for end in reversed(ends) if iban.is_valid(text[start:end], check_country=False)), None)
        if end:
            yield start, end


_CARD = re.compile(
    r"[2-6](?<![\w+].)(?<![0-9][.,-].)(?:[0-9]{11,18}|[0-9]{3}([ -])[0-9]{3,6}(?:\1[0-9]{1,6}){1,3})(?!\w|[.,-][0-9])"
)
_GROUP_END = re.compile(r"[0-9](?![0-9])")
_BRANDS = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})|5[1-5]\d{14}|2[2-7]\d{14}|3[47]\d{13}|3(?:0[0-5]|[689]\d)\d{11}|35\d{14}"
    r"|(?:6011|65\d\d|64[4-9]\d)\d{12}|(?:62|81)\d{14,17}|(?:5[06-9]|6[0-9])\d{10,17}"
)
_NO_CARD = re.compile(
    r"(?:order|invoice|ticket|tracking|serial|imei|reference|ean|gtin|isbn|sku|ts|timestamp|epoch"
    r"|bestell\w*|rechnung\w*|sendung\w*|serien\w*|auftrag\w*|vorgang\w*"
    r"|commande|facture|colis|suivi|référence|siret|contrat)"
    r"[ .:#=-]{0,2}(?:(?:number|nummer|no|nr|id|code|n°)(?!\w))?[ .:#=-]{0,3}\Z",
    re.IGNORECASE,
)
_WRONG_IBAN = re.compile(r"\b[A-Z]{2}[0-9]{2} (?:[0-9A-Z]{4} )*\Z", re.IGNORECASE)


def _cards(text: str) -> Iterator[tuple[int, int]]:
    at = 0
    while match := _CARD.search(text, at):
        at = match.start() + 1
        end = next((end for end in _group_ends(match) if _is_card(text[match.start() : end])), None)
        before = text[max(match.start() - 40, 0) : match.start()]
        if end and not _NO_CARD.search(before) and not _WRONG_IBAN.search(before):
            at = end
            yield match.start(), end


def _group_ends(match: re.Match[str]) -> list[int]:
    """Return where groups of digits end, the last first: a code of three digits may follow the number."""
    ends = [one.end() for one in _GROUP_END.finditer(match.string, *match.span())]
    return [end for end in reversed(ends) if end == match.end() or end - match.start() >= len("3782 822463 10005")]


def _is_card(written: str) -> bool:
    digits = written.replace(" ", "").replace("-", "")
    if not _BRANDS.fullmatch(digits) or not luhn.is_valid(digits):
        return False
    return not (len(written) == 13 and ean.is_valid(written))  # a German article number begins with 4, too
