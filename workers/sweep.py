"""The sweep: whatever was lost on the way is found by looking. Harmless however often it runs, and in parallel."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy import exists, func, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from shared.log import place_of
from shared.store import holds, lost, steps
from shared.store.nudge import Nudge
from shared.store.tables import StepRow, TicketRow
from workers import alarms
from workers.caseload import lock, steps_and_chain
from workers.conductor import move_on, send_window
from workers.looks import tend
from workers.office import Office
from workers.perform import ended, follow
from workers.queues import list_of

log = structlog.get_logger()

UNCLAIMED = timedelta(seconds=30)
_MOST, _TURNS = 500, 100  # tickets that a sweep looks at
MOST_LOST = 5  # workers in a row that a step may take with it without coming any further


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep did: leases reclaimed, steps sent (again), tickets looked at."""

    reclaimed: int
    sent: int
    advanced: int


def sweep(
    office: Office, publish: Callable[[list[Nudge]], None], *, in_line: Callable[[], Mapping[str, int]] = dict
) -> Swept:
    """Reclaim expired leases, refill the windows, send again what nobody claimed, look at tickets that wake.

    `in_line` tells how many messages lie in each of the broker's lists.
    A legal hold whose review date has passed is called out once a day: it stands until a person has decided.
    """
    now = office.now()
    given_up, lying = _quarantine(office, now), in_line()
    with office.store.write() as session:
        reclaimed = lost.reclaim(session, now=now, most=MOST_LOST)
        if reclaimed:
            steps.rest_paused(session)
        # a worker that was lost took the messages with it that it had fetched ahead
        since = timedelta(seconds=office.settings.lease_seconds) if reclaimed else UNCLAIMED
        nudges = steps.unclaimed(session, now=now, since=since, of=missed(session, {} if reclaimed else lying))
        nudges += send_window(office, session, steps.backlog(session, now=now), now)
        alarms.without_work(session, now)
        overdue = holds.call_for_review(session, now.date())
    publish(nudges)
    for hold in overdue:
        log.warning("hold.review", hold=str(hold))
    nudges += tend(office, publish)
    advanced = 0
    for ident in dict.fromkeys([*given_up, *_to_look_at(office)]):
        try:
            with office.store.write() as session:
                moves = move_on(office, session, ident, now)
                more = send_window(office, session, moves.lanes, now)
            publish(more)
            follow(office, publish, moves)
        except OperationalError:
            raise
        except Exception as error:  # noqa: BLE001 - one ticket that cannot move must not hold up the others
            log.error(  # noqa: TRY400 - our own error, its text says all
                "sweep.stuck", ticket=str(ident), error=place_of(error)
            )
            continue
        nudges += more
        advanced += 1
    if reclaimed or advanced:
        log.info("sweep.done", reclaimed=reclaimed, sent=len(nudges), advanced=advanced)
    return Swept(reclaimed, len(nudges), advanced)


def missed(session: Session, lying: Mapping[str, int]) -> list[tuple[str, int]]:
    """Return the channels and priorities of whose steps fewer messages lie in line than were sent.

    Others merely wait: a message more for each would make the line longer with every sweep, and a new client's wait.
    """
    sent, of_list = steps.sent(session), Counter[str]()
    for (channel, priority), number in sent.items():
        of_list[list_of(channel, priority)] += number
    return [one for one in sent if lying.get(list_of(*one), 0) < of_list[list_of(*one)]]


def _quarantine(office: Office, now: datetime) -> list[UUID]:
    """Fail the steps that took their worker with them too often, each under its ticket's lock; return the tickets."""
    with office.store.read() as session:
        found = lost.hopeless(session, now=now, most=MOST_LOST)
    for ident, step in found:
        with office.store.write() as session:
            row = lock(session, ident)
            if one := lost.give_up(session, step, now=now, most=MOST_LOST):
                alarms.held(session, row, one.stage, one.key, one.system, now)
                chain = steps_and_chain(session, ident)[1]
                chain.append("step", now, ended(one, {"state": "failed", "error": one.error}))
                chain.write(session)
    return [ident for ident, _ in found]


def _to_look_at(office: Office) -> list[UUID]:
    """Tickets whose time to be looked at has come, and open ones whose stage has no step at all.

    A wake-up of one that waits for its turn may have been lost with the process that owed it: of these some are looked
    at each time, whichever, so that very many, such as all who want a copy first and then be erased, hold up nobody.
    """
    now = office.now()
    waking = select(TicketRow.id).where(TicketRow.wake_at <= now, TicketRow.closed_at.is_(None))
    in_stage = exists().where(
        StepRow.ticket_id == TicketRow.id,
        StepRow.stage == TicketRow.stage,
        StepRow.state.not_in(("done", "waived")),
    )
    idle = select(TicketRow.id).where(TicketRow.state == "open", TicketRow.paused_at.is_(None), ~in_stage)
    turns = (
        select(TicketRow.id)
        .join(StepRow, StepRow.ticket_id == TicketRow.id)
        .where(StepRow.waits == "turn", StepRow.state == "waiting", TicketRow.paused_at.is_(None))
        .order_by(func.random())
    )
    limited = waking.limit(_MOST), idle.limit(_MOST), turns.limit(_TURNS)
    with office.store.read() as session:
        return list(dict.fromkeys(ident for query in limited for ident in session.scalars(query)))
