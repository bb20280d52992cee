"""Evidence that stands without us: a hash chain per ticket, and the signed certificate. Pure.

An entry's hash covers the one before it, so nothing can be changed, dropped or put in between unseen. A payload
holds no personal data; what a person wrote as a reason is sealed beside it, and the hash covers the ciphertext.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from shared.domain.outcome import Found

GENESIS = bytes(32)
FORMAT = "rightsdesk-certificate/1"


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


def first_broken(entries: Iterable[Entry]) -> int | None:
    """Return the number of the first entry that does not follow from the ones before it; None if all do."""
    before, expected = GENESIS, 1
    for entry in entries:
        if entry.seq != expected or entry.hash != link(before, entry.seq, entry.kind, entry.payload, entry.sealed):
            return expected
        before, expected = entry.hash, expected + 1
    return None


def leaf(key: bytes, found: Found) -> bytes:
    """Return one record's part of a commitment (HMAC-SHA-256): guessable to nobody without the key."""
    record = f"{found.collection}\0{found.key}\0{found.digest}"
    return hmac.digest(key, record.encode("utf-8", "surrogatepass"), hashlib.sha256)


def commitment(key: bytes, leaves: Iterable[bytes]) -> str:
    """Commit to what was found, each record's leaf once and in ascending order."""
    mac = hmac.new(key, digestmod=hashlib.sha256)
    for one in leaves:
        mac.update(one)
    return mac.hexdigest()


def sign(certificate: dict[str, Any], signer: Ed25519PrivateKey) -> dict[str, Any]:
    """Return the signed document: the certificate, its proof's state and the signature (Ed25519)."""
    body = {"format": FORMAT, "certificate": certificate, "proof": "pending"}
    value = base64.b64encode(signer.sign(canonical(body).encode())).decode()
    return body | {"signature": {"alg": "Ed25519", "value": value}}


def verify(document: Any, key: Ed25519PublicKey) -> str | None:
    """Return None if the document is a certificate signed by this key, else what is wrong with it."""
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        return "this is not a Rightsdesk certificate"
    body = {name: value for name, value in document.items() if name != "signature"}
    if set(body) != {"format", "certificate", "proof"}:
        return "the certificate has parts that do not belong there"
    try:
        signature = base64.b64decode(document["signature"]["value"], validate=True)
        if document["signature"] != {"alg": "Ed25519", "value": base64.b64encode(signature).decode()}:
            return "the certificate bears no readable signature"  # it covers all but itself, so it has one form
        key.verify(signature, canonical(body).encode())
    except (KeyError, TypeError, ValueError):
        return "the certificate bears no readable signature"
    except InvalidSignature:
        return "the signature does not fit: the certificate was changed, or signed by another key"
    return None
