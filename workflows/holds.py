"""Legal holds: what must not be erased for now is kept and restricted instead (Art. 17(3), 18(1)(c)).

Whether a system's data are kept is decided once in a ticket, before anything of them is deleted. A hold that is placed
while they are being deleted stops the next act: what is left is kept.
"""

from collections.abc import Iterator
from datetime import date
from typing import Any

from shared.domain.case import Case, SystemView
from shared.domain.outcome import Outcome, Reason
from shared.domain.step import Step
from workflows import stages

STOPPED = "hold"  # the decision that ended an act which a hold forbids
_PART = "hold"  # tells a restriction for a hold from the halt's
REVIEW = "hold review"
RESUMED = "legal-hold-lifted"  # how an erasure that a hold had kept something from comes in again


def erase_or_keep(case: Case) -> Iterator[Step]:
    """Delete what was written down; where a hold keeps it, restrict it. An overdue hold is a question first."""
    for system in stages.holding(case):
        deletes = case.taken("delete", system.id)
        if is_kept(case, system.id) or (deletes and deletes[-1].decision != STOPPED):
            continue
        if not case.held(system.id):
            yield case.on(system, "delete", part=str(len(deletes) or ""))
        elif questions := list(_review(case, system)):
            yield from questions
        else:
            yield _keep(case, system)


def look_again(case: Case) -> Iterator[Step]:
    """Prove the absence in every system, and where a hold keeps the data, their restriction."""
    for system in case.systems:
        if not is_kept(case, system.id) and not _is_stopped(case, system.id):
            yield from stages.prove(case, "delete", [system])
        elif not is_kept(case, system.id):
            yield _keep(case, system)
        elif "restrict" in system.verbs:
            yield from stages.prove(case, "restrict", [system], **_terms(case, system))


def is_kept(case: Case, system: str) -> bool:
    """Say whether this ticket keeps what a system holds, for a legal hold."""
    return any(step.part == _PART for step in case.taken("restrict", system))


def retain(outcome: Outcome, terms: dict[str, Any]) -> None:
    """Count what a restriction for holds keeps, each collection with the holds' grounds and review dates."""
    for collection, number in terms["kept"].items():
        outcome.counts.setdefault(collection, {})["retained"] = number
        for one in terms["holds"]:
            until = date.fromisoformat(one["until"]) if one["until"] else None
            outcome.reasons.append(Reason(collection, "retained", one["ground"], until, one["id"]))


def _is_stopped(case: Case, system: str) -> bool:
    deletes = case.taken("delete", system)
    return bool(deletes) and deletes[-1].decision == STOPPED and bool(case.held(system))


def _review(case: Case, system: SystemView) -> Iterator[Step]:
    """A hold whose review date has passed stands until a person has looked at it again."""
    for hold in case.held(system.id):
        if hold.review < case.today and not any(
            step.part == str(hold.id) and step.state in ("done", "waived") for step in case.taken("review")
        ):
            yield Step("review", part=str(hold.id), waits=REVIEW)


def _keep(case: Case, system: SystemView) -> Step:
    return case.on(system, "restrict", part=_PART, **_terms(case, system))


def _terms(case: Case, system: SystemView) -> dict[str, Any]:
    """Return the holds, and how many records of each collection they keep."""
    taken = any(step.verb == "match" and step.decision == "approve" for step in case.steps)
    kinds = ("found", "mention", "ambiguous") if taken else ("found", "mention")
    located = [step for step in case.taken("locate", system.id) if step.state == "done"]
    numbers = {name: sum(of.get(kind, 0) for kind in kinds) for name, of in located[-1].counts.items()}
    return {
        "holds": [
            {
                "id": str(hold.id),
                "ground": hold.ground,
                "until": hold.review.isoformat() if hold.review >= case.today else None,
            }
            for hold in case.held(system.id)
        ],
        "kept": {name: number for name, number in numbers.items() if number},
    }
