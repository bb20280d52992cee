"""Art. 17, once more: whoever was erased stands in a system again, by a restored backup or by an integration.

No right of its own: nobody submits it. The replay opens it for a restored system, the sweep when it is time to look.
The person has had the answer; this ends with evidence and a certificate that name the first ticket.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Literal
from uuid import UUID

from shared.domain.case import Case, Gate, Right, SystemView
from shared.domain.outcome import total
from shared.domain.step import Step
from shared.domain.ticket import Slug, Strict, Ticket
from workflows import erasure, holds, stages

RIGHT_NAME = "erasure-again"


class Details(Strict):
    """Whom (`known`, `names`: as the ledger has them) and where; `of` is the ticket that erased them first.

    With `ask` a person decides first: who came back as a customer stays.
    """

    of: UUID
    systems: tuple[Slug, ...]
    cause: Literal["restored", "look"]
    ask: bool
    known: tuple[tuple[str, str], ...]
    names: tuple[str, ...] = ()
    silence: tuple[erasure.Span, ...] = ()


def gates(ticket: Ticket) -> tuple[Gate, ...]:
    """What a backup brought back is not used; who may have come back by themselves is not shut out."""
    return () if Details.model_validate(ticket.details).ask else (Gate("*", "halt"),)


def locate(case: Case) -> Iterator[Step]:
    """Find them again; where a person is asked first, also by the scan that needs no map."""
    for system in _systems(case) if _detail(case).ask else ():
        yield case.on(system, "absent", part="1", act="delete")
    yield from stages.locate(_scoped(case))


def resolve(case: Case) -> Iterator[Step]:
    """What stays ambiguous goes to a person."""
    return stages.resolve(_scoped(case))


def ask(case: Case) -> Iterator[Step]:
    """They may have come back by themselves: approved, they are erased again; refused, they stay."""
    if _detail(case).ask and _standing(case):
        for number in range(max(1, case.client.approvals)):
            yield Step("reappeared", part=str(number + 1), waits="approval")


def wait_turn(case: Case) -> Iterator[Step]:
    """A restored system waits for the replay, so the replay waits for nobody."""
    return stages.wait_turn(case) if _detail(case).cause == "look" else iter(())


def erase(case: Case) -> Iterator[Step]:
    """Delete what was written down, or keep it for a legal hold; what was silenced is silenced."""
    return erasure.erase_but_silence(_scoped(case), _spans(case))


def look_again(case: Case) -> Iterator[Step]:
    """Prove it: everywhere after a restore; else where something stood."""
    systems = _standing(case) if _detail(case).ask else _systems(case)
    return erasure.look_beside_silence(replace(case, systems=systems), _spans(case))


def undo(case: Case) -> Iterator[Step]:
    """Lift what was restricted for it where it is refused."""
    return stages.undo(_scoped(case))


def answer(_: Case) -> Iterator[Step]:
    """The person was answered by the first ticket."""
    return iter(())


def erased_in(case: Case) -> dict[str, datetime]:
    """Return the systems that a ticket has erased in, or found empty, and when it saw that."""
    looks = [step for step in case.taken("absent") if step.state in ("done", "waived")]
    seen = {step.system: step.finished_at for step in looks if not holds.is_kept(case, step.system)}
    return {system: at for system, at in seen.items() if at is not None}


def _detail(case: Case) -> Details:
    found: Details = case.detail(Details)
    return found


def _systems(case: Case) -> tuple[SystemView, ...]:
    return tuple(system for system in case.systems if system.id in _detail(case).systems)


def _spans(case: Case) -> tuple[erasure.Span, ...]:
    """Return the times to be silenced in the systems where something stands."""
    standing = {system.id for system in _standing(case)}
    return tuple(span for span in _detail(case).silence if span.system in standing)


def _scoped(case: Case) -> Case:
    return replace(case, systems=_systems(case))


def _standing(case: Case) -> tuple[SystemView, ...]:
    """Return the systems in which they stand again, by what was located or by the scan."""
    hit = {step.system for step in case.taken("absent") if total(step.counts, "hit")}
    return tuple(system for system in _systems(case) if case.holds(system.id) or system.id in hit)


FOLLOW_UP = Right(
    RIGHT_NAME,
    article="17",
    clock="P1M",
    stages=(locate, resolve, ask, wait_turn, erase, look_again, undo, answer),
    details=Details,
    gates=gates,
    acting=True,
    needs_subject=False,
    heeds=frozenset({"erase", "look_again"}),
    erases=True,
)
