"""Data maps: Fideslang datasets, and our own extension under `rightsdesk:`; the graph of collections.

Fideslang drops keys that it does not know and accepts categories that do not exist, so the raw YAML is read
beside its models: any unknown key or category stops the load with the nearest known name.
"""

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args

import yaml
from fideslang.default_taxonomy import DEFAULT_TAXONOMY
from fideslang.models import Dataset as FidesDataset
from fideslang.models import DatasetCollection, DatasetField
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.domain.errors import UsageError
from shared.domain.ticket import one_line
from shared.nearest import near

Scalar = str | int | bool
Provided = Literal["true", "observed", "inferred"]


# the safe loader written in C, several times as fast, where libyaml is there
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Info(_Model):
    """What Art. 15(1)(a)-(h) asks for about a collection."""

    purpose: str | None = None
    legal_basis: str | None = None
    source: str | None = None
    recipients: tuple[str, ...] = ()
    retention: str | None = None
    safeguard: str | None = None
    automated_decisions: str | None = None


class Retain(_Model):
    """A retention duty: rows are kept (and restricted) until it ends."""

    period: str = Field(alias="for")  # ISO 8601, e.g. P8Y
    from_: str = Field(alias="from")  # the column whose date starts it
    starts: Literal["event", "end_of_year"] = "event"
    ground: str  # e.g. "§ 257 HGB"


class EdgeExt(_Model):
    """A conditional reference of this collection, such as a polymorphic pair."""

    field: str
    to: str  # collection.field
    when: dict[str, Scalar] = Field(default_factory=dict)  # on this collection's row


class FileExt(_Model):
    """A column that names a file below the system's `files` URL."""

    column: str


class CollectionExt(_Model):
    """What stands under `rightsdesk:` on a collection.

    `author`: the row belongs to the record that it points to; if that is not the person's, the row is someone
    else's and is left alone (mentions in its free text are redacted). `scope`: every query has these conditions.
    `at`: the column with the record's time (breach windows). `restrict`: columns to set when restricted.
    `statement`: the column that takes a completing statement (Art. 16), behind what stands there.
    """

    info: Info | None = None
    provided: Provided | bool | None = None
    scope: dict[str, Scalar] = Field(default_factory=dict)
    edges: tuple[EdgeExt, ...] = ()
    author: EdgeExt | None = None
    on_erasure: Literal["delete", "mask", "keep"] = "delete"
    retain: Retain | None = None
    restrict: dict[str, Scalar] = Field(default_factory=dict)
    files: tuple[FileExt, ...] = ()
    at: str | None = None
    statement: str | None = None


class FieldExt(_Model):
    """What stands under `rightsdesk:` on a field.

    `others`: another person's data (the other party of a call): masked in exports, left alone otherwise.
    `widen`: whether an identifier found here may widen the search. `free_text`: identifiers stand inside.
    `owner`: whether the person whom this field references owns the row too (false: an agent, who only handles it).
    """

    mask: str | dict[str, Any] | None = None
    widen: bool = True
    free_text: bool = False
    provided: Provided | bool | None = None
    others: bool = False
    owner: bool = True


class DatasetExt(_Model):
    """What stands under `rightsdesk:` on a dataset: defaults for its collections.

    `unmapped`: tables, and columns as `table.column`, that are left out of the map on purpose (they hold nobody's data,
    or only staff's), so that `systems check` does not ask about them.
    """

    info: Info | None = None
    provided: Provided | bool | None = None
    scope: dict[str, Scalar] = Field(default_factory=dict)
    unmapped: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Column:
    """A field of a collection."""

    name: str
    categories: tuple[str, ...] = ()
    identity: str | None = None
    primary_key: bool = False
    data_type: str | None = None
    length: int | None = None
    read_only: bool = False
    provided: Provided | None = None
    ext: FieldExt = dataclasses.field(default_factory=FieldExt)

    @property
    def personal(self) -> bool:
        """Whether the field holds data of the person (a `user` category) and is not another person's."""
        return not self.ext.others and any(one.split(".")[0] == "user" for one in self.categories)

    def has(self, category: str) -> bool:
        """Say whether the field is of a category or below it."""
        return any(one == category or one.startswith(category + ".") for one in self.categories)


@dataclass(frozen=True, slots=True)
class Collection:
    """A table (or folder of like things) of a system."""

    name: str
    columns: Mapping[str, Column]
    primary_key: tuple[str, ...]
    erase_after: tuple[str, ...]
    info: Info
    ext: CollectionExt

    @property
    def identities(self) -> dict[str, Column]:
        """The columns by which a person is recognised."""
        return {name: column for name, column in self.columns.items() if column.identity}


