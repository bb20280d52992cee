"""A letter as one person gets it."""

from datetime import datetime
from urllib.parse import quote

from shared.on_call.escalation import Call
from shared.on_call.settings import Alerts
from shared.store import circuits
from workers.alarms import CIRCUIT
from workers.alerts.link import Pass, signed
from workers.alerts.plan import Letter
from workers.alerts.text import for_machines, span, text, title
from workers.channels import Message
from workers.office import Office


def compose(office: Office, letter: Letter, person: str, *, now: datetime) -> Message:
    """Return the message; its link is the person's own, and there is one only where RIGHTSDESK_PUBLIC_URL leads."""
    alerts, public = office.inventory.alerts, office.settings.public_url
    tries = _next_tries(office, letter)
    link = (
        f"{public.rstrip('/')}/a/{quote(signed(office.vault, Pass(letter.batch, person), now=now))}" if public else None
    )
    return Message(
        id=letter.batch,
        thread=letter.thread,
        title=title(letter.alerts),
        text=text(
            letter.alerts, batch=letter.batch, now=now, zone=_zone(office, letter), link=link,
            then=_then(letter.call, alerts), tries=tries,
        ),
        urgent=letter.urgent,
        alerts=tuple(for_machines(one, tries) for one in letter.alerts),
        link=link,
    )  # fmt: skip


def _next_tries(office: Office, letter: Letter) -> dict[str, datetime]:
    if all(one.kind != CIRCUIT for one in letter.alerts):
        return {}
    with office.store.read() as session:
        return circuits.next_tries(session)


def _zone(office: Office, letter: Letter) -> str:
    """Return the zone of the people who are told, or of the client if they have none."""
    first = letter.alerts[0]
    if rota := office.inventory.alerts.team(first.right):
        return rota.timezone
    client = office.inventory.clients.get(first.client or "")
    return client.timezone if client else "UTC"


def _then(call: Call, alerts: Alerts) -> str:
    wait = span(call.next_after(alerts))
    if call.everyone:
        return f"Everyone was told; without an acknowledgement this comes again in {wait}."
    return f"Without an acknowledgement within {wait} the next is told."
