"""What a message says: who stands in it, its headers, its texts."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from email.message import Message

from shared.decoding import as_text
from shared.domain.identifier import split_addresses
from shared.markup import readings
from shared.mime.parts import (
    charsets,
    contents,
    decoded,
    envelopes,
    filename,
    is_text,
    is_unread,
    kind,
    parse,
    sealed,
)

_OF_A_MESSAGE = frozenset({"from", "to", "cc", "bcc", "reply-to", "sender"})
ROLES = _OF_A_MESSAGE | {f"resent-{name}" for name in _OF_A_MESSAGE}
SENDERS = frozenset({"from", "sender", "resent-from", "resent-sender"})
# Bounded, so that a header made to be slow is not.
_PIECE = re.compile(r'"(?:[^"\\]|\\.){0,255}"|\((?:[^()\\]|\\.){0,255}\)|<[^<>]*>|[^",;<>()]+|.', re.DOTALL)
_SPACED = re.compile(r" ?([@.]) ?")  # `ada @ example . org` (RFC 5322 section 4.4)
_LONGEST = 400  # of an address


@dataclass(frozen=True, slots=True)
class Party:
    """Someone in a header: `role` is the header's name in lower case, `span` where they stand in its raw value."""

    role: str
    name: str
    address: str
    span: tuple[int, int]
    alone: bool = True  # nobody else stands between the same commas


def parties(message: Message) -> Iterator[Party]:
    """Yield everyone in the headers that say from whom to whom a message goes."""
    for name, value in message.raw_items():
        if name.lower() in ROLES:
            yield from in_header(name.lower(), value)


def in_header(role: str, value: str) -> Iterator[Party]:
    """Yield everyone in a header's raw value, in order."""
    tokens: list[str] = []
    start = 0
    for token in [*_PIECE.findall(value), ","]:
        if token not in {",", ";"}:
            tokens.append(token)
            continue
        end = start + sum(map(len, tokens))
        yield from _between_commas(role, tokens, (start, end))
        start, tokens = end + 1, []


def _between_commas(role: str, tokens: list[str], span: tuple[int, int]) -> Iterator[Party]:
    """Read `Ada <ada@…>`, `ada@… (Ada)`, `Friends: ada@…`, and whatever else comes."""
    angle = next((token for token in reversed(tokens) if token.startswith("<") and "@" in decoded(token)), "")
    plain = "".join(token for token in tokens if not token.startswith(("(", "<")))
    comments = " ".join(token[1:-1] for token in tokens if token.startswith("("))
    name = " ".join(decoded(plain if angle else comments).replace('"', " ").split())
    said = decoded(angle or plain.replace('"', ""))
    words = said.split()
    addresses = list(_addresses(words)) or list(_addresses([_SPACED.sub(r"\1", " ".join(words))]))
    for address in addresses:
        yield Party(role, name, address.rpartition(":")[2], span, alone=len(addresses) == 1)


def _addresses(words: Iterable[str]) -> Iterator[str]:
    return (one for word in words if "@" in word and len(word) < _LONGEST for one in split_addresses(word))


def headers(message: Message) -> Iterator[str]:
    """Yield the values of the headers, decoded, of all parts, and names of files."""
    for part in message.walk():
        for _, value in part.raw_items():
            yield decoded(value)
        yield from envelopes(part)
        yield from (filename(part), filename(part).rpartition(".")[0])


def texts(message: Message) -> Iterator[str]:
    """Yield what the parts say, as written and, if HTML, as read: bodies, text attachments, messages within."""
    for part in message.walk():
        yield from (text for text in (part.preamble, part.epilogue) if text)
        if inner := sealed(part):
            within = parse(inner)
            yield from headers(within)
            yield from texts(within)
        elif is_text(part):
            for _, data in contents(part):
                for charset in charsets(part, data):
                    yield from readings(as_text(data, charset), kind(part))


def unread(message: Message) -> bool:
    """Say whether a message has attachments that are not read, and may name people."""
    return any(unread(parse(inner)) if (inner := sealed(part)) else is_unread(part) for part in message.walk())