@dataclass(frozen=True, slots=True)
class Edge:
    """Rows of `source` lead to the rows of `target` whose `target_field` equals `source_field`.

    `when` are conditions on the collection named `holder` (the one that declares the reference).
    """

    source: str
    source_field: str
    target: str
    target_field: str
    holder: str
    when: tuple[tuple[str, Scalar], ...] = ()


@dataclass(frozen=True, slots=True)
class DataMap:
    """All datasets of one system as one graph."""

    collections: Mapping[str, Collection]
    edges: tuple[Edge, ...]
    unmapped: frozenset[str] = frozenset()

    def out_of(self, collection: str) -> tuple[Edge, ...]:
        """Return the edges that lead on from a collection."""
        return tuple(edge for edge in self.edges if edge.source == collection)

    def references_to(self, collection: str) -> tuple[Edge, ...]:
        """Return, as held, the references whose holder points at `collection` (holder is the child)."""
        return tuple(
            edge for edge in self.edges if edge.source == collection and edge.holder == edge.target != collection
        )


def load(path: Path) -> DataMap:
    """Read a Fideslang dataset file; a UsageError says in one line what is wrong and where.

    A map that has not changed on disk is read once in a process.
    """
    try:
        stat = path.stat()
    except OSError:
        raise UsageError(f"no data map at {path.name}; check `datamap` in the inventory") from None
    return _read(path, stat.st_mtime_ns, stat.st_size)


@cache
def _read(path: Path, _changed: int, _size: int) -> DataMap:
    try:
        raw = yaml.load(path.read_text(encoding="utf-8"), Loader=_LOADER)  # noqa: S506 - a safe one, see there
    except (yaml.YAMLError, UnicodeDecodeError):
        raise UsageError(f"{path.name} is not valid YAML") from None
    if not isinstance(raw, dict) or not isinstance(raw.get("dataset"), list):
        raise UsageError(f"{path.name}: a Fideslang dataset file starts with `dataset:` and a list")
    try:
        return parse(raw["dataset"])
    except RecursionError:  # an alias that contains itself
        raise UsageError(f"{path.name} is not valid YAML") from None
    except ValidationError as error:
        raise UsageError(f"{path.name}: {one_line(error)}") from None
    except UsageError as error:
        raise UsageError(f"{path.name}: {error}") from None


def parse(datasets: Iterable[dict[str, Any]]) -> DataMap:
    """Build the graph of a file's datasets."""
    collections: dict[str, Collection] = {}
    edges: list[Edge] = []
    names = {}
    unmapped: set[str] = set()
    for raw in datasets:
        _only_known(raw, FidesDataset, "dataset")
        dataset = FidesDataset.model_validate(_without_ours(raw))
        ext = DatasetExt.model_validate(raw.get("rightsdesk") or {})
        unmapped.update(ext.unmapped)
        names[dataset.fides_key] = {collection.name for collection in dataset.collections}
        by_name = {one["name"]: one for one in raw["collections"]}  # Fideslang sorts them by name
        for collection in dataset.collections:
            raw_collection = by_name[collection.name]
            if collection.name in collections:
                raise UsageError(f"two collections are called {collection.name}")
            collections[collection.name] = _collection(collection, raw_collection, ext)
            edges += _declared(collection, raw_collection)
    for edge in edges:
        _check_edge(edge, collections)
    graph = DataMap(collections, tuple(dict.fromkeys(edges)), frozenset(unmapped))
    _check_reachable(graph)
    return graph


def _collection(model: DatasetCollection, raw: Mapping[str, Any], dataset: DatasetExt) -> Collection:
    ext = CollectionExt.model_validate(raw.get("rightsdesk") or {})
    ext = ext.model_copy(update={"scope": dataset.scope | ext.scope})
    provided = ext.provided if ext.provided is not None else dataset.provided
    raw_fields = {one["name"]: one for one in raw["fields"]}
    columns = {
        field.name: _column(field, raw_fields[field.name], model.data_categories or [], provided)
        for field in model.fields
    }
    key = tuple(name for name, column in columns.items() if column.primary_key)
    if not key:
        raise UsageError(f"collection {model.name} has no field with fides_meta.primary_key: true")
    if ext.retain and ext.retain.from_ not in columns:
        raise UsageError(f"collection {model.name}: retain.from names no field of it")
    if ext.statement and ext.statement not in columns:
        raise UsageError(f"collection {model.name}: statement names no field of it")
    after = model.fides_meta.erase_after or [] if model.fides_meta else []
    info = (dataset.info or Info()).model_copy(update=ext.info.model_dump(exclude_unset=True) if ext.info else {})
    return Collection(model.name, columns, key, tuple(one.split(".")[-1] for one in after), info, ext)


