"""Sealing inside: the installation's keys, fields in the database, the blind index; `shared.message` is the way in.

AES-256-GCM with a data key per ticket, wrapped by the master key.
"""

import hashlib
import hmac
import json
import re
import secrets
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shared.domain.errors import RightsdeskError, UsageError

Jwk = dict[str, str | list[str]]

_NONCE = 12
_PEM = re.compile(rb"-----BEGIN PUBLIC KEY-----.*?-----END PUBLIC KEY-----", re.DOTALL)
_CHUNK = 1024 * 1024


class SealError(RightsdeskError):
    """What came is not sealed to us, not signed by a known key, or was changed on its way."""


def seal(key: bytes, content: bytes, *, aad: bytes) -> bytes:
    """Encrypt with AES-256-GCM; the random nonce stands in front. `aad` binds the content to its place."""
    nonce = secrets.token_bytes(_NONCE)
    return nonce + AESGCM(key).encrypt(nonce, content, aad)


def unseal(key: bytes, sealed: bytes, *, aad: bytes) -> bytes:
    """Decrypt what `seal` made; a SealError if it was changed, moved, or the key is another."""
    try:
        return AESGCM(key).decrypt(sealed[:_NONCE], sealed[_NONCE:], aad)
    except (InvalidTag, ValueError):
        raise SealError("sealed content does not open with this key") from None


def seal_json(key: bytes, value: Any, *, aad: bytes) -> bytes:
    """Encrypt a JSON value, compressed."""
    return seal(key, zlib.compress(json.dumps(value, ensure_ascii=False).encode(), 1), aad=aad)


def unseal_json(key: bytes, sealed: bytes, *, aad: bytes) -> Any:
    """Decrypt what `seal_json` made."""
    return json.loads(zlib.decompress(unseal(key, sealed, aad=aad)))


def subkey(key: bytes, use: str) -> bytes:
    """Return a 32-byte key for one use, derived from a ticket's data key."""
    return hmac.digest(key, b"rightsdesk:" + use.encode(), hashlib.sha256)


class Encrypting:
    """Encrypts what is written to it, in chunks of 1 MiB; order, end and place are bound, so nothing can be cut."""

    def __init__(self, sink: Any, key: bytes, *, aad: bytes) -> None:
        self.size = 0
        self.digest = hashlib.sha256()
        self._sink, self._key, self._aad = sink, key, aad
        self._number, self._buffer = 0, bytearray()

    def write(self, data: bytes, /) -> int:
        """Take some bytes."""
        self.digest.update(data)
        self.size += len(data)
        self._buffer += data
        while len(self._buffer) > _CHUNK:
            self._emit(bytes(self._buffer[:_CHUNK]), last=False)
            del self._buffer[:_CHUNK]
        return len(data)

    def finish(self) -> None:
        """Write the last chunk; without it the stream does not open."""
        self._emit(bytes(self._buffer), last=True)

    def _emit(self, chunk: bytes, *, last: bool) -> None:
        sealed = seal(self._key, chunk, aad=_place(self._aad, self._number, last=last))
        self._sink.write(struct.pack(">I", len(sealed)) + sealed)
        self._number += 1


def decrypt_stream(key: bytes, source: BinaryIO, *, aad: bytes) -> Iterator[bytes]:
    """Decrypt what `Encrypting` wrote; a SealError if anything was changed, cut or moved."""
    number, head = 0, source.read(4)
    while True:
        if len(head) != 4:
            raise SealError("a package file ends too early")
        sealed = source.read(struct.unpack(">I", head)[0])
        head = source.read(4)
        yield unseal(key, sealed, aad=_place(aad, number, last=not head))
        if not head:
            return
        number += 1


def _place(aad: bytes, number: int, *, last: bool) -> bytes:
    return aad + struct.pack(">QB", number, last)


def public_pem(key: Ed25519PrivateKey | Ed25519PublicKey) -> bytes:
    """Return the public key as PEM, for auditors."""
    public = key.public_key() if isinstance(key, Ed25519PrivateKey) else key
    return public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def read_public_pem(path: Path) -> list[Ed25519PublicKey]:
    """Read the Ed25519 public keys of a PEM file; what stands between them is for people."""
    try:
        text = path.read_bytes()
        keys = [serialization.load_pem_public_key(one) for one in _PEM.findall(text) or [text]]
    except OSError:
        raise UsageError(f"cannot read the public key {path.name}") from None
    except ValueError:
        raise UsageError(f"{path.name} is not a public key in PEM form; see `rightsdesk keys show --public`") from None
    found = [key for key in keys if isinstance(key, Ed25519PublicKey)]
    if len(found) < len(keys):
        raise UsageError(f"{path.name} is not an Ed25519 key")
    return found
