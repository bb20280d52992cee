"""Raw YAML beside its models: a key that no model has stops the load with the nearest one that some has."""

from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel

from shared.domain.errors import UsageError
from shared.nearest import near


def only_known(raw: Any, model: type[BaseModel], place: str) -> None:
    """Walk a document beside a model; a UsageError names the first key that is not known."""
    if not isinstance(raw, dict):
        return
    fields = {one.alias or name: one for name, one in model.model_fields.items()}
    for key, value in raw.items():
        where = f"{place}.{key}".lstrip(".")
        if key not in fields:
            raise UsageError(f"{place or 'the definition'}: unknown key {key}{near(str(key), fields)}")
        for below in _models_in(fields[key].annotation):
            for name, one in _documents(value, keyed=_is_mapping(fields[key].annotation)):
                only_known(one, below, f"{where}{name}")


def _documents(value: Any, *, keyed: bool) -> Iterator[tuple[str, Any]]:
    if isinstance(value, list):
        yield from ((f".{number}", one) for number, one in enumerate(value))
    elif keyed and isinstance(value, dict):
        yield from ((f".{name}", one) for name, one in value.items())
    else:
        yield "", value


def _is_mapping(annotation: Any) -> bool:
    return getattr(annotation, "__origin__", None) is dict


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for one in get_args(annotation):
        yield from _models_in(one)
