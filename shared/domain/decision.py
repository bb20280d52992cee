"""A person's decision about a ticket."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Decision:
    """Who decided what, why, and about which step (none: the one that waits)."""

    verb: str
    by: str
    reason: str
    step: int | None = None
    code: str | None = None
    code_is_right: bool = False
