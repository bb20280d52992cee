"""`delete` and `mask`: children before their parents; what another person's record needs stays, masked."""

from collections.abc import Sequence
from dataclasses import replace

from shared.domain.errors import Final
from shared.domain.outcome import Found, Outcome
from shared.ports import Work
from workers.connectors.http.change import Change, NotNow
from workers.connectors.http.locate import DELETED
from workers.connectors.http.paths import first
from workers.connectors.http.records import Ids, Record, Records, by_resource, ids_of, key_of
from workers.connectors.http.wait import Patience

_NEEDED = "still needed by another person"
_NO_CALL = "the system has no call for it; do it by hand and waive"
_OVERWRITTEN = "the system overwrites the record rather than removing it"
_UNWRITABLE = "a value that the system does not let us write"


def delete(records: Records, work: Work) -> Outcome:
    """Delete what was noted; what goes with its parent needs no call of its own."""
    return Erasure(records, work).delete()


def mask(records: Records, work: Work) -> Outcome:
    """Take the person out of the records noted, which stay."""
    return Erasure(records, work).mask()


class Erasure:
    """One erasure."""

    def __init__(self, records: Records, work: Work) -> None:
        self._records, self._work = records, work
        self._patience = Patience(work)
        self._change = Change(records, self._patience)
        self._notes = by_resource(work.found())
        self._mine = {note.place for notes in self._notes.values() for note in notes}
        self._kept: dict[tuple[str, str], bool] = {}
        self._busy: list[NotNow] = []
        self._outcome = Outcome()

    def delete(self) -> Outcome:
        """Delete, or mask what others need; a record that is busy is tried again when the others are gone."""
        for name in self._records.definition.deepest_first:
            for note in self._notes.get(name, ()):
                try:
                    self._delete(note)
                except NotNow as error:
                    self._busy.append(error)
        self._wait_for_busy()
        return self._outcome

    def mask(self) -> Outcome:
        """Mask every record."""
        for name in self._records.definition.deepest_first:
            if self._records.resource(name).maskable:
                self._mask(name, self._notes.get(name, []))
        self._wait_for_busy()
        return self._outcome

    def _delete(self, note: Found) -> None:
        name, ids = note.collection, ids_of(note)
        resource = self._records.resource(name)
        if self._goes(name, ids):
            if not self._goes_by_itself(name, ids):
                self._change.delete(name, ids)
            self._end(note, "erased")
        elif self._keeps_others(name, ids) and not resource.patch:
            self._end(note, "retained", _NEEDED)
        elif resource.delete or resource.patch:
            self._mask(name, [note])
            if self._keeps_others(name, ids):
                self._outcome.because(name, "masked", _NEEDED)
        else:
            self._end(note, "failed", _NO_CALL)

    def _goes(self, name: str, ids: Ids) -> bool:
        """Say whether a record goes for good: by its own call, or with its parent."""
        delete = self._records.resource(name).delete
        if self._keeps_others(name, ids):
            return False
        return self._goes_by_itself(name, ids) or (delete is not None and not delete.leaves)

    def _goes_by_itself(self, name: str, ids: Ids) -> bool:
        """Say whether the system deletes a record together with its parent, and the parent goes."""
        if not self._records.resource(name).goes_with_parent:
            return False
        parent = self._records.resource(name).within
        return (parent, key_of(ids[:-1])) in self._mine and self._goes(parent, ids[:-1])

    def _keeps_others(self, name: str, ids: Ids) -> bool:
        """Say whether another person's record would go with this one; looked at again at the time of the act."""
        place = name, key_of(ids)
        if place not in self._kept:
            self._kept[place] = any(
                self._is_anothers(child) or self._keeps_others(below, child.ids)
                for below in self._records.definition.below(name)
                if self._records.resource(below).goes_with_parent and self._may_be_anothers(below)
                for child in self._records.below(below, ids)
            )
        return self._kept[place]

    def _may_be_anothers(self, name: str) -> bool:
        below = self._records.definition.below(name)
        resource = self._records.resource(name)
        says = resource.author or any(one.identity for one in resource.fields.values())
        return bool(says) or any(self._may_be_anothers(one) for one in below)

    def _is_anothers(self, child: Record) -> bool:
        if self._records.overwritten(child):
            return False
        author = self._records.author(child)
        return self._records.names_another(child, self._work.subject) if author is None else author not in self._mine

    def _mask(self, name: str, notes: Sequence[Found]) -> None:
        """Overwrite records by whatever call the system has for it."""
        delete = self._records.resource(name).delete
        if delete and delete.leaves:
            for note in notes:
                self._change.delete(name, ids_of(note))
                self._end(note, "masked", _OVERWRITTEN)
            return
        for note, record in self._records.fetch(notes):
            try:
                self._write_masks(note, record)
            except NotNow as error:
                self._busy.append(error)

    def _write_masks(self, note: Found, record: Record) -> None:
        resource = self._records.resource(note.collection)
        changes = self._change.masked(record, self._work.key)
        if changes and resource.patch is None:
            self._end(note, "failed", _NO_CALL)
            return
        self._change.write(note.collection, record.ids, changes)
        self._end(note, "masked")
        if any("[" in path and first(record.body, path) is not None for path in resource.maskable):
            self._outcome.count(note.collection, "residual")
            self._outcome.because(note.collection, "residual", _UNWRITABLE)

    def _end(self, note: Found, act: str, why: str = "") -> None:
        self._outcome.count(note.collection, act)
        if why:
            self._outcome.because(note.collection, act, why)
        fate = {"erased": DELETED, "failed": ""}.get(act, act)
        self._work.note(replace(note, fate=fate))

    def _wait_for_busy(self) -> None:
        if not self._busy:
            return
        one = self._busy[0]
        message = f"{one.resource}: {one.busy.because}"
        waited = self._patience.waited(message)
        if waited > one.busy.within:
            raise Final(f"{message}, whenever it was tried; end that, then retry")
        raise self._patience.away(message, waited, one.busy.within)
