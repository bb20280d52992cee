"""`extension`: Art. 12(3): the person is told, inside month one, that the answer takes longer, and why."""

from datetime import date

from shared.domain.errors import Final
from shared.domain.outcome import Outcome
from workers.delivery import count_sent, mail, once
from workers.desk import DeskVerb, Job
from workers.desk.addressee import address_of
from workers.desk.letters import Letters


def run(job: Job) -> Outcome:
    """Mail the notice, or put `extension.txt` into the package that the client hands over."""
    outcome = Outcome()
    subject, text = Letters(job).mail(
        "extension", reason=job.args["reason"], until=date.fromisoformat(job.args["until"])
    )
    if job.client.deliver == "package":
        job.package.put("extension.txt", f"{subject}\n\n{text}".encode())
        state = once(job, "notice", "client", lambda _: None)
    else:
        state = _mailed(job, subject, text)
    count_sent(outcome, "extension", state)
    return outcome


def _mailed(job: Job, subject: str, text: str) -> str:
    address = address_of(job)
    if address is None:
        raise Final("the person has no e-mail address: tell them of the extension by post, then waive this step")

    def send(message_id: str) -> None:
        mail(job.settings, to=address, subject=subject, text=text, message_id=message_id)

    return once(job, "notice", address, send)


VERB = DeskVerb("extension", run)
