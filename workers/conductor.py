"""The conductor: accept a ticket, move it on as far as its steps allow, close it. Always under the ticket's lock."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import and_, exists, insert, or_, select, update
from sqlalchemy.orm import Session

from shared.domain.case import Case, Right, closing
from shared.domain.identifier import Identifier
from shared.domain.join import IN_FLIGHT, stage_is_over
from shared.domain.step import DESK, Step, lane_of
from shared.domain.ticket import Ticket
from shared.envelope import seal_json
from shared.store import alerts, gates, holds, steps, timers
from shared.store.chain import Chain
from shared.store.nudge import Nudge
from shared.store.tables import CertificateRow, PersonRow, StepRow, TicketRow, core
from workers import alarms, clocks, linked
from workers.caseload import Steps, base_subject, case_of, holds_over, lock, steps_and_chain, subject_as_json
from workers.certificate import certify
from workers.counting import counted, opened
from workers.ledger import remember as enter_erased
from workers.office import Office, ticket_aad
from workflows.stages import wait_for_first

_WAKE = timedelta(hours=1)
_INSERT = insert(core(StepRow))
IDENTITY = "identity"
URGENT = 1  # breaches, objections and withdrawn consents


@dataclass(slots=True)
class Moves:
    """What a transaction set in motion: lanes whose windows may be filled, tickets that may go on now."""

    lanes: set[str] = field(default_factory=set)
    followers: set[UUID] = field(default_factory=set)


def accept(office: Office, session: Session, ticket: Ticket, fingerprint: bytes, now: datetime) -> Moves:
    """Store a ticket and take its first steps; from this transaction on the gate answers for it."""
    right, client = office.rights[ticket.right], office.client(ticket.client)
    key, wrapped = office.vault.new_key(ticket.key)
    statutory, begun = opened(right, client, ticket.received_at)
    row = TicketRow(
        id=ticket.key, client=ticket.client, right=ticket.right, state="open", stage=right.names[0],
        stage_since=now, priority=right.priority, received_at=ticket.received_at, accepted_at=now,
        due_on=statutory.on, due_at=statutory.at, strict_at=statutory.strict_at, clocks=begun,
        fingerprint=fingerprint, wrapped_key=wrapped,
        sealed=seal_json(key, ticket.model_dump(mode="json"), aad=ticket_aad(ticket.key)),
    )  # fmt: skip
    session.add(row)
    session.flush()
    timers.write(session, clocks.timers_of(row, begun, office.milestones))
    people = remember(office, session, row, base_subject(ticket, client).identifiers)
    represented = bool(ticket.subject and ticket.subject.represented_by)
    row.rests_on = linked.first_about_the_same(office, session, row, ticket)
    # what allows something waits until the mandate was looked at; what denies acts at once
    at_once = [gate for gate in right.gates(ticket) if not (gate.allow and represented)]
    gates.open_gates(session, row.id, at_once, people, key=key, at=now, declared=ticket.received_at)
    chain = Chain(row.id)
    chain.append(
        "accepted",
        now,
        {
            "client": row.client, "right": row.right, "received_at": row.received_at.isoformat(),
            "due_at": row.due_at.isoformat(), "rule": list(statutory.trace),
        },
        secret=ticket.instruction, key=key,
    )  # fmt: skip
    if row.rests_on is not None:
        chain.append("linked", now, {"to": str(row.rests_on)})
    moves = advance(office, session, row, [], chain, now)
    chain.write(session)
    return moves


def remember(office: Office, session: Session, row: TicketRow, identifiers: Iterable[Identifier]) -> list[bytes]:
    """Enter a ticket's person into the blind index; return the digests."""
    digests = sorted(office.vault.blind(row.client, one) for one in identifiers)
    if digests:
        session.execute(insert(PersonRow), [{"ticket_id": row.id, "digest": digest} for digest in digests])
    return digests


def move_on(office: Office, session: Session, ticket: UUID, now: datetime) -> Moves:
    """Lock a ticket and advance it; for those who changed something outside of a step."""
    row = lock(session, ticket)
    rows, chain = steps_and_chain(session, ticket)
    moves = advance(office, session, row, rows, chain, now)
    chain.write(session)
    return moves


