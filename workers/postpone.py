"""Decisions that move a ticket's clocks: extend, pause, resume. What was due before stays visible beside them."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import update
from sqlalchemy.orm import Session

from shared.domain.decision import Decision
from shared.domain.errors import UsageError
from shared.domain.step import Step
from shared.store import timers
from shared.store.tables import StepRow, TicketRow
from workers import clocks
from workers.caseload import Steps, case_of
from workers.conductor import IDENTITY, Moves, check_identity, plan
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
    if any(one["name"] == "unextended" for one in row.clocks):
        raise UsageError("the period has been extended already; Art. 12(3) allows it once")
    if row.due_on is None:
        raise UsageError("only the one-month period of Art. 12(3) can be extended")
    if row.paused_at is not None:
        raise UsageError("the ticket is paused; resume it, then extend it: the person has to be told")
    if now > row.due_at:
        raise UsageError("the first month is over; an extension had to be told inside it")
    later = clocks.extended_of(office.client(row.client), row.received_at)
    former = _statutory(row)
    notice = month_one(row) | {"since": now.isoformat(), "ends": EXTENSION}
    longer = clocks.clock("statutory", later, since=row.received_at)
    rest = (one for one in row.clocks if one["name"] != "statutory")
    row.clocks = [longer, *rest, former | {"name": "unextended"}, notice]
    row.due_at, row.due_on, row.strict_at = later.at, later.on, later.strict_at
    _tell(office, session, row, rows, decision, now)
    clocks.move(session, row, office.milestones, now)
    move_steps(session, row)
    return {"due_at": later.at.isoformat(), "told_by": notice["due_at"]}


def _tell(office: Office, session: Session, row: TicketRow, rows: Steps, decision: Decision, now: datetime) -> None:
    """Let the desk tell the person of the extension, with the reasons; a step like any, so that it is seen to go."""
    step = Step(EXTENSION, args={"reason": decision.reason, "until": row.due_on.isoformat() if row.due_on else ""})
    plan(office, session, row, case_of(office, row, rows, now=now), [step], Moves(), now)


def move_steps(session: Session, row: TicketRow) -> None:
    """Let a ticket's open steps be due when it is."""
    session.execute(
        update(StepRow)
        .where(StepRow.ticket_id == row.id, StepRow.state.in_(("waiting", "ready", "queued")))
        .values(due_at=row.strict_at)
    )


def pause(
    office: Office, session: Session, row: TicketRow, rows: Steps, decision: Decision, now: datetime
) -> dict[str, Any]:
    """A recorded decision, for doubt about the identity (12(6)): nothing starts until it is resumed."""
    if row.paused_at is not None:
        raise UsageError("the ticket is paused already")
    if row.due_on is None:
        raise UsageError("a breach cannot be paused: its hours run on")
    row.paused_at, row.state = now, "waiting"
    timers.move(session, row.id, clocks.timers_of(row, row.clocks, office.milestones))
    check_identity(office, session, row, now)
    session.execute(
        update(StepRow)
        .where(StepRow.ticket_id == row.id, StepRow.state.in_(("ready", "queued")))
        .values(state="waiting", waits="paused")
    )
    return {"paused_at": now.isoformat(), "unpaused_due_at": row.due_at.isoformat()}


def resume(
    office: Office, session: Session, row: TicketRow, rows: Steps, decision: Decision, now: datetime
) -> dict[str, Any]:
    """The clock goes on where it stood, by whole days of rest; the date without the pause stays visible."""
    if row.paused_at is None:
        raise UsageError("the ticket is not paused")
    rested = now - row.paused_at
    if not any(one["name"] == "unpaused" for one in row.clocks):
        before = {"name": "unpaused", "due_at": row.due_at.isoformat(), "strict_at": row.strict_at.isoformat()}
        row.clocks = [*row.clocks, before]
    # a period of days ends with a day: hours of rest move nothing (only such periods are paused)
    zone, days = ZoneInfo(office.client(row.client).timezone), timedelta(days=rested.days)
    row.due_at, row.strict_at = (by_wall_clock(end, days, zone) for end in (row.due_at, row.strict_at))
    row.due_on, row.paused_at = row.due_on + days if row.due_on else None, None
    row.clocks = [_later(one, row, rested, days) for one in row.clocks]
    if not any(step.waits == IDENTITY and step.state == "waiting" for step in rows):
        clocks.end(session, row, IDENTITY, now)
    clocks.move(session, row, office.milestones, now)
    session.execute(
        update(StepRow)
        .where(StepRow.ticket_id == row.id, StepRow.state == "waiting", StepRow.waits == "paused")
        .values(state="ready", waits="")
    )
    move_steps(session, row)
    session.flush()
    return {"rested_seconds": int(rested.total_seconds()), "due_at": row.due_at.isoformat()}


def _later(one: clocks.Clock, row: TicketRow, rested: timedelta, days: timedelta) -> clocks.Clock:
    if one["name"] == "statutory":
        later = {"due_at": row.due_at.isoformat(), "strict_at": row.strict_at.isoformat()}
        return one | later | {"rested": one.get("rested", 0) + days.total_seconds()}
    if one["name"] == "sla":
        return clocks.shifted(one, rested) | {"rested": one.get("rested", 0) + rested.total_seconds()}
    return one


def by_wall_clock(end: datetime, days: timedelta, zone: ZoneInfo) -> datetime:
    """Move the end of a day by whole days of the zone, which need not have 24 hours."""
    return (end.astimezone(zone) + days).astimezone(UTC)
