"""The records of a system, as its calls give them: searched, listed below another, read again by their ids."""

import hmac
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from shared.domain.errors import Final
from shared.domain.identifier import EMAIL, PHONE, Identifier, Subject, Traits, normalise_name, spellings
from shared.domain.outcome import Found
from workers.connectors.http import template
from workers.connectors.http.answers import GONE, Missing
from workers.connectors.http.definition import Definition, Listing, Resource, Scalar, matches
from workers.connectors.http.gateway import Gateway
from workers.connectors.http.paths import first, pick

Ids = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Record:
    """One record: its resource, its ids from the root down, what it holds."""

    resource: str
    ids: Ids
    body: Mapping[str, Any]

    @property
    def place(self) -> tuple[str, str]:
        """Where a note about it points."""
        return self.resource, key_of(self.ids)

    def digest(self, key: bytes) -> str:
        """Return a keyed commitment to its content."""
        content = json.dumps(self.body, sort_keys=True, ensure_ascii=False)
        return hmac.digest(key, content.encode(errors="surrogatepass"), "sha256").hex()


def key_of(ids: Ids) -> str:
    """Return ids as a note's key."""
    return json.dumps(ids, ensure_ascii=False)


def ids_of(note: Found) -> Ids:
    """Return the ids that a note's key holds."""
    return tuple(json.loads(note.key))


