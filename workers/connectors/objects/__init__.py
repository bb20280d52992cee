"""Objects below any fsspec URL: documents, recordings, exports (`connector = "objects"`).

`owner` says whose an object is: `{ sidecar = ".json", field = "email" }` by a file beside it,
`{ path = "{phone_number}/{name}" }` by its path, `{ index = "index.csv", path = "file", email = "email" }` by an
index, `{ metadata = "owner" }` or `{ tag = "owner" }` by what S3 keeps with it, `{ scan = true }` by its text alone.
Whatever the rule, texts of other people that name the person are mentions: redacted, never deleted. An object whose
path names the person against the rule is ambiguous. There is no `mask`: an object is the person's as a whole, or it is
redacted, or silenced for the times that a ticket or a transcript names. `own_domains`: whose addresses are nobody's but
the vendor's and the client's.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from hashlib import blake2b
from itertools import chain
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from shared.domain.identifier import Subject
from shared.domain.outcome import Found, Outcome
from shared.inventory import Client, System
from shared.own import Own
from shared.ports import Affected, Finding, Work
from workers.connectors.objects.aside import contradicted, lift, movable, restrict
from workers.connectors.objects.check import check
from workers.connectors.objects.erasing import UPLOADS, Eraser, Together, purge
from workers.connectors.objects.faults import reachable
from workers.connectors.objects.index import INDEX
from workers.connectors.objects.judge import Judge
from workers.connectors.objects.looking import Look, each
from workers.connectors.objects.owners import Index, InPath, Rule, Sidecar, Tagged
from workers.connectors.objects.ownership import CATEGORIES
from workers.connectors.objects.sidecar import as_written, document_of
from workers.connectors.objects.store import Store

_COLUMNS = ("path", "size", "modified")
_UNFINISHED = "what was uploaded so far cannot be read before the upload is finished"
_IN_PATH = "the value stands in the objects' paths, which are not rewritten"
_ELSEWHERE = "the value stands in the index, metadata or tags, which are not rewritten: correct it there"
_NO_OBJECT = "a row names an object that is not there as written: correct its path, or approve that the row goes alone"
_LIKE = "what a row names is not there as written, but under a like path: correct its path, or approve that both go"
_AS_WRITTEN = "documents are kept as they were written"


class ObjectsSettings(BaseModel):
    """What the inventory says of an `objects` system; `options` go to the storage's driver."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    url: str
    options: dict[str, Any] = Field(default_factory=dict, repr=False)
    owner: Rule
    shared_objects: Together = "keep"
    own_domains: tuple[str, ...] = ()
    transcript: str | None = Field(default=None, pattern=r"^\.[^/]+$")
    restricted_prefix: str = Field(default=".restricted/", pattern=r"^[^/]+(/[^/]+)*/?$")
    datamap: str | None = None

    @model_validator(mode="after")
    def _told_apart(self) -> Self:
        if isinstance(self.owner, Sidecar) and self.owner.sidecar == self.transcript:
            raise ValueError("sidecars and transcripts need different suffixes, such as .json and .words.json")
        return self


