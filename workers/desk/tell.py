"""`tell`: Art. 34: everyone affected by a breach is told, each once: by mail, or by a letter for the post."""

import hashlib
import hmac

from shared.domain.errors import Retryable, Unsure
from shared.domain.identifier import EMAIL
from shared.domain.outcome import Outcome
from shared.envelope import subkey
from shared.ports import Affected
from workers.delivery import Deferred, Refused, count_sent, mail, once
from workers.desk import DeskVerb, Job
from workers.desk.letters import Letters, Mail

_NO_ADDRESS = "no e-mail address known"
_NO_SERVER = "no mail server is set up"


def run(job: Job) -> Outcome:
    """Tell the people one by one; a run after a crash goes on where the last one ended.

    Nobody waits for one who cannot be told: whom the server does not take now is told by a later attempt, or else by
    a letter. What is wrong with the server itself ends the run.
    """
    outcome, letters, key = Outcome(), Letters(job), subkey(job.key, "people told")
    incident = job.case.ticket.details["incident"]
    put_off, after, why = 0, 0.0, ""
    for person in job.affected():
        written = letters.mail("breach-person", person=person, incident=incident)
        try:
            count_sent(outcome, "people", _mail(job, key, person, written))
        except (Deferred, Unsure) as error:
            if job.last_try:
                _post(job, outcome, person, written, str(error))
            else:
                put_off, after, why = put_off + 1, max(after, error.after), str(error)
        except Refused as error:
            _post(job, outcome, person, written, str(error))
    if put_off:
        raise Retryable(f"{put_off} of the people could not be told yet: {why}", after=after)
    return outcome


def _mail(job: Job, key: bytes, person: Affected, written: Mail) -> str:
    """Mail to the first of a person's addresses that is not refused; return the delivery's state."""
    refused = Refused(_NO_ADDRESS)
    if job.settings.smtp_url is None:
        refused = Refused(_NO_SERVER)
    else:
        for address in sorted(one.value for one in person.identifiers if one.kind == EMAIL):
            try:
                return _mail_to(job, key, address, written)
            except Refused as error:
                refused = error
    raise refused


def _mail_to(job: Job, key: bytes, address: str, written: Mail) -> str:
    part = hmac.digest(key, address.encode(), hashlib.sha256).hex()[:32]

    def send(message_id: str) -> None:
        mail(job.settings, to=address, subject=written.subject, text=written.text, message_id=message_id)

    return once(job, "breach", address, send, part=part)


def _post(job: Job, outcome: Outcome, person: Affected, written: Mail, why: str) -> None:
    outcome.count("letters", "exported")
    outcome.because("letters", "exported", f"{why}: the letter is to be posted")
    number = outcome.counts["letters"]["exported"]
    known = [person.name] if person.name else []
    known += sorted(one.value for one in person.identifiers)
    text = "\n".join([*known, "", written.subject, "", written.text])
    job.package.put(f"breach/letters/{number}.txt", text.encode(errors="replace"))


VERB = DeskVerb("tell", run)
