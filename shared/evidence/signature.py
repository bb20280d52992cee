"""Signed JSON documents: an Ed25519 signature (RFC 8032) over the canonical text of all that is not the signature.

A signature does not name its key, so that it has one form: each key that is given is tried.
"""

import base64
import hashlib
from collections.abc import Sequence
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from shared.evidence.chain import canonical

Keys = Ed25519PublicKey | Sequence[Ed25519PublicKey]


def key_id(key: Ed25519PublicKey) -> str:
    """Return a key's id: its JWK thumbprint (RFC 7638; RFC 8037, appendix A.3)."""
    jwk = {"crv": "Ed25519", "kty": "OKP", "x": _base64url(key.public_bytes_raw())}
    return _base64url(hashlib.sha256(canonical(jwk).encode()).digest())


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def signed(body: dict[str, Any], signer: Ed25519PrivateKey) -> dict[str, Any]:
    """Return the document with its signature."""
    value = base64.b64encode(signer.sign(canonical(body).encode())).decode()
    return body | {"signature": {"alg": "Ed25519", "value": value}}


def wrong_signature(body: dict[str, Any], signature: Any, keys: Keys, *, what: str) -> str | None:
    """Return None if one of these keys made the signature, else what is wrong; `what` names the document."""
    unreadable = f"the {what} bears no readable signature"
    try:
        value = base64.b64decode(signature["value"], validate=True)
        if signature != {"alg": "Ed25519", "value": base64.b64encode(value).decode()}:
            return unreadable  # it covers all but itself, so it has one form
    except (KeyError, TypeError, ValueError):
        return unreadable
    known = [keys] if isinstance(keys, Ed25519PublicKey) else keys
    if any(_fits(key, value, body) for key in known):
        return None
    return f"the signature does not fit: the {what} was changed, or signed by another key"


def _fits(key: Ed25519PublicKey, value: bytes, body: dict[str, Any]) -> bool:
    try:
        key.verify(value, canonical(body).encode())
    except InvalidSignature:
        return False
    return True