def advance(office: Office, session: Session, row: TicketRow, rows: Steps, chain: Chain, now: datetime) -> Moves:
    """Move on as far as the steps allow. The caller holds the lock, has read `rows` under it, and writes the chain."""
    right, moves, planned = office.rights[row.right], Moves(), list[str]()
    states = {step.id: step.state for step in rows}
    while row.closed_at is None and row.paused_at is None:
        waits = linked.waits(session, row, right, chain, now)
        here = [step for step in rows if step.stage == row.stage]
        ahead = waits or (row.stage == "wait_turn" and _is_ahead(office, session, row, right))
        _end_turn(session, rows, states, ahead=ahead, now=now)
        over, eager = stage_is_over(states[step.id] for step in here), row.stage in right.eager
        if not over and not eager:
            break
        over_them = holds_over(office, session, row, rows)
        acts = linked.acts(office, session, row, right)
        case = case_of(office, row, rows, now=now, ahead=ahead, legal_holds=over_them, first=acts)
        known = {step.key for step in here}
        asked = {step.key: step for step in (wait_for_first if waits else right.stage(row.stage))(case)}
        wanted = [step for key, step in asked.items() if key not in known]
        if eager:
            row.wake_at = now + _WAKE if now - row.stage_since >= _WAKE else row.stage_since + _WAKE
        if wanted:
            planned = plan(office, session, row, case, wanted, moves, now)
        if wanted or not over:
            break
        row.wake_at = None
        if row.stage == right.names[-1]:
            _close(office, session, row, case, chain, now)
            moves.followers |= _followers(session, row)
            break
        row.stage, row.stage_since = right.names[right.names.index(row.stage) + 1], now
    if row.closed_at is None and row.paused_at is None:
        state = _state([states[s.id] for s in rows if s.stage == row.stage and s.waits != "turn"] + planned)
        if row.state != state:
            row.state = state
    if "failed" in states.values():
        moves.followers |= linked.resting_on(session, row)  # they wait no longer
    return moves


def _state(states: Iterable[str]) -> str:
    held = set(states)
    moving = held & (IN_FLIGHT | {"ready"})
    return "waiting" if held & {"waiting", "failed"} and not moving else "open"


def _end_turn(session: Session, rows: Steps, states: dict[int, str], *, ahead: bool, now: datetime) -> None:
    for step in rows:
        if step.waits == "turn" and states[step.id] == "waiting" and not ahead:
            session.execute(update(StepRow).where(StepRow.id == step.id).values(state="done", finished_at=now))
            states[step.id] = "done"


def plan(
    office: Office, session: Session, row: TicketRow, case: Case, wanted: list[Step], moves: Moves, now: datetime
) -> list[str]:
    """Write the steps a stage asks for; return their states."""
    key, ticket = office.ticket(row)
    take = _decided_about(case)
    subject = subject_as_json(case.subject)
    values: list[dict[str, Any]] = []
    for step in wanted:
        system = step.system or DESK
        lane = lane_of(row.client, system, step.verb)
        content = {"args": dict(step.args), "subject": subject, "ambiguous": take}
        values.append(
            {
                "ticket_id": row.id, "stage": row.stage, "key": step.key, "system": system, "lane": lane,
                "channel": step.channel, "verb": step.verb, "part": step.part, "waits": step.waits,
                "state": "waiting" if step.waits else "ready", "priority": row.priority, "due_at": row.strict_at,
                "counts": {}, "reasons": [], "created_at": now,
                "sealed": seal_json(key, content, aad=step_aad(row.id, row.stage, step.key)),
            }
        )  # fmt: skip
        if not step.waits:
            moves.lanes.add(lane)
        for hold in step.args.get("holds", ()):
            content = ticket.model_dump(mode="json")
            holds.keep(session, office.vault, UUID(hold["id"]), row.id, step.system, content)
    session.execute(_INSERT, values)
    if row.priority <= URGENT:
        _overtake(office, session, row, (value["lane"] for value in values if not value["waits"]))
    _call_people(office, session, row, wanted, now)
    return [value["state"] for value in values if value["waits"] != "turn"]


def _overtake(office: Office, session: Session, row: TicketRow, lanes: Iterable[str]) -> None:
    for lane, wanted in Counter(lanes).items():
        window, places = office.window(lane), office.settings.concurrency
        most = window if row.priority == 0 else min(window, places)  # as `fill` has it
        steps.make_room(session, lane, wanted=wanted, window=most, priority=row.priority)


def _call_people(office: Office, session: Session, row: TicketRow, wanted: list[Step], now: datetime) -> None:
    """Raise an alert for each step that waits for a person; a check of the identity has a clock, too."""
    for step in wanted:
        alarms.asked(session, row, step.key, step.waits, step.system or DESK, now)
    running = any(one["name"] == IDENTITY and "ended_at" not in one for one in row.clocks)
    if not running and any(step.waits == IDENTITY for step in wanted):
        check_identity(office, session, row, now)


