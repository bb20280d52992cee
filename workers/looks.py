"""What the sweep does about the erased: fences lifted, entries forgotten, a look, after a while, for who is back."""

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID, uuid5

import structlog
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from shared.log import place_of
from shared.store import fences, ledger
from shared.store.nudge import Nudge
from workers.again import open_again
from workers.conductor import send_window
from workers.office import Office
from workers.restores import take_down

log = structlog.get_logger()

_MOST = 50  # looks that a sweep opens; the rest have their turn in the next
_LATER = timedelta(days=1)


def tend(office: Office, publish: Callable[[list[Nudge]], None]) -> list[Nudge]:
    """Look after fences, the replay ledger and its looks; return what was sent."""
    now = office.now()
    with office.store.write() as session:
        ledger.forget(session, now)
        nudges = take_down(office, session, now)
        if fences.standing(session):
            fences.hold_back(session)
        due = ledger.due_for_a_look(session, now, most=_MOST)
    publish(nudges)
    for ticket in due:
        nudges += _look(office, publish, ticket, now)
    return nudges


def _look(office: Office, publish: Callable[[list[Nudge]], None], ticket: UUID, now: datetime) -> list[Nudge]:
    try:
        with office.store.write() as session:
            nudges = _open(office, session, ticket, now)
    except OperationalError:
        raise
    except Exception as error:  # noqa: BLE001 - one that cannot be looked for must not hold up the others
        log.error("look.stuck", ticket=str(ticket), error=place_of(error))  # noqa: TRY400 - its text may quote someone
        with office.store.write() as session:
            for row in ledger.of_ticket(session, ticket, now):
                row.look_at = now + _LATER
        return []
    publish(nudges)
    return nudges


def _open(office: Office, session: Session, ticket: UUID, now: datetime) -> list[Nudge]:
    """Open the ticket of a look, once: whoever comes second finds no entry due."""
    rows = ledger.of_ticket(session, ticket, now)
    if not rows:
        return []
    ident = uuid5(ticket, rows[0].look_at.isoformat() if rows[0].look_at else "")
    moves = open_again(office, session, ident, rows, cause="look", link={}, now=now)
    for row in rows:
        row.look_at = None
    session.flush()
    return send_window(office, session, moves.lanes, now)
