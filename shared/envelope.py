"""Sealing inside: the installation's keys, fields in the database, the blind index; `shared.message` is the way in.

AES-256-GCM with a data key per ticket, wrapped by the master key.
"""

import hashlib
import hmac
import json
import os
import secrets
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shared.domain.errors import RightsdeskError, UsageError
from shared.domain.identifier import Identifier

Jwk = dict[str, str | list[str]]

_NONCE = 12
_CHUNK = 1024 * 1024


class SealError(RightsdeskError):
    """What came is not sealed to us, not signed by a known key, or was changed on its way."""


@dataclass(frozen=True, slots=True)
class Vault:
    """The keys of one installation: raw bytes, kept in memory, never shown by `repr`."""

    master: bytes
    index: bytes
    replay: bytes  # seals the ledger of whom was erased, whose retention is its own
    intake: Jwk
    submitter: Jwk
    signing: bytes

    def __repr__(self) -> str:
        return "Vault(…)"

    @property
    def signer(self) -> Ed25519PrivateKey:
        """The key that signs certificates."""
        return Ed25519PrivateKey.from_private_bytes(self.signing)

    def new_key(self, ticket: UUID) -> tuple[bytes, bytes]:
        """Return a fresh data key for a ticket, plain and wrapped."""
        key = AESGCM.generate_key(256)
        return key, seal(self.master, key, aad=b"key:" + ticket.bytes)

    def unwrap(self, ticket: UUID, wrapped: bytes) -> bytes:
        """Return a ticket's data key."""
        return unseal(self.master, wrapped, aad=b"key:" + ticket.bytes)

    def blind(self, client: str, identifier: Identifier) -> bytes:
        """Return the blind index (HMAC-SHA-256) of a normalised identifier at one client."""
        text = f"{client}\0{identifier.kind}\0{identifier.value}"
        return hmac.digest(self.index, text.encode(), hashlib.sha256)

    @property
    def index_mark(self) -> bytes:
        """What tells this index key from another, and nothing about it."""
        return hmac.digest(self.index, b"which index key", hashlib.sha256)

    def fingerprint(self, content: bytes) -> bytes:
        """Return a keyed digest by which the same content is recognised and no content guessed."""
        return hmac.digest(self.index, b"content\0" + content, hashlib.sha256)


def open_vault(root: Path, *, create: bool = True) -> Vault:
    """Read the keys under `root/keys`, creating what is missing (0600, in a folder 0700).

    Without `create`, a UsageError where there are none yet.
    """
    from joserfc.jwk import OKPKey  # noqa: PLC0415 - heavy, and only the doors need it

    folder = root / "keys"
    if not create and not (folder / "index.key").exists():
        raise UsageError("there are no keys under RIGHTSDESK_HOME")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return Vault(
        master=_secret(folder / "master.key"),
        index=_secret(folder / "index.key"),
        replay=_secret(folder / "replay.key"),
        intake=_pair(folder / "intake.jwk", lambda: OKPKey.generate_key("X25519")),
        submitter=_pair(folder / "submitter.jwk", lambda: OKPKey.generate_key("Ed25519")),
        signing=_secret(folder / "signing.key"),
    )


def _secret(path: Path) -> bytes:
    found = _once(path, lambda: secrets.token_bytes(32))
    if len(found) != 32:
        raise _damaged(path)
    return found


def _pair(path: Path, make: Callable[[], Any]) -> Jwk:
    try:
        found: Jwk = json.loads(_once(path, lambda: _jwk(make())))
        if not {"kty", "crv", "x", "d"} <= found.keys():
            raise _damaged(path)
    except (ValueError, AttributeError):  # no JSON, or no object
        raise _damaged(path) from None
    return found


def _damaged(path: Path) -> RightsdeskError:
    return RightsdeskError(f"the key {path} is damaged: put it back from where it is kept")


def _jwk(key: Any) -> bytes:
    return json.dumps(key.as_dict(private=True)).encode()


def _once(path: Path, make: Any) -> bytes:
    """Read a key file, or create it so that of two processes both end with the same key."""
    if not path.exists():
        fresh = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(make())
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(fresh, path)
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    return path.read_bytes()


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


def public_pem(signer: Ed25519PrivateKey) -> bytes:
    """Return the public key as PEM, for auditors."""
    return signer.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def read_public_pem(path: Path) -> Ed25519PublicKey:
    """Read an Ed25519 public key from a PEM file."""
    try:
        key = serialization.load_pem_public_key(path.read_bytes())
    except OSError:
        raise UsageError(f"cannot read the public key {path.name}") from None
    except ValueError:
        raise UsageError(f"{path.name} is not a public key in PEM form; see `rightsdesk keys show --public`") from None
    if not isinstance(key, Ed25519PublicKey):
        raise UsageError(f"{path.name} is not an Ed25519 key")
    return key
