"""A step: one verb on one system (or at the desk), as a stage asks for it and as the case shows it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from shared.domain.identifier import Identifier

CHANNELS = ("chat", "email", "call", "data-center")
DESK = "desk"  # steps that touch no client system: letters, notices, packages, decisions
DATA_VERBS = (
    "locate", "export", "mask", "delete", "rectify", "restrict", "lift", "subjects", "absent", "silence",
)  # fmt: skip
ERASING = ("delete", "mask", "silence")  # what a legal hold forbids


def lane_of(client: str, system: str, verb: str) -> str:
    """Return where a step waits for its turn: in its system's lane, or in its client's for this work of the desk.

    So neither another client's flood nor a server outside that does not answer, such as one that a person named for a
    transfer, is before it. No system's id has a colon.
    """
    return f"{DESK}:{client}:{verb}" if system == DESK else system


@dataclass(frozen=True, slots=True)
class Step:
    """What a stage asks for.

    `part` tells repeated steps of one stage apart. `args` are kept sealed with the ticket's key. `waits` names
    the decision that a person has to take; such a step is never sent to a worker.
    """

    verb: str
    system: str = ""
    channel: str = DESK
    part: str = ""
    args: Mapping[str, Any] = field(default_factory=dict, compare=False)
    waits: str = ""

    @property
    def key(self) -> str:
        """What makes two askings the same step within a stage."""
        return f"{self.system or self.channel}.{self.verb}.{self.part}".rstrip(".")


@dataclass(frozen=True, slots=True)
class Taken:
    """A step that exists, as its row tells it."""

    id: int
    stage: str
    key: str
    verb: str
    system: str
    channel: str
    part: str
    state: str
    waits: str
    counts: Mapping[str, Mapping[str, int]]
    reasons: tuple[Mapping[str, Any], ...]
    error: str | None
    decision: str | None  # "approve" | "waive" …: how a person ended it
    by: str | None
    created_at: datetime
    finished_at: datetime | None
    commitment: str | None = None
    identifiers: frozenset[Identifier] = frozenset()  # that it found
    names: frozenset[str] = frozenset()
