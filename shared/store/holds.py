"""Legal holds in the database: whom they cover, by blind index; what they kept from an erasure.

An act looks for holds in the statement that claims its step; whoever places one looks for claimed steps after the
commit (`unfinished`, `running`). So one of the two sees the other.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import ScalarSelect, and_, bindparam, delete, exists, insert, or_, select, update
from sqlalchemy.orm import Session, aliased

from shared.domain.errors import UsageError
from shared.domain.hold import Hold
from shared.domain.step import ERASING
from shared.envelope import seal_json, unseal_json
from shared.store.tables import HoldKeepRow, HoldPersonRow, HoldRow, PersonRow, StepRow, TicketRow, core
from shared.vault import Vault

_h = core(HoldRow).c
_p, _persons = core(HoldPersonRow).c, core(PersonRow).c
_OURS = select(_persons.digest).where(_persons.ticket_id == bindparam("ticket"))
_OVER = (
    select(_h.id, _h.system, _h.ground, _h.review_on, _h.placed_by)
    .where(
        _h.lifted_at.is_(None),
        _h.client == bindparam("owner"),
        or_(_h.everyone, exists().where(_p.hold_id == _h.id, _p.digest.in_(_OURS))),
    )
    .order_by(_h.placed_at, _h.id)
)
_OVER_LOCKED = _OVER.with_for_update(read=True, key_share=True, of=core(HoldRow))


@dataclass(frozen=True, slots=True)
class Kept:
    """An erasure that a hold kept something from: the ticket, as submitted."""

    ticket: UUID
    content: Any


def any_in_force() -> ScalarSelect[bool]:
    """Return a subquery that says whether there is any hold at all; it rides on statements of the hot path."""
    return select(exists().where(_h.lifted_at.is_(None))).scalar_subquery()


def over(session: Session, ticket: UUID, client: str, *, lock: bool = False) -> tuple[Hold, ...]:
    """Return the holds in force over a ticket's person; `lock` keeps them from being lifted until the commit."""
    rows = session.execute(_OVER_LOCKED if lock else _OVER, {"ticket": ticket, "owner": client})
    return tuple(Hold(*row) for row in rows)


def place(session: Session, vault: Vault, row: HoldRow, digests: Iterable[bytes], content: dict[str, Any]) -> None:
    """Store a hold; `content` is sealed with a key of its own."""
    key, row.wrapped_key = vault.new_key(row.id)
    row.sealed = seal_json(key, content, aad=_aad(row.id))
    session.add(row)
    session.flush()
    if people := [{"hold_id": row.id, "digest": one} for one in sorted(set(digests))]:
        session.execute(insert(HoldPersonRow), people)


def in_force(session: Session, hold: UUID) -> HoldRow:
    """Lock a hold that is to be decided about, and its client's others; a UsageError if it is not in force.

    Of two that keep the same, lifted at once, the second has to see that the first is gone.
    """
    row = session.get(HoldRow, hold)
    if row is None:
        raise UsageError("no such hold; `rightsdesk holds` lists them")
    together = select(HoldRow).where(HoldRow.client == row.client).order_by(HoldRow.id).with_for_update()
    session.scalars(together.execution_options(populate_existing=True)).all()
    if row.lifted_at is not None:
        raise UsageError("the hold has been lifted already")
    return row


def add_reason(vault: Vault, row: HoldRow, entry: dict[str, Any]) -> None:
    """Add to the reasons that are sealed with a hold."""
    key = vault.unwrap(row.id, row.wrapped_key)
    content = unseal_json(key, row.sealed, aad=_aad(row.id))
    row.sealed = seal_json(key, content | {"reasons": [*content["reasons"], entry]}, aad=_aad(row.id))


def keep(session: Session, vault: Vault, hold: UUID, ticket: UUID, system: str, content: Any) -> None:
    """Write down, once, that a hold keeps what a system holds from a ticket's erasure."""
    if session.get(HoldKeepRow, (hold, ticket, system)) is None:
        key = vault.unwrap(hold, session.get_one(HoldRow, hold).wrapped_key)
        sealed = seal_json(key, content, aad=_keep_aad(hold, ticket))
        session.execute(insert(HoldKeepRow).values(hold_id=hold, ticket_id=ticket, system=system, sealed=sealed))


def let_go(session: Session, vault: Vault, row: HoldRow) -> list[Kept]:
    """Return the erasures that nothing but this hold kept something from, and forget that they were kept.

    One that was refused or withdrawn has no more to wait for.
    """
    other, still = aliased(HoldKeepRow), aliased(HoldRow)
    by_another = exists().where(
        other.ticket_id == HoldKeepRow.ticket_id,
        other.system == HoldKeepRow.system,
        other.hold_id == still.id,
        still.id != row.id,
        still.lifted_at.is_(None),
    )
    free = session.execute(
        select(HoldKeepRow.ticket_id, HoldKeepRow.sealed)
        .join(TicketRow, TicketRow.id == HoldKeepRow.ticket_id)
        .where(HoldKeepRow.hold_id == row.id, TicketRow.verdict.is_(None), ~by_another)
    ).all()
    key = vault.unwrap(row.id, row.wrapped_key)
    found = {ticket: unseal_json(key, sealed, aad=_keep_aad(row.id, ticket)) for ticket, sealed in free}
    session.execute(
        delete(HoldKeepRow).where(or_(HoldKeepRow.hold_id == row.id, HoldKeepRow.ticket_id.in_(list(found))))
    )
    return [Kept(ticket, content) for ticket, content in sorted(found.items())]


def unfinished(session: Session, row: HoldRow) -> Sequence[int]:
    """Return the steps that erase, or are to erase, data that a hold covers."""
    person = exists().where(
        PersonRow.ticket_id == StepRow.ticket_id,
        PersonRow.digest == HoldPersonRow.digest,
        HoldPersonRow.hold_id == row.id,
    )
    covered = [
        TicketRow.client == row.client,
        StepRow.verb.in_(ERASING),
        StepRow.state.in_(("ready", "queued", "running")),
    ]
    covered += [] if row.system is None else [StepRow.system == row.system]
    covered += [] if row.everyone else [person]
    query = select(StepRow.id).join(TicketRow, TicketRow.id == StepRow.ticket_id).where(*covered)
    return session.scalars(query.order_by(StepRow.id)).all()


def running(session: Session, step: int) -> tuple[UUID, str] | None:
    """Return a step's ticket and system if a worker has it; waits for one who is just claiming it."""
    # by its id alone: a condition on the state would be judged by the row as it was, without waiting
    query = select(StepRow.ticket_id, StepRow.system, StepRow.state).where(StepRow.id == step)
    row = session.execute(query.with_for_update(read=True)).one()
    return (row.ticket_id, row.system) if row.state == "running" else None


def call_for_review(session: Session, today: date) -> Sequence[UUID]:
    """Return the holds whose review date has passed, each once a day."""
    due = and_(HoldRow.lifted_at.is_(None), HoldRow.review_on < today)
    unasked = or_(HoldRow.asked_on.is_(None), HoldRow.asked_on < today)
    return session.scalars(update(HoldRow).where(due, unasked).values(asked_on=today).returning(HoldRow.id)).all()


def _aad(hold: UUID) -> bytes:
    return b"hold:" + hold.bytes


def _keep_aad(hold: UUID, ticket: UUID) -> bytes:
    return b"hold-keep:" + hold.bytes + ticket.bytes
