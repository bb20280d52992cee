"""`authority`: Art. 33(3): the notification to the supervisory authority, ready for the controller to send."""

import json
from typing import Any

from shared.domain.outcome import Outcome
from workers.desk import DeskVerb, Job
from workers.desk.incident import facts_of
from workers.desk.letters import Letters


def run(job: Job) -> Outcome:
    """Put the form into the package, for people and for machines."""
    facts = facts_of(job)
    page = Letters(job).render("authority-form.html.j2", **facts)
    job.package.put("breach/authority-form.html", page.encode())
    text = json.dumps(_form(job, facts), ensure_ascii=False, indent=2)
    job.package.put("breach/authority-form.json", text.encode() + b"\n")
    outcome = Outcome()
    outcome.count("forms", "exported", 2)
    return outcome


def _form(job: Job, facts: dict[str, Any]) -> dict[str, Any]:
    incident, extent = facts["incident"], facts["extent"]
    return {
        "ticket": str(job.ticket),
        "article": "GDPR Art. 33(3)",
        "controller": {"name": job.client.name, "country": job.client.country},
        "contact_point": job.client.contact,
        "nature": incident["nature"],
        "period": {"from": incident["from"], "to": incident["to"]},
        "categories": [one.key for one in extent.categories],
        "approximate_people": extent.people,
        "approximate_records": extent.records,
        "systems": [{"id": one.id, "channel": one.channel, "people": one.number} for one in extent.systems],
        "consequences": incident["consequences"],
        "measures": incident["measures"],
        "aware_at": facts["aware_at"].isoformat(),
        "due_at": facts["due_at"].isoformat(),
        "made_at": job.now.isoformat(),
        "late": facts["late"],
        "reasons_for_delay": "" if facts["late"] else None,  # the controller's to give
        "people_told_at": facts["told"]["people"].isoformat() if facts["told"]["people"] else None,
    }


VERB = DeskVerb("authority", run)
