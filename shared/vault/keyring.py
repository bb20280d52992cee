"""The keys of one installation, as they lie in the vault: each with an id and the moment at which it was made.

An id (8 hexadecimal digits) tells a key from others, and nothing about it.
"""

import secrets
from base64 import urlsafe_b64encode
from datetime import UTC, datetime
from typing import Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from pydantic import BaseModel, ConfigDict, Field

from shared.envelope import Jwk
from shared.evidence import key_id


class _Kept(BaseModel):
    """What is kept in the vault: bytes as base64, and no secret in a text of ours."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", ser_json_bytes="base64", val_json_bytes="base64", hide_input_in_errors=True
    )

    def __repr__(self) -> str:
        return f"{type(self).__name__}(…)"

    __str__ = __repr__


class Key(_Kept):
    """A symmetric key of 32 bytes."""

    id: str = Field(default_factory=lambda: secrets.token_hex(4), pattern="^[0-9a-f]{8}$")
    made_at: datetime = Field(default_factory=lambda: datetime.now(UTC))
    secret: bytes = Field(default_factory=lambda: secrets.token_bytes(32), min_length=32, max_length=32)


class SigningKey(_Kept):
    """An Ed25519 key that signs evidence; once it is retired, its public part alone."""

    public: bytes = Field(min_length=32, max_length=32)
    made_at: datetime
    until: datetime | None = None
    secret: bytes | None = None

    @classmethod
    def of(cls, secret: bytes) -> Self:
        """Return the signing key of a private one."""
        public = Ed25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()
        return cls(public=public, made_at=datetime.now(UTC), secret=secret)

    @classmethod
    def fresh(cls) -> Self:
        """Return a new one."""
        return cls.of(secrets.token_bytes(32))

    @property
    def id(self) -> str:
        """Its id, which stands in what it signs."""
        return key_id(self.verifier)

    @property
    def verifier(self) -> Ed25519PublicKey:
        """Its public part."""
        return Ed25519PublicKey.from_public_bytes(self.public)


class Keyring(_Kept):
    """All keys: of those that are rotated the current one stands last."""

    masters: tuple[Key, ...] = Field(min_length=1)  # wrap the tickets' data keys; the others until nothing uses them
    index: tuple[Key, ...] = Field(min_length=1)  # the blind index
    content: bytes  # tells the same content from another
    links: bytes  # signs the alerts' links
    replay: bytes  # seals the ledger of whom was erased, whose retention is its own
    intake: Jwk
    submitter: Jwk
    signing: tuple[SigningKey, ...] = Field(min_length=1)
    following: SigningKey | None = None  # signs from the checkpoint on that the current one signs for it
    credentials: dict[str, str] = Field(default_factory=dict)

    @classmethod
    def fresh(cls) -> Self:
        """Make all keys."""
        return cls(
            masters=(Key(),), index=(Key(),), content=secrets.token_bytes(32), links=secrets.token_bytes(32),
            replay=secrets.token_bytes(32), intake=fresh_intake(), submitter=fresh_submitter(),
            signing=(SigningKey.fresh(),),
        )  # fmt: skip


def fresh_intake() -> Jwk:
    """Return a private key (X25519) that tickets are sealed to."""
    key = X25519PrivateKey.generate()
    return _jwk("X25519", key.public_key().public_bytes_raw(), key.private_bytes_raw())


def fresh_submitter() -> Jwk:
    """Return a private key (Ed25519) that signs the installation's own tickets."""
    key = Ed25519PrivateKey.generate()
    return _jwk("Ed25519", key.public_key().public_bytes_raw(), key.private_bytes_raw())


def _jwk(curve: str, public: bytes, private: bytes) -> Jwk:
    x, d = (urlsafe_b64encode(one).decode().rstrip("=") for one in (public, private))
    return {"kty": "OKP", "crv": curve, "x": x, "d": d}
