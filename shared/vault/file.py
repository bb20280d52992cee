"""The vault's file, `keys/vault.json` (0600): the vault key, sealed by both secrets, and the keys, sealed by it."""

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from shared.domain.errors import RightsdeskError, UsageError
from shared.envelope import SealError, seal, unseal
from shared.private_file import write_private
from shared.vault.keyring import Keyring
from shared.vault.opening import Kdf

CLOSED = (
    "the vault does not open: the passphrase, the server secret or both are missing or not the right ones; "
    "see docs/keys.md"
)
_CONTENT = b"rightsdesk keyring"


class Closed(UsageError):
    """The vault does not open; nothing says which of the two secrets is to blame."""

    def __init__(self) -> None:
        super().__init__(CLOSED)


class Sealed(BaseModel):
    """What stands in the file."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", ser_json_bytes="base64", val_json_bytes="base64", hide_input_in_errors=True
    )

    format: Literal["rightsdesk-vault/1"] = "rightsdesk-vault/1"
    kdf: Kdf
    key: bytes
    content: bytes

    @classmethod
    def made(cls, ring: Keyring, kdf: Kdf, passphrase: bytes, server_secret: bytes) -> "Sealed":
        """Seal keys by a fresh vault key, and that by both secrets."""
        key = secrets.token_bytes(32)
        wrapped = seal(kdf.key(passphrase, server_secret), key, aad=_header(kdf))
        return cls(kdf=kdf, key=wrapped, content=_closed(ring, key))

    def vault_key(self, passphrase: bytes | None, server_secret: bytes | None) -> bytes:
        """Return the vault key; Closed if a secret is missing or not the right one, which takes the same time."""
        both = self.kdf.key(passphrase or b"", server_secret or b"")
        try:
            opened = unseal(both, self.key, aad=_header(self.kdf))
        except SealError:
            raise Closed from None
        if passphrase is None or server_secret is None:
            raise Closed
        return opened

    def ring(self, key: bytes) -> Keyring:
        """Return the keys, given the vault key; a SealError if it is another vault's."""
        content = unseal(key, self.content, aad=_CONTENT)
        try:
            return Keyring.model_validate_json(content)
        except ValidationError:
            raise RightsdeskError("the vault was written by another version of Rightsdesk; update this one") from None

    def holding(self, ring: Keyring, key: bytes) -> "Sealed":
        """Return it with other keys inside."""
        return self.model_copy(update={"content": _closed(ring, key)})


def _header(kdf: Kdf) -> bytes:
    return b"rightsdesk-vault/1 " + kdf.model_dump_json().encode()


def _closed(ring: Keyring, key: bytes) -> bytes:
    return seal(key, ring.model_dump_json().encode(), aad=_CONTENT)


def place(root: Path) -> Path:
    """Return where a home's vault lies."""
    return root / "keys" / "vault.json"


def read(root: Path) -> Sealed:
    """Read a home's vault, closed."""
    path = place(root)
    try:
        return Sealed.model_validate_json(path.read_bytes())
    except OSError as error:
        raise RightsdeskError(f"cannot read the vault {path}: {error.strerror}") from None
    except ValidationError:
        raise damaged(root) from None


def damaged(root: Path) -> RightsdeskError:
    """Return the error of a vault that is not as it was written."""
    return RightsdeskError(f"the vault {place(root)} is damaged: put it back from where it is kept")


def write(root: Path, sealed: Sealed) -> None:
    """Put a vault in the place of the one before, in one step and on disk; call it while `changing`.

    Drafts of who was killed at this go: keys that were destroyed since stand in them. A link stays one.
    """
    path = place(root).resolve()
    write_private(path, sealed.model_dump_json(indent=1).encode() + b"\n")
    for left in path.parent.glob(f".{path.name}.*"):
        left.unlink(missing_ok=True)


@contextmanager
def changing(root: Path, lock: str = ".lock") -> Iterator[None]:
    """Hold the vault: whoever changes it does so alone."""
    folder = root / "keys"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(folder / lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
