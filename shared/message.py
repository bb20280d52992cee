"""A ticket on its way: a JWS by the submitter inside a JWE to the intake; docs/sealing.md is the exact format.

The signature covers more than the ticket: for which intake it was made (else an intake could pass it on to another),
what it is (else a text signed for something else could be one), when it was issued and when it ends.
"""

import hashlib
import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from shared.domain.errors import UsageError
from shared.envelope import Jwk, SealError

TYPE = "rightsdesk-ticket"
LIFETIME = 30 * 24 * 3600  # seconds; what a spool keeps for longer is submitted anew
_SKEW = 300  # seconds by which a submitter's clock may be ahead of ours
_JWS = ["Ed25519"]
_JWE = ["ECDH-ES", "A256GCM"]  # no compression: a small entry stays small when it is opened
_KID = re.compile(r"[A-Za-z0-9_-]{43}")  # a SHA-256 in base64url: nothing else is looked up anywhere
_NOT_OURS, _NOT_SIGNED = "not sealed to this intake", "not signed by a known submitter"


@dataclass(frozen=True, slots=True)
class Message:
    """What was opened: the ticket's JSON, whose key signed it and when, and what tells it from any other message."""

    content: bytes
    kid: str
    issued: int  # seconds since 1970
    digest: str  # of what was signed: an encoding can be varied, that cannot


@dataclass(frozen=True, slots=True)
class SealingKeys:
    """What a submitter needs: the intake's public key and its own private one."""

    intake: Jwk
    submitter: Jwk

    def __repr__(self) -> str:
        return "SealingKeys(…)"


def kid_of(key: Jwk) -> str:
    """Return a key's id: its thumbprint (RFC 7638, SHA-256, base64url)."""
    from joserfc.jwk import OKPKey

    return str(OKPKey.import_key(key).thumbprint())


def seal_message(
    content: bytes, *, intake: Jwk, submitter: Jwk, issued: float | None = None, lifetime: int = LIFETIME
) -> bytes:
    """Seal a ticket's JSON for the queue: signed by the submitter, readable by the intake only."""
    from joserfc import jwe, jws
    from joserfc.jwk import OKPKey

    signer, reader = OKPKey.import_key(submitter), OKPKey.import_key(intake)
    at = int(time.time() if issued is None else issued)
    aud = reader.thumbprint()
    signed = {"alg": "Ed25519", "typ": TYPE, "kid": signer.thumbprint(), "aud": aud, "iat": at, "exp": at + lifetime}
    inner = jws.serialize_compact(signed, content, signer, registry=_registry())
    header = {"alg": "ECDH-ES", "enc": "A256GCM", "kid": aud}
    return jwe.encrypt_compact(header, inner, reader, algorithms=_JWE).encode()


def open_message(entry: bytes, *, intake: Jwk, find: Callable[[str], Jwk | None], now: float | None = None) -> Message:
    """Open what `seal_message` made; `find` returns the public key of a key id, or None.

    A SealError if it is not sealed to us, not signed by a known key for us, or not of this time.
    """
    signed = _decrypted(entry, intake)
    header, content = _verified(signed, find)
    _check(header, kid_of(intake), time.time() if now is None else now)
    digest = hashlib.sha256(signed.rpartition(b".")[0]).hexdigest()
    return Message(content, header["kid"], header["iat"], digest)


