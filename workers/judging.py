"""What an entry of the queue is: a ticket of someone who may submit it, or why it is none.

Reasons name places and rules, never a value; whatever an entry holds, it is judged in bounded memory and time.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import NAMESPACE_OID, UUID, uuid5

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from shared.domain.case import Right
from shared.domain.errors import UsageError
from shared.domain.ticket import MAX_BYTES, Ticket
from shared.envelope import Jwk, SealError
from shared.inventory import Inventory
from shared.message import Message, kid_of, open_message, public_jwk
from shared.store import submitters
from shared.store.tables import SubmitterKeyRow
from shared.strict_json import read_json
from shared.vault import Vault
from workers.submit import check, content_of

_KID = re.compile(r"[A-Za-z0-9_-]{43}")  # RFC 7638, SHA-256
_MOST_ENTRY = 2 * MAX_BYTES  # a sealed ticket has 16/9 of its size and a header; JWE readers stop at 64 KiB, too


@dataclass(frozen=True, slots=True)
class Judged:
    """What an entry turned out to be: a ticket, or the reason why it is none."""

    entry: bytes
    ticket: Ticket | None = None
    fingerprint: bytes = b""
    reason: str = ""
    right: str | None = None  # as far as it could be read
    ticket_id: UUID | None = None
    allowed: bool = True  # else no receipt bears the ticket's id alone: it may be another client's


@dataclass(slots=True)
class Judge:
    """Judges the entries of one batch; a key is looked up once."""

    vault: Vault
    inventory: Inventory
    rights: Mapping[str, Right]
    session: Session
    _rows: dict[str, list[SubmitterKeyRow]] = field(default_factory=dict)
    _own: str = field(init=False)

    def __post_init__(self) -> None:
        self._own = kid_of(self.vault.submitter)

    def judge(self, entry: bytes) -> Judged:
        """Say what an entry is."""
        if len(entry) > _MOST_ENTRY:
            return Judged(entry, reason="too large")
        try:
            message = open_message(entry, intake=self.vault.intake, find=self._key)
        except SealError as error:
            return Judged(entry, reason=str(error))
        if len(message.content) > MAX_BYTES:
            return Judged(entry, reason="too large")
        try:
            raw = read_json(message.content.decode())
        except ValueError:  # not UTF-8, or not JSON
            return Judged(entry, reason="not valid JSON")
        return self._judge(entry, message, raw)

    def urgent(self, entry: bytes) -> bool:
        """Say whether an entry says that it is a breach; in a twentieth of the time that it takes to store one."""
        if len(entry) > _MOST_ENTRY:
            return False
        try:
            message = open_message(entry, intake=self.vault.intake, find=self._key)
            right = self._right_of(read_json(message.content.decode()))
        except (SealError, ValueError):
            return False
        return right is not None and self.rights[right].priority == 0

    def _judge(self, entry: bytes, message: Message, raw: Any) -> Judged:
        if isinstance(raw, dict) and raw.get("id") is None:
            raw["id"] = str(uuid5(NAMESPACE_OID, message.digest))  # the same message, delivered twice, is one ticket
        about: dict[str, Any] = {"ticket_id": _id_of(raw), "right": self._right_of(raw)}
        if refused := self._refusal(message, raw):
            return Judged(entry, reason=refused, allowed=False, **about)
        try:
            ticket = check(raw, inventory=self.inventory)
            fingerprint = self.vault.fingerprint(content_of(ticket))
        except UsageError as error:
            return Judged(entry, reason=str(error), **about)
        except SQLAlchemyError:
            raise
        except Exception as error:  # noqa: BLE001 - one poison entry must not stop the consumer; it is kept
            return Judged(entry, reason=f"unexpected {type(error).__name__}", **about)
        return Judged(entry, ticket, fingerprint, **about)

    def _right_of(self, raw: Any) -> str | None:
        """Return the right if it is one of ours: else it may be a breach that was misspelt."""
        right = raw.get("right") if isinstance(raw, dict) else None
        return right if isinstance(right, str) and right in self.rights else None

    def _key(self, kid: str) -> Jwk | None:
        if kid == self._own:
            return self.vault.submitter
        if not _KID.fullmatch(kid):
            return None  # anybody may have written it, and PostgreSQL takes no text with a zero in it
        if kid not in self._rows:
            self._rows[kid] = submitters.of_kid(self.session, kid)
        return public_jwk(self._rows[kid][0].public) if self._rows[kid] else None

    def _refusal(self, message: Message, raw: Any) -> str | None:
        if message.kid == self._own:
            return None  # the installation's own key submits for every client
        client = raw.get("client") if isinstance(raw, dict) else None
        return submitters.refusal(self._rows[message.kid], client, message.issued)


def _id_of(raw: Any) -> UUID | None:
    try:
        return UUID(raw["id"])
    except (TypeError, KeyError, ValueError, AttributeError):
        return None
