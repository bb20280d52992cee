"""JSON read strictly: one text has one meaning, whoever reads it (RFC 8259, section 4)."""

import json
from typing import Any


def read_json(text: str) -> Any:
    """Parse JSON; a ValueError for what is none, for a key that stands twice, for NaN, Infinity and endless depth."""
    try:
        return json.loads(text, object_pairs_hook=_once, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("nested too deep") from None


def value_of(text: str) -> Any:
    """Parse JSON strictly; None, which is nothing that we write, for what is none."""
    try:
        return read_json(text)
    except ValueError:
        return None


def deeper(value: Any, most: int) -> bool:
    """Say whether a value holds objects and arrays nested deeper than that."""
    level = [value]
    for _ in range(most + 1):
        level = [child for one in level for child in _children(one)]
    return bool(level)


def _children(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a key stands twice")
    return made


def _refuse(_: str) -> Any:
    raise ValueError("not a JSON number")