class Objects:
    """All objects below a URL."""

    name: ClassVar[str] = "objects"
    Settings: ClassVar[type[BaseModel]] = ObjectsSettings

    def __init__(self, system: System, client: Client, settings: ObjectsSettings) -> None:
        self._client = client
        self._rule, self._together, self._transcript = settings.owner, settings.shared_objects, settings.transcript
        self._own = Own(client, settings.own_domains)
        self._store = Store(settings.url, settings.options, system.folder, settings.restricted_prefix)

    def close(self) -> None:
        """Let go of the storage."""
        self._store.close()

    def locate(self, work: Work) -> Outcome:
        """Note the person's objects, what lies beside them, and texts that name the person."""
        outcome, judge = Outcome(), self._judge(work.subject, work.found)
        for judged in each(judge.judged()):
            collection = judge.collection(judged.place.key)
            if judged.unread:
                outcome.count(collection, "residual")
                outcome.because(collection, "residual", judged.unread)
            if not judged.how:
                continue
            with reachable():
                digest = self._store.digest(judged.place, work.key)
            fate = "shared" if judged.shared else ""
            work.note(Found(collection, judged.place.key, judged.how, judged.sure, fate, digest))
            kind = "mention" if judged.how == "mention" else "found"
            outcome.count(collection, kind if judged.sure else "ambiguous")
            if judged.sure and not judged.shared and judged.how != "mention":
                for owner in judged.owners:
                    outcome.identifiers |= owner.traits.identifiers - work.subject.identifiers
                    outcome.names |= owner.traits.names
        for one in each(judge.rows()):
            work.note(Found(INDEX, judge.mark(one.row), "row", one.sure, "shared" if one.own.shared else ""))
            outcome.count(INDEX, "found" if one.sure else "ambiguous")
            if one.guess or not one.key:
                outcome.because(INDEX, "ambiguous", _LIKE if one.guess else _NO_OBJECT)
        for judged in each(judge.unfinished()):
            fate = "shared" if judged.shared else ""
            work.note(Found(UPLOADS, judged.place.key, sure=judged.sure, fate=fate))
            outcome.count(UPLOADS, "found" if judged.sure else "ambiguous")
        return outcome

    def export(self, work: Work) -> Outcome:
        """Write the person's objects as files, and a list of them as rows; a list of several owners stays here."""
        outcome = Outcome()
        rows = self._exported(work, outcome)
        if first := next(rows, None):
            work.package.rows("objects", _COLUMNS, chain([first], rows))
        if marks := {note.key for note in work.found() if note.how == "row"}:
            judge = self._judge(work.subject, work.found)
            index = (one.row for one in each(judge.rows()) if judge.mark(one.row) in marks)
            if first_row := next(index, None):
                written = work.package.rows(INDEX, list(first_row), chain([first_row], index))
                outcome.count(INDEX, "exported", written)
        return outcome

    def delete(self, work: Work) -> Outcome:
        """Delete the person's objects with all of their versions, then what lies beside them; redact mentions."""
        return Eraser(self._store, self._judge(work.subject, work.found), work, self._together).run()

    def silence(self, work: Work) -> Outcome:
        """Silence the time spans of `args["silence"]` in the person's recordings; `delete` does so, too."""
        return Eraser(self._store, self._judge(work.subject, work.found), work, self._together).silence()

    def rectify(self, work: Work) -> Outcome:
        """Write new values into what lies beside the person's objects."""
        outcome = Outcome()
        changes = work.args.get("changes") or {}
        for note in work.found():
            if note.collection == UPLOADS or (note.how == "row" and not self._unchangeable(note, changes)):
                continue
            if self._unchangeable(note, changes):
                outcome.count(note.collection, "failed")
                outcome.because(note.collection, "failed", self._why_not)
            elif not isinstance(self._rule, Sidecar):
                outcome.count(note.collection, "retained")
                outcome.because(note.collection, "retained", _AS_WRITTEN)
            elif note.how == "file":
                with reachable():
                    stands = self._rectify(self._rule, note, changes, work.subject)
                outcome.count(note.collection, "rectified", int(bool(stands)))
                for category in sorted(stands):
                    outcome.because(note.collection, "rectified", category)
        return outcome

    def restrict(self, work: Work) -> Outcome:
        """Move the person's objects to where nobody uses them."""
        return restrict(self._store, work)

    def lift(self, work: Work) -> Outcome:
        """Move the person's objects back."""
        return lift(self._store, work)

    def subjects(self, work: Work) -> Iterator[Affected]:
        """Stream the owners of objects changed in the window (in a scanned storage: everyone in its texts)."""
        start, end = (_moment(work.args.get(name)) for name in ("from", "to"))
        seen: set[bytes] = set()
        with reachable():
            for place, owners in self._judge(self._anyone()).owned():
                at = place.modified
                if at is not None and ((start and at < start) or (end and end < at)):
                    continue
                for owner in owners:
                    identifiers = owner.traits.identifiers
                    mark = blake2b(repr(sorted(identifiers)).encode("utf-8", "replace"), digest_size=16).digest()
                    if identifiers and mark not in seen:
                        seen.add(mark)
                        yield Affected(identifiers, owner.name, frozenset({"user.content"}))

    def absent(self, work: Work) -> Outcome:
        """Look again: for what was noted, and in every path, sidecar and text for the person's identifiers."""
        outcome = Outcome()
        act = work.args.get("act", "delete")
        if act == "delete":
            return Look(self._store, self._judge(work.subject, work.found), work, self._together).run()
        for note in work.found() if act in {"restrict", "lift", "rectify"} else ():
            with reachable():
                hit = self._contradicts(note, act, work)
            if hit:
                outcome.count(note.collection, "hit")
                outcome.because(note.collection, "hit", hit)
        return outcome

    def check(self) -> Iterator[Finding]:
        """See whether the storage answers and may be changed, and whether the rule finds an owner for each object."""
        with reachable():
            yield from check(self._store, self._rule, self._judge(self._anyone()))

    def _anyone(self) -> Subject:
        return Subject(region=self._client.region, plus_addresses=self._client.plus_addresses)

    def _contradicts(self, note: Found, act: str, work: Work) -> str:
        if act == "rectify":
            changes = work.args.get("changes") or {}
            if self._unchangeable(note, changes):
                return self._why_not
            document, _ = self._document(note.key) if note.how == "file" else (None, b"")
            if document is None or not isinstance(self._rule, Sidecar):
                return ""
            after, _ = self._rule.rectified(document, changes, work.subject)
            return "an old value still stands" if after != document else ""
        for one in movable([note]):
            if contradicted(self._store, one, restricted=act == "restrict"):
                return "an object stands where it must not be used"
        return ""

    def _rectify(self, rule: Sidecar, note: Found, changes: Mapping[str, str], subject: Subject) -> set[str]:
        document, raw = self._document(note.key)
        if document is None:
            return set()
        after, stands = rule.rectified(document, changes, subject)
        if after != document:
            for place in self._store.places(note.key):
                self._store.replace(place, [as_written(after, raw)])
            purge(self._store, self._store.older(note.key))
        return stands

    def _unchangeable(self, note: Found, changes: Mapping[str, str]) -> bool:
        """Say whether new values would have to be written where this connector writes none."""
        kinds = {CATEGORIES.get(category) or "" for category in changes}
        if isinstance(self._rule, InPath):
            return note.how != "mention" and any(map(self._rule.names, kinds))
        if isinstance(self._rule, Index):
            return note.how == "row" and bool(kinds & ({*self._rule.kinds} | ({"name"} if self._rule.name else set())))
        return isinstance(self._rule, Tagged) and note.how == "subject" and bool(kinds - {""})

    def _exported(self, work: Work, outcome: Outcome) -> Iterator[dict[str, Any]]:
        for note in work.found():
            if note.how in {"mention", "row"} or (note.how == "file" and note.fate == "shared"):
                continue
            if note.collection == UPLOADS:
                outcome.count(UPLOADS, "residual")
                outcome.because(UPLOADS, "residual", _UNFINISHED)
                continue
            with reachable():
                if not (places := self._store.readable(note.key)):
                    continue
                name = self._shown(note.key, work)
                with self._store.open(places[0]) as file:
                    work.package.file(name, file)
                outcome.count(note.collection, "exported")
                size, modified = self._store.described(places[0])
            yield {"path": name, "size": size, "modified": modified.isoformat() if modified else None}

    def _shown(self, key: str, work: Work) -> str:
        return self._rule.without_others(key, work.subject, work.key) if isinstance(self._rule, InPath) else key

    def _document(self, key: str) -> tuple[dict[str, Any] | None, bytes]:
        raw = self._store.read_sidecar(key)
        return document_of(raw, key), raw or b""

    def _judge(self, subject: Subject, found: Callable[[], Iterable[Found]] = tuple) -> Judge:
        return Judge(self._rule, self._store, subject, own=self._own, transcript=self._transcript, found=found)

    @property
    def _why_not(self) -> str:
        return _IN_PATH if isinstance(self._rule, InPath) else _ELSEWHERE


def _moment(raw: Any) -> datetime | None:
    if not raw:
        return None
    moment = datetime.fromisoformat(raw) if isinstance(raw, str) else raw
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


CONNECTOR = Objects
