"""`lift-gate`: a restriction ends: the gate no longer denies for it (Art. 18)."""

from uuid import UUID

from sqlalchemy import select, update

from shared.domain.errors import Final
from shared.domain.outcome import Outcome
from shared.store.tables import SuppressionRow
from workers.desk import DeskVerb, Job


def run(job: Job) -> Outcome:
    """End the restrictions that ticket `of` set for this person; without `of`, all of this person's."""
    people = [job.vault.blind(job.case.ticket.client, one) for one in job.case.subject.identifiers]
    of = UUID(str(job.args["of"])) if job.args.get("of") else None
    ours = SuppressionRow.digest.in_(people), SuppressionRow.kind == "restriction"
    outcome = Outcome()
    with job.store.write() as session:
        # one shared identifier shows whose ticket `of` is; what it restricted beside that ends with it
        if (
            of
            and session.scalars(select(SuppressionRow.id).where(*ours, SuppressionRow.ticket_id == of).limit(1)).first()
        ):
            chosen = (SuppressionRow.ticket_id == of, SuppressionRow.kind == "restriction")
        elif of:
            raise Final("the ticket to lift restricted nothing for this person; correct `lift`")
        else:
            chosen = ours
        ended = session.execute(
            update(SuppressionRow)
            .where(*chosen, SuppressionRow.ended_at.is_(None))
            .values(ended_at=job.now)
            .returning(SuppressionRow.id)
            .execution_options(synchronize_session=False)
        ).all()
    outcome.count("gate", "lifted", len(ended))
    return outcome


VERB = DeskVerb("lift-gate", run)
