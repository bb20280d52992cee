"""The certificate as a page that a person can read and print, in the client's language."""

from datetime import date, datetime
from typing import Any

from workers.desk.letters import Templates
from workers.office import Office


def page(office: Office, document: dict[str, Any]) -> str:
    """Return the page (HTML) of a certificate that may bear its proof; a client that left is answered in English."""
    certificate = document["certificate"]
    client = office.inventory.clients.get(certificate["client"]["id"])
    templates = Templates(
        office.settings.letters,
        certificate["client"]["id"],
        language=client.language if client else "en",
        timezone=client.timezone if client else "UTC",
    )
    proof = document["proof"]
    return templates.render(
        "certificate.html.j2",
        certificate=certificate,
        checkpoint=None if proof == "pending" else proof["checkpoint"],
        signature=document["signature"]["value"],
        time=datetime.fromisoformat,
        date=date.fromisoformat,
    )
