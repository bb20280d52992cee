"""A person's decisions: each with a name and a reason, kept in evidence; the reason sealed with the ticket's key."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.exc import NoResultFound
from sqlalchemy.orm import Session

from shared.domain.decision import Decision
from shared.domain.errors import UsageError
from shared.domain.identifier import normalise_name
from shared.domain.outcome import total
from shared.domain.step import lane_of
from shared.store import alerts, gates, steps
from shared.store.chain import Chain
from shared.store.nudge import Nudge
from shared.store.tables import DeliveryRow, PackagePartRow, StepRow, TicketRow
from workers import alarms, clocks, linked
from workers.caseload import Steps, lock, steps_and_chain
from workers.conductor import IDENTITY, Moves, advance, send_window
from workers.counting import end_pause
from workers.desk.one_time_code import check_code
from workers.desk.redeem import MOST_TRIES
from workers.office import Office
from workers.perform import follow
from workers.postpone import EXTENSION, extend, month_one, pause, recounted, resume

_REFUSABLE = ("restriction", "objection", "halt")
_FOR_GOOD = ("delete", "mask", "rectify", "silence", "transfer")  # however far they came, nothing takes them back


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
        nudges = send_window(office, session, moves.lanes, now)
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
    moves.lanes |= {lane_of(row.client, step.system, step.verb) for step in rows if step.state == "ready"}
    return moves


def _pick(rows: Steps, decision: Decision, states: tuple[str, ...], hint: str) -> Any:
    fit = [step for step in rows if step.state in states and decision.step in (None, step.id)]
    if not fit:
        raise UsageError(f"nothing to {decision.verb}: {hint}")
    if len(fit) > 1 and decision.verb != "retry":
        names = ", ".join(f"{step.id} ({step.waits or step.verb})" for step in fit)
        raise UsageError(f"several steps wait: {names}; name one with --step")
    return fit[0]


def _end(
    session: Session, row: TicketRow, rows: Steps, step: Any, state: str, decision: Decision, now: datetime
) -> dict[str, Any]:
    alarms.answered(session, row.id, step.stage, step.key)
    if step.waits == "turn":
        row.rests_on = None  # it does not wait for another's acts any more, and does its own
    others = (one for one in rows if one.id != step.id and one.state == "waiting")
    if not any(one.verb == step.verb for one in others):
        clocks.end(session, row, step.verb, now)
    ended: Any = session.execute(
        update(StepRow)
        .where(StepRow.id == step.id, StepRow.state == step.state)
        .values(state=state, decision=decision.verb, by=decision.by, finished_at=now)
    )
    if not ended.rowcount:
        raise UsageError("the step has just begun; try again in a moment")
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
    return _end(session, row, rows, step, "done", decision, now)


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
    # one that is named need not have failed: what waits for a system that is down does not fail by itself
    states = ("failed", "waiting", *(["ready"] if decision.step else []))
    step = _pick(fit, decision, states, "no step failed or waits")
    if step.waits in ("identity", "mandate", "approval"):
        raise UsageError(f"{step.waits} cannot be waived; approve it, or refuse the ticket")
    return _end(session, row, rows, step, "waived", decision, now)


def _retry(
    _: Office, session: Session, row: TicketRow, rows: Steps, decision: Decision, now: datetime
) -> dict[str, Any]:
    step = _pick(rows, decision, ("failed",), "no step failed")
    if step.verb == "absent" and total(step.counts, "hit"):
        # what the look saw stands; the stage puts the act back and looks again
        return _end(session, row, rows, step, "done", decision, now)
    alarms.answered(session, row.id, step.stage, step.key)
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
    about = _turn(office, session, row, rows, decision, now, verdict=verdict, stands=firm)
    if row.due_on is None:
        return about
    # told within month one, however long the ticket was extended
    told_by = month_one(row)
    clocks.start(session, row, told_by | {"since": now.isoformat(), "ends": "deliver"}, office.milestones)
    late = now > datetime.fromisoformat(told_by["due_at"])
    return about | ({"late": True} if late else {})


def _withdraw(
    office: Office, session: Session, row: TicketRow, rows: Steps, decision: Decision, now: datetime
) -> dict[str, Any]:
    about = _turn(office, session, row, rows, decision, now, verdict=clocks.WITHDRAWN)
    clocks.end(session, row, EXTENSION, now)  # nobody has to be told any more
    alerts.settle_ticket(session, row.id, *alarms.OF_AN_OPEN_TICKET)
    return about


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
    row.verdict, row.stage_since, row.rests_on = verdict, now, None
    row.stage = "undo" if "undo" in names else "answer"
    alerts.settle_ticket(session, row.id, alarms.HELD, alarms.DECISION)
    clocks.end(session, row, IDENTITY, now)
    if row.paused_at is not None:
        end_pause(row, now)
        recounted(office, session, row, now)
    else:
        clocks.move(session, row, office.milestones, now)
    gates.close_gates(session, row.id, kinds=_REFUSABLE, besides=stands, at=now)
    return {"verdict": verdict}


def _unlink(
    office: Office, session: Session, row: TicketRow, rows: Steps, decision: Decision, now: datetime
) -> dict[str, Any]:
    """Let a ticket run by itself that waits for another about the same."""
    first = row.rests_on
    if first is None or not linked.can_wait(row, office.rights[row.right]):
        raise UsageError("the ticket waits for no other one's acts; `rightsdesk ticket ID` shows `rests_on`")
    step = _pick([one for one in rows if one.waits == "turn"], decision, ("waiting",), "it is about to go on")
    return _end(session, row, rows, step, "done", decision, now) | {"from": str(first)}


_DECISIONS: dict[str, Callable[[Office, Session, TicketRow, Steps, Decision, datetime], dict[str, Any]]] = {
    "approve": _approve,
    "waive": _waive,
    "retry": _retry,
    "refuse": _refuse,
    "withdraw": _withdraw,
    "extend": extend,
    "pause": pause,
    "resume": resume,
    "unlink": _unlink,
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
