"""What people are called for besides a clock's milestones; each stands once, and is over when its cause is.

| kind | raised when | over when |
|---|---|---|
| `held` | a step failed and holds its stage | it is retried or waived |
| `decision` | a step waits for a person | it is decided |
| `identity overdue` | the identity is not established in time | it is |
| `circuit` | a system fails several times in a row and at its next try | it answers a step begun since or none waits |
| `restored` | a system was restored from a backup | its replay is over |
| `dead letter` | what came on the queue is no ticket | it is replayed, or its retention ends |
| `evidence` | a ticket's chain does not verify | a person acknowledges it |
"""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from shared.domain.step import DESK
from shared.on_call.settings import BREACH
from shared.store import alerts, circuits
from shared.store.circuits import TRIES
from shared.store.steps import Claim
from shared.store.tables import TicketRow

MILESTONE, HELD, DECISION, OVERDUE, CIRCUIT, RESTORED, DEAD, EVIDENCE = (
    "milestone", "held", "decision", "identity overdue", "circuit", "restored", "dead letter", "evidence",
)  # fmt: skip
OF_AN_OPEN_TICKET = MILESTONE, HELD, DECISION, OVERDUE  # over when it is closed
_UNASKED = ("turn", "paused")  # nobody has to say anything for these to end


def is_urgent(row: TicketRow) -> bool:
    """Say whether quiet hours do not apply: a clock in hours has no last day."""
    return row.due_on is None


def held(session: Session, row: TicketRow, stage: str, key: str, system: str, now: datetime) -> None:
    """Tell that a step failed."""
    _about_step(session, HELD, row, stage, key, system, now)


def asked(session: Session, row: TicketRow, key: str, waits: str, system: str, now: datetime) -> None:
    """Tell that a step of the ticket's stage waits for a person."""
    if waits and waits not in _UNASKED:
        _about_step(session, DECISION, row, row.stage, key, system, now)


def _about_step(session: Session, kind: str, row: TicketRow, stage: str, key: str, system: str, now: datetime) -> None:
    alerts.raise_alert(
        session, kind=kind, dedup=_of_step(kind, row.id, stage, key), now=now, ticket=row,
        system=None if system == DESK else system, urgent=is_urgent(row),
    )  # fmt: skip


def _of_step(kind: str, ticket: UUID, stage: str, key: str) -> str:
    return f"{kind}:{ticket}:{stage}:{key}"


def answered(session: Session, ticket: UUID, stage: str, key: str) -> None:
    """End what stood for a step that a person has retried, waived or decided."""
    alerts.settle(session, *(_of_step(kind, ticket, stage, key) for kind in (HELD, DECISION)))


def in_vain(session: Session, claim: Claim, row: TicketRow, now: datetime) -> None:
    """Tell that a system cannot be worked with, once its circuit is open and a try in vain; urgent if a breach waits.

    So nobody is called each time that one asks for a moment. Or once a step has tried often enough: others may be done.
    """
    if not (claim.attempts >= TRIES or circuits.tried_in_vain(session, claim.system)):
        return
    dedup, urgent = f"{alerts.OUTAGE}{claim.system}", is_urgent(row)
    raised = alerts.raise_alert(
        session, kind=CIRCUIT, dedup=dedup, now=now, client=row.client, system=claim.system, urgent=urgent
    )
    if urgent and raised is None:
        alerts.make_urgent(session, dedup, now)


def back(session: Session, claim: Claim) -> None:
    """End that, once the system has answered a step that began since."""
    if claim.was_down:
        circuits.close(session, claim.system)
        alerts.settle(session, f"{alerts.OUTAGE}{claim.system}")


def without_work(session: Session, now: datetime) -> None:
    """End that of systems for which no step waits any more, be it that one was waived: nobody would see them back."""
    for system in circuits.without_work(session, alerts.systems(session, CIRCUIT), now=now):
        circuits.close(session, system)
        alerts.settle(session, f"{alerts.OUTAGE}{system}")


def restored(session: Session, client: str, system: str, now: datetime) -> None:
    """Tell that a system is fenced until whoever was erased in it is erased again."""
    alerts.raise_alert(session, kind=RESTORED, dedup=f"{RESTORED}:{system}", now=now, client=client, system=system)


def replay_over(session: Session, systems: Iterable[str]) -> None:
    """End that."""
    alerts.settle(session, *(f"{RESTORED}:{system}" for system in systems))


def dead(session: Session, letter: int, right: str | None, now: datetime) -> None:
    """Tell of a dead letter; urgent if it is a breach, or may be one as its right cannot be read."""
    urgent = right in (None, BREACH)
    alerts.raise_alert(session, kind=DEAD, dedup=f"{DEAD}:{letter}", now=now, right=right, urgent=urgent)


def replayed(session: Session, letter: int) -> None:
    """End that, as it was put on the queue again, or its retention ended."""
    alerts.settle(session, f"{DEAD}:{letter}")


def broken(session: Session, ticket: TicketRow | None, ident: UUID, now: datetime) -> None:
    """Tell that a ticket's evidence does not verify."""
    dedup = f"{EVIDENCE}:{ident}"
    alerts.raise_alert(session, kind=EVIDENCE, dedup=dedup, now=now, ticket=ticket, due_at=None, urgent=True)
