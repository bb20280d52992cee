"""What each object is to one person: theirs, perhaps theirs, another's that names them, or nothing."""

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import PurePosixPath

from shared import freetext
from shared.domain.identifier import Subject, Traits
from shared.domain.outcome import Found
from shared.own import Own
from workers.connectors.objects import texts
from workers.connectors.objects.claims import Claims, Listed
from workers.connectors.objects.documents import Unreadable
from workers.connectors.objects.index import Row, Rows, rows_of
from workers.connectors.objects.owners import Index, InPath, Rule, Scan, Sidecar, Tagged
from workers.connectors.objects.ownership import Owner, Ownership, ownership
from workers.connectors.objects.recordings import beside
from workers.connectors.objects.sidecar import document_of
from workers.connectors.objects.store import Place, Store

_BY_OWNER = "an object of the person stands that was not noted"
_BY_SIDECAR = "what lies beside an object names the person, not as the rule reads it"
_BY_PATH = "an identifier stands in a path"
_BY_TEXT = "an identifier stands in a text"
UNREAD = "some objects cannot be read (their kind, a password, damage): look at them by hand"
LINK = "symbolic links are not followed, nor deleted: look by hand at what they lead to"
_BY_ROW = "a row of the index names the person, not as the rule reads it"
_UNFINISHED = "an unfinished upload of the person's stands"


@dataclass(frozen=True, slots=True)
class Judged:
    """An object, and what it is to the person; `how` as in a note, empty for nothing (`unread`: as far as one sees)."""

    place: Place
    how: str = ""
    sure: bool = True
    shared: bool = False
    owners: tuple[Owner, ...] = ()
    where: str = ""
    unread: str = ""  # why nobody can say whose it is

    @property
    def by_path(self) -> bool:
        """Whether nothing but the path names the person."""
        return self.where == _BY_PATH


