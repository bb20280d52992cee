"""Sealing written anew from the RFCs with nothing but primitives: what docs/sealing.md tells, in code."""

import base64
import hashlib
import json
import struct

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM


def b64(data):
    """Return base64url without padding (RFC 7515, section 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text):
    """Read it."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def compact(value):
    """Return JSON without blanks."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def thumbprint(jwk):
    """Return a key's id (RFC 7638; RFC 8037, section 2)."""
    return b64(hashlib.sha256(compact({name: jwk[name] for name in ("crv", "kty", "x")})).digest())


def pair(kind, curve, private):
    """Return the JWK of a private key's bytes."""
    public = kind.from_private_bytes(private).public_key().public_bytes_raw()
    return {"kty": "OKP", "crv": curve, "x": b64(public), "d": b64(private)}


def sign(content, header, submitter):
    """Return the JWS in its compact form."""
    signed = f"{b64(compact(header))}.{b64(content)}"
    return f"{signed}.{b64(Ed25519PrivateKey.from_private_bytes(unb64(submitter['d'])).sign(signed.encode()))}"


def content_key(ephemeral, intake):
    """Return the key that both ends derive (RFC 7518, section 4.6.2; one round of SHA-256 is enough)."""
    reader = X25519PublicKey.from_public_bytes(unb64(intake["x"]))
    secret = X25519PrivateKey.from_private_bytes(unb64(ephemeral["d"])).exchange(reader)
    other = struct.pack(">I", 7) + b"A256GCM" + struct.pack(">III", 0, 0, 256)
    return hashlib.sha256(struct.pack(">I", 1) + secret + other).digest()


def encrypt(signed, header, ephemeral, intake, nonce):
    """Return the JWE in its compact form; its encrypted key is empty, for ECDH-ES agrees on the key itself."""
    first = b64(compact(header))
    sealed = AESGCM(content_key(ephemeral, intake)).encrypt(nonce, signed.encode(), first.encode())
    return f"{first}..{b64(nonce)}.{b64(sealed[:-16])}.{b64(sealed[-16:])}"


def vectors():
    """Make the test vectors of docs/sealing.json: keys from RFC 8037 A.1, RFC 7748 6.1 (Bob), and one made up."""
    submitter = pair(Ed25519PrivateKey, "Ed25519", unb64("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"))
    bob = bytes.fromhex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb")
    intake, ephemeral = (pair(X25519PrivateKey, "X25519", one) for one in (bytes(range(32)), bob))
    ticket = {
        "id": "6f8f3ed5-1f0a-4a63-9a39-0d3c1c2a7a11", "client": "acme", "right": "access",
        "received_at": "2026-01-31T10:00:00+01:00", "subject": {"email": ["ada@example.org"], "name": "Ada Exämple"},
    }  # fmt: skip
    content = compact(ticket)
    issued = 1_769_850_000
    kids = {"submitter": thumbprint(submitter), "intake": thumbprint(intake)}
    signed_header = {
        "alg": "Ed25519", "typ": "rightsdesk-ticket", "kid": kids["submitter"], "aud": kids["intake"], "iat": issued,
        "exp": issued + 86_400,
    }  # fmt: skip
    public = {name: ephemeral[name] for name in ("kty", "crv", "x")}
    header = {"alg": "ECDH-ES", "enc": "A256GCM", "kid": kids["intake"], "epk": public}
    nonce = bytes(range(12))
    signed = sign(content, signed_header, submitter)
    entry = encrypt(signed, header, ephemeral, intake, nonce)
    receipt = f"rightsdesk:receipt:{ticket['id']}:{hashlib.sha256(entry.encode()).hexdigest()[:16]}"
    return {
        "submitter": submitter, "intake": intake, "kids": kids, "ticket": content.decode(),
        "jws_header": compact(signed_header).decode(), "jws": signed, "ephemeral": ephemeral,
        "content_key_hex": content_key(ephemeral, intake).hex(), "iv_hex": nonce.hex(),
        "jwe_header": compact(header).decode(), "entry": entry, "receipt": receipt,
    }  # fmt: skip
