"""What the CLI shows of tickets, steps, dead letters: the shapes of design section 9."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.store import circuits, fences
from shared.store.tables import DeadLetterRow, StepRow, TicketRow
from workers.clocks import state_of

REPLAY = "replay"  # what the steps of a restored system wait for


def tickets(session: Session, *, now: datetime, state: str | None = None) -> list[dict[str, Any]]:
    """Return all tickets, the earliest due first."""
    query = select(TicketRow).order_by(TicketRow.due_at, TicketRow.id)
    if state:
        query = query.where(TicketRow.state == state)
    rows = list(session.scalars(query))
    waiting = _waiting(session, [row.id for row in rows if row.state == "waiting"])
    return [_ticket(row, waiting.get(row.id), now) for row in rows]


def ticket(session: Session, ticket_id: UUID, *, now: datetime) -> dict[str, Any] | None:
    """Return one ticket with its steps."""
    row = session.get(TicketRow, ticket_id)
    if row is None:
        return None
    query = select(StepRow, fences.fenced(), circuits.next_try(StepRow.system))
    steps = session.execute(query.where(StepRow.ticket_id == ticket_id).order_by(StepRow.id)).all()
    waiting = _waiting(session, [row.id]) if row.state == "waiting" else {}
    return _ticket(row, waiting.get(row.id), now) | {"steps": [_step(*step) for step in steps]}


def _waiting(session: Session, ids: list[UUID]) -> dict[UUID, dict[str, Any]]:
    found: dict[UUID, dict[str, Any]] = {}
    rows = session.execute(
        select(StepRow.ticket_id, StepRow.id, StepRow.waits, StepRow.state, StepRow.key)
        .where(StepRow.ticket_id.in_(ids), StepRow.state.in_(("waiting", "failed")))
        .order_by(StepRow.id)
    )
    for row in rows:
        decision = row.waits if row.state == "waiting" else "retry or waive"
        found.setdefault(row.ticket_id, {"decision": decision, "step": row.id})
    return found


def _ticket(row: TicketRow, waiting: dict[str, Any] | None, now: datetime) -> dict[str, Any]:
    if row.paused_at is not None:
        waiting = {"decision": "resume", "step": None}
    return {
        "id": str(row.id),
        "client": row.client,
        "right": row.right,
        "state": row.state,
        "outcome": row.outcome,
        "received_at": row.received_at.isoformat(),
        "due_at": row.due_at.isoformat(),
        "due_on": row.due_on.isoformat() if row.due_on else None,
        "strict_at": row.strict_at.isoformat(),
        "stage": row.stage,
        "rests_on": str(row.rests_on) if row.rests_on else None,
        "package_ended_at": row.package_ended_at.isoformat() if row.package_ended_at else None,
        "destroyed_at": row.destroyed_at.isoformat() if row.destroyed_at else None,
        "waiting_for": waiting,
        "clocks": [_clock(clock, row, now) for clock in row.clocks],
    }


def _clock(clock: dict[str, Any], row: TicketRow, now: datetime) -> dict[str, Any]:
    shown = {name: clock[name] for name in ("name", "due_at", "strict_at")}
    return shown | {"state": state_of(clock, row, now)}


def _step(step: StepRow, fenced: bool, probe: datetime | None) -> dict[str, Any]:
    later = max((at for at in (step.not_before, probe) if at), default=None) if step.state == "ready" else None
    return {
        "id": step.id,
        "stage": step.stage,
        "system": step.system,
        "channel": step.channel,
        "verb": step.verb,
        "state": step.state,
        "waits": REPLAY if fenced and step.state in ("ready", "queued") else step.waits or None,
        "attempts": step.attempts,
        "error": step.error,
        "counts": step.counts,
        "reasons": step.reasons,
        "decision": step.decision,
        "by": step.by,
        "not_before": later.isoformat() if later else None,
    }


def dead_letters(session: Session) -> list[dict[str, Any]]:
    """Return the dead letters that were not replayed and hold their entry still, the oldest first."""
    there = DeadLetterRow.replayed_at.is_(None), DeadLetterRow.entry != b""
    rows = session.scalars(select(DeadLetterRow).where(*there).order_by(DeadLetterRow.id))
    return [
        {
            "id": row.id,
            "reason": row.reason,
            "received_at": row.received_at.isoformat(),
            "ticket_id": str(row.ticket_id) if row.ticket_id else None,
        }
        for row in rows
    ]


def ends_of(session: Session, ids: list[UUID]) -> dict[UUID, str]:
    """Return how each ticket ended: its outcome, `failed` or `waiting` if a person has to act, or `open`."""
    rows = session.execute(select(TicketRow.id, TicketRow.state, TicketRow.outcome).where(TicketRow.id.in_(ids)))
    ends = {row.id: row.outcome or row.state for row in rows}
    held = [one for one, end in ends.items() if end == "waiting"]
    failed = session.scalars(select(StepRow.ticket_id).where(StepRow.ticket_id.in_(held), StepRow.state == "failed"))
    return dict.fromkeys(ids, "open") | ends | dict.fromkeys(failed, "failed")
