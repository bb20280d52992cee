"""Whose turn it was to sign which checkpoint, by the statements that another signing key follows."""

from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import Text, cast, select
from sqlalchemy.orm import Session

from shared.evidence import Keys, all_keys, key_id, statement_digest, successor
from shared.store.tables import KeyChangeRow, core
from shared.strict_json import value_of

_k = core(KeyChangeRow).c


@dataclass(slots=True)
class Turns:
    """The keys that are trusted, and those that follow; each signs until another one does by its statement."""

    keys: list[Ed25519PublicKey]
    _changes: dict[int, tuple[str, Any]] = field(default_factory=dict)  # by the last checkpoint before the change
    _now: str | None = None

    @classmethod
    def from_trusted(cls, trusted: Keys) -> "Turns":
        """Begin with what is trusted without a statement."""
        return cls([trusted] if isinstance(trusted, Ed25519PublicKey) else list(trusted))

    def read(self, session: Session) -> None:
        """Read the statements; as text, since what is no JSON is to be reported, and not to end the look."""
        rows = session.execute(select(_k.checkpoint, _k.key, cast(_k.statement, Text)).order_by(_k.checkpoint))
        self._changes = {number: (key, value_of(text)) for number, key, text in rows}
        statements = [statement for _, statement in self._changes.values()]
        self.keys = all_keys(self.keys, statements)
        first = statements[0] if statements else None
        self._now = first.get("before") if isinstance(first, dict) else None

    @property
    def signers(self) -> list[Ed25519PublicKey]:
        """The keys of which one has to have signed the next checkpoint."""
        return [key for key in self.keys if self._now in (None, key_id(key))]

    def end(self, number: int) -> None:
        """Go on to the checkpoint after this one."""
        if number in self._changes:
            self._now = self._changes.pop(number)[0]

    @property
    def left(self) -> list[int]:
        """Checkpoints that ended no turn though a statement says so: they are not there."""
        return sorted(self._changes)

    def wrong(self, number: int, stated: list[bytes]) -> str | None:
        """Say what is wrong with a checkpoint that holds the digests of these statements."""
        if number not in self._changes:
            return "the statement that another signing key follows is gone" if stated else None
        key, statement = self._changes[number]
        if stated != [statement_digest(statement)]:
            return "it does not hold the statement that another signing key follows"
        if successor(statement, self.signers) is None or statement["key"] != key:
            return "the statement that another signing key follows was not made by the key before"
        return None
