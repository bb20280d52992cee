"""`tell`: Art. 34: everyone affected by a breach is told, each once: by mail, or by a letter for the post."""

import hashlib
import hmac

from shared.domain.identifier import EMAIL
from shared.domain.outcome import Outcome
from shared.envelope import subkey
from shared.ports import Affected
from workers.delivery import Refused, count_sent, mail, once
from workers.desk import DeskVerb, Job
from workers.desk.letters import Letters, Mail

_NO_ADDRESS = "no e-mail address known: the letter is to be posted"
_NO_SERVER = "no mail server is set up: the letter is to be sent or posted"
_REFUSED = "the mail server refuses the address: the letter is to be posted"


def run(job: Job) -> Outcome:
    """Tell the people one by one; a run after a crash goes on where the last one ended."""
    outcome, letters, key = Outcome(), Letters(job), subkey(job.key, "people told")
    incident = job.case.ticket.details["incident"]
    for person in job.affected():
        written = letters.mail("breach-person", person=person, incident=incident)
        address = min((one.value for one in person.identifiers if one.kind == EMAIL), default=None)
        if address is None:
            _post(job, outcome, person, written, _NO_ADDRESS)
        elif job.settings.smtp_url is None:
            _post(job, outcome, person, written, _NO_SERVER)
        elif state := _mail(job, key, address, written):
            count_sent(outcome, "people", state)
        else:
            _post(job, outcome, person, written, _REFUSED)
    return outcome


def _mail(job: Job, key: bytes, address: str, written: Mail) -> str | None:
    """Send one mail; None if this address is refused, for that must not hold back the others."""
    part = hmac.digest(key, address.encode(), hashlib.sha256).hex()[:32]

    def send(message_id: str) -> None:
        mail(job.settings, to=address, subject=written.subject, text=written.text, message_id=message_id)

    try:
        return once(job, "breach", address, send, part=part)
    except Refused:
        return None


def _post(job: Job, outcome: Outcome, person: Affected, written: Mail, why: str) -> None:
    outcome.count("letters", "exported")
    outcome.because("letters", "exported", why)
    number = outcome.counts["letters"]["exported"]
    known = [person.name] if person.name else []
    known += sorted(one.value for one in person.identifiers)
    text = "\n".join([*known, "", written.subject, "", written.text])
    job.package.put(f"breach/letters/{number}.txt", text.encode())


VERB = DeskVerb("tell", run)
