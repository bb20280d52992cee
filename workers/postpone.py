"""Decisions that move a ticket's clocks: extend, pause, resume. What was due before stays visible beside them."""

from datetime import datetime
from typing import Any

from sqlalchemy import update
from sqlalchemy.orm import Session

from shared.deadlines import Deadline
from shared.domain.decision import Decision
from shared.domain.errors import UsageError
from shared.domain.step import Step
from shared.store import steps, timers
from shared.store.tables import StepRow, TicketRow
from workers import clocks
from workers.caseload import Steps, case_of
from workers.conductor import IDENTITY, Moves, check_identity, plan
from workers.counting import count, end_pause
from workers.office import Office

NOTICE, EXTENSION = "notice", "extension"


def month_one(row: TicketRow) -> clocks.Clock:
    """Return the clock of a notice that Art. 12(3) or (4) wants within the first month, however long the ticket has."""
    first = next((one for one in row.clocks if one["name"] == "unextended"), None) or _statutory(row)
    return {"name": NOTICE, "due_at": first["due_at"], "strict_at": first["strict_at"]}


def _statutory(row: TicketRow) -> clocks.Clock:
    return next(one for one in row.clocks if one["name"] == "statutory")


def extend(
    office: Office, session: Session, row: TicketRow, rows: Steps, decision: Decision, now: datetime
) -> dict[str, Any]:
    """Art. 12(3): two further months from the original start, told inside month one with the reasons."""
    _check_undecided(row)
    if any(one["name"] == "unextended" for one in row.clocks):
        raise UsageError("the period has been extended already; Art. 12(3) allows it once")
    if row.due_on is None:
        raise UsageError("only the one-month period of Art. 12(3) can be extended")
    if row.paused_at is not None:
        raise UsageError("the ticket is paused; resume it, then extend it: the person has to be told")
    if now > row.due_at:
        raise UsageError("the first month is over; an extension had to be told inside it")
    notice = month_one(row) | {"since": now.isoformat(), "ends": EXTENSION}
    row.clocks = [*row.clocks, _statutory(row) | {"name": "unextended"}, notice]
    later = recounted(office, session, row, now)
    _tell(office, session, row, rows, decision, now)
    return {"due_at": later.at.isoformat(), "told_by": notice["due_at"]}


def _check_undecided(row: TicketRow) -> None:
    if row.verdict is not None:
        raise UsageError(f"the ticket is {row.verdict}: its time stays as it is until the answer is given")


def recounted(office: Office, session: Session, row: TicketRow, now: datetime) -> Deadline:
    """Count a ticket's clocks anew, and move its timers, alerts and open steps with them."""
    deadline = count(row, office.rights[row.right], office.client(row.client))
    clocks.move(session, row, office.milestones, now)
    session.execute(
        update(StepRow)
        .where(StepRow.ticket_id == row.id, StepRow.state.in_(("waiting", "ready", "queued")))
        .values(due_at=row.strict_at)
    )
    return deadline


def _tell(office: Office, session: Session, row: TicketRow, rows: Steps, decision: Decision, now: datetime) -> None:
    """Let the desk tell the person of the extension, with the reasons; a step like any, so that it is seen to go."""
    step = Step(EXTENSION, args={"reason": decision.reason, "until": row.due_on.isoformat() if row.due_on else ""})
    plan(office, session, row, case_of(office, row, rows, now=now), [step], Moves(), now)


def pause(
    office: Office, session: Session, row: TicketRow, rows: Steps, decision: Decision, now: datetime
) -> dict[str, Any]:
    """A recorded decision, for doubt about the identity (12(6)): only the notice of an extension starts meanwhile."""
    _check_undecided(row)
    if row.paused_at is not None:
        raise UsageError("the ticket is paused already")
    if row.due_on is None:
        raise UsageError("a breach cannot be paused: its hours run on")
    row.paused_at, row.state = now, "waiting"
    timers.move(session, row.id, clocks.timers_of(row, row.clocks, office.milestones))
    check_identity(office, session, row, now)
    steps.pause(session, row.id)
    return {"paused_at": now.isoformat(), "unpaused_due_at": row.due_at.isoformat()}


def resume(
    office: Office, session: Session, row: TicketRow, rows: Steps, decision: Decision, now: datetime
) -> dict[str, Any]:
    """The clock goes on where it stood, by whole days of rest; the date without the pause stays visible."""
    _check_undecided(row)
    if row.paused_at is None:
        raise UsageError("the ticket is not paused")
    rested = end_pause(row, now)
    if not any(step.waits == IDENTITY and step.state == "waiting" for step in rows):
        clocks.end(session, row, IDENTITY, now)
    recounted(office, session, row, now)
    session.execute(
        update(StepRow)
        .where(StepRow.ticket_id == row.id, StepRow.state == "waiting", StepRow.waits == "paused")
        .values(state="ready", waits="")
    )
    session.flush()
    return {"rested_seconds": int(rested.total_seconds()), "due_at": row.due_at.isoformat()}
