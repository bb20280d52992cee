"""Art. 17: the right to erasure: halt, find, approve, erase, look again, tell the recipients."""

from collections.abc import Iterator

from shared.domain.case import Case, Gate, Right
from shared.domain.step import Step
from shared.domain.ticket import Ticket
from workflows import holds, stages
from workflows.stages import (
    answer,
    call_back,
    confirm,
    deliver,
    identify,
    locate,
    resolve,
    undo,
    wait_turn,
)


def gates(_: Ticket) -> tuple[Gate, ...]:
    """Halt all processing of the person's data, from the accepting transaction until the ticket ends."""
    return (Gate("*", "halt"),)


def halt(case: Case) -> Iterator[Step]:
    """Where people have to approve first, the systems rest the data meanwhile; the gate already denies."""
    if case.client.approvals:
        for system in stages.holding(case):
            if "restrict" in system.verbs:
                yield case.on(system, "restrict")


def approve(case: Case) -> Iterator[Step]:
    """The preview stands in the counts of `locate`; as many different people approve as the client asks for."""
    if stages.holding(case):
        for number in range(case.client.approvals):
            yield Step("approval", part=str(number + 1), waits="approval")


def erase(case: Case) -> Iterator[Step]:
    """Delete what was written down; what the law or a hold keeps is kept, restricted or masked, with its ground."""
    return holds.erase_or_keep(case)


def look_again(case: Case) -> Iterator[Step]:
    """Prove it in every system, also where nothing had been found."""
    return holds.look_again(case)


def tell(case: Case) -> Iterator[Step]:
    """Art. 19: tell the recipients, unless a legal hold kept everything."""
    if any(not holds.is_kept(case, system.id) for system in stages.holding(case)):
        yield from stages.tell(case)


RIGHT = Right(
    "erasure",
    article="17",
    clock="P1M",
    stages=(
        identify, locate, resolve, confirm, wait_turn, halt, approve, erase, look_again, tell, undo,
        answer, deliver, call_back,
    ),
    gates=gates,
    acting=True,
    waits_for=("access", "portability"),
    heeds=frozenset({"erase", "look_again"}),
)  # fmt: skip
