"""The data map as this connector walks it: which rows lead where, who owns whom, and who goes first."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any

from shared.datamap import Collection, DataMap, Edge, Scalar
from shared.domain.errors import UsageError
from shared.domain.identifier import normalise_name
from workers.connectors.sql.documents import single, text_of, values


@dataclass(frozen=True, slots=True)
class Lead:
    """An edge, and whether it leads down: from the parent that is referenced to the child that references it."""

    source: str
    source_field: str
    target: str
    target_field: str
    holder: str
    when: tuple[tuple[str, Scalar], ...]
    down: bool
    also: tuple[tuple[str, str], ...] = ()  # further fields of source and target that must be equal

    @property
    def source_fields(self) -> tuple[str, ...]:
        """The fields of the source that lead on, together."""
        return (self.source_field, *(one for one, _ in self.also))

    @property
    def target_fields(self) -> tuple[str, ...]:
        """The fields of the target that they must equal, in the same order."""
        return (self.target_field, *(one for _, one in self.also))

    @property
    def reference(self) -> "Reference":
        """The reference behind the edge, whichever way it leads."""
        ends = (self.target, self.target_field), (self.source, self.source_field)
        child, parent = ends if self.down else ends[::-1]
        also = tuple((there, here) for here, there in self.also) if self.down else self.also
        return Reference(*child, *parent, self.when if self.holder == child[0] else (), also)


@dataclass(frozen=True, slots=True)
class Reference:
    """Rows of `child` whose `child_field` equals a parent row's `parent_field` need that row."""

    child: str
    child_field: str
    parent: str
    parent_field: str
    when: tuple[tuple[str, Scalar], ...] = ()
    also: tuple[tuple[str, str], ...] = ()  # further fields of child and parent that must be equal

    @property
    def groups(self) -> bool:
        """Whether it only says that rows belong together."""
        return (self.child, self.child_field) == (self.parent, self.parent_field)

    @property
    def child_fields(self) -> tuple[str, ...]:
        """The fields of the child that make up the reference."""
        return (self.child_field, *(one for one, _ in self.also))

    @property
    def parent_fields(self) -> tuple[str, ...]:
        """The fields of the parent that it points to, in the same order."""
        return (self.parent_field, *(one for _, one in self.also))


class Graph:
    """A data map with its edges told apart."""

    def __init__(self, datamap: DataMap) -> None:
        self.collections: Mapping[str, Collection] = datamap.collections
        self.unmapped = datamap.unmapped
        authors = [_author(one, datamap.collections) for one in datamap.collections.values() if one.ext.author]
        self.leads = tuple(dict.fromkeys(_lead(edge, datamap.collections) for edge in (*datamap.edges, *authors)))
        references = (lead.reference for lead in self.leads)
        # a column that references itself groups rows (the legs of a call): none of them needs another
        self.references = tuple(dict.fromkeys(one for one in references if not one.groups))

    @property
    def schemas(self) -> dict[str, str | None]:
        """The schema of each collection's table, None for the default one."""
        return {name: one.schema for name, one in self.collections.items()}

    def out_of(self, collection: str) -> tuple[Lead, ...]:
        """Return the edges that lead on from a collection."""
        return tuple(lead for lead in self.leads if lead.source == collection)

    def owners_of(self, collection: str) -> tuple[Lead, ...]:
        """Return the edges by which parents own the rows of a collection."""
        return tuple(lead for lead in self.leads if lead.target == collection and lead.down)

    def needs(self, collection: str) -> tuple[Reference, ...]:
        """Return the references by which a collection's rows need others."""
        return tuple(one for one in self.references if one.child == collection)

    def needed_by(self, collection: str) -> tuple[Reference, ...]:
        """Return the references by which others need a collection's rows."""
        return tuple(one for one in self.references if one.parent == collection)

    def link_fields(self, collection: str) -> frozenset[str]:
        """Return the fields of a collection that link rows."""
        return self._link_fields.get(collection, frozenset())

    @cached_property
    def _link_fields(self) -> dict[str, frozenset[str]]:
        fields: dict[str, set[str]] = {}
        for lead in self.leads:
            fields.setdefault(lead.source, set()).update((lead.source_field, *(one for one, _ in lead.also)))
            fields.setdefault(lead.target, set()).update((lead.target_field, *(one for _, one in lead.also)))
        return {name: frozenset(ends) for name, ends in fields.items()}

    def judged_by(self, collection: str) -> frozenset[str]:
        """Return the columns that say whose a collection's rows are: identities, names and links."""
        one = self.collections[collection]
        named = (field for field in one.fields.values() if field.has("user.name"))
        linking = (one.fields[field] for field in self.link_fields(collection) if field in one.fields)
        return frozenset(field.column for field in (*one.identities.values(), *named, *linking))

    def fields(self, collection: str) -> tuple[str, ...]:
        """Return all columns that the map speaks of, also in conditions and marks."""
        one = self.collections[collection]
        conditions = [field for lead in self.leads if lead.holder == collection for field, _ in lead.when]
        marks = [*one.ext.scope, *one.ext.restrict, *([one.ext.at] if one.ext.at else [])]
        files = [column for file in one.ext.files for column in file.columns]
        return tuple(dict.fromkeys([*one.primary_key, *one.columns, *conditions, *marks, *files]))

    def children_first(self, enforced: Iterable[Reference], loose: Iterable[Reference] = ()) -> tuple[str, ...]:
        """Return all collections in the order in which their rows go.

        A cycle breaks where the database allows it: at the references that are `loose`, which can be emptied first.
        """
        after = {name: set(one.erase_after) for name, one in self.collections.items()}
        firm, held, waits = ({name: set(ends) for name, ends in after.items()} for _ in range(3))
        tied, free = tuple(enforced), set(loose)
        for waiting, references in ((firm, set(tied) - free), (held, tied), (waits, self.references)):
            for one in references:
                waiting[one.parent] |= {one.child} - {one.parent}
        order: list[str] = []
        while left := waits.keys() - order:
            order.append(min(left, key=lambda name: (*(len(some[name] & left) for some in (firm, held, waits)), name)))
        return tuple(order)


