"""What a look at all evidence finds."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Broken:
    """A place that does not verify: an entry of a ticket's chain, a ticket's certificate, a checkpoint, or a table."""

    reason: str
    ticket: UUID | None = None
    entry: int | None = None
    checkpoint: int | None = None

    def __str__(self) -> str:
        if self.ticket is None and self.checkpoint is None:
            return self.reason
        place = f"ticket {self.ticket}" if self.ticket else f"checkpoint {self.checkpoint}"
        return f"{place}: {self.reason}"

    def as_json(self) -> dict[str, Any]:
        """Return what is known of the place."""
        ticket = str(self.ticket) if self.ticket else None
        places = {"ticket": ticket, "entry": self.entry, "checkpoint": self.checkpoint, "reason": self.reason}
        return {name: value for name, value in places.items() if value is not None}
