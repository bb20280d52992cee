"""`deliver`: hand the package over: keep it for the client, or mail the person a link that opens once."""

import hashlib
import secrets
from datetime import timedelta
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

LINK_LASTS = timedelta(days=14)
_CODE_DIGITS = 8


def run(job: Job) -> Outcome:
    """Note that the client fetches the package, or send its link; the link's code goes by another way."""
    outcome = Outcome()
    kept = job.client.deliver == "package"
    state = once(job, "letter", "client", lambda _: None) if kept else _send_link(job)
    count_sent(outcome, "package", state)
    return outcome


def link_digest(token: str) -> bytes:
    """Return what is kept of a link's token in clear."""
    return hashlib.sha256(token.encode()).digest()


def link_code(session: Session, key: bytes, ticket: UUID) -> str | None:
    """Return the code of a ticket's last link, for the client's agent to read to the person; None without a link."""
    sealed = session.scalars(
        select(DeliveryRow.sealed)
        .where(DeliveryRow.ticket_id == ticket, DeliveryRow.kind == "link")
        .order_by(DeliveryRow.id.desc())
        .limit(1)
    ).one_or_none()
    return str(unseal_json(key, sealed, aad=b"delivery")["code"]) if sealed else None


def _send_link(job: Job) -> str:
    if not job.settings.public_url:
        raise Final("no link can be sent: set RIGHTSDESK_PUBLIC_URL to where people reach it, then retry")
    address = address_of(job)
    if address is None:
        raise Final("the person has no e-mail address: deliver the package by post, then waive this step")
    base, letters = job.settings.public_url.rstrip("/"), Letters(job)
    token = secrets.token_urlsafe(32)

    def send(message_id: str) -> None:
        # a former attempt's link may have arrived, so it is that one which is sent again
        kept = content_of(job, message_id)
        link, until = f"{base}/p/{kept['token']}", job.now + LINK_LASTS
        subject, text = letters.mail("link", link=link, until=until)
        mail(job.settings, to=address, subject=subject, text=text, message_id=message_id)

    code = f"{secrets.randbelow(10**_CODE_DIGITS):0{_CODE_DIGITS}}"
    extra = {"token": token, "code": code, "language": job.client.language}
    return once(job, "link", address, send, extra=extra, link_digest=link_digest(token))


VERB = DeskVerb("deliver", run)
