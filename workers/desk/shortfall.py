"""`shortfall`: Art. 16: what a rectification asked for and no system took is counted, with its reason."""

from shared.domain.outcome import STATEMENT, Outcome
from workers.desk import DeskVerb, Job

_NO_FIELD = "no system holds it as a value of this person that can be rectified"
_NO_PLACE = "no system has a place for a statement; it is kept with this ticket"


def run(job: Job) -> Outcome:
    """Count each category that is `missing` as failed, and a statement as residual."""
    outcome = Outcome()
    for one in job.args["missing"]:
        kind, ground = ("residual", _NO_PLACE) if one == STATEMENT else ("failed", _NO_FIELD)
        outcome.count(one, kind)
        outcome.because(one, kind, ground)
    return outcome


VERB = DeskVerb("shortfall", run)
