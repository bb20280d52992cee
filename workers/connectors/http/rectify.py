"""`rectify`: new values by data category, in every record that is the person's."""

from collections.abc import Mapping
from typing import Any

from shared.domain.outcome import Outcome
from shared.ports import Work
from workers.connectors.http.change import Change
from workers.connectors.http.paths import first
from workers.connectors.http.records import Record, Records, ids_of
from workers.connectors.http.wait import Patience

_NO_CALL = "the system has no call to change it; do it by hand and waive"


def rectify(records: Records, work: Work) -> Outcome:
    """Write the new values; count the records in which they stand."""
    outcome, change = Outcome(), Change(records, Patience(work))
    for note, record in records.fetch(work.found()):
        name, meanings = note.collection, _meanings(records, record, work)
        wanted = _joined(meanings)
        if not wanted:
            continue
        if records.resource(name).patch is None:
            outcome.count(name, "failed")
            outcome.because(name, "failed", _NO_CALL)
            continue
        change.write(name, ids_of(note), differing(record, wanted))
        outcome.count(name, "rectified")
        for category in meanings:
            outcome.because(name, "rectified", category)
    return outcome


def meant(records: Records, record: Record, work: Work) -> dict[str, Any]:
    """Return what should stand in a record, by path: where a category's value stands and is not someone else's."""
    return _joined(_meanings(records, record, work))


def _joined(meanings: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {path: value for paths in meanings.values() for path, value in paths.items()}


def _meanings(records: Records, record: Record, work: Work) -> dict[str, dict[str, Any]]:
    """Return the paths that each category means in a record, with what should stand there."""
    changes: Mapping[str, str] = work.args.get("changes") or {}
    wanted: dict[str, dict[str, Any]] = {}
    for category, value in changes.items():
        fields = records.resource(record.resource).fields
        exact = [path for path, spec in fields.items() if category in spec.categories]
        below = [path for path, spec in fields.items() if any(c.startswith(f"{category}.") for c in spec.categories)]
        for path in exact or (below if len(below) == 1 else ()):
            stands = first(record.body, path)
            if "[" not in path and stands is not None and not _someone_elses(stands, fields[path].identity, work):
                wanted.setdefault(category, {})[path] = value
    return wanted


def differing(record: Record, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Return what does not stand in a record yet."""
    return {path: value for path, value in wanted.items() if first(record.body, path) != value}


def _someone_elses(value: Any, kind: str | None, work: Work) -> bool:
    """Say whether an identity holds an identifier that is neither the person's nor the new one."""
    if kind is None:
        return False
    stands = work.subject.normalise(kind, value)
    new = {work.subject.normalise(kind, value) for value in (work.args.get("changes") or {}).values()}
    return stands is not None and stands not in work.subject.identifiers and stands not in new
