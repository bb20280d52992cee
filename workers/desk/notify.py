"""`notify`: Art. 19: a recipient to whom data were disclosed is told of their rectification, erasure or restriction."""

from typing import Any

from shared.domain.outcome import Outcome
from workers.delivery import count_sent, once, post
from workers.desk import DeskVerb, Job


def run(job: Job) -> Outcome:
    """Post the notice to `url`."""
    outcome = Outcome()
    url, payload = str(job.args["url"]), _payload(job)
    state = once(job, "notice", url, lambda message_id: post(url, payload, message_id=message_id))
    count_sent(outcome, "recipients", state)
    return outcome


def _payload(job: Job) -> dict[str, Any]:
    subject: dict[str, list[str]] = {}
    for one in sorted(job.case.subject.identifiers):
        subject.setdefault(one.kind, []).append(one.value)
    # the same on every attempt, for recipients that compare a repeated message with its first
    at = job.case.stage_since or job.case.ticket.received_at
    payload: dict[str, Any] = {
        "ticket": str(job.ticket),
        "client": job.case.ticket.client,
        "right": job.right.name,
        "article": job.right.article,
        "at": at.isoformat(),
        "subject": subject,
    }
    if job.right.name == "rectification":
        payload["changes"] = job.case.ticket.details.get("changes", {})
    return payload


VERB = DeskVerb("notify", run)
