"""`restrict` marks the rows as the data map says; `lift` puts back what stood there before.

What stood there is kept, sealed, in the row's note: a mark may have been set before we came.
"""

import dataclasses
import json
from collections.abc import Mapping
from datetime import date
from functools import partial
from typing import Any

from shared.domain.outcome import Found, Outcome
from shared.ports import Work
from workers.connectors.sql.database import BATCH, Database
from workers.connectors.sql.fates import NEEDED_BY_OTHERS, Fates
from workers.connectors.sql.graph import Graph
from workers.connectors.sql.rows import Notes, Row, chunks, plain, typed
from workers.connectors.sql.writing import Writer, exactly, refuse

RESTRICTED, LIFTED = "restricted:", "lifted:"


def restrict(database: Database, graph: Graph, work: Work, today: date) -> Outcome:
    """Set the marks; a row that is another person's too is left usable."""
    outcome, notes = Outcome(), Notes(work, graph)
    refuse(database, graph, notes)
    fates = Fates(database, graph, notes, work.subject, today)
    former = _Former(work)
    for name, found in notes.rows.items():
        collection = graph.collections[name]
        marks = dict(collection.ext.restrict)
        if not marks:
            outcome.count(name, "residual", len(found))
            outcome.because(name, "residual", "the system has no mark for restriction; the gate denies its use")
        for batch in chunks(found if marks else ()):
            shared = fates.theirs_too(collection, batch)
            if shared:
                outcome.count(name, "retained", len(shared))
                outcome.because(name, "retained", NEEDED_BY_OTHERS)
            ours = {one.key: one for one in batch if one.key not in shared}

            def marked(rows: Mapping[str, Row]) -> dict[str, Any]:
                found = ours  # noqa: B023 - called within this round
                fresh = {key: row for key, row in rows.items() if not found[key].fate.startswith(RESTRICTED)}
                for key, before in former.keep(name, fresh, marks).items():  # noqa: B023 - the same
                    work.note(dataclasses.replace(found[key], fate=RESTRICTED + before))
                return dict.fromkeys(rows, marks)  # noqa: B023 - the same

            written = Writer(database, collection, outcome).rewrite(list(ours), marks, marked, exactly)
            outcome.count(name, "restricted", len(written.whole))
    return outcome


class _Former:
    """What stood in marks that we are about to change: stored before the act, or a crash would lose it."""

    _MOST = 4 * BATCH  # notes may be written in batches of 1,000: this many rows may have a mark and no note yet

    def __init__(self, work: Work) -> None:
        self._work = work
        self._recent: dict[str, str] = json.loads(work.cursor) if work.cursor else {}

    def keep(self, collection: str, rows: Mapping[str, Row], marks: Mapping[str, Any]) -> dict[str, str]:
        """Return what stood in the marks of rows, as JSON by key."""
        former = {}
        for key, row in rows.items():
            place = f"{collection} {key}"
            standing = json.dumps({mark: plain(row[mark]) for mark in marks})
            former[key] = self._recent.pop(place, standing)
            self._recent[place] = former[key]
        self._recent = dict(list(self._recent.items())[-self._MOST :])
        if rows:
            self._work.checkpoint(json.dumps(self._recent))
        return former


def lift(database: Database, graph: Graph, work: Work) -> Outcome:
    """Put back what stood before."""
    outcome, notes = Outcome(), Notes(work, graph)
    for name, found in notes.rows.items():
        collection, table = graph.collections[name], database.table(name)
        for batch in chunks(one for one in found if one.fate.startswith(RESTRICTED)):
            before = {one.key: formerly(one) for one in batch}
            back = {
                key: {mark: typed(table.c[mark], was) for mark, was in marks.items()} for key, marks in before.items()
            }
            marks = {mark for one in back.values() for mark in one}
            writer = Writer(database, collection, outcome)
            written = writer.rewrite(list(back), marks, partial(_of, back), exactly)
            outcome.count(name, "lifted", len(written.whole))
            for one in batch:
                fate = LIFTED + one.fate.removeprefix(RESTRICTED)
                work.note(dataclasses.replace(one, fate=fate))
    return outcome


def _of(former: Mapping[str, Row], rows: Mapping[str, Row]) -> dict[str, Row]:
    return {key: former[key] for key in rows}


def formerly(one: Found) -> dict[str, Any]:
    """Return what stood in a row's marks before its restriction, {} if it never was restricted."""
    for word in (RESTRICTED, LIFTED):
        if one.fate.startswith(word):
            return dict(json.loads(one.fate.removeprefix(word)))
    return {}
