"""Art. 17: the right to erasure: halt, find, approve, erase, look again, tell the recipients."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from shared.domain.case import Case, Gate, Right
from shared.domain.step import Step
from shared.domain.ticket import Slug, Strict, Ticket
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


class Span(Strict):
    """The time in a recording, in seconds from its start, at which the person speaks or is spoken of.

    `system` is the system's id, `file` the recording's path below its URL.
    """

    system: Slug
    file: Annotated[str, StringConstraints(min_length=1, max_length=1000)]
    from_: float = Field(alias="from", ge=0, allow_inf_nan=False)
    to: float = Field(gt=0, allow_inf_nan=False)

    @model_validator(mode="after")
    def _forwards(self) -> Self:
        if self.to <= self.from_:
            raise ValueError("`to` is later than `from`")
        return self


class Details(Strict):
    """`silence`: recordings that have to stay for others, silenced at these times and not deleted."""

    silence: tuple[Span, ...] = Field(default=(), max_length=500)


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
    return erase_but_silence(case, case.detail(Details).silence)


def erase_but_silence(case: Case, spans: tuple[Span, ...]) -> Iterator[Step]:
    """Delete; where times to be silenced are named in a system that cannot, or that is not there, a person has to."""
    yield from _with_spans(spans, holds.erase_or_keep(case))
    able = {system.id for system in stages.holding(case) if "silence" in system.verbs}
    if {span.system for span in spans} - able:
        yield Step("silence", waits="silence by hand")


def look_again(case: Case) -> Iterator[Step]:
    """Prove it in every system, also where nothing had been found."""
    return look_beside_silence(case, case.detail(Details).silence)


def look_beside_silence(case: Case, spans: tuple[Span, ...]) -> Iterator[Step]:
    """Prove it; what a look puts back is silenced as it was."""
    return _with_spans(spans, holds.look_again(case))


def _with_spans(spans: tuple[Span, ...], steps: Iterator[Step]) -> Iterator[Step]:
    """Tell the act, and the look that may put it back, which recordings are to be silenced and when."""
    for step in steps:
        named = [{"file": one.file, "from": one.from_, "to": one.to} for one in spans if one.system == step.system]
        told = named and step.verb in ("delete", "absent")
        yield replace(step, args={**step.args, "silence": named}) if told else step


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
    details=Details,
    gates=gates,
    acting=True,
    waits_for=("access", "portability"),
    heeds=frozenset({"erase", "look_again"}),
    links_until="erase",
    erases=True,
)  # fmt: skip
