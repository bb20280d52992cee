"""Who a letter goes to: the person by the address that the ticket gives, or the client where there is no person."""

from workers.desk import Job


def address_of(job: Job) -> str | None:
    """Return the first e-mail address that the ticket gives; the client's contact for a right without a person."""
    subject = job.case.ticket.subject
    if subject is None and not job.right.needs_subject:
        return job.client.contact
    return subject.email[0] if subject and subject.email else None