def author_of(collection: Collection, row: Mapping[Any, Any]) -> str | None:
    """Return the value that points to a row's author, or None if the map names none for this row."""
    author = collection.ext.author
    if author is None or not holds(row, author.when.items()):
        return None
    return next(iter(links(collection, row, [author.field])), None)


def links(collection: Collection, row: Mapping[Any, Any], fields: Sequence[str], *, blank: bool = False) -> list[str]:
    """Return the values by which a row is linked in some fields, as text: one for each of a list's, none without.

    An empty text stands, as NULL does, where there is nothing to lead to: rows that share it have nothing in common.
    Only what the database itself enforces (`blank`) counts it.
    """
    first, *more = [[text_of(one) for one in values(collection, field, row)] for field in fields]
    first = [one for one in first if blank or one.strip()]
    return [json.dumps(one) for one in product(first, *more)] if more else first


def holds(row: Mapping[Any, Any], when: Iterable[tuple[str, Scalar]]) -> bool:
    """Say whether a row meets conditions."""
    return all(row[field] == value for field, value in when)


def names_of(collection: Collection, row: Mapping[Any, Any]) -> frozenset[str]:
    """Return the names that a record bears, normalised; first and last are joined where they stand apart."""
    first, last = _name(collection, row, "user.name.first"), _name(collection, row, "user.name.last")
    names = [_name(collection, row, "user.name")]
    if last:
        # Chatwoot keeps the first name in `name` once `last_name` stands beside it.
        names += [f"{one} {last}" for one in (first, *names) if one]
    elif first and not names[0]:
        names = [first]
    return frozenset(name for one in names if (name := normalise_name(one)))


def _name(collection: Collection, row: Mapping[Any, Any], category: str) -> str:
    fields = [
        one
        for one in collection.fields.values()
        if category in one.categories and not (one.ext.others or one.ext.about)
    ]
    return " ".join(str(said) for one in fields if (said := single(collection, one.name, row)))


def _author(collection: Collection, collections: Mapping[str, Collection]) -> Edge:
    author = collection.ext.author
    assert author is not None
    target, _, field = author.to.partition(".")
    if author.field not in collection.columns or field not in getattr(collections.get(target), "columns", ()):
        raise UsageError(f"collection {collection.name}: author names a field that is not in the data map")
    return Edge(target, field, collection.name, author.field, collection.name, tuple(sorted(author.when.items())))


def _lead(edge: Edge, collections: Mapping[str, Collection]) -> Lead:
    source_is_key = set(collections[edge.source].primary_key) == {edge.source_field, *(one for one, _ in edge.also)}
    target_is_key = set(collections[edge.target].primary_key) == {edge.target_field, *(one for _, one in edge.also)}
    # A reference may be declared at either end; where one end is a primary key, that end is the parent.
    down = source_is_key if source_is_key != target_is_key else edge.holder == edge.target
    return Lead(edge.source, edge.source_field, edge.target, edge.target_field, edge.holder, edge.when, down, edge.also)
