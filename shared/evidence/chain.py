"""A ticket's hash chain.

An entry's hash covers the one before it, so nothing can be changed, dropped or put in between unseen. A payload
holds no personal data; what a person wrote as a reason is sealed beside it, and the hash covers the ciphertext.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

GENESIS = bytes(32)


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a ticket's chain, as it is kept."""

    seq: int
    kind: str
    payload: str  # canonical JSON
    sealed: bytes | None
    hash: bytes


def canonical(value: Any) -> str:
    """Return the one JSON text that is hashed and signed: sorted keys, no blanks."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def link(before: bytes, seq: int, kind: str, payload: str, sealed: bytes | None = None) -> bytes:
    """Return an entry's hash (SHA-256), given the hash of the one before it."""
    parts = (before, str(seq).encode(), kind.encode(), payload.encode(), sealed or b"")
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).digest()


def first_broken(entries: Iterable[Entry], *, after: int = 0, head: bytes = GENESIS) -> int | None:
    """Return the number of the first entry that does not follow from the ones before it; None if all do.

    `after` and `head` are the number and hash of an entry that is known to be good, to go on from there.
    """
    before, expected = head, after + 1
    for entry in entries:
        if not _is_whole(entry) or entry.seq != expected:
            return expected
        if entry.hash != link(before, entry.seq, entry.kind, entry.payload, entry.sealed):
            return expected
        before, expected = entry.hash, expected + 1
    return None


def _is_whole(entry: Entry) -> bool:
    """Say whether its parts are of their kinds: a database without strict types keeps what it is given."""
    texts, data = (entry.kind, entry.payload), (entry.sealed or b"", entry.hash)
    return all(isinstance(one, str) for one in texts) and all(isinstance(one, bytes) for one in data)
