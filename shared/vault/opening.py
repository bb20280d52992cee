"""The two secrets that open the vault: where each may stand, and the key that they make together.

The administrator's passphrase is stretched by Argon2id (RFC 9106); HKDF-SHA-256 (RFC 5869) joins it with the
server-side secret. Neither is of use without the other.
"""

import getpass
import hashlib
import os
import secrets
import shlex
import subprocess
import sys
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal, Self

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from shared.domain.errors import RightsdeskError, UsageError

PASSPHRASE, SERVER_SECRET = "passphrase", "server-secret"  # the names of the files and credentials
_COMMAND_SECONDS = 30


class Kdf(BaseModel):
    """How a passphrase is stretched; the bounds keep a forged file from taking all memory."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_bytes="base64", val_json_bytes="base64")

    name: Literal["argon2id"] = "argon2id"
    salt: Annotated[bytes, Field(min_length=16, max_length=64)] = Field(default_factory=lambda: secrets.token_bytes(16))
    memory_kib: int = Field(default=64 * 1024, ge=8, le=1024 * 1024)  # RFC 9106, section 4: second recommended
    iterations: int = Field(default=3, ge=1, le=16)
    lanes: int = Field(default=4, ge=1, le=64)

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.memory_kib < 8 * self.lanes:  # RFC 9106, section 3.1
            raise ValueError("too little memory for so many lanes")
        return self

    @classmethod
    def for_random(cls) -> "Kdf":
        """Return parameters for a passphrase of 256 random bits, which nobody guesses however fast they try."""
        return cls(memory_kib=1024, iterations=1, lanes=1)

    def key(self, passphrase: bytes, server_secret: bytes) -> bytes:
        """Return the key (32 bytes) that both secrets make; it costs the same whichever is wrong."""
        stretched = Argon2id(
            salt=self.salt, length=32, iterations=self.iterations, lanes=self.lanes, memory_cost=self.memory_kib
        ).derive(_in_one_form(passphrase))
        both = stretched + hashlib.sha256(server_secret).digest()
        return HKDF(SHA256(), 32, salt=self.salt, info=b"rightsdesk vault").derive(both)


def _in_one_form(passphrase: bytes) -> bytes:
    """Return a passphrase in the one form of its text (NFC; RFC 8265, section 4.2): keyboards differ in it."""
    try:
        return unicodedata.normalize("NFC", passphrase.decode()).encode()
    except UnicodeDecodeError:
        return passphrase


@dataclass(frozen=True, slots=True)
class Given:
    """Where one secret is given; of several places the first counts."""

    name: str
    value: SecretStr | None = None
    file: Path | None = None
    command: str | None = field(default=None, repr=False)

    @property
    def set(self) -> bool:
        """Say whether it is given by settings or by systemd, rather than by a file of our own."""
        return any(one is not None for one in (self.value, self.file, self.command, self._credential()))

    def read(self, own: Path, *, ask: bool = False) -> bytes | None:
        """Return it, from our own file in `own` if it is given nowhere else; None if there is none.

        With `ask`, a passphrase is asked for at a terminal before that.
        """
        if self.value is not None:
            return self.value.get_secret_value().encode(errors="surrogateescape").rstrip(b"\r\n")
        if self.command is not None and self.file is None:
            return self._said()
        file = self.file or self._credential() or own / self.name
        try:
            return file.expanduser().read_bytes().rstrip(b"\r\n")
        except OSError as error:
            if file == own / self.name and isinstance(error, FileNotFoundError):
                return asked("Passphrase of the vault: ") if ask and self.name == PASSPHRASE else None
            raise UsageError(f"cannot read the {_spoken(self.name)}, {file}: {error.strerror}") from None

    def _credential(self) -> Path | None:
        folder = os.environ.get("CREDENTIALS_DIRECTORY")  # systemd's LoadCredential=
        file = Path(folder) / f"rightsdesk-{self.name}" if folder else None
        return file if file and file.exists() else None

    def _said(self) -> bytes:
        """Return what the command prints: a KMS is asked here."""
        try:
            done = subprocess.run(
                shlex.split(self.command or ""), check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                stdin=subprocess.DEVNULL, timeout=_COMMAND_SECONDS, env=_without_secrets(),
            )  # fmt: skip
        except (OSError, ValueError, subprocess.SubprocessError):
            raise RightsdeskError(f"the command that prints the {_spoken(self.name)} failed; run it by hand") from None
        return done.stdout.rstrip(b"\r\n")


def asked(prompt: str) -> bytes | None:
    """Ask for a passphrase at the terminal, without showing it; None if there is no terminal."""
    if not sys.stdin or not sys.stdin.isatty():
        return None
    return getpass.getpass(prompt).encode(errors="surrogateescape")


def _without_secrets() -> dict[str, str]:
    return {name: one for name, one in os.environ.items() if name != "RIGHTSDESK_PASSPHRASE"}


def _spoken(name: str) -> str:
    return name.replace("-", " ")


@dataclass(frozen=True, slots=True)
class Secrets:
    """Both, as the settings give them."""

    passphrase: Given = Given(PASSPHRASE)
    server_secret: Given = Given(SERVER_SECRET)

    @property
    def set(self) -> bool:
        """Say whether one of them at least is given by whoever set this up."""
        return self.passphrase.set or self.server_secret.set
