"""`notify`: Art. 19: a recipient to whom data were disclosed is told of their rectification, erasure or restriction."""

from typing import Any

from shared.domain.outcome import STATEMENT, Outcome
from workers.delivery import count_sent, once, post
from workers.desk import DeskVerb, Job
from workflows.rectification import written


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
        if one.is_key:  # our client's systems know each other's keys; a recipient does not
            continue
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
        payload |= _rectified(job)
    return payload


def _rectified(job: Job) -> dict[str, Any]:
    details, stands = job.case.ticket.details, written(job.case)
    changes = {key: value for key, value in (details.get("changes") or {}).items() if key in stands}
    return {"changes": changes} | ({STATEMENT: details[STATEMENT]} if STATEMENT in stands else {})


VERB = DeskVerb("notify", run)
