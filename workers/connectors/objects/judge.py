"""What each object is to one person: theirs, perhaps theirs, another's that names them, or nothing."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import PurePosixPath

from shared import freetext
from shared.domain.identifier import Subject, Traits
from workers.connectors.objects import texts
from workers.connectors.objects.documents import Unreadable
from workers.connectors.objects.owners import InPath, Owner, Rule, Scan, Sidecar, document_of, ownership
from workers.connectors.objects.store import Place, Store

_BY_OWNER = "an object of the person stands that was not noted"
_BY_PATH = "an identifier stands in a path"
_BY_TEXT = "an identifier stands in a text"
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
    unread: bool = False

    @property
    def by_path(self) -> bool:
        """Whether nothing but the path names the person."""
        return self.where == _BY_PATH


class Judge:
    """Reads a storage for one subject; addresses at `own_domain` are nobody's."""

    def __init__(self, rule: Rule, store: Store, subject: Subject, own_domain: str) -> None:
        self._rule = rule
        self._store = store
        self.subject = subject
        self._own_domain = own_domain

    def judged(self) -> Iterator[Judged]:
        """Judge every object; in each folder what lies beside objects comes last.

        So a delete that dies half-way leaves what the objects are found by.
        """
        for folder in self._store.folders():
            for places, owners, beside in self._owned(folder):
                own = ownership(owners, self.subject)
                if own.theirs:
                    yield Judged(places[0], "file" if beside else "subject", own.sure, own.shared, owners, _BY_OWNER)
                else:
                    yield self._by_content(places)

    def unfinished(self) -> Iterator[Judged]:
        """Judge the uploads that nobody has finished, by where they were to lie: nobody can read what is in them."""
        for key in dict.fromkeys(self._store.unfinished()):
            own = ownership(self._owners_at(key), self.subject)
            place = Place(key, "", restricted=False)
            if own.theirs:
                yield Judged(place, "subject", own.sure, own.shared, where=_UNFINISHED)
            elif self._in_path(key):
                yield Judged(place, "subject", sure=False, where=_BY_PATH)

    def owned(self) -> Iterator[tuple[Place, tuple[Owner, ...]]]:
        """Yield every object with its owners; in a scanned storage those are all whom its text names."""
        for folder in self._store.folders():
            for (place, *_), owners, _ in self._owned(folder):
                yield place, owners if not isinstance(self._rule, Scan) else tuple(self._named(place))

    def is_anothers_by_now(self, key: str, *, beside: bool) -> bool:
        """Say whether an object has come to belong to other people, or to them too, since it was noted."""
        if not isinstance(self._rule, Sidecar):
            return False
        if owners := self._read(key) if beside else self._owners_at(key):
            own = ownership(owners, self.subject)
            return not own.theirs or own.shared
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
        folder, slash, name = key.rpartition("/")
        names = self._rule.names(name) if isinstance(self._rule, Sidecar) else ()
        return next((owners for one in names if (owners := self._read(folder + slash + one))), ())

    def _owned(self, folder: Mapping[str, list[Place]]) -> Iterator[tuple[list[Place], tuple[Owner, ...], bool]]:
        """Yield the objects of a folder with their owners, and whether each is a sidecar."""
        if not isinstance(self._rule, Sidecar):
            for places in folder.values():
                owners = self._rule.owners(places[0].key, self.subject) if isinstance(self._rule, InPath) else []
                yield places, tuple(owners), False
            return
        pairs = self._rule.pairs(folder)
        beside = set(pairs.values())
        # A sidecar whose object is gone already still says whose it is.
        beside |= {name for name in folder if name.endswith(self._rule.sidecar) and name not in pairs}
        owners_of = {name: self._read(folder[name][0].key) for name in beside}
        for name, places in folder.items():
            if name not in beside:
                yield places, owners_of.get(pairs.get(name, ""), ()), False
        for name in sorted(beside):
            yield folder[name], owners_of[name], True

    def _by_content(self, places: list[Place]) -> Judged:
        place, unread = places[0], False
        try:
            if isinstance(self._rule, Scan) and self._names_person_only(place):
                return Judged(place, "subject", where=_BY_TEXT)
            mentioned = any(map(self.names_person, places))
        except Unreadable:
            mentioned, unread = False, True
        if self._in_path(place.key):
            return Judged(place, "subject", sure=False, where=_BY_PATH)
        if mentioned:
            return Judged(place, "mention", where=_BY_TEXT)
        return Judged(place, unread=unread)

    def _names_person_only(self, place: Place) -> bool:
        """Say so in a scanned storage, where what cannot be read may be anybody's."""
        assert isinstance(self._rule, Scan)
        if not texts.is_readable(place.key):
            if self._rule.passes_over(place.key):
                return False
            raise Unreadable
        with suppress(FileNotFoundError), self._store.open(place) as file:
            said = texts.named(file, place.key, self.subject, self._own_domain)
            return said.person and not said.others
        return False

    def _in_path(self, key: str) -> bool:
        """Look at the path without its endings too: `ada@example.org.pdf` would else be an address at `org.pdf`."""
        shorter = (key.removesuffix("".join(PurePosixPath(key).suffixes[-number:])) for number in (1, 2))
        return any(freetext.stands_in(one, self.subject) for one in (key, *shorter))

    def _named(self, place: Place) -> Iterator[Owner]:
        if texts.is_readable(place.key):
            with suppress(FileNotFoundError, Unreadable), self._store.open(place) as file:
                for one in texts.people(file, place.key, self.subject, self._own_domain):
                    yield Owner(Traits(frozenset({one})))

    def _read(self, key: str) -> tuple[Owner, ...]:
        document = document_of(self._store.read_sidecar(key))
        assert isinstance(self._rule, Sidecar)
        return tuple(self._rule.owners(document, self.subject)) if document else ()
