"""Deleting: objects with all of their versions, then what lies beside them; mentions redacted; reasons for the rest."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from shared.audio import NotSilenceable, Span
from shared.domain.outcome import Found, Outcome
from shared.ports import Work
from shared.spill import Labels
from shared.storage.versions import Held
from workers.connectors.objects.faults import reachable
from workers.connectors.objects.index import INDEX
from workers.connectors.objects.judge import Judge
from workers.connectors.objects.recordings import said, silence, spans_by_key, transcript_of
from workers.connectors.objects.store import Place, Store
from workers.connectors.objects.texts import is_text, redacted

UPLOADS = "unfinished uploads"
Together = Literal["keep", "delete", "silence"]
_NEEDED = "still needed by another person"
_NO_TIMES = "still needed by another person, and no transcript says when the person speaks or is named"
_BESIDE = "its object is retained"
_STANDS = "the object that the row names still stands, and nothing else says whose it is"
_ROWS = "rows that say whose what stays is are left in it"
_NOT_REDACTED = "it names other people too, and office documents are not redacted: a person has to"
_IN_NAME = "the person's identifier stands in the name of what was silenced"
_NO_SUCH = "details.silence names what was not found as the person's recording here"


@dataclass(frozen=True, slots=True)
class Act:
    """What became of one record, and why it was not what was asked."""

    kind: str
    number: int = 1
    ground: str = ""
    held: Held | None = None
    digest: str = ""
    parted: bool = False  # the object is only other people's from now on

    @classmethod
    def of(cls, held: Held) -> "Act":
        """Return the act of a storage that does not give something up."""
        return cls("retained", ground=held.ground, held=held)


class Eraser:
    """Deletes what was written down, and says of each note what became of it.

    `together` is what happens to an object that is another person's too.
    """

    def __init__(self, store: Store, judge: Judge, work: Work, together: Together) -> None:
        self._store, self._judge, self._work, self._together = store, judge, work, together
        self._spans = spans_by_key(work.args.get("silence"))
        self._stays: dict[str, Act] = {}
        self._parted: set[str] = set()
        self._noted: Labels[bool] = Labels()  # the objects
        self._beside: dict[str, Act] = {}  # what becomes of a sidecar or transcript whose object stays

    def run(self) -> Outcome:
        """Act on every note: objects, what lies beside them, the rows of an index, at last the index's own text."""
        outcome, unknown = Outcome(), set(self._spans)
        for turn in ("objects", "beside", "rows", "index"):
            if turn == "rows":
                with reachable():
                    self._drop_rows(outcome)
                continue
            for note in self._work.found():
                unknown.discard(note.key)
                if self._turn(note) == turn:
                    self._act(outcome, note)
        self._tell_unknown(outcome, unknown)
        return outcome

    def _turn(self, note: Found) -> str:
        if note.key == self._judge.index_key:
            return "index"
        return {"file": "beside", "row": "rows"}.get(note.how, "objects")

    def silence(self) -> Outcome:
        """Silence the recordings that the ticket names, and leave all else."""
        outcome, unknown = Outcome(), set(self._spans)
        for note in self._work.found():
            if note.key in self._spans:
                unknown.discard(note.key)
                self._act(outcome, note)
        self._tell_unknown(outcome, unknown)
        return outcome

    def _act(self, outcome: Outcome, note: Found) -> None:
        with reachable():
            act = self._delete(note)
        outcome.count(note.collection, act.kind, act.number)
        if act.ground:
            outcome.because(note.collection, act.kind, act.ground, act.held.until if act.held else None)
        if act.kind == "masked" and self._judge.in_path(note.key):
            outcome.count(note.collection, "residual")
            outcome.because(note.collection, "residual", _IN_NAME)
        fate = "" if act.kind == "erased" else act.kind
        self._noted[(note.key,)] = True
        if act.parted:
            self._parted.add(note.key)
        elif act.kind != "erased":
            self._stays[note.key] = act
        if act.kind in {"masked", "redacted"} or note.fate not in {"shared", fate}:  # what is shared stays so
            self._work.note(replace(note, fate=fate, digest=act.digest or note.digest))

    def _tell_unknown(self, outcome: Outcome, unknown: set[str]) -> None:
        if unknown:
            outcome.count("objects", "failed", len(unknown))
            outcome.because("objects", "failed", _NO_SUCH)

    def _delete(self, note: Found) -> Act:
        if note.collection == UPLOADS:
            return Act("erased", self._store.abort(note.key))
        if note.how == "mention":
            return self._redact(note.key)
        if spans := self._spans.get(note.key):
            return self._silence(note.key, spans)
        return self._beside.get(note.key) or self._kept(note) or self._remove(note.key)

    def _kept(self, note: Found) -> Act | None:
        """Return why an object stays with other people, if it does."""
        now = self._judge.by_now(note.key, beside=note.how == "file")
        if now and not now.theirs:
            return Act("retained", ground=_NEEDED)
        together = note.fate in {"shared", "masked"} or (now and now.shared)
        return self._keep(note.key) if together and self._together != "delete" else None

    def _remove(self, key: str) -> Act:
        if held := self._store.remove(key):
            self._keep_beside(key, Act.of(Held(_BESIDE, held.until)))
            return Act.of(held)
        return Act("erased")

    def _keep(self, key: str) -> Act:
        """Keep what is another person's too; silence what is the person's in it, if that is the client's rule."""
        transcript = transcript_of(self._store, key, self._judge.transcript) if self._together == "silence" else None
        if transcript and (spans := transcript.spans(self._judge.subject)):
            return self._part(key, self._silence(key, spans))
        act = Act("retained", ground=_NEEDED if self._together == "keep" else _NO_TIMES)
        self._keep_beside(key, act)
        return act

    def _part(self, key: str, act: Act) -> Act:
        """Take the person out of what lies beside a silenced object, too."""
        if act.kind != "masked":
            return act
        for one in self._judge.beside(key):
            if is_text(one) and self._store.places(one):
                self._beside[one] = self._redact(one)
        return replace(act, parted=True)

    def _silence(self, key: str, spans: list[Span]) -> Act:
        try:
            silence(self._store, key, spans)
        except NotSilenceable as error:
            self._keep_beside(key, Act("retained", ground=_BESIDE))
            return Act("failed", ground=str(error))
        held = purge(self._store, self._store.older(key))
        self._keep_beside(key, Act("retained", ground=_BESIDE))
        if transcript := transcript_of(self._store, key, self._judge.transcript):
            for place in self._store.places(transcript.key):
                self._store.replace(place, [transcript.redacted(self._judge.subject, spans)])
            held = purge(self._store, self._store.older(transcript.key)) or held
            self._beside[transcript.key] = Act("redacted")
        if held:
            return Act.of(held)
        digest = self._store.digest(self._store.places(key)[0], self._work.key)
        return Act("masked", ground=said(spans), digest=digest)

    def _redact(self, key: str) -> Act:
        if key == self._judge.index_key and any(True for _ in self._judge.rows()):
            return Act("retained", ground=_ROWS)
        for place in self._store.places(key):
            if self._judge.names_person(place):
                if not is_text(key):
                    return Act("residual", ground=_NOT_REDACTED)
                with self._store.open(place) as file:
                    self._store.replace(place, redacted(file, key, self._judge.subject))
        held = purge(self._store, filter(self._judge.names_person, self._store.older(key)))
        return Act.of(held) if held else Act("redacted")

    def _keep_beside(self, key: str, act: Act) -> None:
        self._beside |= dict.fromkeys(self._judge.beside(key), act)

    def _drop_rows(self, outcome: Outcome) -> None:
        """Drop the rows of an index whose objects have gone; the row of what stays says whose it is."""
        gone = set()
        for note in self._work.found():
            if note.how != "row":
                continue
            literal, keys = self._judge.keys_in(note)
            noted = next((key for key in literal + keys if (key,) in self._noted), "")  # the object it goes with
            if stays := self._stays.get(noted):
                outcome.count(INDEX, "retained")
                outcome.because(INDEX, "retained", _BESIDE, stays.held.until if stays.held else None)
                self._work.note(replace(note, fate="retained"))
            elif noted not in self._parted and any(map(self._store.stands, [noted] if noted else literal)):
                outcome.count(INDEX, "failed")
                outcome.because(INDEX, "failed", _STANDS)
            else:
                gone.add(note.key)
        if gone:
            outcome.count(INDEX, "erased", self._judge.rows_of_index().drop(frozenset(gone)))


def purge(store: Store, places: Iterable[Place]) -> Held | None:
    """Delete versions that nobody sees any more; return what holds one of them, if anything does."""
    held = [store.remove_version(place) for place in places if not place.marker]
    return next((one for one in held if one), None)
