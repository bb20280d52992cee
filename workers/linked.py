"""Tickets that ask for what another one does already: they wait for it, and rest on its acts.

Linked is only a ticket that adds nothing: same client, right and details, no identifier and no name that the first does
not give, one that tells the person for sure; and received before the first began to search, else its answer would not
hold what came since. Each keeps its own clock, answer and certificate.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from shared.domain.case import Right
from shared.domain.step import Taken
from shared.domain.ticket import Ticket
from shared.store.chain import Chain
from shared.store.tables import PersonRow, StepRow, TicketRow
from workers.caseload import base_subject, opened, steps_and_chain, taken
from workers.office import Office
from workflows.holds import RESUMED

_OWN = frozenset(
    {"answer", "deliver", "callback", "adopt", "turn", "identity", "mandate", "code", "extension"}
)  # each its own
_MOST = 20  # tickets about one person that are compared


def first_about_the_same(office: Office, session: Session, row: TicketRow, ticket: Ticket) -> UUID | None:
    """Return the open ticket that does already all that this one asks for; None if it has to run by itself."""
    right = office.rights[row.right]
    if not right.links_until or ticket.received_via == RESUMED or office.client(row.client).identity == "code":
        return None
    ours = select(PersonRow.digest).where(PersonRow.ticket_id == row.id)
    query = select(TicketRow).where(
        TicketRow.id.in_(select(PersonRow.ticket_id).where(PersonRow.digest.in_(ours))),
        TicketRow.id != row.id,
        TicketRow.client == row.client,
        TicketRow.right == row.right,
        TicketRow.stage.in_(_joinable(right)),
        TicketRow.closed_at.is_(None),
        TicketRow.paused_at.is_(None),
        TicketRow.verdict.is_(None),
        TicketRow.rests_on.is_(None),
        ~_has_failed(),
        ~_searched_before(row.received_at),
    )
    found = session.scalars(query.order_by(TicketRow.accepted_at, TicketRow.id).limit(_MOST))
    return next((one.id for one in found if adds_nothing(office, ticket, office.ticket(one)[1])), None)


def _joinable(right: Right) -> tuple[str, ...]:
    """Return the stages in which a ticket can be joined: its identity is established, and its acts are to come."""
    return right.names[1 : right.names.index(right.links_until)]


def _searched_before(received: datetime) -> Any:
    begun = StepRow.verb == "locate", StepRow.attempts > 0, StepRow.created_at < received
    return exists().where(StepRow.ticket_id == TicketRow.id, *begun)


def _has_failed() -> Any:
    return exists().where(StepRow.ticket_id == TicketRow.id, StepRow.state == "failed")


def adds_nothing(office: Office, ticket: Ticket, first: Ticket) -> bool:
    """Say whether a ticket gives no identifier, name or detail that the first does not give, and is the same person's.

    A number alone may be a household's: it tells a person only where both give just the same.
    """
    subjects = [one.subject for one in (ticket, first)]
    if any(one is None or one.represented_by for one in subjects):
        return False
    client, details = office.client(ticket.client), office.rights[ticket.right].details
    ours, theirs = (base_subject(one, client) for one in (ticket, first))
    return (
        bool(ours.given)
        and ours.given <= theirs.given
        and (ours.given == theirs.given or any(ours.decides(one) for one in ours.given))
        and ours.names <= theirs.names
        and details.model_validate(ticket.details) == details.model_validate(first.details)
    )


def can_wait(row: TicketRow, right: Right) -> bool:
    """Say whether a ticket is where it waits for another: its identity is established, its answer is to come."""
    if row.rests_on is None or row.verdict is not None:
        return False
    return row.stage in right.names[1 : right.names.index("answer")]


def waits(session: Session, row: TicketRow, right: Right, chain: Chain, now: datetime) -> bool:
    """Say whether a ticket waits for another; if it does no longer, let it go on.

    It goes on to its answer if the other one has ended. It runs by itself if that one failed, rests, or is refused or
    withdrawn.
    """
    if not can_wait(row, right):
        return False
    first = session.execute(
        select(TicketRow.closed_at, TicketRow.verdict, TicketRow.paused_at, _has_failed().label("failed")).where(
            TicketRow.id == row.rests_on
        )
    ).one()
    of = str(row.rests_on)
    if first.verdict is not None or (first.closed_at is None and (first.failed or first.paused_at is not None)):
        row.rests_on = None
        chain.append("unlinked", now, {"from": of, "why": first.verdict or ("failed" if first.failed else "paused")})
        return False
    if first.closed_at is not None:
        row.stage, row.stage_since = "answer", now
        chain.append("rests", now, {"on": of})
        return False
    return True


def resting_on(session: Session, row: TicketRow) -> set[UUID]:
    """Return the open tickets that wait for this one's acts."""
    return set(session.scalars(select(TicketRow.id).where(TicketRow.rests_on == row.id, TicketRow.closed_at.is_(None))))


def acts(office: Office, session: Session, row: TicketRow, right: Right) -> Sequence[Taken]:
    """Return the steps that an answer rests on: the first ticket's, but for what is each person's own."""
    if row.rests_on is None or row.stage not in right.names[right.names.index("answer") :]:
        return ()
    first = session.get_one(TicketRow, row.rests_on)
    key, _ = office.ticket(first)
    rows, _ = steps_and_chain(session, first.id)
    return tuple(
        taken(step, opened(step, key, first.id) if step.result is not None else None)
        for step in rows
        if step.verb not in _OWN
    )
