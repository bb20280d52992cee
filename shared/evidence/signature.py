"""Signed JSON documents: an Ed25519 signature (RFC 8032) over the canonical text of all that is not the signature."""

import base64
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from shared.evidence.chain import canonical


def signed(body: dict[str, Any], signer: Ed25519PrivateKey) -> dict[str, Any]:
    """Return the document with its signature."""
    value = base64.b64encode(signer.sign(canonical(body).encode())).decode()
    return body | {"signature": {"alg": "Ed25519", "value": value}}


def wrong_signature(body: dict[str, Any], signature: Any, key: Ed25519PublicKey, *, what: str) -> str | None:
    """Return None if the signature is this key's over the body, else what is wrong; `what` names the document."""
    unreadable = f"the {what} bears no readable signature"
    try:
        value = base64.b64decode(signature["value"], validate=True)
        if signature != {"alg": "Ed25519", "value": base64.b64encode(value).decode()}:
            return unreadable  # it covers all but itself, so it has one form
        key.verify(value, canonical(body).encode())
    except (KeyError, TypeError, ValueError):
        return unreadable
    except InvalidSignature:
        return f"the signature does not fit: the {what} was changed, or signed by another key"
    return None
