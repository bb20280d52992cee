"""`tell-client`: Art. 33(2): the processor notifies the controller: a mail, and the notice in the package."""

from shared.domain.outcome import Outcome
from workers.delivery import count_sent, mail, once
from workers.desk import DeskVerb, Job
from workers.desk.incident import facts_of
from workers.desk.letters import Letters


def run(job: Job) -> Outcome:
    """Tell the client's contact."""
    outcome, letters, facts = Outcome(), Letters(job), facts_of(job)
    subject, text = letters.mail("breach-client", **facts)
    job.package.put("breach/notice-to-client.html", letters.render("notice-to-client.html.j2", **facts).encode())

    def send(message_id: str) -> None:
        mail(job.settings, to=job.client.contact, subject=subject, text=text, message_id=message_id)

    count_sent(outcome, "client", once(job, "notice", job.client.contact, send))
    return outcome


VERB = DeskVerb("tell-client", run)
