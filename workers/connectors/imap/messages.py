"""Messages on an IMAP server: read in bounded pieces, known by key, marked and verified.

A message's key is JSON: mailbox, folder on the wire, UIDVALIDITY, UID, mark. The first four find it; the mark (of
Message-ID and Date) tells whether it is still that message, since a folder that was restored from a backup may have
given the number to another, and finds it again in another folder, or under another UIDVALIDITY.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from imapclient import IMAPClient

from shared import mime

_WINDOW = 500  # messages whose sizes or marks are asked for together: a line of 4 KB
_MOST_BYTES = 8 * 1024 * 1024  # of messages fetched together, unless one alone is larger
_MOST = 100
_HEAD = re.compile(rb"\r?\n\r?\n")
_MARKS = "BODY.PEEK[HEADER.FIELDS (MESSAGE-ID DATE)]"


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a message stands: mailbox, folder on the wire, UIDVALIDITY and UID; `folder` is what is counted."""

    mailbox: str
    name: str
    validity: int
    uid: int
    folder: str
    restricted: bool
    mark: str

    @property
    def key(self) -> str:
        """The key under which it is noted."""
        return json.dumps([self.mailbox, self.name, self.validity, self.uid, self.mark])


@dataclass(frozen=True, slots=True)
class Key:
    """A key, read."""

    mailbox: str
    name: str
    validity: int
    uid: int
    mark: str

    @classmethod
    def read(cls, key: str) -> "Key":
        """Read a key as it was noted."""
        return cls(*json.loads(key))


def mark_of(raw: bytes) -> str:
    """Return a message's mark; `raw` may be the message or its head."""
    head = mime.parse(_HEAD.split(raw, maxsplit=1)[0] + b"\r\n\r\n")
    said = f"{mime.header(head, 'message-id')}\0{mime.header(head, 'date')}"
    return blake2b(said.encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()


def sizes(client: IMAPClient, exists: int) -> Iterator[list[tuple[int, int]]]:
    """Yield UIDs and sizes in bytes of all messages of the open folder, a window at a time, the newest first.

    Backwards, since a message that someone else expunges moves those above it down: seen twice, never missed.
    """
    for fetched in _windows(client, exists, ["UID", "RFC822.SIZE"]):
        yield [(one[b"UID"], one.get(b"RFC822.SIZE") or 0) for one in fetched]


def marks(client: IMAPClient, exists: int) -> dict[str, list[int]]:
    """Return the UIDs of all messages of the open folder by their marks."""
    index: dict[str, list[int]] = {}
    for fetched in _windows(client, exists, ["UID", _MARKS]):
        for one in fetched:
            index.setdefault(mark_of(_field(one, b"BODY[HEADER.FIELDS")), []).append(one[b"UID"])
    return index


def marks_of(client: IMAPClient, uids: Iterable[int]) -> dict[int, str]:
    """Return the marks of those of these messages that stand in the open folder."""
    wanted, found = sorted(set(uids)), dict[int, str]()
    for start in range(0, len(wanted), _WINDOW):
        fetched = client.fetch(wanted[start : start + _WINDOW], [_MARKS])
        found |= {uid: mark_of(_field(one, b"BODY[HEADER.FIELDS")) for uid, one in fetched.items()}
    return found


def contents(client: IMAPClient, wanted: Iterable[tuple[int, int]]) -> Iterator[tuple[int, bytes]]:
    """Yield the messages with these UIDs (and sizes, to bound what is fetched together) that still stand."""
    for uids in _bounded(wanted):
        fetched = client.fetch(uids, ["BODY.PEEK[]"])
        for uid in uids:
            if uid in fetched:
                yield uid, _field(fetched.pop(uid), b"BODY[]")


def sizes_of(client: IMAPClient, uids: Iterable[int]) -> list[tuple[int, int]]:
    """Return UIDs and sizes in bytes of those of these messages that stand in the open folder."""
    wanted, found = sorted(set(uids)), list[tuple[int, int]]()
    for start in range(0, len(wanted), _WINDOW):
        fetched = client.fetch(wanted[start : start + _WINDOW], ["RFC822.SIZE"])
        found += [(uid, one.get(b"RFC822.SIZE") or 0) for uid, one in fetched.items()]
    return found


def _windows(client: IMAPClient, exists: int, items: list[str]) -> Iterator[list[Mapping[bytes, Any]]]:
    for last in range(exists, 0, -_WINDOW):
        client.use_uid = False
        try:
            fetched = client.fetch(range(last, max(last - _WINDOW, 0), -1), items)
        finally:
            client.use_uid = True
        yield [one for _, one in sorted(fetched.items(), reverse=True) if b"UID" in one]


def _bounded(wanted: Iterable[tuple[int, int]]) -> Iterator[list[int]]:
    uids: list[int] = []
    total = 0
    for uid, size in wanted:
        if uids and (total + size > _MOST_BYTES or len(uids) == _MOST):
            yield uids
            uids, total = [], 0
        uids.append(uid)
        total += size
    if uids:
        yield uids


def _field(fetched: Mapping[bytes, Any], name: bytes) -> bytes:
    """Return what a message's answer holds under a name, however a server writes the rest of it; NIL is empty."""
    return next((value for key, value in fetched.items() if key.upper().startswith(name)), None) or b""
