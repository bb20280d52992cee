"""The JSON Schema of a ticket, with the details of each right."""

from typing import Any

from shared.domain.ticket import Ticket
from workers.office import all_rights


def ticket_schema() -> dict[str, Any]:
    """Return the schema (draft 2020-12) that `rightsdesk schema ticket` prints."""
    schema = Ticket.model_json_schema()
    rights = all_rights()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["properties"]["right"] = {"enum": sorted(rights)}
    definitions = schema.setdefault("$defs", {})
    schema["allOf"] = []
    for name, right in sorted(rights.items()):
        details = right.details.model_json_schema(ref_template=f"#/$defs/{name}-{{model}}")
        for inner, definition in details.pop("$defs", {}).items():
            definitions[f"{name}-{inner}"] = definition
        definitions[f"{name}-details"] = details
        then: dict[str, Any] = {"properties": {"details": {"$ref": f"#/$defs/{name}-details"}}}
        if details.get("required"):
            then["required"] = ["details"]
        if right.needs_subject:
            then["required"] = [*then.get("required", []), "subject"]
        schema["allOf"].append({"if": {"properties": {"right": {"const": name}}}, "then": then})
    return schema
