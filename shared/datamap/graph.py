"""What a data map says, as values: columns and the fields of their documents, collections, edges, links."""

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from shared.datamap.ours import CollectionExt, FieldExt, Info, Provided, Scalar


@dataclass(frozen=True, slots=True)
class Column:
    """A field of a collection: a column, or what stands at `path` in the document that the column `root` holds."""

    name: str  # as references name it: `email`, `content_attributes.email.from`
    categories: tuple[str, ...] = ()
    identity: str | None = None
    primary_key: bool = False
    data_type: str | None = None
    length: int | None = None
    read_only: bool = False
    provided: Provided | None = None
    ext: FieldExt = dataclasses.field(default_factory=FieldExt)
    root: str = ""
    path: tuple[str, ...] = ()
    all_elements: bool = False  # Fides' return_all_elements
    linked: tuple[str, ...] = ()  # kinds of identifiers by which other systems and this field lead to each other
    emits: tuple[str, ...] = ()  # those of them that lead out of here

    @property
    def column(self) -> str:
        """The name of the column that it is, or that it stands in."""
        return self.root or self.name

    @property
    def personal(self) -> bool:
        """Whether the field holds data of the person (a `user` category) and is not another person's."""
        return not self.ext.others and any(one.split(".")[0] == "user" for one in self.categories)

    @property
    def structured(self) -> bool:
        """Whether its value may be a document or a list, by the map's own word."""
        return bool(self.path) or bool(self.data_type and (self.data_type == "object" or self.data_type.endswith("[]")))

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of identifiers that stand in it."""
        return (*((self.identity,) if self.identity else ()), *self.linked)

    def has(self, category: str) -> bool:
        """Say whether the field is of a category or below it."""
        return any(one == category or one.startswith(category + ".") for one in self.categories)


@dataclass(frozen=True, slots=True)
class Collection:
    """A table (or folder of like things) of a system."""

    name: str
    columns: Mapping[str, Column]
    primary_key: tuple[str, ...]  # () where the map does not say: the database's own counts
    erase_after: tuple[str, ...]
    info: Info
    ext: CollectionExt
    leaves: Mapping[str, Column] = dataclasses.field(default_factory=dict)  # fields within documents, by whole path
    dataset: str = ""
    schema: str | None = None  # of the database, where it is not the default one
    # made of the above, once: they are asked for with every row
    fields: Mapping[str, Column] = dataclasses.field(init=False, compare=False, repr=False)
    identities: Mapping[str, Column] = dataclasses.field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        fields = {**self.columns, **self.leaves}
        object.__setattr__(self, "fields", fields)
        object.__setattr__(self, "identities", {name: one for name, one in fields.items() if one.kinds})

    def within(self, column: str) -> tuple[Column, ...]:
        """Return the fields within the document of a column."""
        return tuple(one for one in self.leaves.values() if one.root == column)


@dataclass(frozen=True, slots=True)
class Edge:
    """Rows of `source` lead to the rows of `target` whose `target_field` equals `source_field`.

    `when` are conditions on the collection named `holder` (the one that declares the reference). `also` are the
    further fields (of source, of target) of a composite reference, which must be equal as well.
    """

    source: str
    source_field: str
    target: str
    target_field: str
    holder: str
    when: tuple[tuple[str, Scalar], ...] = ()
    also: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Link:
    """A reference of `collection`.`field` to `there` (collection.field) of a dataset that another system holds."""

    collection: str
    field: str
    dataset: str
    there: str
    direction: Literal["from", "to"] | None = None

    @property
    def kind(self) -> str:
        """The kind of the identifiers that travel along it: dataset.collection.field."""
        return f"{self.dataset}.{self.there}"


@dataclass(frozen=True, slots=True)
class LinkEnd:
    """One end of a link between two systems, as the system that holds the field needs to know it.

    Values of the field are identifiers of `kind` (dataset.collection.field); `emits`: those of sure rows lead on to
    the other system, and not only from there to here.
    """

    collection: str
    field: str
    kind: str
    emits: bool


@dataclass(frozen=True, slots=True)
class DataMap:
    """All datasets of one system as one graph; `links` lead to datasets of other systems."""

    collections: Mapping[str, Collection]
    edges: tuple[Edge, ...]
    links: tuple[Link, ...] = ()
    datasets: tuple[str, ...] = ()
    unmapped: frozenset[str] = frozenset()

    def ended(self, ends: Iterable[LinkEnd]) -> "DataMap":
        """Return the map with the ends of links marked on their fields."""
        collections = dict(self.collections)
        for end in ends:
            collections[end.collection] = _ended(collections[end.collection], end)
        return dataclasses.replace(self, collections=collections)

    def out_of(self, collection: str) -> tuple[Edge, ...]:
        """Return the edges that lead on from a collection."""
        return tuple(edge for edge in self.edges if edge.source == collection)

    def references_to(self, collection: str) -> tuple[Edge, ...]:
        """Return, as held, the references whose holder points at `collection` (holder is the child)."""
        return tuple(
            edge for edge in self.edges if edge.source == collection and edge.holder == edge.target != collection
        )


def _ended(collection: Collection, end: LinkEnd) -> Collection:
    one = collection.fields[end.field]
    emits = (*one.emits, end.kind) if end.emits else one.emits
    column = dataclasses.replace(
        one, linked=tuple(dict.fromkeys((*one.linked, end.kind))), emits=tuple(dict.fromkeys(emits))
    )
    if one.path:
        return dataclasses.replace(collection, leaves={**collection.leaves, end.field: column})
    return dataclasses.replace(collection, columns={**collection.columns, end.field: column})
