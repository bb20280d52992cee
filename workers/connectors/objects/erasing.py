"""Deleting: objects with all of their versions, then what lies beside them; mentions redacted; reasons for the rest."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from shared.domain.outcome import Found, Outcome
from shared.ports import Work
from shared.storage.versions import Held
from workers.connectors.objects.judge import Judge
from workers.connectors.objects.owners import Rule, Sidecar
from workers.connectors.objects.store import Place, Store, reachable
from workers.connectors.objects.texts import is_text, redacted

UPLOADS = "unfinished uploads"
_NEEDED = "still needed by another person"
_BESIDE = "its object is retained"
_NOT_REDACTED = "it names other people too, and office documents are not redacted: a person has to"


class Eraser:
    """Deletes what was written down, and says of each note what became of it."""

    def __init__(self, store: Store, rule: Rule, judge: Judge, work: Work) -> None:
        self._store, self._rule, self._judge, self._work = store, rule, judge, work
        self._kept_beside: dict[str, Held] = {}  # sidecars of what stays: they say whose it is

    def run(self) -> Outcome:
        """Act on every note."""
        outcome = Outcome()
        for note in self._work.found():
            with reachable():
                act = self._delete(note)
            outcome.count(note.collection, act.kind, act.number)
            if act.ground:
                outcome.because(note.collection, act.kind, act.ground, act.held.until if act.held else None)
            fate = "" if act.kind == "erased" else act.kind
            if note.fate not in {"shared", fate}:  # what is shared stays so, however often this runs
                self._work.note(replace(note, fate=fate))
        return outcome

    def _delete(self, note: Found) -> "Act":
        if note.collection == UPLOADS:
            return Act("erased", self._store.abort(note.key))
        if note.how == "mention":
            return self._redact(note.key)
        if note.fate == "shared" or self._judge.is_anothers_by_now(note.key, beside=note.how == "file"):
            return Act("retained", ground=_NEEDED)
        if needed := self._kept_beside.get(note.key):
            return Act.of(Held(_BESIDE, needed.until))
        if held := self._store.remove(note.key):
            self._keep_beside(note.key, held)
            return Act.of(held)
        return Act("erased")

    def _redact(self, key: str) -> "Act":
        for place in self._store.places(key):
            if self._judge.names_person(place):
                if not is_text(key):
                    return Act("residual", ground=_NOT_REDACTED)
                with self._store.open(place) as file:
                    self._store.replace(place, redacted(file, key, self._judge.subject))
        held = purge(self._store, filter(self._judge.names_person, self._store.older(key)))
        return Act.of(held) if held else Act("redacted")

    def _keep_beside(self, key: str, held: Held) -> None:
        folder, slash, name = key.rpartition("/")
        names = self._rule.names(name) if isinstance(self._rule, Sidecar) else ()
        self._kept_beside |= {folder + slash + one: held for one in names}


@dataclass(frozen=True, slots=True)
class Act:
    """What became of one record, and why it was not what was asked."""

    kind: str
    number: int = 1
    ground: str = ""
    held: Held | None = None

    @classmethod
    def of(cls, held: Held) -> "Act":
        """Return the act of a storage that does not give something up."""
        return cls("retained", ground=held.ground, held=held)


def purge(store: Store, places: Iterable[Place]) -> Held | None:
    """Delete versions that nobody sees any more; return what holds one of them, if anything does."""
    held = [store.remove_version(place) for place in places if not place.marker]
    return next((one for one in held if one), None)
