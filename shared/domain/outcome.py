"""What a verb did: counts per collection, reasons without personal data, and what it wrote down."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from shared.domain.identifier import Identifier

# `found` and `ambiguous` come from locate, `hit` from the second look; the rest are the outcomes of design § 3.
KINDS = frozenset(
    {
        "found", "mention", "ambiguous", "exported", "erased", "masked", "redacted", "rectified", "restricted",
        "lifted", "retained", "residual", "failed", "hit", "sent", "affected",
    }
)  # fmt: skip

STATEMENT = "statement"  # what a rectification writes beside data categories


@dataclass(frozen=True, slots=True)
class Reason:
    """Why something was kept, left or failed: a ground (statute, rule), never a value of a record.

    Of what was `rectified` the ground is what stands now: a data category, or `statement`.
    """

    collection: str
    outcome: str
    ground: str
    until: date | None = None
    hold: str | None = None  # the legal hold that is the ground

    def as_json(self) -> dict[str, Any]:
        """Return the reason as it stands in `steps[].reasons[]`."""
        said = {
            "collection": self.collection,
            "outcome": self.outcome,
            "ground": self.ground,
            "until": self.until.isoformat() if self.until else None,
        }
        return said | {"hold": self.hold} if self.hold else said


@dataclass(frozen=True, slots=True)
class Found:
    """One record written down before any act: where it is, whose it is, and what becomes of it.

    `key` finds the record again without any search: a primary key as JSON, a path, a message's file. It may be
    personal (a phone number in a file name), so it is kept sealed. `how` is `subject` (the record is about the
    person), `mention` (another's record that names the person: redacted, never deleted) or `file`.
    `fate` is empty until a verb decides otherwise than asked: `retained`, `masked`, `redacted`, `shared`.
    """

    collection: str
    key: str
    how: str = "subject"
    sure: bool = True
    fate: str = ""
    digest: str = ""  # keyed commitment to the record's content, hex

    def __reduce__(self) -> tuple[Any, ...]:
        # several times as fast as what a frozen dataclass with slots does by itself; there may be millions
        return Found, (self.collection, self.key, self.how, self.sure, self.fate, self.digest)

    @property
    def place(self) -> tuple[str, str]:
        """What makes two notes be about one record."""
        return self.collection, self.key


@dataclass(slots=True)
class Outcome:
    """What a step did. Identifiers and names found here may widen the search; they are kept sealed."""

    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    reasons: list[Reason] = field(default_factory=list)
    identifiers: set[Identifier] = field(default_factory=set)
    names: set[str] = field(default_factory=set)

    def count(self, collection: str, outcome: str, number: int = 1) -> None:
        """Add to a collection's counter; a number of 0 leaves no trace."""
        if outcome not in KINDS:
            raise ValueError(f"no such outcome: {outcome}")
        if number:
            of = self.counts.setdefault(collection, {})
            of[outcome] = of.get(outcome, 0) + number

    def because(self, collection: str, outcome: str, ground: str, until: date | None = None) -> None:
        """Add a reason once."""
        reason = Reason(collection, outcome, ground, until)
        if reason not in self.reasons:
            self.reasons.append(reason)

    def total(self, *outcomes: str) -> int:
        """Sum the named outcomes over all collections."""
        return total(self.counts, *outcomes)


def total(counts: Mapping[str, Mapping[str, int]], *outcomes: str) -> int:
    """Sum the named outcomes over all collections of a `counts` mapping."""
    return sum(of.get(name, 0) for of in counts.values() for name in outcomes)
