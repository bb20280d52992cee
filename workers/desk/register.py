"""`register`: Art. 33(5): the breach stands in the register: facts, effects, remedial action, who was told when."""

from sqlalchemy import insert, update

from shared.domain.outcome import Outcome
from shared.envelope import seal_json
from shared.store.tables import IncidentRow
from workers.desk import DeskVerb, Job
from workers.desk.incident import extent_of, told


def run(job: Job) -> Outcome:
    """Write the entry, or write it anew."""
    incident, extent = job.case.ticket.details["incident"], extent_of(job)
    entry = {
        "facts": {
            "nature": incident["nature"],
            "from": incident.get("from"),
            "to": incident.get("to"),
            "categories": [one.key for one in extent.categories],
            "people": extent.people,
            "records": extent.records,
        },
        "effects": incident["consequences"],
        "remedial_action": incident["measures"],
    }
    values = {
        "client": job.case.ticket.client,
        "aware_at": job.case.ticket.received_at,
        "affected": extent.people,
        "told": {who: at.isoformat() for who, at in told(job)},
        "sealed": seal_json(job.key, entry, aad=b"incident:" + job.ticket.bytes),
    }
    with job.store.write() as session:
        known = session.execute(
            update(IncidentRow)
            .where(IncidentRow.ticket_id == job.ticket)
            .values(**values)
            .returning(IncidentRow.ticket_id)
            .execution_options(synchronize_session=False)
        ).all()
        if not known:
            session.execute(insert(IncidentRow).values(ticket_id=job.ticket, **values))
    return Outcome()


VERB = DeskVerb("register", run)
