"""Art. 21: the right to object: direct marketing stops at once; other purposes rest until a person decides."""

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field, field_validator

from shared.domain.case import Case, Gate, Right
from shared.domain.step import Step
from shared.domain.ticket import Slug, Strict, Text, Ticket
from workflows import stages
from workflows.stages import answer, call_back, deliver, locate, mandate, resolve, undo, wait_turn

MARKETING = "direct-marketing"


class Details(Strict):
    """The purposes objected to, and the grounds relating to the person's situation (21(1))."""

    purposes: Annotated[tuple[Slug, ...], Field(min_length=1)] = (MARKETING,)
    grounds: Text | None = None

    @field_validator("purposes")
    @classmethod
    def _one_spelling(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(purpose.lower() for purpose in value)


def gates(ticket: Ticket) -> tuple[Gate, ...]:
    """Deny in the accepting transaction; for direct marketing without exemptions (21(3))."""
    details = Details.model_validate(ticket.details)
    return tuple(Gate(purpose, "objection", firm=purpose == MARKETING) for purpose in details.purposes)


def others(case: Case) -> bool:
    """Say whether purposes other than direct marketing are objected to."""
    return any(purpose != MARKETING for purpose in Details.model_validate(case.ticket.details).purposes)


def find(case: Case) -> Iterator[Step]:
    """Find the person everywhere: the gate then knows all of their identifiers."""
    return locate(case)


def rest(case: Case) -> Iterator[Step]:
    """For other purposes than marketing: restrict while it is weighed (18(1)(d))."""
    return stages.act(case, "restrict") if others(case) else iter(())


def doubts(case: Case) -> Iterator[Step]:
    """Whose the doubtful records are matters only where they are restricted."""
    return resolve(case) if others(case) else iter(())


def weigh(case: Case) -> Iterator[Step]:
    """A person decides whether compelling legitimate grounds override (21(1)): approve upholds the objection."""
    if others(case):
        yield Step("grounds", waits="grounds")


RIGHT = Right(
    "objection",
    article="21",
    clock="P1M",
    stages=(mandate, find, doubts, wait_turn, rest, weigh, undo, answer, deliver, call_back),
    details=Details,
    gates=gates,
    priority=1,
    acting=True,
)
