"""Whose a message is: by the addresses in its headers, compared exactly, and by what its texts name."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import Message
from email.utils import mktime_tz, parsedate_tz
from functools import lru_cache
from typing import NamedTuple

from shared import mime
from shared.domain.identifier import EMAIL, Identifier, Subject, normalise_name
from shared.freetext import find, stands_in
from shared.mail.settings import Role

_SMALL = 8 * 1024  # bytes


class _Open(NamedTuple):
    parties: tuple[mime.Party, ...]
    headers: Iterable[str]
    texts: Iterable[str]
    unread: bool


def _open(raw: bytes) -> _Open:
    message = mime.parse(raw)
    return _Open(tuple(mime.parties(message)), mime.headers(message), mime.texts(message), mime.unread(message))


@lru_cache(maxsize=2048)
def _opened(raw: bytes) -> _Open:
    """Open a small message once in a process, by its content: another search reads the same mailboxes again."""
    parties, headers, texts, unread = _open(raw)
    return _Open(parties, tuple(headers), tuple(texts), unread)


@dataclass(frozen=True, slots=True)
class Letter:
    """What a message is to the person: a party's own, shared with other people, or a mention."""

    how: str  # subject | mention | "" for nothing
    shared: bool = False
    role: Role = "sender"  # what the person is in a shared message
    sent: bool = False  # by the person
    names: frozenset[str] = frozenset()
    where: str = ""  # a ground for the second look, without a value
    unread: bool = False  # has attachments that nobody has read: they may name anybody


class Reader:
    """Reads messages for one subject; `is_own` says which addresses are the vendor's and the client's."""

    def __init__(self, subject: Subject, is_own: Callable[[Identifier], bool]) -> None:
        self.subject = subject
        self._is_own = is_own
        self._names = _full_names(subject.names)

    def read(self, raw: bytes) -> Letter:
        """Judge a message."""
        parties, headers, texts, unread = _opened(raw) if len(raw) <= _SMALL else _open(raw)
        mine = [one for one in parties if self.is_theirs(one.address)]
        if mine:
            return Letter(
                "subject",
                shared=any(self.is_another(one.address) for one in parties),
                role=self._role(mine, parties),
                sent=any(one.role in mime.SENDERS for one in mine),
                names=frozenset(normalise_name(one.name) for one in mine if one.name and "@" not in one.name),
                where="an address stands in a header",
                unread=unread,
            )
        if any(self.find(text) for text in headers):
            return Letter("mention", where="an identifier stands in a header", unread=unread)
        if any(self.find(text) for text in texts):
            return Letter("mention", where="an identifier stands in a text", unread=unread)
        return Letter("", unread=unread)

    def find(self, text: str) -> list[tuple[int, int]]:
        """Return where the person's identifiers stand in a text."""
        return stands_in(text, self.subject)

    def is_theirs(self, address: str) -> bool:
        """Say whether an address is the person's."""
        return self.subject.normalise(EMAIL, address) in self.subject.identifiers

    def is_another(self, address: str) -> bool:
        """Say whether an address is someone else's than the person's, the vendor's and the client's."""
        one = self.subject.normalise(EMAIL, address)
        return bool(one and one not in self.subject.identifiers and one.value != mime.NOBODY and not self._is_own(one))

    def redacted(self, raw: bytes) -> bytes:
        """Return a message without the person's identifiers, and without their full names."""
        return mime.redacted(raw, self._find_all, self.is_theirs)

    def disclosable(self, raw: bytes, *, sent: bool) -> bytes:
        """Return a message as its sender or receiver has seen it: without the blind copies of other people."""
        return raw if sent else mime.without(raw, "bcc", lambda one: self.is_another(one.address))

    def without_others(self, raw: bytes) -> bytes:
        """Return a message in which other people's addresses, and their full names as headers give them, are masked."""
        message = mime.parse(raw)
        names = _full_names({one.name for one in mime.parties(message) if self.is_another(one.address)})

        def theirs(text: str) -> Iterable[tuple[int, int]]:
            return _merged(self.addresses_of_others(text), names, text)

        return mime.redacted(raw, theirs, self.is_another)

    def addresses_of_others(self, text: str) -> list[tuple[int, int]]:
        """Return where other people's addresses stand in a text, in order."""
        return [
            (one.start, one.end)
            for one in find(text, regions=())
            if one.kind == "EMAIL" and self.is_another(text[one.start : one.end])
        ]

    def _role(self, mine: list[mime.Party], parties: Iterable[mime.Party]) -> Role:
        """Say what the person is in a message; who only is to be answered (Reply-To) has written it, by a form."""
        if any(one.role in mime.SENDERS or one.role == "reply-to" for one in mine):
            return "sender"
        beside = (one for one in parties if one.role not in mime.SENDERS and one.role != "reply-to")
        return "many" if any(self.is_another(one.address) for one in beside) else "recipient"

    def _find_all(self, text: str) -> Iterable[tuple[int, int]]:
        return _merged(self.find(text), self._names, text)


def sent_at(message: Message) -> datetime | None:
    """Return when a message says that it was sent."""
    try:
        parsed = parsedate_tz(mime.header(message, "date"))
        return datetime.fromtimestamp(mktime_tz(parsed), UTC) if parsed else None
    except (ValueError, OverflowError, OSError):
        return None


def _merged(spans: list[tuple[int, int]], names: re.Pattern[str] | None, text: str) -> list[tuple[int, int]]:
    """Add where names stand, unless something else stands there."""
    if names is None:
        return spans
    taken = [match.span() for match in names.finditer(text)]
    return sorted(spans + [(a, b) for a, b in taken if all(b <= start or end <= a for start, end in spans)])


def _full_names(names: Iterable[str]) -> re.Pattern[str] | None:
    """Find names of two words and more: a first name alone is everybody's."""
    full = sorted((name.split() for name in names if " " in name), key=len, reverse=True)
    either = "|".join(r"\s+".join(map(re.escape, words)) for words in full)
    return re.compile(rf"(?<!\w)(?:{either})(?!\w)", re.IGNORECASE) if full else None
