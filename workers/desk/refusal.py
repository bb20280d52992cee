"""Why a ticket was refused: the reason stands, sealed, with the decision in the evidence."""

import json

from shared.domain.errors import Final
from shared.envelope import unseal
from shared.store.chain import entries
from workers.desk import Job

REFUSALS = ("refused", "refused in part")


def refusal_of(job: Job) -> str:
    """Return the reason in the words of who decided; a refusal without one may not be sent (Art. 12(4))."""
    with job.store.read() as session:
        chain = entries(session, job.ticket)
    for entry in reversed(chain):
        verdict = json.loads(entry.payload).get("verdict") if entry.kind == "decision" else None
        if entry.sealed and verdict in REFUSALS:
            aad = b"evidence:" + job.ticket.bytes + str(entry.seq).encode()
            return unseal(job.key, entry.sealed, aad=aad).decode()
    raise Final("a refusal names its reasons (Art. 12(4)), and none is recorded for this ticket")
