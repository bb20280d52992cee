"""Commitments to the records that were found: each can be shown to who knows it, and guessed by nobody.

A record's leaf is hashed with a salt of its own, made with the ticket's key. Who is given the salt of one record can
check that this record was found, and learns nothing of the others; without the key nobody can make a salt.
"""

import hashlib
import hmac
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from shared.domain.outcome import Found
from shared.evidence.chain import canonical
from shared.evidence.merkle import leaf_hash, path_of, read_path, root_by, root_of

FORMAT = "rightsdesk-record/1"
_PARTS = {"format", "ticket", "system", "step", "record", "salt", "index", "size", "path"}


class RecordLeaf(NamedTuple):
    """A record's place in a commitment: the salt that opens it, and its leaf's hash."""

    salt: bytes
    hash: bytes


def leaf(key: bytes, found: Found) -> RecordLeaf:
    """Return one record's leaf, its salt (HMAC-SHA-256 of the record) made with a ticket's key."""
    record = _record(found.collection, found.key, found.digest)
    salt = hmac.digest(key, record, hashlib.sha256)
    return RecordLeaf(salt, leaf_hash(salt + record))


def _record(*parts: str) -> bytes:
    return canonical(parts).encode("utf-8", "surrogatepass")


def commitment(hashes: Iterable[bytes]) -> str:
    """Commit to what was found (hex), given each record's leaf hash once and in ascending order."""
    return root_of(hashes).hex()


def record_proof(key: bytes, found: Found, hashes: Sequence[bytes]) -> dict[str, Any] | None:
    """Return what shows that a record is among those committed to, in ascending order; None if it is not."""
    salt, mine = leaf(key, found)
    if mine not in hashes:
        return None
    index = hashes.index(mine)
    return {
        "format": FORMAT,
        "record": {"collection": found.collection, "key": found.key, "digest": found.digest},
        "salt": salt.hex(), "index": index, "size": len(hashes), "path": [one.hex() for one in path_of(hashes, index)],
    }  # fmt: skip


def verify_record(proof: Any, certificate: dict[str, Any]) -> str | None:
    """Return None if a verified certificate commits to the record, else what is wrong with its proof."""
    if not isinstance(proof, dict) or proof.get("format") != FORMAT or set(proof) != _PARTS:
        return "this is not the proof of a record"
    if proof["ticket"] != certificate["ticket"]:
        return "the record's proof is about another ticket"
    committed = [
        one["commitment"]
        for system in certificate["systems"] if system["id"] == proof["system"]
        for one in system["found_before"] if one["step"] == proof["step"]
    ]  # fmt: skip
    root = _root(proof)
    if root is None:
        return "the record's proof cannot be read"
    return None if root.hex() in committed else "the certificate does not commit to this record"


def _root(proof: dict[str, Any]) -> bytes | None:
    record, path, salt = proof["record"], read_path(proof["path"]), read_path([proof["salt"]])
    whole = type(proof["index"]) is int and type(proof["size"]) is int
    if not isinstance(record, dict) or set(record) != {"collection", "key", "digest"} or not whole:
        return None
    parts = record["collection"], record["key"], record["digest"]
    if path is None or salt is None or not all(isinstance(one, str) for one in parts):
        return None
    return root_by(leaf_hash(salt[0] + _record(*parts)), proof["index"], proof["size"], path)
