"""Art. 18: the right to restriction: kept but not used; lifting it tells the person first (18(3))."""

from collections.abc import Iterator
from typing import Literal
from uuid import UUID

from pydantic import Field

from shared.domain.case import Case, Gate, Right
from shared.domain.step import Step
from shared.domain.ticket import Slug, Strict, Text, Ticket
from workflows import stages
from workflows.stages import (
    answer,
    call_back,
    confirm,
    deliver,
    identify,
    locate,
    resolve,
    tell,
    undo,
    wait_turn,
)


class Details(Strict):
    """Why (18(1)), for which purposes (none: all but storage), what an 18(2) ground leaves open.

    `lift` names the restriction ticket that ends: the person is told before it does.
    """

    ground: Literal["accuracy", "unlawful", "claims", "objection"] = "accuracy"
    purposes: tuple[Slug, ...] = ()
    exceptions: dict[Slug, Text] = Field(default_factory=dict)
    lift: UUID | None = None


def gates(ticket: Ticket) -> tuple[Gate, ...]:
    """Deny from the accepting transaction on, except what an 18(2) ground leaves open."""
    details = Details.model_validate(ticket.details)
    if details.lift:
        return ()
    exempt = tuple(sorted(details.exceptions))
    return tuple(Gate(purpose, "restriction", exempt=exempt) for purpose in details.purposes or ("*",))


def tell_person(case: Case) -> Iterator[Step]:
    """Art. 18(3): the person is informed before the restriction is lifted."""
    if case.ticket.details.get("lift"):
        yield Step("tell-person", args={"of": str(case.ticket.details["lift"])})


def restrict(case: Case) -> Iterator[Step]:
    """Mark or move the data in every system, or take the mark away again."""
    if lift := case.ticket.details.get("lift"):
        return stages.act(case, "lift", of=str(lift))
    return stages.act(case, "restrict")


def look_again(case: Case) -> Iterator[Step]:
    """Look whether the marks stand (or are gone)."""
    verb = "lift" if case.ticket.details.get("lift") else "restrict"
    args = {"of": str(case.ticket.details["lift"])} if verb == "lift" else {}
    return stages.prove(case, verb, stages.holding(case), **args)


def lift_gate(case: Case) -> Iterator[Step]:
    """Open the gate again, last."""
    if case.ticket.details.get("lift"):
        yield Step("lift-gate", args={"of": str(case.ticket.details["lift"])})


RIGHT = Right(
    "restriction",
    article="18",
    clock="P1M",
    stages=(
        identify, locate, resolve, confirm, wait_turn, tell_person, restrict, look_again, lift_gate, tell, undo,
        answer, deliver, call_back,
    ),
    details=Details,
    gates=gates,
    acting=True,
    priority=4,
)  # fmt: skip
