"""`export`: every record that is the person's, as the system gives it, other people's values left out."""

from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import Any

from shared.domain.outcome import Outcome
from shared.masking.redact import REDACTED
from shared.ports import Work
from workers.connectors.http.definition import Resource
from workers.connectors.http.paths import first, put, steps
from workers.connectors.http.records import Record, Records, by_resource


def export(records: Records, work: Work) -> Outcome:
    """Write rows into the package; portability takes what the person provided or what was observed.

    The columns of a table are known only when all of its records are: one resource's records of one person are
    held in memory meanwhile.
    """
    outcome = Outcome()
    for name, notes in by_resource(work.found()).items():
        resource = records.resource(name)
        wanted = _provided(resource) if work.args.get("provided") else None
        rows = [_shown(resource, record, wanted) for _, record in records.fetch(notes)]
        columns = list(dict.fromkeys(column for row in rows for column in row))
        if columns:
            outcome.count(name, "exported", work.package.rows(name, columns, rows))
    return outcome


def _provided(resource: Resource) -> frozenset[str]:
    """Return the columns with what the person provided, and what was observed (Art. 20)."""
    kinds = {
        path: spec.provided if spec.provided is not None else resource.provided
        for path, spec in resource.fields.items()
    }
    return frozenset(str(steps(path)[0]) for path, kind in kinds.items() if kind in (True, "true", "observed"))


def _shown(resource: Resource, record: Record, wanted: Iterable[str] | None) -> Mapping[str, Any]:
    row: dict[str, Any] = deepcopy(dict(record.body))
    for path in resource.others:
        if first(row, path) is not None:
            put(row, path, REDACTED)
    return row if wanted is None else {column: row[column] for column in row if column in wanted}
