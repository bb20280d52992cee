"""A legal hold: a person's decision that data must not be erased for now (Art. 17(3) GDPR)."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Hold:
    """A hold in force over a case's subject.

    `system` is None for every system of the client. `review` is the last day before a person has to look at the hold
    again; it does not end by itself. `ground` is shown to the person and names nobody. `by` placed it.
    """

    id: UUID
    system: str | None
    ground: str
    review: date
    by: str

    def covers(self, system: str) -> bool:
        """Say whether it keeps what a system holds."""
        return self.system in (None, system)
