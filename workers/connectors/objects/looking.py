"""The second look after an erasure: for what was noted, and in everything that can be read for the person."""

from collections.abc import Iterator
from typing import TypeVar

from shared.domain.outcome import Outcome
from shared.ports import Work
from shared.spill import Labels
from workers.connectors.objects.erasing import UPLOADS, Together
from workers.connectors.objects.faults import reachable
from workers.connectors.objects.index import INDEX
from workers.connectors.objects.judge import Judge, Judged
from workers.connectors.objects.store import Store

T = TypeVar("T")

_NONE = ("", "", "")


class Look:
    """Looks at every object, row and unfinished upload, on the connection of a fresh connector."""

    def __init__(self, store: Store, judge: Judge, work: Work, together: Together) -> None:
        self._store, self._judge, self._work, self._together = store, judge, work, together
        self._outcome = Outcome()
        self._notes: Labels[tuple[str, str, str]] = Labels()  # how, fate, and what a silenced recording has to be
        for note in work.found():
            self._notes[note.place] = (note.how, note.fate, note.digest if note.fate == "masked" else "")

    def run(self) -> Outcome:
        """Count whatever contradicts an erasure as `hit`."""
        for judged in each(self._judge.judged()):
            collection = self._judge.collection(judged.place.key)
            if judged.unread:
                self._outcome.count(collection, "residual")
                self._outcome.because(collection, "residual", judged.unread)
            self._hit(collection, self._still_there(judged, *self._notes.get((collection, judged.place.key), _NONE)))
        for one in each(self._judge.rows()):
            how, fate, _ = self._notes.get((INDEX, self._judge.mark(one.row)), _NONE)
            if not self._stays(fate) and (how or one.sure):
                self._hit(INDEX, "a row of the person's stands in the index")
        for judged in each(self._judge.unfinished()):
            how, fate, _ = self._notes.get((UPLOADS, judged.place.key), _NONE)
            if not self._stays(fate) and (how or judged.sure or judged.by_path):
                self._hit(UPLOADS, judged.where)
        return self._outcome

    def _hit(self, collection: str, ground: str) -> None:
        if ground:
            self._outcome.count(collection, "hit")
            self._outcome.because(collection, "hit", ground)

    def _stays(self, fate: str) -> bool:
        return fate in {"retained", "residual"} or (fate == "shared" and self._together != "delete")

    def _still_there(self, judged: Judged, how: str, fate: str, digest: str) -> str:
        """Return why an object contradicts an erasure; nothing for what was knowingly kept."""
        if self._stays(fate):
            return ""
        if how in {"", "mention"}:
            return judged.where if judged.how and (judged.sure or judged.by_path) else ""
        with reachable():
            if fate == "masked":
                same = self._store.digest(judged.place, self._work.key) == digest
                return "" if same else "a recording is not as it was silenced"
            if fate == "redacted":
                return "an identifier stands in a text" if self._judge.is_named_in(judged.place) else ""
        return "an object that was to go still stands"


def each(found: Iterator[T]) -> Iterator[T]:
    """Yield what a storage tells, its errors turned into ours."""
    with reachable():
        yield from found
