"""Documents and lists inside columns: what stands at a path, and a copy in which it is something else.

Lists on the way are walked by themselves. A document that is kept as text, also inside another, stays text.
"""

import base64
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from shared.datamap import Collection, Column

Change = Callable[[Any], Any]
Spare = Callable[[Sequence[Any], Sequence[str]], list[bool]] | None


def opened(value: Any) -> Any:
    """Return the document that a text holds, or the value itself where it holds none."""
    if not isinstance(value, str) or value[:1] not in ("{", "["):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def at(value: Any, path: Sequence[str]) -> Iterator[Any]:
    """Yield what stands at a path: each element of a list, and nothing where there is none."""
    if isinstance(value, list | tuple):
        for one in value:
            yield from at(one, path)
    elif not path:
        if value is not None:
            yield value
    elif isinstance(inside := opened(value), list):
        yield from at(inside, path)
    elif isinstance(inside, Mapping) and path[0] in inside:
        yield from at(inside[path[0]], path[1:])


def changed(value: Any, path: Sequence[str], change: Change, *, spare: Spare = None, way: tuple[str, ...] = ()) -> Any:
    """Return a value in which whatever stands at a path is what `change` makes of it; the rest is as it was.

    `spare` says of the elements of a list, by the way to it, which of them are to stay as they are.
    """
    if isinstance(value, list):
        spared = spare(value, way) if spare else [False] * len(value)
        return [
            one if stays else changed(one, path, change, spare=spare, way=way)
            for one, stays in zip(value, spared, strict=True)
        ]
    if not path:
        return value if value is None else change(value)
    if isinstance(value, str):
        inside = opened(value)
        return value if inside is value else written(changed(inside, path, change, spare=spare, way=way), value, inside)
    if isinstance(value, Mapping) and path[0] in value:
        below = changed(value[path[0]], path[1:], change, spare=spare, way=(*way, path[0]))
        return {**value, path[0]: below}
    return value


def written(new: Any, text: str, inside: Any) -> str:
    """Return a document as the text that it was kept as; unchanged, it is the same text."""
    return text if new == inside else json.dumps(new, ensure_ascii=False)


def changed_in(column: Column, value: Any, change: Change, spare: Spare = None) -> Any:
    """Return a column's value changed at a field: at its path, or in each element of its list."""
    if isinstance(value, str) and not column.path and column.structured:
        inside = opened(value)
        return change(value) if inside is value else written(changed(inside, (), change, spare=spare), value, inside)
    return changed(value, column.path, change, spare=spare)


def values(collection: Collection, name: str, row: Mapping[Any, Any]) -> list[Any]:
    """Return what a row holds in a field: nothing, one value, or those of a list or of a document's lists."""
    column = collection.fields.get(name)
    value = row[column.column if column else name]
    if value is None:
        return []
    if column is None or not (column.structured or isinstance(value, list | tuple)):
        return [value]
    return list(at(value if column.path else opened(value), column.path))


def single(collection: Collection, name: str, row: Mapping[Any, Any]) -> Any:
    """Return the one value of a field that cannot be several people's: None where lists stand on the way."""
    column = collection.fields[name]
    value = opened(row[column.column]) if column.structured else row[name]
    for step in column.path:
        if not isinstance(value, Mapping):
            return None
        value = opened(value.get(step))
    return None if isinstance(value, list | tuple | Mapping) else value


def text_of(value: Any) -> str:
    """Return a value by which rows are linked, as text that `rows.typed` reads back."""
    match value:
        case bytes():
            return base64.b64encode(value).decode()
        case Decimal() if value.is_finite():
            return f"{value.normalize():f}"  # 5.00 is 5
        case float() if value.is_integer():
            return str(int(value))
    return str(value)


def only(value: Any, paths: Sequence[Sequence[str]]) -> Any:
    """Return a document with nothing in it but what stands at some paths."""
    if isinstance(value, list):
        return [only(one, paths) for one in value]
    if any(not path for path in paths):
        return value
    inside = opened(value)
    if not isinstance(inside, Mapping):
        return only(inside, paths) if isinstance(inside, list) else None
    below = {key: [path[1:] for path in paths if path[0] == key] for key in inside}
    return {key: only(inside[key], rest) for key, rest in below.items() if rest}


def blanked(value: Any, spare: Callable[[Sequence[Any], Sequence[str]], list[bool]], way: tuple[str, ...] = ()) -> Any:
    """Return a document without those elements of its lists that are someone else's."""
    inside = opened(value)
    if isinstance(inside, list):
        stays = [one for one, theirs in zip(inside, spare(inside, way), strict=True) if not theirs]
        return [blanked(one, spare, way) for one in stays]
    if isinstance(inside, Mapping):
        return {key: blanked(one, spare, (*way, str(key))) for key, one in inside.items()}
    return value
