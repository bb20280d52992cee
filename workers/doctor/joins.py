"""Every ticket was accepted once and ends once, no stage was joined twice, no step was worked twice."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from shared.domain.join import OVER
from shared.store.tables import EvidenceRow, StepRow, TicketRow, core
from shared.strict_json import read_json
from workers.doctor import Check, Finding, Visit
from workers.doctor.pages import pages

_s, _e = core(StepRow).c, core(EvidenceRow).c
_REPORT = "`rightsdesk ticket ID` shows its steps; keep the database as it is, and report it"


def look(visit: Visit) -> Iterator[Finding]:
    """Go through all tickets, page by page: their stages in the order of their steps, and what evidence says."""
    rights = visit.office.rights
    with visit.office.store.read(snapshot=True) as session:
        for tickets in pages(session):
            ids = [row.id for row in tickets]
            spans, told, ended = _spans(session, ids), _told(session, ids), _ended(session, ids)
            for row in tickets:
                names = rights[row.right].names if row.right in rights else ()
                wrong = [*_stages(row, names, spans[row.id]), *_once(row, told[row.id], ended[row.id])]
                yield from (Finding(f"ticket {row.id}", one, _REPORT) for one in wrong)


def _spans(session: Session, ids: Sequence[UUID]) -> dict[UUID, list[Any]]:
    """Return for each ticket its stages: the first and the last step, and whether one is not over."""
    open_ones = func.count().filter(_s.state.not_in(OVER))
    query = select(_s.ticket_id, _s.stage, func.min(_s.id), func.max(_s.id), open_ones)
    found: dict[UUID, list[Any]] = defaultdict(list)
    for row in session.execute(query.where(_s.ticket_id.in_(ids)).group_by(_s.ticket_id, _s.stage)):
        found[row[0]].append(row[1:])
    return found


def _told(session: Session, ids: Sequence[UUID]) -> dict[UUID, Counter[Any]]:
    """Count in each ticket's evidence the acceptances and ends, and by their ids the steps that are done."""
    found: dict[UUID, Counter[Any]] = defaultdict(Counter)
    kinds = _e.kind.in_(("accepted", "closed", "step"))
    for ticket, kind, payload in session.execute(
        select(_e.ticket_id, _e.kind, _e.payload).where(_e.ticket_id.in_(ids), kinds)
    ):
        if kind != "step":
            found[ticket][kind] += 1
        elif (said := read_json(payload)).get("state") == "done":
            found[ticket][said["step"]] += 1
    return found


def _ended(session: Session, ids: Sequence[UUID]) -> dict[UUID, set[int]]:
    """Return for each ticket the steps that a worker has done."""
    found: dict[UUID, set[int]] = defaultdict(set)
    query = select(_s.ticket_id, _s.id).where(_s.ticket_id.in_(ids), _s.state == "done", _s.waits == "")
    for ticket, step in session.execute(query):
        found[ticket].add(step)
    return found


def _stages(row: TicketRow, names: Sequence[str], spans: list[Any]) -> Iterator[str]:
    known = {name: number for number, name in enumerate(names)}
    if row.stage not in known:
        return  # of a right, or a stage, that this program does not know
    ordered = sorted(
        (known[stage], first, last, unfinished) for stage, first, last, unfinished in spans if stage in known
    )
    for (one, _, last, _), (other, first, _, _) in pairwise(ordered):
        if first < last:
            yield f"stage {names[one]} was joined again after {names[other]} had begun"
    for number, _, _, unfinished in ordered:
        if number > known[row.stage]:
            yield f"it is in stage {row.stage}, and {names[number]} has begun"
        if number < known[row.stage] and unfinished and row.verdict is None:
            yield f"it left stage {names[number]} with {unfinished} steps that are not over"


def _once(row: TicketRow, told: Counter[Any], ended: set[int]) -> Iterator[str]:
    for kind, wanted in (("accepted", 1), ("closed", int(row.closed_at is not None))):
        if told[kind] != wanted:
            yield f"evidence says {told[kind]} times that it was {kind}, and not {wanted}"
    for step, times in sorted((one for one in told.items() if isinstance(one[0], int)), key=lambda one: one[0]):
        if times > 1:
            yield f"step {step} was worked {times} times to its end"
        if step not in ended:
            yield f"evidence says that step {step} is done, and its row does not"
    for step in sorted(ended - told.keys()):
        yield f"step {step} is done, and evidence does not say so"


CHECK = Check("joins", look)