class Judge:
    """Reads a storage for one subject, of whom some is `found` already; addresses that are `own` are nobody's."""

    def __init__(
        self,
        rule: Rule,
        store: Store,
        subject: Subject,
        *,
        own: Own,
        transcript: str | None = None,
        found: Callable[[], Iterable[Found]] = tuple,
    ) -> None:
        self._rule, self._store, self.transcript = rule, store, transcript
        self.subject = subject
        self._own, self._found = own, found
        self._doubted: set[str] = set()  # of the folder at hand

    def judged(self) -> Iterator[Judged]:
        """Judge every object; in each folder what lies beside objects comes last.

        So a delete that dies half-way leaves what the objects are found by.
        """
        for folder in self._store.folders():
            for places, owners, lies_beside in self._owned(folder):
                own, how = ownership(owners, self.subject), "file" if lies_beside else "subject"
                if places[0].link:
                    hides = self._hides(places[0]) or own.theirs or self.in_path(places[0].key)
                    yield Judged(places[0], unread=LINK if hides else "")
                elif own.theirs:
                    yield Judged(places[0], how, own.sure, own.shared, owners, _BY_OWNER)
                elif doubted := self._claims and self._claims.doubted(places[0].key):
                    yield Judged(places[0], how, sure=False, shared=doubted.shared, where=_BY_ROW)
                elif places[0].key in self._doubted:
                    yield Judged(places[0], how, sure=False, where=_BY_SIDECAR)
                else:
                    yield self._by_content(places)

    def unfinished(self) -> Iterator[Judged]:
        """Judge the uploads that nobody has finished, by where they were to lie: nobody can read what is in them."""
        for key in dict.fromkeys(self._store.unfinished()):
            own = ownership(self._owners_at(key), self.subject)
            place = Place(key, "", restricted=False)
            if own.theirs:
                yield Judged(place, "subject", own.sure, own.shared, where=_UNFINISHED)
            elif self.in_path(key):
                yield Judged(place, "subject", sure=False, where=_BY_PATH)

    def rows(self) -> Iterator[Listed]:
        """Yield the rows of an index that name the person, and what their objects are to the person."""
        if self._claims:
            yield from self._claims.rows()

    def owned(self) -> Iterator[tuple[Place, tuple[Owner, ...]]]:
        """Yield every object with its owners; in a scanned storage those are all whom its text names."""
        if isinstance(self._rule, Index):
            for row in rows_of(self._rule, self._store).read():
                for place in self._places(row):
                    _, modified = self._store.described(place)
                    yield replace(place, modified=modified), (self._rule.owner(row, self.subject),)
            return
        for folder in self._store.folders():
            for (place, *_), owners, _ in self._owned(folder):
                if place.link:
                    continue
                yield place, owners if not isinstance(self._rule, Scan) else tuple(self._named(place))

    def by_now(self, key: str, *, beside: bool) -> Ownership | None:
        """Return what an object has come to be since it was noted; None where that cannot be told."""
        if isinstance(self._rule, InPath | Scan) or (beside and not isinstance(self._rule, Sidecar)):
            return None
        if self._claims and (doubted := self._claims.doubted(key)):
            return doubted
        owners = self._read(key) if beside else self._owners_at(key)
        return ownership(owners, self.subject) if _known(owners) else None

    def collection(self, key: str) -> str:
        """Return the topmost folder's name, unless it may be a person's: counts are shown and kept."""
        first, *more = key.split("/")
        personal = isinstance(self._rule, InPath) and self._rule.opens_with_a_field
        if not (first and more) or personal or freetext.find(first) or freetext.stands_in(first, self.subject):
            return "objects"
        return first

    @property
    def index_key(self) -> str:
        """The key of an index that lies among the objects."""
        return self._rule.index if isinstance(self._rule, Index) and not self._rule.in_database else ""

    def rows_of_index(self) -> Rows:
        """Return the index."""
        assert isinstance(self._rule, Index)
        return rows_of(self._rule, self._store)

    def mark(self, row: Row) -> str:
        """Return what a row of the index is found again by."""
        assert isinstance(self._rule, Index)
        return self._rule.mark(row)

    def keys_in(self, note: Found) -> tuple[list[str], list[str]]:
        """Return the keys that a noted row names as it is written, and those that it may mean."""
        assert self._claims
        written = json.loads(note.key)[0]
        return self._claims.literal(written), self._claims.keys(written)

    def rows_without_object(self) -> Iterator[bool]:
        """Say of each row of an index whether what it names is not there."""
        if self._claims:
            yield from (not self._places(row) for row in self.rows_of_index().read())

    def beside(self, key: str) -> list[str]:
        """Return the keys that a sidecar or transcript of an object may have."""
        folder, slash, name = key.rpartition("/")
        names = self._rule.names(name) if isinstance(self._rule, Sidecar) else ()
        return [folder + slash + one for one in names] + [*(beside(key, self.transcript) if self.transcript else ())]

    def is_named_in(self, place: Place) -> bool:
        """Say whether an object names the person, as far as it can be read."""
        try:
            return self.names_person(place)
        except Unreadable:
            return False

    def names_person(self, place: Place) -> bool:
        """Say whether what can be read of an object, or of this version of one, names the person."""
        if not texts.is_readable(place.key):
            return False
        with suppress(FileNotFoundError), self._store.open(place) as file:
            return texts.names_person(file, place.key, self.subject)
        return False

    def _owners_at(self, key: str) -> tuple[Owner, ...]:
        """Return whose an object at this key is, or would be."""
        if isinstance(self._rule, InPath):
            return tuple(self._rule.owners(key, self.subject))
        if self._claims:
            return self._claims.owners(key)
        if isinstance(self._rule, Tagged):
            return next(map(self._tagged, self._store.readable(key)), ())
        folder, slash, name = key.rpartition("/")
        names = self._rule.names(name) if isinstance(self._rule, Sidecar) else ()
        return next((owners for one in names if (owners := self._read(folder + slash + one))), ())

    def _owned(self, folder: Mapping[str, list[Place]]) -> Iterator[tuple[list[Place], tuple[Owner, ...], bool]]:
        """Yield the objects of a folder with their owners, and whether each lies beside another."""
        of = self._transcripts(folder)
        owners: dict[str, tuple[Owner, ...]] = {}
        for name, found, is_beside in self._by_rule({name: folder[name] for name in folder if name not in of}):
            owners[name] = found
            yield folder[name], found, is_beside
        for name, recording in of.items():
            key = folder[name][0].key.removesuffix(name) + recording
            yield folder[name], owners[recording] if recording in owners else self._owners_at(key), True

    def _transcripts(self, folder: Collection[str]) -> dict[str, str]:
        """Return {transcript: its recording}; one whose recording has gone is still the same person's."""
        suffix = self.transcript
        if not suffix:
            return {}
        longer = (
            self._rule.sidecar if isinstance(self._rule, Sidecar) and len(self._rule.sidecar) > len(suffix) else None
        )
        names = {name for name in folder if name.endswith(suffix) and not (longer and name.endswith(longer))}
        of = {one: name for name in folder if name not in names for one in beside(name, suffix) if one in names}
        lost = {name: name.removesuffix(suffix) for name in names - of.keys()}
        return of | {name: base if "." in base else f"{base}.wav" for name, base in lost.items()}

    def _by_rule(self, folder: Mapping[str, list[Place]]) -> Iterator[tuple[str, tuple[Owner, ...], bool]]:
        if not isinstance(self._rule, Sidecar):
            at = self._tagged if isinstance(self._rule, Tagged) else lambda place: self._owners_at(place.key)
            yield from ((name, at(places[0]), False) for name, places in folder.items())
            return
        pairs = self._rule.pairs(folder)
        sidecars = set(pairs.values())
        # A sidecar whose object is gone already still says whose it is.
        sidecars |= {name for name in folder if name.endswith(self._rule.sidecar) and name not in pairs}
        owners_of = {name: self._read(folder[name][0].key) for name in sidecars}
        # One that names the person where the rule reads no owner may be theirs: a person has to look.
        unknown = (name for name in sidecars if not _known(owners_of[name]))
        like = {name: one for name, one in self._rule.like(folder).items() if name not in pairs}
        unread = {name for name in {*unknown, *like.values()} if any(map(self.is_named_in, folder[name]))}
        said_by = like | pairs
        self._doubted = {folder[name][0].key for name in folder if {name, said_by.get(name)} & unread}
        yield from ((name, owners_of.get(pairs.get(name, ""), ()), False) for name in folder if name not in sidecars)
        yield from ((name, owners_of[name], True) for name in sorted(sidecars))

    def _by_content(self, places: list[Place]) -> Judged:
        place, unread = places[0], ""
        try:
            if isinstance(self._rule, Scan) and self._names_person_only(place):
                return Judged(place, "subject", where=_BY_TEXT)
            mentioned = any(map(self.names_person, places))
        except Unreadable:
            mentioned, unread = False, UNREAD
        if self.in_path(place.key):
            return Judged(place, "subject", sure=False, where=_BY_PATH)
        if mentioned:
            return Judged(place, "mention", where=_BY_TEXT)
        return Judged(place, unread=unread)

    def _hides(self, link: Place) -> bool:
        """Say whether a link leads to what may be anybody's, as far as the client does not know better."""
        return link.link == "out" and not (isinstance(self._rule, Scan) and self._rule.passes_over(link.key))

    def _names_person_only(self, place: Place) -> bool:
        """Say so in a scanned storage, where what cannot be read may be anybody's."""
        assert isinstance(self._rule, Scan)
        if not texts.is_readable(place.key):
            if self._rule.passes_over(place.key):
                return False
            raise Unreadable
        with suppress(FileNotFoundError), self._store.open(place) as file:
            said = texts.named(file, place.key, self.subject, self._own)
            return said.person and not said.others
        return False

    def in_path(self, key: str) -> bool:
        """Say whether a path names the person.

        It is read without its endings too: `ada@example.org.pdf` would else be an address at `org.pdf`.
        """
        if isinstance(self._rule, InPath) and ownership(self._owners_at(key), self.subject).theirs:
            return True
        shorter = (key.removesuffix("".join(PurePosixPath(key).suffixes[-number:])) for number in (1, 2))
        return any(freetext.stands_in(one, self.subject) for one in (key, *shorter))

    def _named(self, place: Place) -> Iterator[Owner]:
        if texts.is_readable(place.key):
            with suppress(FileNotFoundError, Unreadable), self._store.open(place) as file:
                for one in texts.people(file, place.key, self.subject, self._own.addresses.__contains__):
                    yield Owner(Traits(frozenset({one})))

    def _tagged(self, place: Place) -> tuple[Owner, ...]:
        assert isinstance(self._rule, Tagged)
        value = self._store.attribute(place, metadata=self._rule.metadata, tag=self._rule.tag)
        return tuple(self._rule.owners(value, self.subject))

    @cached_property
    def _claims(self) -> Claims | None:
        return (
            Claims(self._rule, self._store, self.subject, self._own, self._found)
            if isinstance(self._rule, Index)
            else None
        )

    def _places(self, row: Row) -> list[Place]:
        assert self._claims
        return self._store.readable(key)[:1] if (key := self._claims.meant(row)[0]) else []

    def _read(self, key: str) -> tuple[Owner, ...]:
        document = document_of(self._store.read_sidecar(key), key)
        assert isinstance(self._rule, Sidecar)
        return tuple(self._rule.owners(document, self.subject)) if document else ()


def _known(owners: Collection[Owner]) -> bool:
    return any(one.traits.identifiers for one in owners)
