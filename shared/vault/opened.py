"""The open vault: what is done with its keys."""

import hashlib
import hmac
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shared.domain.errors import Retryable, RightsdeskError, UsageError
from shared.domain.identifier import Identifier
from shared.envelope import Jwk, SealError, seal, unseal
from shared.vault import file
from shared.vault.held import held
from shared.vault.keyring import Key, Keyring, SigningKey
from shared.vault.opening import Secrets

LABEL = 8  # bytes in front of what a master key has sealed: these, and its id
_MARK = b"RDk1"
_REST = 30.0  # seconds until a vault that did not open is tried again: each try stretches the passphrase
_Stamp = tuple[int, int, int]


class Opened(NamedTuple):
    """A vault as it was read."""

    key: bytes
    ring: Keyring
    stamp: _Stamp | None


class Vault:
    """The open vault. It follows its file: what another process rotates is known here at the next use."""

    def __init__(self, root: Path, given: Secrets, opened: Opened) -> None:
        self.root, self._given, self._opened = root, given, opened
        self._rests_until = 0.0

    def __repr__(self) -> str:
        return "Vault(…)"

    @property
    def ring(self) -> Keyring:
        """The keys as they are now."""
        stamp = _stamp(self.root)
        if stamp not in (None, self._opened.stamp) and time.monotonic() >= self._rests_until:
            try:
                self._opened = open_keys(self.root, self._given, self._opened.key)
            except RightsdeskError:  # it was given other secrets: go on with the keys that we have
                self._rests_until = time.monotonic() + _REST
        return self._opened.ring

    @property
    def intake(self) -> Jwk:
        """The key that tickets are sealed to."""
        return self.ring.intake

    @property
    def submitter(self) -> Jwk:
        """The key that signs the installation's own tickets."""
        return self.ring.submitter

    @property
    def replay(self) -> bytes:
        """The key of the ledger of whom was erased."""
        return self.ring.replay

    @property
    def links(self) -> bytes:
        """The key that signs the alerts' links."""
        return self.ring.links

    @property
    def signer(self) -> Ed25519PrivateKey:
        """The key that signs certificates."""
        return self._signer(self.ring.signing[-1])

    def signer_of(self, key_id: str | None) -> Ed25519PrivateKey:
        """Return the signing key with an id, or the current one if none has followed another yet.

        A RightsdeskError if it is not here: signed by another, no evidence would verify any more.
        """
        ring = self.ring
        known = [*ring.signing, *([ring.following] if ring.following else [])]
        return self._signer(next((one for one in known if key_id in (None, one.id) and one.secret), None))

    def _signer(self, key: SigningKey | None) -> Ed25519PrivateKey:
        if key is None or key.secret is None:
            raise RightsdeskError("the vault here has not the key that signs now: put the newest keys/vault.json here")
        return Ed25519PrivateKey.from_private_bytes(key.secret)

    @property
    def verifiers(self) -> tuple[Ed25519PublicKey, ...]:
        """All public keys that certificates and checkpoints verify with, the current one last."""
        return tuple(one.verifier for one in self.ring.signing)

    def credential(self, name: str) -> str:
        """Return a system's credential; a UsageError if there is none of that name."""
        try:
            return self.ring.credentials[name]
        except KeyError:
            raise UsageError(f"the vault has no credential {name}; see `rightsdesk vault set --help`") from None

    def seal(self, content: bytes, *, aad: bytes) -> bytes:
        """Seal something with the current master key; its id stands in front."""
        key = self.ring.masters[-1]
        return label(key) + seal(key.secret, content, aad=aad)

    def unseal(self, sealed: bytes, *, aad: bytes) -> bytes:
        """Open what a master key has sealed; a SealError if it was changed or moved."""
        for key, rest in self._fitting(sealed):
            try:
                return unseal(key.secret, rest, aad=aad)
            except SealError:
                continue
        if sealed.startswith(_MARK) and sealed[4:LABEL].hex() not in {key.id for key in self.ring.masters}:
            raise Retryable("it was sealed by a master key that the vault here does not know; see docs/keys.md")
        raise SealError("sealed content does not open with this key")

    def _fitting(self, sealed: bytes) -> Iterator[tuple[Key, bytes]]:
        masters = self.ring.masters
        yield from ((key, sealed[LABEL:]) for key in masters if sealed.startswith(label(key)))
        yield from ((key, sealed) for key in masters)  # from before there were ids

    def new_key(self, ticket: UUID) -> tuple[bytes, bytes]:
        """Return a fresh data key for a ticket, plain and wrapped."""
        key = AESGCM.generate_key(256)
        return key, self.seal(key, aad=b"key:" + ticket.bytes)

    def unwrap(self, ticket: UUID, wrapped: bytes) -> bytes:
        """Return a ticket's data key."""
        return self.unseal(wrapped, aad=b"key:" + ticket.bytes)

    def blind(self, client: str, identifier: Identifier) -> bytes:
        """Return the blind index (HMAC-SHA-256) of a normalised identifier at one client."""
        text = f"{client}\0{identifier.kind}\0{identifier.value}"
        return hmac.digest(self.ring.index[-1].secret, text.encode(), hashlib.sha256)

    @property
    def index_mark(self) -> bytes:
        """What tells this index key from another, and nothing about it."""
        return hmac.digest(self.ring.index[-1].secret, b"which index key", hashlib.sha256)

    def fingerprint(self, content: bytes) -> bytes:
        """Return a keyed digest by which the same content is recognised and no content guessed."""
        return hmac.digest(self.ring.content, b"content\0" + content, hashlib.sha256)

    def change(self, how: Callable[[Keyring], Keyring]) -> Keyring:
        """Change the keys, alone and in one step; a RightsdeskError if the vault no longer opens with what we have."""
        with file.changing(self.root):
            opened = open_keys(self.root, self._given, self._opened.key)
            ring = how(opened.ring)
            file.write(self.root, file.read(self.root).holding(ring, opened.key))
            self._opened = Opened(opened.key, ring, _stamp(self.root))
        return ring


def label(key: Key) -> bytes:
    """Return what stands in front of what a master key has sealed."""
    return _MARK + bytes.fromhex(key.id)


def open_keys(root: Path, given: Secrets, *keys: bytes, ask: bool = False) -> Opened:
    """Return a home's keys: by a vault key that is at hand or held, else by both secrets."""
    stamp, sealed = _stamp(root), file.read(root)
    for key in (*keys, held(root)):
        try:
            if key is not None:
                return Opened(key, sealed.ring(key), stamp)
        except SealError:
            continue  # of a vault that was given other secrets since
    key = sealed.vault_key(*both(own_folder(root), given, ask=ask))
    try:
        return Opened(key, sealed.ring(key), stamp)
    except SealError:
        raise file.damaged(root) from None


def both(own: Path, given: Secrets, *, ask: bool) -> tuple[bytes | None, bytes | None]:
    """Return both secrets; None for one that is missing."""
    return given.passphrase.read(own, ask=ask), given.server_secret.read(own)


def _stamp(root: Path) -> _Stamp | None:
    try:
        found = file.place(root).stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def own_folder(root: Path) -> Path:
    """Return where a home keeps secrets of our own making."""
    return root / "secrets"
