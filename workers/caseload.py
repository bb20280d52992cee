"""Reading a case from its rows: under the ticket's lock for decisions, or in a reading session for a look."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, bindparam, select
from sqlalchemy.orm import Session

from shared.domain.case import Case, SystemView
from shared.domain.hold import Hold
from shared.domain.identifier import Identifier, Subject
from shared.domain.step import DATA_VERBS, DESK, Taken
from shared.domain.ticket import Ticket
from shared.envelope import seal_json, unseal_json
from shared.inventory import Client
from shared.store import holds
from shared.store.chain import Chain
from shared.store.tables import EvidenceRow, StepRow, TicketRow, core
from workers.office import Office

Steps = Sequence[Row[Any]]


def lock(session: Session, ticket: UUID) -> TicketRow:
    """Lock a ticket for its round: NO KEY UPDATE, for the steps' foreign keys; fresh, not from the identity map."""
    return session.get_one(TicketRow, ticket, with_for_update={"key_share": True}, populate_existing=True)


_s, _e = core(StepRow).c, core(EvidenceRow).c
_LAST = select(_e.seq, _e.hash).where(_e.ticket_id == bindparam("ticket")).order_by(_e.seq.desc()).limit(1).subquery()
_STEPS = (
    select(
        _s.id, _s.stage, _s.key, _s.verb, _s.system, _s.channel, _s.part, _s.state, _s.waits, _s.counts, _s.reasons,
        _s.error, _s.attempts, _s.decision, _s.by, _s.created_at, _s.finished_at, _s.result, _s.commitment,
        _LAST.c.seq, _LAST.c.hash, holds.any_in_force().label("holds"),
    )
    .select_from(_LAST)
    .outerjoin(core(StepRow), _s.ticket_id == bindparam("ticket"))
    .order_by(_s.id)
)  # fmt: skip


def steps_and_chain(session: Session, ticket: UUID) -> tuple[Steps, Chain]:
    """Return all steps of a ticket, and the end of its evidence, in one statement; call it under the lock."""
    rows: Any = session.execute(_STEPS, {"ticket": ticket}).all()
    chain = Chain(ticket, rows[0].seq, rows[0].hash) if rows else Chain(ticket)
    return [row for row in rows if row.id is not None], chain


def base_subject(ticket: Ticket, client: Client) -> Subject:
    """Return the person as the ticket names them, normalised by the client's rules; or as the replay ledger does."""
    if ticket.subject is None:
        known = frozenset(Identifier(*one) for one in ticket.details.get("known", ()))
        names = frozenset(ticket.details.get("names", ()))
        return Subject(known, names=names, region=client.region, plus_addresses=client.plus_addresses)
    return ticket.subject.resolve(region=client.region, plus_addresses=client.plus_addresses)


def holds_over(office: Office, session: Session, row: TicketRow, steps: Steps) -> tuple[Hold, ...]:
    """Return the legal holds in force over a ticket's person, where its stage heeds them; call it under the lock."""
    heeds = row.stage in office.rights[row.right].heeds and any(step.holds for step in steps[:1])
    return holds.over(session, row.id, row.client, lock=True) if heeds else ()


def case_of(
    office: Office,
    row: TicketRow,
    steps: Steps,
    *,
    now: datetime,
    ahead: bool = False,
    legal_holds: tuple[Hold, ...] = (),
    first: Sequence[Taken] = (),
) -> Case:
    """Build the case from a locked ticket and its steps; `first` are those of the ticket whose acts it rests on."""
    key, ticket = office.ticket(row)
    client = office.client(row.client)
    results = {step.id: opened(step, key, row.id) for step in steps if step.result is not None}
    base = base_subject(ticket, client)
    own = tuple(taken(step, results.get(step.id)) for step in steps)
    widened = frozenset[Identifier]().union(*(step.identifiers for step in (*first, *own))) - base.given
    names = base.names.union(*(step.names for step in (*first, *own)))
    return Case(
        ticket=ticket,
        client=client,
        subject=replace(base, widened=widened, names=names),
        systems=_systems(office, row, steps),
        steps=(*first, *own),
        now=now,
        stage=row.stage,
        stage_since=row.stage_since,
        verdict=row.verdict,
        ahead=ahead,
        rests_on=row.rests_on if first else None,
        legal_holds=legal_holds,
    )


def _systems(office: Office, row: TicketRow, steps: Steps) -> tuple[SystemView, ...]:
    """Return the client's systems, and those that have steps but left the inventory: theirs fail, visibly."""
    present = office.systems(row.client)
    known = {system.id for system in present} | {DESK}
    gone = {step.system: step.channel for step in steps if step.system not in known}
    return present + tuple(SystemView(name, channel, frozenset(DATA_VERBS)) for name, channel in gone.items())


def taken(step: Row[Any], result: tuple[frozenset[Identifier], frozenset[str]] | None = None) -> Taken:
    """Return a step's row as the case shows it."""
    return Taken(
        id=step.id, stage=step.stage, key=step.key, verb=step.verb,
        system="" if step.system == DESK else step.system, channel=step.channel, part=step.part,
        state=step.state, waits=step.waits, counts=step.counts, reasons=tuple(step.reasons), error=step.error,
        decision=step.decision, by=step.by, created_at=step.created_at, finished_at=step.finished_at,
        commitment=step.commitment, identifiers=result[0] if result else frozenset(),
        names=result[1] if result else frozenset(),
    )  # fmt: skip


def _result_aad(ticket: UUID) -> bytes:
    return b"result:" + ticket.bytes


def seal_result(key: bytes, ticket: UUID, identifiers: set[Identifier], names: set[str]) -> bytes | None:
    """Seal what a step found that may widen the search."""
    if not identifiers and not names:
        return None
    content = {"identifiers": sorted([one.kind, one.value] for one in identifiers), "names": sorted(names)}
    return seal_json(key, content, aad=_result_aad(ticket))


def opened(step: Row[Any], key: bytes, ticket: UUID) -> tuple[frozenset[Identifier], frozenset[str]]:
    """Return the identifiers and names that a step found."""
    found = unseal_json(key, step.result, aad=_result_aad(ticket))
    return frozenset(Identifier(*one) for one in found["identifiers"]), frozenset(found["names"])


def subject_as_json(subject: Subject) -> dict[str, Any]:
    """Return a subject as it is kept, sealed, with a step."""
    return {
        "given": sorted([one.kind, one.value] for one in subject.given),
        "widened": sorted([one.kind, one.value] for one in subject.widened),
        "names": sorted(subject.names),
    }


def subject_from_json(raw: dict[str, Any], client: Client) -> Subject:
    """Return what `subject_as_json` kept."""
    return Subject(
        frozenset(Identifier(*one) for one in raw["given"]),
        frozenset(Identifier(*one) for one in raw["widened"]),
        frozenset(raw["names"]),
        client.region,
        client.plus_addresses,
    )
