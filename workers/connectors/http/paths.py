"""Values in a JSON document, by a dotted path: `payload[].contact.id`.

A name goes into an object, `[]` into every element of a list, `[0]` into one. No library: JMESPath's and JSONPath's
filters and functions would let a definition compute, and what it picks must be as plain as what it writes.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

_PART = re.compile(r"([^.\[\]]*)((?:\[\d*\])*)")


@lru_cache(maxsize=1024)
def steps(path: str) -> tuple[str | int | None, ...]:
    """Return a path's steps: a name, a place in a list, or None for every element; ValueError if it is no path."""
    found: list[str | int | None] = []
    for number, part in enumerate(path.split(".")):
        match = _PART.fullmatch(part)
        if match is None or not (match[1] or (match[2] and number == 0)):
            raise ValueError("not a path such as payload[].contact.id")
        found += [match[1]] if match[1] else []
        found += [int(one) if one else None for one in re.findall(r"\[(\d*)\]", match[2])]
    return tuple(found)


def pick(document: Any, path: str) -> list[Any]:
    """Return every value that stands at a path, nulls left out."""
    return [one for one in _walk(document, steps(path)) if one is not None]


def first(document: Any, path: str) -> Any:
    """Return the first value that stands at a path, or None."""
    return next(iter(pick(document, path)), None)


def there(document: Any, path: str) -> bool:
    """Say whether anything stands at a path, a null too."""
    return any(True for _ in _walk(document, steps(path)))


def elements(document: Any, path: str) -> list[Any] | None:
    """Return the list that a path with `[]` at its end names; None where no list stands there."""
    head = steps(path)[:-1]
    found = list(_walk(document, head))
    return found[0] if len(found) == 1 and isinstance(found[0], list) else None


def put(document: dict[str, Any], path: str, value: Any) -> None:
    """Write a value at a path of names."""
    *above, name = path.split(".")
    for one in above:
        document = document.setdefault(one, {})
    document[name] = value


def leaves(value: Any) -> Iterator[str]:
    """Yield every text and number of a document, the names of its objects left out."""
    if isinstance(value, dict):
        for one in value.values():
            yield from leaves(one)
    elif isinstance(value, list):
        for one in value:
            yield from leaves(one)
    elif value is not None and not isinstance(value, bool):
        yield str(value)


def _walk(node: Any, rest: tuple[str | int | None, ...]) -> Iterator[Any]:
    if not rest:
        yield node
        return
    step, *more = rest
    if isinstance(step, str):
        below = [node[step]] if isinstance(node, dict) and step in node else []
    elif not isinstance(node, list):
        below = []
    else:
        below = node if step is None else node[step : step + 1]
    for one in below:
        yield from _walk(one, tuple(more))
