"""`restrict` writes the marks of the definition; `lift` puts back what stood there before.

What stood there is kept, sealed, in the record's note: a mark may have been set before we came.
"""

import json
from dataclasses import replace
from typing import Any

from shared.domain.outcome import Found, Outcome
from shared.ports import Work
from workers.connectors.http.change import Change
from workers.connectors.http.paths import first
from workers.connectors.http.records import Record, Records, by_resource, ids_of
from workers.connectors.http.wait import Patience

RESTRICTED, LIFTED = "restricted:", "lifted:"
_NO_MARK = "the system has no mark for restriction; the gate denies its use"


def restrict(records: Records, work: Work) -> Outcome:
    """Set the marks."""
    outcome, patience = Outcome(), Patience(work)
    change = Change(records, patience)
    for name, notes in by_resource(work.found()).items():
        marks = dict(records.resource(name).restrict)
        if not marks:
            outcome.count(name, "residual", len(notes))
            outcome.because(name, "residual", _NO_MARK)
            continue
        for note, record in records.fetch(notes):
            if not note.fate.startswith(RESTRICTED):
                before = patience.remembered(note.key, json.dumps(standing(record, marks)))
                work.note(replace(note, fate=RESTRICTED + before))
            change.write(name, record.ids, marks)
            outcome.count(name, "restricted")
    return outcome


def lift(records: Records, work: Work) -> Outcome:
    """Put back what stood before."""
    outcome, change = Outcome(), Change(records, Patience(work))
    for note in work.found():
        if note.fate.startswith(RESTRICTED):
            change.write(note.collection, ids_of(note), formerly(note))
            outcome.count(note.collection, "lifted")
            work.note(replace(note, fate=LIFTED + note.fate.removeprefix(RESTRICTED)))
    return outcome


def standing(record: Record, marks: dict[str, Any]) -> dict[str, Any]:
    """Return what stands in a record's marks."""
    return {path: first(record.body, path) for path in marks}


def formerly(note: Found) -> dict[str, Any]:
    """Return what stood in a record's marks before its restriction, {} if it never was restricted."""
    for word in (RESTRICTED, LIFTED):
        if note.fate.startswith(word):
            return dict(json.loads(note.fate.removeprefix(word)))
    return {}