def _decrypted(entry: bytes, intake: Jwk) -> bytes:
    from joserfc import jwe
    from joserfc.errors import JoseError
    from joserfc.jwk import OKPKey

    try:
        return jwe.decrypt_compact(entry, OKPKey.import_key(intake), algorithms=_JWE).plaintext or b""
    except (JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise SealError(_NOT_OURS) from None


def _verified(signed: bytes, find: Callable[[str], Jwk | None]) -> tuple[dict[str, Any], bytes]:
    from joserfc import jws
    from joserfc.errors import JoseError
    from joserfc.jwk import OKPKey

    try:
        kid = jws.extract_compact(signed, registry=_registry()).protected.get("kid")
        key = find(kid) if isinstance(kid, str) and _KID.fullmatch(kid) else None
        if key is None:
            raise SealError(_NOT_SIGNED)
        inner = jws.deserialize_compact(signed, OKPKey.import_key(key), registry=_registry())
    except (JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise SealError(_NOT_SIGNED) from None
    return inner.protected, inner.payload


def _registry() -> Any:
    from joserfc import jws

    # whoever signs may add header parameters that we do not know (RFC 7515, section 4)
    return jws.JWSRegistry(algorithms=_JWS, strict_check_header=False)


def _check(header: dict[str, Any], intake: str, now: float) -> None:
    issued, expires = header.get("iat"), header.get("exp")
    if header.get("typ") != TYPE or header.get("aud") != intake:
        raise SealError("signed for something else than this intake")
    if type(issued) is not int or type(expires) is not int or not 0 <= issued < expires <= issued + LIFETIME:
        raise SealError("its signature says no time, or more than 30 days")
    if issued > now + _SKEW:
        raise SealError("signed in the future: set the submitter's clock")
    if expires <= now:
        raise SealError("expired: submit it again")


def read_submitter(path: Path) -> Jwk:
    """Read a submitter's private Ed25519 key, PEM (PKCS #8) or JWK, from a file."""
    text = _text(path)
    try:
        key = serialization.load_pem_private_key(text, None) if b"-----BEGIN" in text else None
        return _jwk(key) if isinstance(key, Ed25519PrivateKey) else _okp(text, "Ed25519", "d")
    except (ValueError, TypeError):
        raise UsageError(f"{path.name} is not a private Ed25519 key, PEM without a password or JWK") from None


def read_intake(path: Path) -> Jwk:
    """Read the intake's public key, a JWK, from a file."""
    try:
        return _okp(_text(path), "X25519", "x")
    except ValueError:
        raise UsageError(f"{path.name} is not an intake's key: `rightsdesk keys show --intake` prints it") from None


def read_public(path: Path) -> bytes:
    """Read a submitter's public Ed25519 key, PEM or JWK, from a file; return its 32 bytes."""
    text = _text(path)
    if b"PRIVATE KEY" in text or b'"d"' in text:
        raise UsageError(f"{path.name} holds a private key, which stays with its submitter: give the public one")
    try:
        if b"-----BEGIN" not in text:
            return _bytes(_okp(text, "Ed25519", "x"))
        key = serialization.load_pem_public_key(text)
        if isinstance(key, Ed25519PublicKey):
            return key.public_bytes_raw()
    except ValueError:
        pass
    raise UsageError(f"{path.name} is not a public Ed25519 key, PEM or JWK")


def public_jwk(public: bytes) -> Jwk:
    """Return the JWK of a public Ed25519 key's 32 bytes."""
    from joserfc.util import urlsafe_b64encode

    return {"kty": "OKP", "crv": "Ed25519", "x": urlsafe_b64encode(public).decode()}


def _jwk(key: Ed25519PrivateKey) -> Jwk:
    from joserfc.util import urlsafe_b64encode

    public = public_jwk(key.public_key().public_bytes_raw())
    return public | {"d": urlsafe_b64encode(key.private_bytes_raw()).decode()}


def _okp(text: bytes, curve: str, part: str) -> Jwk:
    found = json.loads(text)
    if not isinstance(found, dict) or found.get("crv") != curve or not isinstance(found.get(part), str):
        raise ValueError("another kind of key")
    kid_of(found)  # a damaged one is an error here
    return {name: found[name] for name in ("kty", "crv", "x", "d") if name in found}


def _bytes(key: Jwk) -> bytes:
    from joserfc.util import urlsafe_b64decode

    public = urlsafe_b64decode(str(key["x"]).encode())
    if len(public) != 32:
        raise ValueError("of another length")
    return public


def _text(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        raise UsageError(f"cannot read the key {path.name}") from None
