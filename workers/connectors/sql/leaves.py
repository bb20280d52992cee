"""What a field within a document becomes: a text stays a text, a list a list, and what is neither says nothing."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from shared.datamap import Column
from shared.masking import strategy
from shared.masking.redact import REDACTED
from workers.connectors.sql.documents import at, changed_in, opened, written

Mask = Callable[[Any], Any]


def leaf_mask(leaf: Column, key: bytes, redacted: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return the mask of one field; `redacted` takes the person's identifiers out of whatever it leaves."""
    stated = leaf.ext.mask
    if stated == "null":
        return lambda _: None
    if stated in (None, "redact"):
        return emptied
    options = dict(stated) if isinstance(stated, dict) else {"strategy": stated}
    name = options.pop("strategy")
    masked = strategy(name)

    def mask(value: Any) -> Any:
        new = _each(value, lambda text: masked(text, key=key, **options))
        new = redacted(new) if name == "freetext" else new
        return new[: leaf.length] if leaf.length and isinstance(new, str) else new

    return mask


def emptied(value: Any) -> Any:
    """Return a value that says nothing: texts redacted, numbers and booleans null, structure is kept."""
    if isinstance(value, str) and (inside := opened(value)) is not value:
        return written(emptied(inside), value, inside)
    if isinstance(value, Mapping):
        return {name: emptied(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [emptied(one) for one in value]
    return REDACTED if isinstance(value, str) and value else None if not isinstance(value, str) else value


def _each(value: Any, change: Callable[[str], str | None]) -> Any:
    if isinstance(value, Mapping):
        return {name: _each(one, change) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_each(one, change) for one in value]
    if value is None or isinstance(value, bool):
        return None
    new = change(str(value))
    if isinstance(value, str) or new is None:
        return new
    try:
        return type(value)(new)  # a number stays a number where its mask is one
    except ValueError:
        return None


def in_turn(masks: list[Mask]) -> Mask:
    """Return one mask that puts on several, one after the other."""

    def mask(value: Any) -> Any:
        for one in masks:
            value = None if value is None else one(value)
        return value

    return masks[0] if len(masks) == 1 else mask


def sparing(fields: list[Column], mask: Mask) -> Mask:
    """Return a mask of a whole document after which some fields of it are as they were."""

    def spare(value: Any) -> Any:
        new = mask(value)
        for field in fields:
            former = at(opened(value), field.path)
            new = changed_in(field, new, lambda _, former=former: next(former))  # type: ignore[misc] # of this round
        return new

    return spare


def no_document(value: Any) -> Any:
    """Return an empty document or list, as text where the value is text."""
    inside = opened(value)
    nothing: Any = [] if isinstance(inside, list) else {}
    return json.dumps(nothing) if isinstance(value, str) else nothing