def _column(
    model: DatasetField, raw: Mapping[str, Any], inherited: Iterable[str], provided: Provided | bool | None
) -> Column:
    ext = FieldExt.model_validate(raw.get("rightsdesk") or {})
    meta = model.fides_meta
    if meta and meta.masking_strategy_override and ext.mask is None:
        override = meta.masking_strategy_override
        ext = ext.model_copy(update={"mask": {"strategy": override.strategy, **(override.configuration or {})}})
    categories = tuple(model.data_categories or inherited)
    nested = tuple(one for sub in model.fields or () for one in sub.data_categories or ())
    kind = ext.provided if ext.provided is not None else provided
    return Column(
        model.name,
        tuple(dict.fromkeys(categories + nested)),
        _kind(meta.identity) if meta and meta.identity else None,
        bool(meta and meta.primary_key),
        meta.data_type if meta else None,
        meta.length if meta else None,
        bool(meta and meta.read_only),
        None if kind is None or kind is False else "true" if kind is True else kind,
        ext,
    )


def _kind(identity: str) -> str:
    return {"phone": "phone_number"}.get(identity, identity)


def _declared(model: DatasetCollection, raw: Mapping[str, Any]) -> Iterable[Edge]:
    for one in model.fields:
        for reference in (one.fides_meta and one.fides_meta.references) or ():
            target, _, target_field = reference.field.partition(".")
            here, there = (model.name, one.name), (target, target_field)
            if reference.direction in (None, "from"):
                yield Edge(*there, *here, holder=model.name)
            if reference.direction in (None, "to"):
                yield Edge(*here, *there, holder=model.name)
    ours = CollectionExt.model_validate(raw.get("rightsdesk") or {})
    for ext in ours.edges:
        target, _, target_field = ext.to.partition(".")
        when = tuple(sorted(ext.when.items()))
        yield Edge(target, target_field, model.name, ext.field, model.name, when)


def _check_edge(edge: Edge, collections: Mapping[str, Collection]) -> None:
    for name, field in ((edge.source, edge.source_field), (edge.target, edge.target_field)):
        if name not in collections:
            raise UsageError(f"a reference names {name}, which is no collection of this file{near(name, collections)}")
        if field not in collections[name].columns:
            known = collections[name].columns
            raise UsageError(f"a reference names {name}.{field}, which is no field of it{near(field, known)}")


def _check_reachable(graph: DataMap) -> None:
    reached = {name for name, one in graph.collections.items() if one.identities}
    grows = True
    while grows:
        more = {edge.target for edge in graph.edges if edge.source in reached} - reached
        grows = bool(more)
        reached |= more
    if lost := sorted(set(graph.collections) - reached):
        raise UsageError(f"no identity and no reference leads to {', '.join(lost)}; add references")


@cache
def categories() -> frozenset[str]:
    """Return the keys of Fideslang's data categories."""
    return frozenset(one.fides_key for one in DEFAULT_TAXONOMY.data_category)


def _without_ours(raw: Any) -> Any:
    if isinstance(raw, dict):
        return {key: _without_ours(value) for key, value in raw.items() if key != "rightsdesk"}
    return [_without_ours(one) for one in raw] if isinstance(raw, list) else raw


_FORMER = {"fidesops_meta": "fides_meta"}  # a former name, which Fideslang still reads


def _only_known(raw: Any, model: type[BaseModel], place: str) -> None:
    """Walk raw YAML beside a Fideslang model: what the model would drop in silence is an error."""
    if not isinstance(raw, dict):
        return
    known = {field.alias or name for name, field in model.model_fields.items()} | {"rightsdesk"}
    for written, value in raw.items():
        key = _FORMER.get(written, written)
        if key not in known:
            raise UsageError(f"{place}: unknown key {key}{near(str(key), known)}")
        if key == "data_categories":
            for category in value if isinstance(value, list) else [value] if value else ():
                if not isinstance(category, str) or category not in categories():
                    raise UsageError(f"{place}: unknown data category {category}{near(str(category), categories())}")
        below = key != "rightsdesk" and key in model.model_fields and _model_in(model.model_fields[key].annotation)
        if below:
            for number, one in enumerate(value if isinstance(value, list) else [value]):
                name = one.get("name", number) if isinstance(one, dict) else number
                _only_known(one, below, f"{place}.{key}.{name}" if isinstance(value, list) else f"{place}.{key}")


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for one in get_args(annotation) if (found := _model_in(one))), None)
