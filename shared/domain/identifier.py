"""Identifiers of a data subject: normalised once, compared exactly.

`jimbob@acme.test` is not `bob@acme.test`: search broadly in a system, then compare what `normalise` returns.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import combinations
from typing import Literal

import idna
import phonenumbers

from shared.signs import visible

EMAIL = "email"
PHONE = "phone_number"

Verdict = Literal["sure", "ambiguous", "other"]

_SHORTEST = 7  # digits of a number with its area code; extensions are shorter
_SEPARATORS = re.compile(r"[\s().\-/]+")
# an apostrophe stands in O'Brien's address, and around others'
_NO_TEXT = re.compile("[\0\ud800-\udfff]")
_ADDRESS = re.compile(r"(?:[^@\s<>,;\"']|(?<=\w)'(?=\w))+@[^@\s<>,;\"']+\.[^@\s<>,;\"']+")


@dataclass(frozen=True, order=True, slots=True)
class Identifier:
    """One normalised identifier: kind `email`, `phone_number` (E.164) or the name of another id."""

    kind: str
    value: str

    @property
    def is_key(self) -> bool:
        """Whether it only ties records of systems together (`dataset.collection.field`): nobody writes it in a text."""
        return self.kind.count(".") > 1


def normalise(
    kind: str,
    raw: object,
    *,
    region: str | None = None,
    plus_addresses: bool = False,
    trunk: tuple[str, ...] = (),
) -> Identifier | None:
    """Return the identifier in the one form that is compared, or None if `raw` is not one.

    E-mail is case folded, its domain as mail servers write it (IDNA A-labels, RFC 5891), and `ada+x@` is `ada@` only
    with `plus_addresses`; phone numbers become E.164, read in `region` (ISO 3166-1) when they have no `+`, after a
    prefix of `trunk` where one was dialled for an outside line; what is shorter than seven digits, without + or 00, is
    an internal extension, no number. What nobody sees is left out. Other ids are stripped and compared with their case;
    none has a zero or half a character in it, which databases do not take.
    """
    text = visible(unicodedata.normalize("NFKC", str(raw))).strip() if raw is not None else ""
    if not text:
        return None
    if kind == EMAIL:
        return _email(text, plus_addresses=plus_addresses)
    if kind == PHONE:
        return _phone(text, region, trunk)
    return None if _NO_TEXT.search(text) else Identifier(kind, text)


def normalise_name(raw: str) -> str:
    """Return a name in the form in which names are compared: case folded, blanks single."""
    return " ".join(unicodedata.normalize("NFKC", raw).casefold().split())


def _email(text: str, *, plus_addresses: bool) -> Identifier | None:
    text = text.lower().removeprefix("mailto:")  # casefold would make one of straße.de and strasse.de
    if not _ADDRESS.fullmatch(text):
        return None
    local, _, domain = text.rpartition("@")
    if plus_addresses:
        local = local.partition("+")[0]
    return Identifier(EMAIL, f"{local}@{one_domain(domain.rstrip('.'))}")


@lru_cache(maxsize=4096)
def one_domain(domain: str) -> str:
    """Return a domain in the form in which domains are compared: `bücher.example` is `xn--bcher-kva.example`."""
    lower = unicodedata.normalize("NFKC", domain).lower()
    if lower.isascii():
        return lower
    try:
        return idna.encode(lower, uts46=True).decode()
    except idna.IDNAError:
        return lower  # no internationalised domain: compared as it is


@lru_cache(maxsize=4096)
def spellings(address: str) -> tuple[str, ...]:
    """Return how a normalised address may stand in a text: as it is, and with its domain as people write it."""
    local, _, domain = address.rpartition("@")
    try:
        return tuple(dict.fromkeys((address, f"{local}@{idna.decode(domain)}")))
    except idna.IDNAError:
        return (address,)


def _phone(text: str, region: str | None, trunk: tuple[str, ...]) -> Identifier | None:
    if not trunk:
        return _number(text, region)
    dialled = _SEPARATORS.sub("", text)
    readings = [dialled, *(dialled.removeprefix(one) for one in trunk if dialled.startswith(one))]
    # `9030…` is a number of its own by chance only: what is written in full after the prefix is meant
    readings.sort(key=lambda one: not _in_full(one, region))
    return next((number for one in readings if (number := _number(one, region))), None)


def _in_full(text: str, region: str | None) -> bool:
    national = phonenumbers.ndd_prefix_for_region(region, True) if region else None
    return text.startswith(("+", "00", *([national] if national else ())))


def _number(text: str, region: str | None) -> Identifier | None:
    if text.startswith("00"):
        text = "+" + text[2:]
    if "+" not in text and sum(sign.isdecimal() for sign in text) < _SHORTEST:
        return None
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    written = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    # two extensions of one switchboard are two people (RFC 3966)
    return Identifier(PHONE, f"{written};ext={number.extension}" if number.extension else written)


def national(number: str) -> str:
    """Return the national significant digits of a normalised phone number: `30123456` of `+4930123456`."""
    try:
        return phonenumbers.national_significant_number(phonenumbers.parse(number))
    except phonenumbers.NumberParseException:
        return ""


@dataclass(frozen=True, slots=True)
class Subject:
    """The person asked for: what the ticket gave, what was found since, the names known (normalised)."""

    given: frozenset[Identifier] = frozenset()
    widened: frozenset[Identifier] = frozenset()
    names: frozenset[str] = frozenset()
    region: str | None = None
    plus_addresses: bool = False
    trunk: tuple[str, ...] = ()  # what a system's users dial before a number, for an outside line

    @property
    def identifiers(self) -> frozenset[Identifier]:
        """All identifiers by which this person is searched."""
        return self.given | self.widened

    def decides(self, one: Identifier) -> bool:
        """Say whether one of this person's identifiers makes a record theirs, whatever else it bears.

        An e-mail address does, and what the ticket gave. A number may be a household's; an id that was found on the
        way may be a shared computer's, a company's, or one that stands for none (`unknown`).
        """
        return one.kind == EMAIL or (one.kind != PHONE and one in self.given)

    def of_kind(self, kind: str) -> frozenset[str]:
        """Return the values of the identifiers of one kind."""
        return frozenset(one.value for one in self.identifiers if one.kind == kind)

    def normalise(self, kind: str, raw: object) -> Identifier | None:
        """Normalise by this subject's client's rules."""
        return normalise(kind, raw, region=self.region, plus_addresses=self.plus_addresses, trunk=self.trunk)

    def identify(self, kind: str, raw: object) -> Identifier | None:
        """Normalise what a field holds: `Ada <ada@example.org>` is an address too, a list of addresses is none."""
        one = self.normalise(kind, raw)
        if one is None and kind == EMAIL and raw is not None:
            inside = list(split_addresses(str(raw)))
            return self.normalise(kind, inside[0]) if len(inside) == 1 else None
        return one


@dataclass(frozen=True, slots=True)
class Traits:
    """What one record says about whose it is: its identifiers and its names (normalised)."""

    identifiers: frozenset[Identifier] = frozenset()
    names: frozenset[str] = field(default=frozenset())


def verdict(subject: Subject, record: Traits) -> Verdict:
    """Say whether a record is the subject's: `sure`, `ambiguous` (a person decides) or `other` (someone else's).

    An e-mail address, or an id that the ticket gave, decides. A phone number may be a household's, an id found on the
    way several people's: a record that shares only such a one but bears another e-mail address goes to a person, never
    to the delete; so does one that shares only a number and bears another name. Beside an id a name may be anything
    (`Guest`), and contradicts nothing. A name alone never matches.
    """
    shared = record.identifiers & subject.identifiers
    if not shared:
        return "other"
    if any(subject.decides(one) for one in shared):
        return "sure"
    by_number = all(one.kind == PHONE for one in shared)
    if names_another_address(subject, record) or (by_number and _named_apart(record.names, subject.names)):
        return "ambiguous"
    return "sure"


def names_another_address(subject: Subject, record: Traits) -> bool:
    """Say whether a record bears an e-mail address, and none of the subject's known ones."""
    theirs = _emails(record)
    return bool(theirs and subject.of_kind(EMAIL)) and theirs.isdisjoint(subject.of_kind(EMAIL))


