"""Checkpoints: a signed Merkle root over what changed since the last one, whose root is the first leaf.

So each checkpoint vouches for all before it. The leaves are texts, so that anybody can build the tree again.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from shared.evidence.merkle import leaf_hash, root_of
from shared.evidence.signature import Keys, signed, wrong_signature

FORMAT = "rightsdesk-checkpoint/1"
_PARTS = {"format", "number", "at", "size", "before", "root"}


def checkpoint_leaf(number: int, root: bytes) -> bytes:
    """Return the hash of the first leaf: the checkpoint before, number 0 with a root of zeros if there was none."""
    return leaf_hash(f"checkpoint {number} {root.hex()}".encode())


def chain_leaf(ticket: UUID, seq: int, head: bytes) -> bytes:
    """Return the hash of a chain's leaf: its ticket, and the number and hash of its last entry."""
    return leaf_hash(f"chain {ticket} {seq} {head.hex()}".encode())


def certificate_leaf(ticket: UUID | str, digest: bytes) -> bytes:
    """Return the hash of a certificate's leaf: its ticket, and the SHA-256 of the text that was signed."""
    return leaf_hash(f"certificate {ticket} {digest.hex()}".encode())


def sign_checkpoint(
    number: int, at: datetime, before: bytes, hashes: Sequence[bytes], signer: Ed25519PrivateKey
) -> dict[str, Any]:
    """Return the signed checkpoint over leaf hashes, the first of which is that of the checkpoint before."""
    body = {
        "format": FORMAT, "number": number, "at": at.isoformat(), "size": len(hashes), "before": before.hex(),
        "root": root_of(hashes).hex(),
    }  # fmt: skip
    return signed(body, signer)


def check_checkpoint(document: Any, key: Keys) -> str | None:
    """Return None if the document is a checkpoint signed by this key, or one of them, else what is wrong with it."""
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        return "this is not a Rightsdesk checkpoint"
    body = {name: value for name, value in document.items() if name != "signature"}
    if set(body) != _PARTS:
        return "the checkpoint has parts that do not belong there"
    return wrong_signature(body, document.get("signature"), key, what="checkpoint")
