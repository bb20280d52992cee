"""`tell-person`: Art. 18(3): the person is informed before a restriction is lifted."""

from uuid import UUID

from shared.domain.errors import Final
from shared.domain.outcome import Outcome
from shared.store.persons import same_person
from workers.delivery import count_sent, mail, once
from workers.desk import DeskVerb, Job
from workers.desk.addressee import address_of
from workers.desk.letters import Letters


def run(job: Job) -> Outcome:
    """Mail the person, or put a letter for the post into the package; only about a restriction of their own."""
    outcome = Outcome()
    if of := job.args.get("of"):
        with job.store.read() as session:
            if not same_person(session, UUID(str(of)), job.ticket):
                raise Final("the ticket to lift restricted nothing for this person; refuse this one, or correct `lift`")
    address, (subject, text) = address_of(job), Letters(job).mail("before-lifting")
    if address is None or job.settings.smtp_url is None:
        job.package.put("letters/before-lifting.txt", f"{subject}\n\n{text}".encode())
        outcome.count("letters", "exported")
        why = "no e-mail address known" if address is None else "no mail server is set up"
        outcome.because("letters", "exported", f"{why}: the letter is to be posted")
        return outcome

    def send(message_id: str) -> None:
        mail(job.settings, to=address, subject=subject, text=text, message_id=message_id)

    count_sent(outcome, "person", once(job, "notice", address, send))
    return outcome


VERB = DeskVerb("tell-person", run)
