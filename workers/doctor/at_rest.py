"""Nothing runs for a ticket that is paused, withdrawn, refused or closed."""

from collections.abc import Iterator

from sqlalchemy import ColumnElement, and_, false, or_, select

from shared.domain.case import Right
from shared.domain.join import OVER
from shared.store.tables import StepRow, TicketRow, core
from workers.doctor import Check, Finding, Visit

_s, _t = core(StepRow).c, core(TicketRow).c
_REPORT = "pause what works on its system, and report it: this must not happen"
_STEPS = select(_t.id, _s.id.label("step"), _s.verb, _s.state).join_from(core(TicketRow), core(StepRow))


def look(visit: Visit) -> Iterator[Finding]:
    """Look for steps that are not over where they should be, or that may begin where they should not."""
    turned = or_(false(), *(_before_undo(name, right) for name, right in visit.office.rights.items()))
    unfinished = _s.state.not_in(OVER)
    kinds = {
        "closed": (_t.closed_at.is_not(None), unfinished),
        # what had begun goes on; the notice of an extension has to be given all the same
        "paused": (_t.paused_at.is_not(None), _s.state.in_(("ready", "queued")), _s.verb != "extension"),
        "withdrawn or refused": (_t.closed_at.is_(None), _t.verdict.is_not(None), unfinished, turned),
    }
    with visit.office.store.read() as session:
        for kind, conditions in kinds.items():
            for row in session.execute(_STEPS.where(*conditions).order_by(_s.id)):
                yield Finding(
                    f"ticket {row.id}", f"it is {kind}, and step {row.step} ({row.verb}) is {row.state}", _REPORT
                )


def _before_undo(name: str, right: Right) -> ColumnElement[bool]:
    last = next((right.names.index(one) for one in ("undo", "answer") if one in right.names), 0)
    return and_(_t.right == name, _s.stage.in_(right.names[:last]))


CHECK = Check("at rest", look)
