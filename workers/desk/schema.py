"""JSON Schema for a data file (Art. 20: structured, commonly used, machine-readable), true of every row of it."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from shared.datamap import Collection

_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_TYPES = {
    "string": "string", "text": "string", "object_id": "string", "date": "string", "datetime": "string",
    "integer": "integer", "float": "number", "number": "number", "boolean": "boolean", "object": "object",
}  # fmt: skip


def schema_of(title: str, rows: Iterable[Mapping[str, Any]], collection: Collection | None) -> bytes:
    """Return the schema of an array of rows: the data map's types, and whatever types the rows really have."""
    types: dict[str, set[str]] = {}
    everywhere: set[str] | None = None
    for row in rows:
        everywhere = set(row) if everywhere is None else everywhere & set(row)
        for name, value in row.items():
            types.setdefault(name, set()).add(_type(value))
    columns = collection.columns if collection else {}
    properties = {}
    for name, seen in types.items():
        column = columns.get(name)
        declared = _declared(column.data_type) if column else set()
        properties[name] = {"type": _narrow(seen | declared)}
        if column and column.categories:
            properties[name]["description"] = ", ".join(column.categories)
    schema = {
        "$schema": _DRAFT,
        "title": title,
        "type": "array",
        "items": {
            "type": "object",
            "properties": properties,
            "required": sorted(everywhere or ()),
            "additionalProperties": False,
        },
    }
    return json.dumps(schema, ensure_ascii=False, indent=2).encode() + b"\n"


def _declared(data_type: str | None) -> set[str]:
    if not data_type:
        return set()
    if data_type.endswith("[]"):
        return {"array"}
    return {_TYPES[data_type]} if data_type in _TYPES else set()


def _narrow(types: set[str]) -> Any:
    found = sorted(types - {"integer"} if "number" in types else types)
    return found[0] if len(found) == 1 else found


def _type(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"
