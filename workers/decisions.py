"""A person's decisions: each with a name and a reason, kept in evidence; the reason sealed with the ticket's key."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import delete, select, update
from sqlalchemy.exc import NoResultFound
from sqlalchemy.orm import Session

from shared.deadlines import extended
from shared.domain.errors import UsageError
from shared.domain.identifier import normalise_name
from shared.domain.outcome import total
from shared.store import gates, steps
from shared.store.chain import Chain
from shared.store.nudge import Nudge
from shared.store.tables import DeliveryRow, PackagePartRow, StepRow, TicketRow
from workers.caseload import Steps, lock, steps_and_chain
from workers.conductor import Moves, advance, send_window
from workers.desk.one_time_code import check_code
from workers.desk.redeem import MOST_TRIES
from workers.office import Office
from workers.perform import follow

_REFUSABLE = ("restriction", "objection", "halt")
_FOR_GOOD = ("delete", "mask", "rectify", "silence", "transfer")  # however far they came, nothing takes them back


@dataclass(frozen=True, slots=True)
class Decision:
    """Who decided what, why, and about which step (none: the one that waits)."""

    verb: str
    by: str
    reason: str
    step: int | None = None
    code: str | None = None
    code_is_right: bool = False


def decide(office: Office, publish: Callable[[list[Nudge]], None], ticket: UUID, decision: Decision) -> None:
    """Carry out a decision; a UsageError says why it cannot be."""
    if not decision.by.strip() or not decision.reason.strip():
        raise UsageError("a decision needs --as NAME and --reason TEXT")
    decision = replace(decision, by=" ".join(decision.by.split()))
    now = office.now()
    if decision.code is not None:
        decision = replace(decision, code_is_right=_counted_try(office, ticket, decision.code))
    with office.store.write() as session:
        try:
            row = lock(session, ticket)
        except NoResultFound:
            raise UsageError("no such ticket") from None
        if row.closed_at is not None:
            raise UsageError("the ticket is closed; submit a new one")
        rows, chain = steps_and_chain(session, ticket)
        key, _ = office.ticket(row)
        about = _DECISIONS[decision.verb](office, session, row, rows, decision, now)
        entry = {"decision": decision.verb, "by": decision.by, **about}
        chain.append("decision", now, entry, secret=decision.reason, key=key)
        moves = _advance(office, session, row, chain, now)
        nudges = send_window(office, session, moves.systems, now)
    publish(nudges)
    follow(office, publish, moves)


def _counted_try(office: Office, ticket: UUID, code: str) -> bool:
    """Check a one-time code in a transaction of its own: a wrong one counts, whatever comes after."""
    with office.store.write() as session:
        row = session.get(TicketRow, ticket)
        return row is not None and check_code(session, office.ticket(row)[0], row.id, code)


def _advance(office: Office, session: Session, row: TicketRow, chain: Chain, now: datetime) -> Moves:
    rows, _ = steps_and_chain(session, row.id)
    moves = advance(office, session, row, rows, chain, now)
    chain.write(session)
    moves.systems |= {step.system for step in rows if step.state == "ready"}
    return moves


def _pick(rows: Steps, decision: Decision, states: tuple[str, ...], hint: str) -> Any:
    fit = [step for step in rows if step.state in states and decision.step in (None, step.id)]
    if not fit:
        raise UsageError(f"nothing to {decision.verb}: {hint}")
    if len(fit) > 1 and decision.verb != "retry":
        names = ", ".join(f"{step.id} ({step.waits or step.verb})" for step in fit)
        raise UsageError(f"several steps wait: {names}; name one with --step")
    return fit[0]


def _end(session: Session, step: Any, state: str, decision: Decision, now: datetime) -> dict[str, Any]:
    session.execute(
        update(StepRow)
        .where(StepRow.id == step.id)
        .values(state=state, decision=decision.verb, by=decision.by, finished_at=now)
    )
    return {"step": step.id, "about": step.waits or step.key}


def _approve(
    office: Office, session: Session, row: TicketRow, rows: Steps, decision: Decision, now: datetime
) -> dict[str, Any]:
    waiting = [step for step in rows if step.state == "waiting" and step.waits != "paused"]
    approvals = [step for step in waiting if step.waits == "approval"]
    if approvals and decision.step is None:
        waiting = approvals[:1]
    step = _pick(waiting, decision, ("waiting",), "no step waits for a decision")
    if step.waits == "approval" and any(
        one.waits == "approval"
        and one.decision == "approve"
        and normalise_name(str(one.by)) == normalise_name(decision.by)
        for one in rows
    ):
        raise UsageError("this person has approved already; another one has to")
    vouched = decision.code_is_right or (decision.code is None and _code_is_dead(session, row.id))
    if step.waits == "identity" and step.part == "code" and not vouched:
        raise UsageError("the code is not right; ask the person for the one that was mailed, and give it with --code")
    return _end(session, step, "done", decision, now)


def _code_is_dead(session: Session, ticket: UUID) -> bool:
    """Say whether all tries are used up: then a person establishes the identity otherwise, and says how."""
    dead = select(DeliveryRow.id).where(
        DeliveryRow.ticket_id == ticket, DeliveryRow.kind == "code", DeliveryRow.tries >= MOST_TRIES
    )
    return session.scalars(dead).first() is not None


def _waive(
    _: Office, session: Session, row: TicketRow, rows: Steps, decision: Decision, now: datetime
) -> dict[str, Any]:
    fit = [step for step in rows if step.waits != "paused"]
    step = _pick(fit, decision, ("failed", "waiting"), "no step failed or waits")
    if step.waits in ("identity", "mandate", "approval"):
        raise UsageError(f"{step.waits} cannot be waived; approve it, or refuse the ticket")
    return _end(session, step, "waived", decision, now)


def _retry(
    _: Office, session: Session, row: TicketRow, rows: Steps, decision: Decision, now: datetime
) -> dict[str, Any]:
    step = _pick(rows, decision, ("failed",), "no step failed")
    if step.verb == "absent" and total(step.counts, "hit"):
        # what the look saw stands; the stage puts the act back and looks again
        return _end(session, step, "done", decision, now)
    session.execute(
        update(StepRow)
        .where(StepRow.id == step.id)
        # 1, not 0: that it was begun before stays known
        .values(state="ready", attempts=1, not_before=None, error=None, finished_at=None)
    )
    if row.paused_at is not None:
        steps.rest_paused(session)
    return {"step": step.id, "about": step.key}


def _refuse(
    office: Office, session: Session, row: TicketRow, rows: Steps, decision: Decision, now: datetime
) -> dict[str, Any]:
    """Refuse the ticket: what is open is waived, what the gate denied for it opens, the answer tells why (12(4))."""
    gates_of = office.rights[row.right].gates(office.ticket(row)[1])
    firm = {gate.purpose for gate in gates_of if gate.firm}
    if firm and all(gate.firm for gate in gates_of):
        raise UsageError("an objection to direct marketing cannot be refused (Art. 21(3)); approve it instead")
    verdict = "refused in part" if firm else "refused"
    return _turn(office, session, row, rows, decision, now, verdict=verdict, stands=firm)


def _withdraw(
    office: Office, session: Session, row: TicketRow, rows: Steps, decision: Decision, now: datetime
) -> dict[str, Any]:
    return _turn(office, session, row, rows, decision, now, verdict="withdrawn")


def _turn(
    office: Office,
    session: Session,
    row: TicketRow,
    rows: Steps,
    decision: Decision,
    now: datetime,
    *,
    verdict: str,
    stands: Iterable[str] = (),
) -> dict[str, Any]:
    names = office.rights[row.right].names
    if row.verdict is not None or row.stage in names[names.index("answer") :]:
        raise UsageError("it is too late: the answer is being given")
    if begun := next((step.verb for step in rows if step.verb in _FOR_GOOD and (step.attempts or step.error)), None):
        raise UsageError(f"it is too late: {begun} was begun; retry or waive what is left, with a reason")
    session.execute(
        update(StepRow)
        .where(StepRow.ticket_id == row.id, StepRow.state.in_(("waiting", "ready", "queued", "failed")))
        .values(state="waived", decision=decision.verb, by=decision.by, finished_at=now)
    )
    # what was exported already is not handed over
    exports = select(StepRow.id).where(StepRow.ticket_id == row.id, StepRow.verb.in_(("export", "describe")))
    session.execute(delete(PackagePartRow).where(PackagePartRow.step_id.in_(exports)))
    # looked for after the others were taken away: a worker may have claimed one of them meanwhile
    running = select(StepRow.id).where(StepRow.ticket_id == row.id, StepRow.state == "running")
    if session.scalars(running).first() is not None:
        raise UsageError("a step is running; try again in a moment")
    row.verdict, row.stage_since, row.paused_at = verdict, now, None
    row.stage = "undo" if "undo" in names else "answer"
    gates.close_gates(session, row.id, kinds=_REFUSABLE, besides=stands, at=now)
    return {"verdict": verdict}


def _extend(
    office: Office, session: Session, row: TicketRow, rows: Steps, decision: Decision, now: datetime
) -> dict[str, Any]:
    """Art. 12(3): two further months from the original start, told inside month one with the reasons."""
    client = office.client(row.client)
    if any(clock["name"] == "extension" for clock in row.clocks):
        raise UsageError("the period has been extended already; Art. 12(3) allows it once")
    if office.rights[row.right].clock != "P1M":
        raise UsageError("only the one-month period of Art. 12(3) can be extended")
    if now > row.due_at:
        raise UsageError("the first month is over; an extension had to be told inside it")
    later = extended(row.received_at, country=client.country, subdivision=client.subdivision, tz=client.timezone)
    before = {"name": "unextended", "due_at": row.due_at.isoformat(), "strict_at": row.strict_at.isoformat()}
    statutory = {"name": "statutory", "due_at": later.at.isoformat(), "strict_at": later.strict_at.isoformat()}
    notice = before | {"name": "extension"}
    row.clocks = [statutory, *(clock for clock in row.clocks if clock["name"] != "statutory"), before, notice]
    row.due_at, row.due_on, row.strict_at = later.at, later.on, later.strict_at
    _move_steps(session, row)
    return {"due_at": later.at.isoformat()}


def _move_steps(session: Session, row: TicketRow) -> None:
    session.execute(
        update(StepRow)
        .where(StepRow.ticket_id == row.id, StepRow.state.in_(("waiting", "ready", "queued")))
        .values(due_at=row.strict_at)
    )


def _pause(
    office: Office, session: Session, row: TicketRow, rows: Steps, decision: Decision, now: datetime
) -> dict[str, Any]:
    """A recorded decision, for doubt about the identity (12(6)): nothing starts until it is resumed."""
    if row.paused_at is not None:
        raise UsageError("the ticket is paused already")
    if office.rights[row.right].clock != "P1M":
        raise UsageError("a breach cannot be paused: its hours run on")
    row.paused_at, row.state = now, "waiting"
    session.execute(
        update(StepRow)
        .where(StepRow.ticket_id == row.id, StepRow.state.in_(("ready", "queued")))
        .values(state="waiting", waits="paused")
    )
    return {"paused_at": now.isoformat(), "unpaused_due_at": row.due_at.isoformat()}


def _resume(
    office: Office, session: Session, row: TicketRow, rows: Steps, decision: Decision, now: datetime
) -> dict[str, Any]:
    """The clock goes on where it stood, by whole days of rest; the date without the pause stays visible."""
    if row.paused_at is None:
        raise UsageError("the ticket is not paused")
    rested = now - row.paused_at
    if not any(clock["name"] == "unpaused" for clock in row.clocks):
        before = {"name": "unpaused", "due_at": row.due_at.isoformat(), "strict_at": row.strict_at.isoformat()}
        row.clocks = [*row.clocks, before]
    # a period of days ends with a day: hours of rest move nothing (only such periods are paused)
    zone, days = ZoneInfo(office.client(row.client).timezone), timedelta(days=rested.days)
    row.due_at, row.strict_at = (_by_wall_clock(end, days, zone) for end in (row.due_at, row.strict_at))
    row.due_on, row.paused_at = row.due_on + days if row.due_on else None, None
    row.clocks = [
        clock | {"due_at": row.due_at.isoformat(), "strict_at": row.strict_at.isoformat()}
        if clock["name"] == "statutory"
        else clock
        for clock in row.clocks
    ]
    session.execute(
        update(StepRow)
        .where(StepRow.ticket_id == row.id, StepRow.state == "waiting", StepRow.waits == "paused")
        .values(state="ready", waits="")
    )
    _move_steps(session, row)
    session.flush()
    return {"rested_seconds": int(rested.total_seconds()), "due_at": row.due_at.isoformat()}


def _by_wall_clock(end: datetime, days: timedelta, zone: ZoneInfo) -> datetime:
    """Move the end of a day by whole days of the zone, which need not have 24 hours."""
    return (end.astimezone(zone) + days).astimezone(UTC)


_DECISIONS: dict[str, Callable[[Office, Session, TicketRow, Steps, Decision, datetime], dict[str, Any]]] = {
    "approve": _approve,
    "waive": _waive,
    "retry": _retry,
    "refuse": _refuse,
    "withdraw": _withdraw,
    "extend": _extend,
    "pause": _pause,
    "resume": _resume,
}
VERBS = tuple(_DECISIONS)


def waiting_steps(session: Session, ticket: UUID) -> list[Any]:
    """Return the steps of a ticket that wait for a person."""
    return list(
        session.execute(
            select(StepRow.id, StepRow.waits, StepRow.verb, StepRow.system, StepRow.state)
            .where(StepRow.ticket_id == ticket, StepRow.state.in_(("waiting", "failed")))
            .order_by(StepRow.id)
        )
    )