def says_who(subject: Subject, record: Traits) -> bool:
    """Say whether a record bears more than others may share: an address, the subject's name, a name by a number."""
    by_number = any(one.kind == PHONE for one in record.identifiers & subject.identifiers)
    return bool(_emails(record) or record.names & subject.names or (by_number and record.names))


def own_names(subject: Subject, record: Traits) -> frozenset[str]:
    """Return the names of a subject's record; what stands beside an id found on the way (`Guest`) may be none."""
    shared = record.identifiers & subject.identifiers
    own = any(one.kind == PHONE or subject.decides(one) for one in shared)
    return record.names if own or record.names & subject.names else frozenset()


def at_odds(records: Iterable[Traits]) -> bool:
    """Say whether records that share a number or an id name different people: by address, or numbers by name."""
    return any(_differ(one, other) for one, other in combinations(set(records), 2))


def _differ(one: Traits, other: Traits) -> bool:
    if one.names & other.names:
        return False
    mail, mail_2 = _emails(one), _emails(other)
    return bool(mail and mail_2 and not mail & mail_2) or (
        _by_number(one, other) and _named_apart(one.names, other.names)
    )


def _by_number(one: Traits, other: Traits) -> bool:
    """Say whether two records bear numbers, and no other id in common."""
    return all(any(found.kind == PHONE for found in record.identifiers) for record in (one, other)) and all(
        found.kind in (EMAIL, PHONE) for found in one.identifiers & other.identifiers
    )


def _named_apart(names: frozenset[str], names_2: frozenset[str]) -> bool:
    """Say whether two records bear different names; a number that stands for one is none."""
    said, said_2 = ({name for name in some if any(map(str.isalpha, name))} for some in (names, names_2))
    return bool(said and said_2) and said.isdisjoint(said_2)


def _emails(found: Traits) -> frozenset[str]:
    return frozenset(one.value for one in found.identifiers if one.kind == EMAIL)


def split_addresses(text: str) -> Iterable[str]:
    """Yield each e-mail address that stands in a free text or header value, as written."""
    return (match.group() for match in _ADDRESS.finditer(text))
