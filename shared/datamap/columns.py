"""Fields become columns, and the fields within them the leaves of their documents."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from fideslang.models import DatasetField, FidesDatasetReference, FidesMeta

from shared.datamap.graph import Column
from shared.datamap.known import ALSO
from shared.datamap.masks import checked, of_fides
from shared.datamap.ours import FieldExt, Provided
from shared.datamap.paths import named, steps_of
from shared.domain.errors import UsageError

References = tuple[FidesDatasetReference, ...]


@dataclass(frozen=True, slots=True)
class Inherited:
    """What a field has from what it stands in, unless it says otherwise."""

    categories: Iterable[str]
    provided: Provided | bool | None


@dataclass(frozen=True, slots=True)
class _Place:
    collection: str
    root: str
    path: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.root}.{named(self.path)}" if self.path else self.root


def columns_of(
    collection: str, model: DatasetField, raw: Mapping[str, Any], inherited: Inherited
) -> Iterator[tuple[Column, References]]:
    """Yield a column, then whatever is said of the fields within its document, each with its references."""
    return _walk(_Place(collection, model.name), model, raw, inherited)


def _walk(
    place: _Place, model: DatasetField, raw: Mapping[str, Any], inherited: Inherited
) -> Iterator[tuple[Column, References]]:
    ext = _ext(place, raw)
    categories = model.data_categories or inherited.categories
    provided = ext.provided if ext.provided is not None else inherited.provided
    column = _column(place, model.fides_meta or FidesMeta(), ext, Inherited(categories, provided))
    below = [*_nested(model, raw), *_by_path(ext)]
    if below and (column.identity or (model.fides_meta and model.fides_meta.references)):
        raise UsageError(f"{place.collection}.{place.name} is an object; state identity and references within it")
    # an object that says nothing of its own is known by what stands in it
    if not (place.path and below and not (model.data_categories or ext.mask or ext.free_text or ext.others)):
        yield column, tuple((model.fides_meta and model.fides_meta.references) or ())
    for steps, one, raw_one in below:
        inner = replace(place, path=place.path + steps)
        yield from _walk(inner, one, raw_one, Inherited(categories, provided))


def _nested(model: DatasetField, raw: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], DatasetField, Any]]:
    raw_fields = {one["name"]: one for one in raw.get("fields") or ()}
    for one in model.fields or ():
        yield steps_of(one.name), one, raw_fields[one.name]


def _by_path(ext: FieldExt) -> Iterator[tuple[tuple[str, ...], DatasetField, Any]]:
    for path, raw in ext.paths.items():
        content = {key: value for key, value in (raw or {}).items() if key != "rightsdesk"}
        yield steps_of(path), DatasetField.model_validate({"name": path, **content}), raw or {}


def _ext(place: _Place, raw: Mapping[str, Any]) -> FieldExt:
    ext = FieldExt.model_validate(raw.get("rightsdesk") or {})
    where = f"{place.collection}.{place.name}"
    if ext.mask is not None:
        return ext.model_copy(update={"mask": checked(ext.mask, where)})
    meta = raw.get("fides_meta") or raw.get("fidesops_meta") or {}
    if override := meta.get("masking_strategy_override"):
        mask = of_fides(override["strategy"], override.get("configuration") or {}, where)
        return ext.model_copy(update={"mask": mask})
    return ext


def _column(place: _Place, meta: FidesMeta, ext: FieldExt, own: Inherited) -> Column:
    if place.path and (meta.primary_key or meta.read_only):
        word = "primary_key" if meta.primary_key else "read_only"
        raise UsageError(f"{place.collection}.{place.name} stands in a document, which has no {word}")
    kind = own.provided
    return Column(
        place.name,
        tuple(dict.fromkeys(own.categories)),
        ALSO.get(meta.identity, meta.identity) if meta.identity else None,
        bool(meta.primary_key),
        meta.data_type,
        meta.length,
        bool(meta.read_only),
        None if kind is None or kind is False else "true" if kind is True else kind,
        ext,
        place.root,
        place.path,
        bool(meta.return_all_elements),
    )
