"""The second look: by the ids written down before the act, and by a fresh search for each identifier.

A system may finish later than it answers: what was deleted and still stands is looked at again, until it is gone or
`settles_within` has passed; only then it is a hit.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

from shared import freetext
from shared.domain.identifier import Traits, normalise_name, verdict
from shared.domain.outcome import Found, Outcome
from shared.masking import keyless
from shared.ports import Work
from workers.connectors.http.change import Change
from workers.connectors.http.locate import DELETED, SHARED, Search
from workers.connectors.http.paths import first, leaves
from workers.connectors.http.records import Record, Records, ids_of, told_apart
from workers.connectors.http.rectify import differing, meant
from workers.connectors.http.restrict import LIFTED, RESTRICTED, formerly, standing
from workers.connectors.http.wait import Patience

Hit = tuple[str, str]  # the resource, and what contradicts the act


def absent(records: Records, work: Work) -> Outcome:
    """Count whatever contradicts the act as a hit."""
    return Look(records, work).run()


class Look:
    """One second look."""

    def __init__(self, records: Records, work: Work) -> None:
        self._records, self._work = records, work
        self._patience = Patience(work)
        self._change = Change(records, self._patience)
        self._subject = told_apart(work.subject)
        self._notes = {note.place: note for note in work.found()}
        self._hits: list[Hit] = []
        self._pending: list[Hit] = []

    def run(self) -> Outcome:
        """Look, again while the system is still at it, and count."""
        act = self._work.args.get("act", "delete")
        checks: dict[str, Callable[[Found, Record], str]] = {
            "rectify": self._rectified,
            "restrict": self._restricted,
            "lift": self._lifted,
        }
        self._patience.until(
            lambda: self._settled(act, checks.get(act)), self._records.definition.settles_within, "the deletion"
        )
        outcome = Outcome()
        for resource, why in (*self._hits, *self._pending):
            outcome.count(resource, "hit")
            outcome.because(resource, "hit", why)
        return outcome

    def _settled(self, act: str, check: Callable[[Found, Record], str] | None) -> bool:
        """Look once; say whether looking again could show less."""
        self._hits, self._pending = [], []
        for note, record in self._records.fetch(self._notes.values()):
            if check is None:
                self._erased(act, note, record)
            elif why := check(note, record):
                self._hits.append((note.collection, why))
        if check is None:
            self._search(act)
            self._hits += self._written_since()
        return not self._pending

    def _erased(self, act: str, note: Found, record: Record) -> None:
        if note.fate == DELETED:
            self._pending.append((note.collection, "a record that was deleted still stands"))
        elif self._records.overwritten(record) or (note.fate == "retained" and act == "delete"):
            return
        elif note.fate == "masked" or (act == "mask" and self._records.resource(note.collection).maskable):
            self._hits += ((note.collection, why) for why in self._unmasked(record))
        elif act == "delete":
            self._hits.append((note.collection, "a record that was to go still stands"))

    def _unmasked(self, record: Record) -> Iterator[str]:
        delete = self._records.resource(record.resource).delete
        if delete and delete.leaves:
            yield "a record that was to be overwritten stands as it was"
            return
        fields = self._records.resource(record.resource).maskable
        for path in self._change.masked(record, self._work.key):
            # what a keyed mask has written, it would write anew
            if keyless(fields[path].mask) or any(self._says(one) for one in leaves(first(record.body, path))):
                yield f"{record.resource}.{path} is not masked"
        if any(self._says(one) for one in leaves(record.body)):
            yield "the value stands in a record that was masked"

    def _says(self, text: str) -> bool:
        return bool(freetext.stands_in(text, self._subject)) or normalise_name(text) in self._work.subject.names

    def _search(self, act: str) -> None:
        """Ask for each identifier anew; what a person left alone, or the law keeps, is passed over."""
        seen: set[tuple[str, str]] = set()
        for name in self._records.definition.resources:
            for record in self._records.search(name, sorted(self._work.subject.identifiers)):
                if record.place in seen:
                    continue
                seen.add(record.place)
                note = self._notes.get(record.place)
                fate = note.fate if note else ""
                traits = self._records.traits(record, self._work.subject)
                if verdict(self._work.subject, traits) != "sure" or (fate == "retained" and act == "delete"):
                    continue
                if note is None and self._left_alone(record.place, traits):
                    continue
                where = self._pending if fate == DELETED else self._hits
                where.append((name, "a search for an identifier still finds the person"))

    def _left_alone(self, place: tuple[str, str], traits: Traits) -> bool:
        """Say whether a record bears only what others share, and is doubtful as things stand now."""
        if any(map(self._work.subject.decides, traits.identifiers & self._work.subject.identifiers)):
            return False
        noted: list[Found] = []
        Search(self._records, replace(self._work, note=noted.append, found=lambda: ())).run()
        return any(one.place == place and not one.sure for one in noted)

    def _written_since(self) -> Iterator[Hit]:
        """Yield what the person has written, since, into records that stay for others."""
        for note in self._notes.values():
            if note.fate not in ("retained", "masked", SHARED):
                continue
            for below in self._records.definition.below(note.collection):
                for child in self._records.below(below, ids_of(note)):
                    new = child.place not in self._notes and not self._records.overwritten(child)
                    if new and self._records.author(child) in self._notes:
                        yield below, "a record of the person stands that was not noted"

    def _rectified(self, _: Found, record: Record) -> str:
        wrong = differing(record, meant(self._records, record, self._work))
        return (
            f"{', '.join(f'{record.resource}.{path}' for path in wrong)} does not hold the new value" if wrong else ""
        )

    def _restricted(self, _: Found, record: Record) -> str:
        marks = dict(self._records.resource(record.resource).restrict)
        return "a record is not marked as restricted" if standing(record, marks) != marks else ""

    def _lifted(self, note: Found, record: Record) -> str:
        before = formerly(note)
        touched = note.fate.startswith((RESTRICTED, LIFTED))
        return "a record's restriction was not lifted" if touched and standing(record, before) != before else ""
