"""Art. 16: the right to rectification: the new value, or a completing statement, in every system that has it."""

from collections.abc import Iterator
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from shared.domain.case import Case, Right
from shared.domain.outcome import STATEMENT
from shared.domain.step import Step
from shared.domain.ticket import Strict, Text
from workflows import stages
from workflows.stages import (
    answer,
    call_back,
    confirm,
    deliver,
    identify,
    is_over,
    locate,
    resolve,
    tell,
    undo,
    wait_turn,
)

Category = Annotated[str, StringConstraints(pattern=r"^user(\.[a-z_]+)+$", max_length=120)]
Value = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1000)]


class Details(Strict):
    """New values by data category (`user.contact.email`), or a statement that completes the record.

    `restrict`: the person asks that the data rest while their accuracy is checked (Art. 18(1)(a)).
    """

    changes: dict[Category, Value] = Field(default_factory=dict)
    statement: Text | None = None
    restrict: bool = False

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.changes and not self.statement:
            raise ValueError("give `changes` (category: new value) or a `statement`")
        return self


def check(case: Case) -> Iterator[Step]:
    """Art. 18(1)(a): where the person asks for it, the data rest until a person has checked their accuracy."""
    if case.ticket.details.get("restrict"):
        yield from stages.act(case, "restrict")
        yield Step("accuracy", waits="accuracy")


def rectify(case: Case) -> Iterator[Step]:
    """Write the new values."""
    details = case.ticket.details
    return stages.act(case, "rectify", changes=details.get("changes", {}), statement=details.get("statement"))


def look_again(case: Case) -> Iterator[Step]:
    """Read the new values back."""
    details = case.ticket.details
    wanted = {"changes": details.get("changes", {}), "statement": details.get("statement")}
    return stages.prove(case, "rectify", stages.holding(case), **wanted)


def release(case: Case) -> Iterator[Step]:
    """Lift what rested while it was checked."""
    for step in case.taken("restrict"):
        if is_over(case, "restrict", step.system):
            yield Step("lift", step.system, step.channel)


def sum_up(case: Case) -> Iterator[Step]:
    """What was written nowhere is not told as done: it stands in the evidence, the answer and the certificate."""
    if missing := unwritten(case):
        yield Step("shortfall", args={"missing": list(missing)})


def written(case: Case) -> frozenset[str]:
    """Return what stands in some system now: data categories, and `statement`."""
    writes = [step for step in case.taken("rectify") if step.state == "done"]
    reasons = (reason for step in writes for reason in step.reasons)
    return frozenset(reason["ground"] for reason in reasons if reason["outcome"] == "rectified")


def unwritten(case: Case) -> tuple[str, ...]:
    """Return what was asked for and stands in no system."""
    details = case.ticket.details
    asked = [*(details.get("changes") or {}), *([STATEMENT] if details.get("statement") else [])]
    return tuple(one for one in asked if one not in written(case))


RIGHT = Right(
    "rectification",
    article="16",
    clock="P1M",
    stages=(
        identify, locate, resolve, confirm, wait_turn, check, rectify, look_again, release, sum_up, tell, undo,
        answer, deliver, call_back,
    ),
    details=Details,
    links_until="rectify",
    acting=True,
)  # fmt: skip
