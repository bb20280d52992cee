"""`code`: a one-time code goes to an address of the person, who says it back: so the client knows who asks."""

import secrets
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.domain.errors import Final
from shared.domain.outcome import Outcome
from shared.envelope import unseal_json
from shared.store.tables import DeliveryRow
from workers.delivery import content_of, count_sent, mail, once
from workers.desk import DeskVerb, Job
from workers.desk.addressee import address_of
from workers.desk.letters import Letters
from workers.desk.redeem import redeem

_DIGITS = 6


def run(job: Job) -> Outcome:
    """Mail the code."""
    address = address_of(job)
    if address is None:
        raise Final(
            "the person has no e-mail address for a code: establish the identity otherwise, then waive this step"
        )
    letters = Letters(job)

    def send(message_id: str) -> None:
        # a former attempt's code may have arrived, so it stays the same
        subject, text = letters.mail("code", code=content_of(job, message_id)["code"])
        mail(job.settings, to=address, subject=subject, text=text, message_id=message_id)

    outcome = Outcome()
    extra = {"code": f"{secrets.randbelow(10**_DIGITS):0{_DIGITS}}"}
    count_sent(outcome, "code", once(job, "code", address, send, extra=extra))
    return outcome


def check_code(session: Session, key: bytes, ticket: UUID, code: str) -> bool:
    """Say whether this is the ticket's code; it is good once, and dead after five tries.

    `session` writes. Commit whatever the answer is, or the try is not counted.
    """
    row = session.execute(
        select(DeliveryRow.id, DeliveryRow.sealed)
        .where(DeliveryRow.ticket_id == ticket, DeliveryRow.kind == "code")
        .order_by(DeliveryRow.id.desc())
        .limit(1)
    ).one_or_none()
    if row is None or row.sealed is None:
        return False
    return redeem(session, row.id, unseal_json(key, row.sealed, aad=b"delivery")["code"], code)


VERB = DeskVerb("code", run)