def check_identity(office: Office, session: Session, row: TicketRow, now: datetime) -> None:
    """Let the clock of an identity check begin, or begin anew."""
    client = office.client(row.client)
    begun = clocks.clock(IDENTITY, counted(client, client.identity_within, now), since=now, ends=IDENTITY)
    clocks.start(session, row, begun, ())


def _decided_about(case: Case) -> int:
    """Return the last step whose ambiguous records a person has looked at and taken; 0 if none."""
    matches = [step for step in case.steps if step.verb == "match" and not step.part and step.decision == "approve"]
    if not matches:
        return 0
    seen = (step.id for step in case.taken("locate") if step.id < matches[-1].id)
    return max(seen, default=0)


def step_aad(ticket: UUID, stage: str, key: str) -> bytes:
    """Return what binds a step's sealed arguments to its row."""
    return b"step:" + ticket.bytes + f"{stage}/{key}".encode()


def _is_ahead(office: Office, session: Session, row: TicketRow, right: Right) -> bool:
    """Say whether another open ticket about this person goes first."""
    rights = [(name, one) for name, one in office.rights.items() if one.acting]
    ours, theirs = select(PersonRow.digest).where(PersonRow.ticket_id == row.id), PersonRow
    earlier = or_(
        TicketRow.received_at < row.received_at,
        and_(TicketRow.received_at == row.received_at, TicketRow.id < row.id),
    )
    # whoever came first: one that acts already is not run into
    under_way = or_(*(and_(TicketRow.right == name, TicketRow.stage.in_(_acting(one))) for name, one in rights))
    found = session.scalar(
        select(
            exists().where(
                TicketRow.closed_at.is_(None),
                TicketRow.id != row.id,
                TicketRow.id == theirs.ticket_id,
                theirs.digest.in_(ours),
                or_(
                    # one that rests on another's acts does none itself
                    and_(TicketRow.rests_on.is_(None), TicketRow.right.in_([name for name, _ in rights]), earlier),
                    and_(TicketRow.rests_on.is_(None), under_way),
                    # one whose identity is not established yet does not hold up others
                    and_(TicketRow.right.in_(right.waits_for), TicketRow.stage != "identify"),
                ),
            )
        )
    )
    return bool(found)


def _acting(right: Right) -> tuple[str, ...]:
    """Return the stages in which a right acts: after its turn came."""
    return right.names[right.names.index("wait_turn") + 1 :]


def _followers(session: Session, row: TicketRow) -> set[UUID]:
    """Return the tickets that wait for their turn behind this person's."""
    ours = select(PersonRow.digest).where(PersonRow.ticket_id == row.id)
    return set(
        session.scalars(
            select(StepRow.ticket_id)
            .join(PersonRow, PersonRow.ticket_id == StepRow.ticket_id)
            .where(
                PersonRow.digest.in_(ours),
                StepRow.waits == "turn",
                StepRow.state == "waiting",
                StepRow.ticket_id != row.id,
            )
            .distinct()
        )
    )


def _close(office: Office, session: Session, row: TicketRow, case: Case, chain: Chain, now: datetime) -> None:
    row.outcome, row.state, row.closed_at = closing(case), "closed", now
    if row.outcome == "partial" and any(reason.get("hold") for step in case.steps for reason in step.reasons):
        gates.keep_denying(session, row.id)
    else:
        gates.close_gates(session, row.id, kinds=("halt",), at=now)
        if office.rights[row.right].heeds and row.verdict is None:
            gates.end_holds(session, row.id, at=now)
    timers.rest(session, row.id)  # first: an alert that a timer is raising stands when this has waited for it
    alerts.settle_ticket(session, row.id, *alarms.OF_AN_OPEN_TICKET)
    if office.rights[row.right].erases and row.rests_on is None:
        enter_erased(office, session, row, case, now)
    chain.append("closed", now, {"outcome": row.outcome})
    document = certify(office, row, case, chain, now)
    session.add(CertificateRow(ticket_id=row.id, signed_at=now, document=document))


def send_window(office: Office, session: Session, lanes: Iterable[str], now: datetime) -> list[Nudge]:
    """Fill the windows of these lanes; the caller publishes after its commit."""
    windows = {lane: office.window(lane) for lane in sorted(lanes)}
    return steps.fill(session, windows, now=now, places=office.settings.concurrency)
