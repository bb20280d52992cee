"""A file's datasets become one graph: names resolved, inheritance applied, what does not fit refused."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from fideslang.models import CollectionMeta, DatasetCollection
from fideslang.models import Dataset as FidesDataset

from shared.datamap.columns import Inherited, columns_of
from shared.datamap.graph import Collection, Column, DataMap, Edge, Link
from shared.datamap.ours import CollectionExt, DatasetExt, EdgeExt, Info
from shared.datamap.paths import named, steps_of
from shared.domain.errors import UsageError
from shared.nearest import near


class Builder:
    """The datasets of one system, one after the other, then the graph of them."""

    def __init__(self) -> None:
        self._collections: dict[str, Collection] = {}
        self._skipped: set[str] = set()
        self._datasets: list[str] = []
        self._declared: list[tuple[Link, EdgeExt | None]] = []
        self._after: list[tuple[str, str]] = []
        self._unmapped: set[str] = set()

    def add(self, raw: Mapping[str, Any]) -> None:
        """Add one dataset; its raw YAML is known to hold nothing unknown."""
        model = FidesDataset.model_validate(_without_ours(raw))
        ext = DatasetExt.model_validate(raw.get("rightsdesk") or {})
        self._datasets.append(model.fides_key)
        self._unmapped.update(ext.unmapped)
        by_name = {one["name"]: one for one in raw["collections"]}  # Fideslang sorts them by name
        for one in model.collections:
            if one.name in self._collections or one.name in self._skipped:
                raise UsageError(
                    f"two collections are called {one.name}; a file describes one database, so each table stands once"
                )
            if one.fides_meta and one.fides_meta.skip_processing:
                self._skipped.add(one.name)
            else:
                self._add_collection(model, one, by_name[one.name], ext)

    def graph(self) -> DataMap:
        """Return the graph; a UsageError names what does not fit."""
        edges: list[Edge] = []
        links: list[Link] = []
        for link, ext in self._declared:
            if link.dataset in self._datasets:
                edges += self._edges(link, ext)
            else:
                links.append(self._link(link))
        for name, field in ((one.collection, one.field) for one in links):
            self._resolved(name, field)
        collections = {name: replace(one, erase_after=self._following(name)) for name, one in self._collections.items()}
        graph = DataMap(
            collections,
            tuple(dict.fromkeys(edges)),
            tuple(dict.fromkeys(links)),
            tuple(self._datasets),
            frozenset(self._unmapped),
        )
        _check_reachable(graph)
        return graph

    def _add_collection(
        self, dataset: FidesDataset, model: DatasetCollection, raw: Mapping[str, Any], defaults: DatasetExt
    ) -> None:
        ext = CollectionExt.model_validate(raw.get("rightsdesk") or {})
        ext = ext.model_copy(update={"scope": defaults.scope | ext.scope})
        provided = ext.provided if ext.provided is not None else defaults.provided
        inherited = Inherited(model.data_categories or dataset.data_categories or [], provided)
        raw_fields = {one["name"]: one for one in raw["fields"]}
        fields: dict[str, Column] = {}
        leaves: dict[str, Column] = {}
        for field in model.fields:
            for column, references in columns_of(model.name, field, raw_fields[field.name], inherited):
                (leaves if column.path else fields)[column.name] = column
                for one in references:
                    link = Link(model.name, column.name, one.dataset, one.field, getattr(one.direction, "value", None))
                    self._declared.append((link, None))
        for edge in ext.edges:
            self._declared.append((Link(model.name, edge.field, dataset.fides_key, edge.to, "from"), edge))
        _check_names(model.name, ext, fields)
        meta = model.fides_meta or CollectionMeta()
        for place in (*(meta.erase_after or ()), *(meta.after or ())):
            self._after.append((model.name, place))
        info = (defaults.info or Info()).model_copy(update=ext.info.model_dump(exclude_unset=True) if ext.info else {})
        namespace = dataset.fides_meta.namespace if dataset.fides_meta else None
        self._collections[model.name] = Collection(
            model.name, fields, tuple(name for name, one in fields.items() if one.primary_key),
            tuple(meta.erase_after or ()), info, ext, leaves, dataset.fides_key, (namespace or {}).get("schema"),
        )  # fmt: skip

    def _following(self, name: str) -> tuple[str, ...]:
        """Return the collections that must be erased before one, as this file calls them."""
        after = []
        for holder, place in self._after:
            dataset, _, collection = place.partition(".")
            known = [f"{one.dataset}.{one.name}" for one in self._collections.values()]
            if holder == name and place not in known and collection not in self._skipped:
                why = (
                    "" if dataset in self._datasets else "; systems are erased side by side, so it cannot wait for one"
                )
                raise UsageError(
                    f"collection {name}: after names {place}, which is not in this file{why}{near(place, known)}"
                )
        for place in self._collections[name].erase_after:
            collection = place.partition(".")[2]
            after += [collection] if collection in self._collections else []
        return tuple(after)

    def _edges(self, link: Link, ext: EdgeExt | None) -> Iterator[Edge]:
        target, field = self._resolved(*_split(link.there))
        holder, own = self._resolved(link.collection, link.field)
        when = tuple(sorted(ext.when.items())) if ext else ()
        also = tuple((self._resolved(target, there)[1], self._resolved(holder, here)[1]) for here, there in _also(ext))
        if link.direction in (None, "from"):
            yield Edge(target, field, holder, own, holder, when, also)
        if link.direction in (None, "to"):
            yield Edge(holder, own, target, field, holder, when, tuple((here, there) for there, here in also))

    def _link(self, link: Link) -> Link:
        collection, field = _split(link.there)
        return Link(link.collection, link.field, link.dataset, f"{collection}.{named(steps_of(field))}", link.direction)

    def _resolved(self, collection: str, field: str) -> tuple[str, str]:
        """Return a collection and its field in the form in which fields are compared."""
        if collection in self._skipped:
            raise UsageError(f"a reference names {collection}, which has skip_processing; take out one of them")
        if collection not in self._collections:
            known = near(collection, self._collections)
            raise UsageError(f"a reference names {collection}, which is no collection of this file{known}")
        fields = self._collections[collection].fields
        name = field if field in fields else named(steps_of(field))
        if name not in fields:
            raise UsageError(f"a reference names {collection}.{field}, which is no field of it{near(name, fields)}")
        if self._collections[collection].within(name):
            raise UsageError(f"a reference names {collection}.{field}, which is an object; name a field within it")
        return collection, name


def _check_names(collection: str, ext: CollectionExt, fields: Mapping[str, Column]) -> None:
    """Refuse what our extension says of a field that is not there."""
    named = [("retain.from", ext.retain.from_ if ext.retain else None), ("statement", ext.statement)]
    named += [(f"about of {name}", column.ext.about) for name, column in fields.items()]
    named += [("path of files", one) for file in ext.files if file.path for one in file.columns]
    for key, name in named:
        if name and name not in fields:
            raise UsageError(f"collection {collection}: {key} names no field of it{near(name, fields)}")
    for file in ext.files:
        if file.path and not file.path.endswith(f"{{{file.column}}}"):
            raise UsageError(f"collection {collection}: path of files has to end with {{{file.column}}}")


def _also(ext: EdgeExt | None) -> Iterable[tuple[str, str]]:
    return sorted(ext.also.items()) if ext else ()


def _split(place: str) -> tuple[str, str]:
    collection, _, field = place.partition(".")
    return collection, field


def _check_reachable(graph: DataMap) -> None:
    entered = {one.collection for one in graph.links if one.direction != "to"}
    reached = entered | {name for name, one in graph.collections.items() if one.identities or _nobodys(one)}
    grows = True
    while grows:
        more = {edge.target for edge in graph.edges if edge.source in reached} - reached
        grows = bool(more)
        reached |= more
    if lost := sorted(set(graph.collections) - reached):
        raise UsageError(f"no identity and no reference leads to {', '.join(lost)}; add references")


def _nobodys(collection: Collection) -> bool:
    """Say whether a collection's rows are nobody's, and only searched for mentions in their free texts."""
    fields = collection.fields.values()
    return any(one.ext.free_text for one in fields) and not any(one.personal for one in fields)


def _without_ours(raw: Any) -> Any:
    if isinstance(raw, dict):
        return {key: _without_ours(value) for key, value in raw.items() if key != "rightsdesk"}
    return [_without_ours(one) for one in raw] if isinstance(raw, list) else raw
