"""What a message on a queue says: which step, and which task."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Nudge:
    """A step that is to be sent to its queue."""

    id: int
    channel: str
    verb: str
    priority: int
