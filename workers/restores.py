"""A system restored from a backup: fenced, and whoever was erased since the backup is erased again."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID, uuid5

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.domain.errors import UsageError
from shared.inventory import System
from shared.store import fences, ledger
from shared.store.nudge import Nudge
from shared.store.tables import RestoreRow, StepRow, TicketRow
from workers import alarms
from workers.again import open_again
from workers.caseload import case_of, lock, steps_and_chain
from workers.conductor import Moves, send_window
from workers.ledger import digests, remember
from workers.office import Office

Publish = Callable[[list[Nudge]], None]

_BATCH = 50
_EVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Marked:
    """A fence: the erasures that the backup undid, and the steps that a worker had begun (ticket, step)."""

    at: datetime
    erasures: int
    running: list[tuple[UUID, int]]


@dataclass(frozen=True, slots=True)
class Replayed:
    """The tickets that erase again, and those whose work the restore undid and nothing does again (ticket, right)."""

    at: datetime
    tickets: list[UUID]
    undone: list[tuple[UUID, str]]


def mark(office: Office, system: str, at: datetime) -> Marked:
    """Fence a system that is back in the state of `at`, and let the gate deny whom the backup brought back."""
    now, found = office.now(), _system(office, system)
    if at > now:
        raise UsageError("--at lies in the future; give the time of the backup that was restored")
    with office.store.write() as session:
        row = _fence(session, found, at, now)
    denied = _deny(office, row, now)
    with office.store.read() as session:
        return Marked(row.at, denied, fences.running(session, system))


def _fence(session: Session, system: System, at: datetime, now: datetime) -> RestoreRow:
    row = fences.put_up(session, client=system.client, system=system.id, at=at, now=now)
    fences.hold_back(session)
    alarms.restored(session, system.client, system.id, now)
    return row


def _deny(office: Office, row: RestoreRow, now: datetime) -> int:
    """Let the gate deny whom the backup brought back; return how many erasures it undid."""
    number = after = 0
    while True:
        with office.store.write() as session:
            page = ledger.since(session, row.system, row.at, after=after, most=_BATCH)
            for one in page:
                if not one.returned:
                    fences.deny(session, one.ticket_id, digests(office, one), now)
        if not page:
            return number
        number, after = number + len(page), page[-1].id


def replay(office: Office, publish: Publish, system: str, *, since: datetime | None = None) -> Replayed:
    """Erase again whoever was erased in a system since `since`, or since the backup that it was marked with.

    A system that was not marked is, from here on. Run again it goes on where it was broken off; nobody is taken twice.
    """
    now, found = office.now(), _system(office, system)
    with office.store.write() as session:
        row = fences.around(session, system)
        if row is None:
            row = _fence(session, found, since or _EVER, now)
        row.at, row.replayed_at = min(row.at, since or row.at), None
    _deny(office, row, now)
    _enter_open_ones(office, row, now)
    tickets: list[UUID] = []
    while batch := _batch(office, publish, row, now):
        tickets += batch
    with office.store.write() as session:
        session.get_one(RestoreRow, row.id).replayed_at = now
        session.flush()
        nudges = take_down(office, session, now)
        undone = fences.undone(session, system, row.at)
    publish(nudges)
    return Replayed(row.at, tickets, undone)


def _batch(office: Office, publish: Publish, row: RestoreRow, now: datetime) -> list[UUID]:
    moves, opened = Moves(), list[UUID]()
    with office.store.write() as session:
        for one in ledger.since(session, row.system, row.at, besides=row.id, most=_BATCH):
            ident = uuid5(row.id, str(one.ticket_id))
            more = open_again(
                office, session, ident, [one], cause="restored", link={"restored_to": row.at.isoformat()}, now=now
            )
            one.restore_id, one.again_id = row.id, ident
            moves.lanes |= more.lanes
            opened.append(ident)
        session.flush()
        nudges = send_window(office, session, moves.lanes, now)
    publish(nudges)
    return opened


def _enter_open_ones(office: Office, row: RestoreRow, now: datetime) -> None:
    """Enter erasures that are not closed and have looked again in the system: that may have been before the restore."""
    looked = (StepRow.system == row.system, StepRow.verb == "absent", StepRow.finished_at >= row.at)
    wanted = select(StepRow.ticket_id).join(TicketRow, TicketRow.id == StepRow.ticket_id)
    wanted = wanted.where(TicketRow.closed_at.is_(None), TicketRow.client == row.client, *looked).distinct()
    with office.store.read() as session:
        found = session.scalars(wanted).all()
    for ticket in found:
        with office.store.write() as session:
            one = lock(session, ticket)
            if one.closed_at is None and office.rights[one.right].erases:
                rows, _ = steps_and_chain(session, ticket)
                remember(office, session, one, case_of(office, one, rows, now=now), now)


def take_down(office: Office, session: Session, now: datetime) -> list[Nudge]:
    """Lift the fences whose replays are over; return what may go on. The caller publishes after its commit."""
    lifted = fences.take_down(session, now)
    alarms.replay_over(session, lifted)
    return send_window(office, session, lifted, now)


def _system(office: Office, system: str) -> System:
    try:
        return office.inventory.system(system)
    except KeyError:
        known = ", ".join(one.id for one in office.inventory.systems)
        raise UsageError(f"no such system in the inventory; there are {known}") from None
