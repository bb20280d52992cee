"""What each object is to one person: theirs, perhaps theirs, another's that names them, or nothing."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import PurePosixPath

from shared import freetext
from shared.domain.identifier import Subject, Traits
from workers.connectors.objects import texts
from workers.connectors.objects.owners import InPath, Owner, Rule, Scan, Sidecar, document_of, ownership
from workers.connectors.objects.store import Place, Store

_BY_OWNER = "an object of the person stands that was not noted"
_BY_PATH = "an identifier stands in a path"
_BY_TEXT = "an identifier stands in a text"


@dataclass(frozen=True, slots=True)
class Judged:
    """An object, and what it is to the person; `how` as in a note, empty for nothing."""

    place: Place
    how: str = ""
    sure: bool = True
    shared: bool = False
    owners: tuple[Owner, ...] = ()
    where: str = ""

    @property
    def by_path(self) -> bool:
        """Whether nothing but the path names the person."""
        return self.where == _BY_PATH


class Judge:
    """Reads a storage for one subject; addresses at `own_domain` are nobody's."""

    def __init__(self, rule: Rule, store: Store, subject: Subject, own_domain: str) -> None:
        self._rule = rule
        self._store = store
        self._subject = subject
        self._own_domain = own_domain

    def judged(self) -> Iterator[Judged]:
        """Judge every object; in each folder what lies beside objects comes last.

        So a delete that dies half-way leaves what the objects are found by.
        """
        for folder in self._store.folders():
            for place, owners, beside in self._owned(folder):
                own = ownership(owners, self._subject)
                if own.theirs:
                    yield Judged(place, "file" if beside else "subject", own.sure, own.shared, owners, _BY_OWNER)
                else:
                    yield self._by_content(place)

    def owned(self) -> Iterator[tuple[Place, tuple[Owner, ...]]]:
        """Yield every object with its owners; in a scanned storage those are all whom its text names."""
        for folder in self._store.folders():
            for place, owners, _ in self._owned(folder):
                yield place, owners if not isinstance(self._rule, Scan) else tuple(self._named(place))

    def is_anothers_by_now(self, key: str, *, beside: bool) -> bool:
        """Say whether an object has come to belong to other people, or to them too, since it was noted."""
        if not isinstance(self._rule, Sidecar):
            return False
        folder, slash, name = key.rpartition("/")
        for one in (name,) if beside else self._rule.names(name):
            if owners := self._read(folder + slash + one):
                own = ownership(owners, self._subject)
                return not own.theirs or own.shared
        return False

    def names_person(self, place: Place) -> bool:
        """Say whether an object is a text that names the person."""
        if not texts.is_text(place.key):
            return False
        with self._store.open(place) as file:
            return texts.names_person(file, place.key, self._subject)

    def _owned(self, folder: Mapping[str, list[Place]]) -> Iterator[tuple[Place, tuple[Owner, ...], bool]]:
        """Yield the objects of a folder with their owners, and whether each is a sidecar."""
        if not isinstance(self._rule, Sidecar):
            for places in folder.values():
                owners = self._rule.owners(places[0].key, self._subject) if isinstance(self._rule, InPath) else []
                yield places[0], tuple(owners), False
            return
        pairs = self._rule.pairs(folder)
        beside = set(pairs.values())
        # A sidecar whose object is gone already still says whose it is.
        beside |= {name for name in folder if name.endswith(self._rule.sidecar) and name not in pairs}
        owners_of = {name: self._read(folder[name][0].key) for name in beside}
        for name, places in folder.items():
            if name not in beside:
                yield places[0], owners_of.get(pairs.get(name, ""), ()), False
        for name in sorted(beside):
            yield folder[name][0], owners_of[name], True

    def _by_content(self, place: Place) -> Judged:
        with suppress(FileNotFoundError):
            if isinstance(self._rule, Scan) and texts.is_text(place.key):
                with self._store.open(place) as file:
                    said = texts.named(file, place.key, self._subject, self._own_domain)
                if said.person and not said.others:
                    return Judged(place, "subject", where=_BY_TEXT)
            if self._in_path(place.key):
                return Judged(place, "subject", sure=False, where=_BY_PATH)
            if self.names_person(place):
                return Judged(place, "mention", where=_BY_TEXT)
        return Judged(place)

    def _in_path(self, key: str) -> bool:
        """Look at the path without its endings too: `ada@example.org.pdf` would else be an address at `org.pdf`."""
        shorter = (key.removesuffix("".join(PurePosixPath(key).suffixes[-number:])) for number in (1, 2))
        return any(freetext.stands_in(one, self._subject) for one in (key, *shorter))

    def _named(self, place: Place) -> Iterator[Owner]:
        if texts.is_text(place.key):
            with suppress(FileNotFoundError), self._store.open(place) as file:
                for one in texts.people(file, self._subject, self._own_domain):
                    yield Owner(Traits(frozenset({one})))

    def _read(self, key: str) -> tuple[Owner, ...]:
        document = document_of(self._store.read_sidecar(key))
        assert isinstance(self._rule, Sidecar)
        return tuple(self._rule.owners(document, self._subject)) if document else ()
