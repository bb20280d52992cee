"""Objects below any fsspec URL: documents, recordings, exports (`connector = "objects"`).

`owner` says whose an object is: `{ sidecar = ".json", field = "email" }` by a JSON file beside it,
`{ path = "{phone_number}/{name}" }` by its path, `{ scan = true }` by its text alone. Whatever the rule, text objects
of other people that name the person are mentions: redacted, never deleted. An object whose path names the person
against the rule is ambiguous. There is no `mask`: an object is the person's as a whole, or it is redacted.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import cached_property
from hashlib import blake2b
from itertools import chain
from pathlib import PurePosixPath
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from shared import freetext
from shared.domain.identifier import EMAIL, Subject, normalise
from shared.domain.outcome import Found, Outcome
from shared.inventory import Client, System
from shared.ports import Affected, Work
from workers.connectors.objects.erasing import UPLOADS, Eraser, purge
from workers.connectors.objects.judge import Judge, Judged
from workers.connectors.objects.owners import CATEGORIES, InPath, Rule, Sidecar, as_json, document_of
from workers.connectors.objects.store import Store, Taken, reachable

_COLUMNS = ("path", "size", "modified")
_KNOWN_TO_STAY = {"shared", "retained", "residual"}
_UNREAD = "some objects cannot be read (their kind, a password, damage): look at them by hand"
_UNFINISHED = "what was uploaded so far cannot be read before the upload is finished"
_IN_PATH = "the value stands in the objects' paths, which are not rewritten"
_AS_WRITTEN = "documents are kept as they were written"


class ObjectsSettings(BaseModel):
    """What the inventory says of an `objects` system; `options` go to the storage's driver."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    url: str
    options: dict[str, Any] = Field(default_factory=dict, repr=False)
    owner: Rule
    restricted_prefix: str = Field(default=".restricted/", pattern=r"^[^/]+(/[^/]+)*/?$")
    datamap: str | None = None


