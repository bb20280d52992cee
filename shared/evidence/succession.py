"""The succession of signing keys: the one before states, signed, which one follows.

The statement's digest is a leaf of the last checkpoint that the key before signs; so who trusts one key, and has the
statements, needs no other key brought to them.
"""

import hashlib
from base64 import b64decode, b64encode
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from shared.evidence.chain import canonical
from shared.evidence.merkle import leaf_hash
from shared.evidence.signature import key_id, signed, wrong_signature

FORMAT = "rightsdesk-key/1"
_PARTS = {"format", "at", "before", "key", "public", "signature"}


def succeed(following: Ed25519PublicKey, at: datetime, signer: Ed25519PrivateKey) -> dict[str, Any]:
    """Return the statement of the key `signer` that another one follows it."""
    body = {
        "format": FORMAT, "at": at.isoformat(), "before": key_id(signer.public_key()), "key": key_id(following),
        "public": b64encode(following.public_bytes_raw()).decode(),
    }  # fmt: skip
    return signed(body, signer)


def statement_digest(statement: dict[str, Any]) -> bytes:
    """Return the SHA-256 of a statement with its signature."""
    return hashlib.sha256(canonical(statement).encode()).digest()


def succession_leaf(digest: bytes) -> bytes:
    """Return the hash of a statement's leaf."""
    return leaf_hash(f"key {digest.hex()}".encode())


def successor(statement: Any, keys: Iterable[Ed25519PublicKey]) -> Ed25519PublicKey | None:
    """Return the key that follows by the statement of one of these keys; None if none of them has made it."""
    if not isinstance(statement, dict) or statement.get("format") != FORMAT or set(statement) != _PARTS:
        return None
    body = {name: value for name, value in statement.items() if name != "signature"}
    before = [key for key in keys if key_id(key) == statement["before"]]
    if wrong_signature(body, statement["signature"], before, what="statement"):
        return None
    try:
        following = Ed25519PublicKey.from_public_bytes(b64decode(statement["public"], validate=True))
    except (TypeError, ValueError):
        return None
    return following if key_id(following) == statement["key"] else None


def all_keys(keys: Iterable[Ed25519PublicKey], statements: Iterable[Any]) -> list[Ed25519PublicKey]:
    """Return these keys and those that follow from them by the statements, which stand in their order."""
    known = list(keys)
    for statement in statements:
        if following := successor(statement, known):
            known.append(following)
    return known
