"""The case: everything a stage may decide by, read under the ticket's lock, afresh each round."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import BaseModel

from shared.domain.hold import Hold
from shared.domain.identifier import Identifier, Subject
from shared.domain.outcome import total
from shared.domain.step import Step, Taken
from shared.domain.ticket import NoDetails, Ticket
from shared.inventory import Client

Closing = Literal["fulfilled", "partial", "refused", "withdrawn"]


@dataclass(frozen=True, slots=True)
class SystemView:
    """A system as a decision sees it: its id, its channel and what its connector can do."""

    id: str
    channel: str
    verbs: frozenset[str]


@dataclass(frozen=True, slots=True)
class Case:
    """A ticket with all that is known about it; a value, so a stage function needs nothing else."""

    ticket: Ticket
    client: Client
    subject: Subject
    systems: tuple[SystemView, ...]
    steps: tuple[Taken, ...]
    now: datetime
    stage: str = ""
    stage_since: datetime | None = None
    verdict: str | None = None  # "refused" | "refused in part" | "withdrawn" once a person said so
    ahead: bool = False  # an earlier ticket about this person must end first
    rests_on: UUID | None = None  # the ticket about the same whose acts stand among the steps
    legal_holds: tuple[Hold, ...] = ()  # in force over this person; read for the stages that heed them

    @property
    def today(self) -> date:
        """The date where the controller is."""
        return self.now.astimezone(ZoneInfo(self.client.timezone)).date()

    def taken(self, verb: str, system: str | None = None) -> tuple[Taken, ...]:
        """Return the steps of a verb (on one system), oldest first."""
        return tuple(s for s in self.steps if s.verb == verb and system in (None, s.system))

    def total(self, *outcomes: str, verb: str | None = None, system: str | None = None) -> int:
        """Sum outcomes over the steps that are done."""
        return sum(
            total(s.counts, *outcomes)
            for s in self.steps
            if s.state == "done" and verb in (None, s.verb) and system in (None, s.system)
        )

    def holds(self, system: str) -> bool:
        """Say whether the last locate of a system found anything that is the person's."""
        located = [s for s in self.taken("locate", system) if s.state == "done"]
        return bool(located) and total(located[-1].counts, "found", "mention", "ambiguous") > 0

    def held(self, system: str) -> tuple[Hold, ...]:
        """Return the legal holds that keep what a system holds."""
        return tuple(hold for hold in self.legal_holds if hold.covers(system))

    def rest_has_ended(self, step: Taken) -> bool:
        """Say whether a step let data rest for a while only: until an erasure went on, or until it was lifted."""
        lifted = any(one.state == "done" for one in self.taken("lift", step.system))
        halted = self.ticket.right == "erasure" and not any(reason.get("hold") for reason in step.reasons)
        return step.verb == "restrict" and (lifted or halted)

    def known_to(self, step: Taken) -> frozenset[Identifier]:
        """Return the identifiers that a locate searched for: given, found before it was planned, or by itself."""
        before = (
            other.identifiers
            for other in self.steps
            if other.id == step.id or (other.finished_at is not None and other.finished_at <= step.created_at)
        )
        return self.subject.given.union(*before)

    def detail(self, model: type[BaseModel]) -> Any:
        """Return the ticket's details as the right's own model."""
        return model.model_validate(self.ticket.details)

    def on(self, system: SystemView, verb: str, *, part: str = "", **args: Any) -> Step:
        """Return a step of `verb` on a system."""
        return Step(verb, system.id, system.channel, part, args)


Stage = Callable[[Case], Iterable[Step]]


@dataclass(frozen=True, slots=True)
class Gate:
    """What the gate answers from the accepting transaction on.

    `purpose` is a purpose or `*` (every purpose but storage); `kind` says why: `restriction`, `objection`,
    `withdrawal`, `consent`, `halt`, `hold`, `restored` (a backup brought the person back). `allow` is true only for a
    consent. `exempt` names purposes that an Art. 18(2) ground leaves open. A `halt` ends with its ticket, and becomes a
    `hold` where a legal hold kept the data; `restored` ends with the fence; the others outlive it. No refusal opens one
    that is `firm`.
    """

    purpose: str
    kind: str
    allow: bool = False
    exempt: tuple[str, ...] = ()
    firm: bool = False
    proof: Mapping[str, Any] = field(default_factory=dict)


def _no_gates(_: Ticket) -> tuple[Gate, ...]:
    return ()


@dataclass(frozen=True, slots=True)
class Right:
    """One right, as its article reads: its clock, its stages in order, what its details hold.

    `clock` is an ISO 8601 period; `changes` are those that the law sets later, each with its first day of receipt.
    `priority` orders steps before their due date (0 first). `acting` rights change data, so tickets about one person
    take turns. `eager` names stages that are asked again before all of their steps are over (a notice must not wait
    for a slower one). `heeds` names stages that are decided by the legal holds in force. `tells` is the verb that
    tells the client: until then our own clock runs (33(2)). One that `erases` is entered into the replay ledger when it
    closes. Until its stage `links_until` begins, later tickets that ask for the very same rest on it; none where empty.
    """

    name: str
    article: str
    clock: str
    stages: tuple[Stage, ...]
    details: type[BaseModel] = NoDetails
    gates: Callable[[Ticket], tuple[Gate, ...]] = _no_gates
    priority: int = 5
    acting: bool = False
    waits_for: tuple[str, ...] = ()  # rights whose open tickets about the same person go first, whenever received
    needs_subject: bool = True
    eager: frozenset[str] = frozenset()
    heeds: frozenset[str] = frozenset()
    changes: tuple[tuple[date, str], ...] = ()
    tells: str = ""
    links_until: str = ""
    erases: bool = False

    def period(self, received: date) -> str:
        """Return the clock that the law set on the day of receipt: a ticket keeps the rule that it began under."""
        valid = [change for change in self.changes if change[0] <= received]
        return max(valid)[1] if valid else self.clock

    def stage(self, name: str) -> Stage:
        """Return the stage of that name."""
        return next(stage for stage in self.stages if stage.__name__ == name)

    @property
    def names(self) -> tuple[str, ...]:
        """The stages' names, in order."""
        return tuple(stage.__name__ for stage in self.stages)


def closing(case: Case) -> Closing:
    """Say how a ticket ends: anything retained, residual, left or only masked makes it `partial`."""
    if case.verdict == "refused":
        return "refused"
    if case.verdict == "refused in part":
        return "partial"
    if case.verdict == "withdrawn":
        return "withdrawn"
    standing = [s for s in case.steps if s.state == "done" and not case.rest_has_ended(s)]
    left = sum(total(s.counts, "retained", "residual") for s in standing)
    # what failed in an earlier run of a verb on a system was made good by its last one
    left += sum(total(s.counts, "failed") for s in {(s.verb, s.system): s for s in standing}.values())
    if not case.client.accept_masking:
        left += case.total("masked", verb="delete")
    waived = any(s.state == "waived" and s.waits not in ("turn", "match") for s in case.steps)
    return "partial" if left or waived else "fulfilled"