class Objects:
    """All objects below a URL."""

    name: ClassVar[str] = "objects"
    Settings: ClassVar[type[BaseModel]] = ObjectsSettings

    def __init__(self, system: System, client: Client, settings: ObjectsSettings) -> None:
        self._client = client
        self._rule = settings.owner
        self._store = Store(settings.url, settings.options, system.folder, settings.restricted_prefix)

    def close(self) -> None:
        """Let go of the storage."""
        self._store.close()

    def locate(self, work: Work) -> Outcome:
        """Note the person's objects, what lies beside them, and texts that name the person."""
        outcome = Outcome()
        for judged in self._judged(work.subject):
            collection = self._collection(judged.place.key, work.subject)
            if judged.unread:
                outcome.count(collection, "residual")
                outcome.because(collection, "residual", _UNREAD)
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
        for judged in self._unfinished(work.subject):
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
        return outcome

    def delete(self, work: Work) -> Outcome:
        """Delete the person's objects with all of their versions, then what lies beside them; redact mentions."""
        return Eraser(self._store, self._rule, self._judge(work.subject), work).run()

    def rectify(self, work: Work) -> Outcome:
        """Write new values into what lies beside the person's objects."""
        outcome = Outcome()
        changes = work.args.get("changes") or {}
        for note in work.found():
            if note.collection == UPLOADS:
                continue
            if self._unchangeable(note, changes):
                outcome.count(note.collection, "failed")
                outcome.because(note.collection, "failed", _IN_PATH)
            elif not isinstance(self._rule, Sidecar):
                outcome.because(note.collection, "retained", _AS_WRITTEN)
            elif note.how == "file":
                with reachable():
                    outcome.count(note.collection, "rectified", self._rectify(self._rule, note, changes, work.subject))
        return outcome

    def restrict(self, work: Work) -> Outcome:
        """Move the person's objects to where nobody uses them."""
        return self._moved(work, restricted=True)

    def lift(self, work: Work) -> Outcome:
        """Move the person's objects back."""
        return self._moved(work, restricted=False)

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
            self._look_everywhere(work, outcome)
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

    def _look_everywhere(self, work: Work, outcome: Outcome) -> None:
        notes = {note.place: note for note in work.found()}
        for judged in self._judged(work.subject):
            collection = self._collection(judged.place.key, work.subject)
            note = notes.get((collection, judged.place.key))
            if judged.unread:
                outcome.count(collection, "residual")
                outcome.because(collection, "residual", _UNREAD)
            if note and note.fate in _KNOWN_TO_STAY:
                continue
            hit = "an object that was to go still stands" if note and note.how != "mention" else ""
            if hit or (judged.how and (judged.sure or judged.by_path)):
                outcome.count(collection, "hit")
                outcome.because(collection, "hit", hit or judged.where)
        for judged in self._unfinished(work.subject):
            note = notes.get((UPLOADS, judged.place.key))
            if not (note and note.fate in _KNOWN_TO_STAY) and (note or judged.sure or judged.by_path):
                outcome.count(UPLOADS, "hit")
                outcome.because(UPLOADS, "hit", judged.where)

    def _contradicts(self, note: Found, act: str, work: Work) -> str:
        if act == "rectify":
            changes = work.args.get("changes") or {}
            if self._unchangeable(note, changes):
                return _IN_PATH
            document, _ = self._document(note.key) if note.how == "file" else (None, b"")
            if document is None or not isinstance(self._rule, Sidecar):
                return ""
            after, _ = self._rule.rectified(document, changes, work.subject)
            return "an old value still stands" if after != document else ""
        restricted = act == "restrict"
        if (
            note.how == "mention"
            or note.collection == UPLOADS
            or all(one.restricted == restricted for one in self._store.places(note.key))
        ):
            return ""
        return "an object stands where it must not be used"

    def _rectify(self, rule: Sidecar, note: Found, changes: Mapping[str, str], subject: Subject) -> int:
        document, raw = self._document(note.key)
        if document is None:
            return 0
        after, stands = rule.rectified(document, changes, subject)
        if after != document:
            for place in self._store.places(note.key):
                self._store.replace(place, [as_json(after, raw)])
            purge(self._store, self._store.older(note.key))
        return int(stands)

    def _unchangeable(self, note: Found, changes: Mapping[str, str]) -> bool:
        kinds = {CATEGORIES.get(category) or "" for category in changes}
        return isinstance(self._rule, InPath) and note.how != "mention" and any(map(self._rule.names, kinds))

    def _moved(self, work: Work, *, restricted: bool) -> Outcome:
        outcome = Outcome()
        for note in work.found():
            if note.how == "mention" or note.collection == UPLOADS:
                continue
            try:
                with reachable():
                    there = self._store.move(note.key, restricted=restricted)
            except Taken:
                outcome.count(note.collection, "failed")
                outcome.because(note.collection, "failed", "another object lies in its place")
                continue
            outcome.count(note.collection, "restricted" if restricted else "lifted", int(there))
        return outcome

    def _exported(self, work: Work, outcome: Outcome) -> Iterator[dict[str, Any]]:
        for note in work.found():
            if note.how == "mention" or (note.how == "file" and note.fate == "shared"):
                continue
            if note.collection == UPLOADS:
                outcome.count(UPLOADS, "residual")
                outcome.because(UPLOADS, "residual", _UNFINISHED)
                continue
            with reachable():
                if not (places := self._store.readable(note.key)):
                    continue
                with self._store.open(places[0]) as file:
                    work.package.file(note.key, file)
                outcome.count(note.collection, "exported")
                size, modified = self._store.described(places[0])
            yield {"path": note.key, "size": size, "modified": modified.isoformat() if modified else None}

    def _document(self, key: str) -> tuple[dict[str, Any] | None, bytes]:
        raw = self._store.read_sidecar(key)
        return document_of(raw), raw or b""

    def _judged(self, subject: Subject) -> Iterator[Judged]:
        with reachable():
            yield from self._judge(subject).judged()

    def _unfinished(self, subject: Subject) -> Iterator[Judged]:
        with reachable():
            yield from self._judge(subject).unfinished()

    def _judge(self, subject: Subject) -> Judge:
        return Judge(self._rule, self._store, subject, self._own_domain)

    @cached_property
    def _own_domain(self) -> str:
        contact = normalise(EMAIL, self._client.contact)
        return contact.value.rpartition("@")[2] if contact else ""

    def _collection(self, key: str, subject: Subject) -> str:
        """Return the topmost folder's name, unless it may be a person's: counts are shown and kept."""
        first, *more = PurePosixPath(key).parts
        personal = isinstance(self._rule, InPath) and self._rule.opens_with_a_field
        if not more or personal or freetext.find(first) or freetext.stands_in(first, subject):
            return "objects"
        return first


def _moment(raw: Any) -> datetime | None:
    if not raw:
        return None
    moment = datetime.fromisoformat(raw) if isinstance(raw, str) else raw
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


CONNECTOR = Objects
