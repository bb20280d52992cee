"""`describe`: Art. 20(1): each data file has its JSON Schema beside it, for the person and for another vendor."""

from pathlib import PurePosixPath

from shared.domain.outcome import Outcome
from workers.desk import DeskVerb, Job
from workers.desk.disclosure import collection_of, data_rows, map_of
from workers.desk.schema import schema_of
from workers.package import PartWriter


def run(job: Job) -> Outcome:
    """Put `data/<system>/<collection>.schema.json` into the package for each file of rows."""
    outcome = Outcome()
    for one in job.files():
        path = PurePosixPath(one.name)
        if path.parts[0] == "data" and len(path.parts) == 3 and path.suffix == ".json":
            system, name = path.parts[1], path.stem
            collection = collection_of(map_of(job, system), name)
            part = PartWriter(job.packages, job.ticket, job.key, one.system or system)
            title = f"{system}: {collection.name if collection else name}"
            part.put(f"data/{system}/{name}.schema.json", schema_of(title, data_rows(job, one), collection))
            job.package.files += part.files
            outcome.count("schemas", "exported")
    return outcome


VERB = DeskVerb("describe", run)
