"""`open-gate`: what a ticket allows is recorded once a mandate was looked at (Art. 7)."""

from sqlalchemy import select

from shared.domain.outcome import Outcome
from shared.store.gates import open_gates
from shared.store.tables import ConsentRow
from workers.desk import DeskVerb, Job


def run(job: Job) -> Outcome:
    """Record the consents, once."""
    allowing = [gate for gate in job.right.gates(job.case.ticket) if gate.allow]
    people = [job.vault.blind(job.case.ticket.client, one) for one in job.case.subject.identifiers]
    outcome = Outcome()
    with job.store.write() as session:
        if session.scalars(select(ConsentRow.id).where(ConsentRow.ticket_id == job.ticket).limit(1)).first() is None:
            declared = job.case.ticket.received_at
            open_gates(session, job.ticket, allowing, people, key=job.key, at=job.now, declared=declared)
            outcome.count("gate", "lifted", len(allowing))
    return outcome


VERB = DeskVerb("open-gate", run)
