"""Every message to the outside went once, or is marked `maybe twice`, on its step too."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Text, cast, exists, or_, select

from shared.domain.join import OVER
from shared.store.tables import DeliveryRow, StepRow, core
from workers.doctor import Check, Finding, Visit

_s, _d = core(StepRow).c, core(DeliveryRow).c
_ASK = "ask the recipient what arrived, by the message's id; note it on the ticket"


def look(visit: Visit) -> Iterator[Finding]:
    """Compare deliveries with the steps that made them."""
    done = _s.state == "done"
    unknown = _s.state.in_(OVER), _d.state.not_in(("sent", "maybe twice")), or_(done, _d.state == "sending")
    unmarked = done, _d.state == "maybe twice", ~cast(_s.reasons, Text).contains("maybe twice")
    with visit.office.store.read() as session:
        for row in session.execute(_BY_STEP.where(*unknown)):
            what = f"its step is {row.state}, and nobody knows whether the message {row.message_id} went"
            yield Finding(f"ticket {row.ticket_id}", what, _ASK)
        for row in session.execute(_BY_STEP.where(*unmarked)):
            what = f"the message {row.message_id} went maybe twice, and step {row.id} does not say so"
            yield Finding(f"ticket {row.ticket_id}", what, _ASK)
        for row in session.execute(_SENT):
            what = f"step {row.id} ({row.verb}) says that a message was sent, and none is known"
            yield Finding(f"ticket {row.ticket_id}", what, "ask the recipient; report it")


_BY_STEP: Any = (
    select(_d.ticket_id, _s.id, _s.state, _d.message_id)
    .join_from(core(DeliveryRow), core(StepRow), _s.id == _d.step_id)
    .order_by(_d.id)
)
_SENT: Any = (
    select(_s.ticket_id, _s.id, _s.verb)
    .where(
        _s.state == "done",
        cast(_s.counts, Text).contains('"sent"'),
        ~exists().where(_d.ticket_id == _s.ticket_id, _d.step_id == _s.id),
    )
    .order_by(_s.id)
)
CHECK = Check("messages", look)
