"""Signed links by which an alert is acknowledged: they name the message and the person, and end."""

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from shared.vault import Vault

LASTS = timedelta(days=30)
_MAC = 32


@dataclass(frozen=True, slots=True)
class Pass:
    """Who may acknowledge which message."""

    batch: str
    person: str


def signed(vault: Vault, ticket: Pass, *, now: datetime) -> str:
    """Return the token of a link (HMAC-SHA-256 with a key of its own)."""
    until = int((now + LASTS).timestamp())
    content = f"{until}\0{ticket.batch}\0{ticket.person}".encode()
    return base64.urlsafe_b64encode(_mac(vault, content) + content).decode().rstrip("=")


def read(vault: Vault, token: str, *, now: datetime) -> Pass | None:
    """Return whom a token names; None if it is not ours, was changed, or is too old."""
    try:
        raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except (binascii.Error, ValueError):
        return None
    content = raw[_MAC:]
    if not hmac.compare_digest(raw[:_MAC], _mac(vault, content)):
        return None
    until, batch, person = content.decode().split("\0", 2)
    return Pass(batch, person) if now < datetime.fromtimestamp(int(until), UTC) else None


def _mac(vault: Vault, content: bytes) -> bytes:
    return hmac.digest(vault.links, content, hashlib.sha256)