class Records:
    """Reads the records of one system."""

    def __init__(self, definition: Definition, gateway: Gateway, parameters: Mapping[str, str]) -> None:
        self.definition, self.gateway = definition, gateway
        self._parameters = parameters

    def resource(self, name: str) -> Resource:
        """Return a resource of the definition."""
        return self.definition.resources[name]

    def values(self, name: str, ids: Ids) -> dict[str, str]:
        """Return what a record's own calls may name: its id, and those of its ancestors."""
        above = self.definition.above(name)
        return {f"{one}.id": value for one, value in zip(above, ids, strict=False)} | {"id": ids[-1]}

    def search(self, name: str, identifiers: Iterable[Identifier]) -> Iterator[Record]:
        """Yield what the system finds for identifiers: broadly; whoever asked compares."""
        for one in identifiers:
            for call in self.resource(name).find:
                for written in _as_written(one) if call.by == one.kind else ():
                    yield from self._listed(name, (), call, f"{name}.find by {call.by}", template.sought(written))

    def everyone(self, name: str) -> Iterator[Record]:
        """Yield every record that a resource's `list` gives."""
        call = self.resource(name).list
        if call is not None:
            yield from self._listed(name, (), call, f"{name}.list", {})

    def below(self, name: str, parent: Ids) -> Iterator[Record]:
        """Yield the records of a resource below a record; none where that record is gone."""
        above = self.definition.above(name)
        values = {f"{one}.id": value for one, value in zip(above, parent, strict=True)}
        for call in self.resource(name).find:
            try:
                yield from self._listed(name, parent, call, f"{name}.find", values)
            except Missing:
                if self.resource(above[-1]).read is None or self.read(above[-1], parent) is not None:
                    raise

    def read(self, name: str, ids: Ids) -> Record | None:
        """Read one record again; None if it is gone, Final if the resource has no call for it."""
        call = self.resource(name).read
        if call is None:
            raise Final(f"{name}: no `read`, so nothing tells whether its records stand")
        answer = self.gateway.call(f"{name}.read", call, self.values(name, ids), accept=GONE)
        if answer.status in GONE:
            return None
        body = first(answer.document(), call.item) if call.item else answer.document()
        if not isinstance(body, dict):
            raise Final(f"{name}.read: the answer holds no record; correct `item`")
        return Record(name, ids, body)

    def fetch(self, notes: Iterable[Found]) -> Iterator[tuple[Found, Record]]:
        """Yield the records of notes that still stand: read one by one, or as their parents list them."""
        for name, found in by_resource(notes).items():
            if self.resource(name).read:
                for note in found:
                    if record := self.read(name, ids_of(note)):
                        yield note, record
                continue
            for parent, siblings in groupby(sorted(found, key=_parent), key=_parent):
                wanted = {note.key: note for note in siblings}
                for record in self.below(name, parent):
                    if record.place[1] in wanted:
                        yield wanted.pop(record.place[1]), record

    def fits(self, record: Record) -> bool:
        """Say whether a record lies within the resource's scope: another client's does not."""
        scope = self.resource(record.resource).scope
        return all(
            str(first(record.body, path)) == str(template.fill(value, self._parameters))
            for path, value in scope.items()
        )

    def traits(self, record: Record, subject: Subject) -> Traits:
        """Return what a record says about whose it is."""
        fields = self.resource(record.resource).fields
        found = {
            one
            for path, spec in fields.items()
            for value in pick(record.body, path)
            if spec.identity and (one := subject.normalise(spec.identity, value))
        }
        return Traits(frozenset(found), frozenset(map(normalise_name, self.names(record))))

    def names(self, record: Record) -> list[str]:
        """Return the names of people that a record bears."""
        return [
            value
            for path, spec in self.resource(record.resource).fields.items()
            if any(one.startswith("user.name") for one in spec.categories)
            for value in pick(record.body, path)
            if isinstance(value, str) and value.strip()
        ]

    def widening(self, record: Record, subject: Subject) -> frozenset[Identifier]:
        """Return the identifiers of a sure record that may widen the search."""
        return frozenset(
            one
            for path, spec in self.resource(record.resource).fields.items()
            for value in pick(record.body, path)
            if spec.identity and spec.widen and (one := subject.normalise(spec.identity, value))
        )

    def author(self, record: Record) -> tuple[str, str] | None:
        """Return the place of the record whose author's it is; None where the definition says nothing of this one."""
        author = self.resource(record.resource).author
        if author is None or not matches(record.body, author.when):
            return None
        return author.of, key_of((str(first(record.body, author.id)),))

    def names_another(self, record: Record, subject: Subject) -> bool:
        """Say whether a record bears an address or a number, and none that is the subject's."""
        found = self.traits(record, subject).identifiers
        return not found & subject.identifiers and any(one.kind in (EMAIL, PHONE) for one in found)

    def overwritten(self, record: Record) -> bool:
        """Say whether a record is in the form that the system's delete leaves."""
        delete = self.resource(record.resource).delete
        leaves: Mapping[str, Scalar] = delete.leaves if delete else {}
        return bool(leaves) and matches(record.body, leaves)

    def _listed(
        self, name: str, parent: Ids, call: Listing, call_name: str, values: Mapping[str, str]
    ) -> Iterator[Record]:
        for body in self.gateway.listing(call_name, call, values, self.resource(name).id):
            own = first(body, self.resource(name).id)
            if not isinstance(own, str | int) or own == "":
                raise Final(f"{call_name}: an element has no id; correct `items` or `id`")
            record = Record(name, (*parent, str(own)), body)
            if self.fits(record):
                yield record


def by_resource(notes: Iterable[Found]) -> dict[str, list[Found]]:
    """Return notes by their resource, in the order of first writing."""
    found: dict[str, list[Found]] = {}
    for note in notes:
        found.setdefault(note.collection, []).append(note)
    return found


def told_apart(subject: Subject) -> Subject:
    """Return the subject with those identifiers only that mean nobody else wherever they stand in a text."""
    kept = frozenset(one for one in subject.identifiers if one.kind in (EMAIL, PHONE))
    return replace(subject, given=subject.given & kept, widened=subject.widened & kept)


def _parent(note: Found) -> Ids:
    return ids_of(note)[:-1]


def _as_written(one: Identifier) -> Iterable[Identifier]:
    """Return an identifier in the spellings in which a system may have it."""
    return (Identifier(EMAIL, spelling) for spelling in spellings(one.value)) if one.kind == EMAIL else (one,)
