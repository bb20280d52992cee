"""`callback`: the submitter's own address is told that the ticket has ended, and how; no personal data."""

from shared.domain.case import closing
from shared.domain.outcome import Outcome
from workers.delivery import count_sent, once, post
from workers.desk import DeskVerb, Job


def run(job: Job) -> Outcome:
    """Post the ticket's end to `url`."""
    outcome, url = Outcome(), str(job.args["url"])
    payload = {
        "ticket": str(job.ticket),
        "client": job.case.ticket.client,
        "right": job.right.name,
        "state": "closed",
        "outcome": closing(job.case),
    }
    state = once(job, "callback", url, lambda message_id: post(url, payload, message_id=message_id))
    count_sent(outcome, "callbacks", state)
    return outcome


VERB = DeskVerb("callback", run)
