"""How a row's fields are made to say nothing about the person, each by its strategy."""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import sqlalchemy as sa

from shared.datamap import Collection, Column
from shared.domain.identifier import Subject
from shared.domain.outcome import Outcome
from shared.masking import strategy
from shared.masking.freetext import redact
from shared.masking.redact import REDACTED
from workers.connectors.sql.graph import Graph
from workers.connectors.sql.matching import told_apart
from workers.connectors.sql.rows import Row, opened, typed

Mask = Callable[[Any], Any]


class Masks:
    """The masks of one collection's fields, for one person."""

    def __init__(self, collection: Collection, table: sa.Table, graph: Graph, subject: Subject, key: bytes) -> None:
        self._collection, self._table, self._key = collection, table, key
        self._subject = told_apart(subject)
        self._links = graph.link_fields(collection.name)
        self._fixed = {name: table.c[name] for name in collection.ext.restrict}

    def whole(self, outcome: Outcome | None = None, rows: int = 0) -> dict[str, Mask]:
        """Return a mask for every personal field; a field that takes none is counted as failed, for so many rows."""
        return self._of(self._collection.columns.values(), outcome, rows) | self.free_text(personal=False)

    def explicit(self, outcome: Outcome | None = None, rows: int = 0) -> dict[str, Mask]:
        """Return the masks that the data map states in so many words."""
        return self._of((one for one in self._collection.columns.values() if one.ext.mask), outcome, rows)

    def _of(self, columns: Iterable[Column], outcome: Outcome | None, rows: int) -> dict[str, Mask]:
        masks: dict[str, Mask] = {}
        for column in columns:
            if not column.personal or column.name in self._fixed or self._only_links(column):
                continue
            if mask := self._mask(column):
                masks[column.name] = mask
            elif outcome and rows:
                self._failed(column, outcome, rows)
        return masks

    def identifiers(self) -> dict[str, Mask]:
        """Return masks that take this person's identifiers, and nothing else, out of texts."""
        columns = self._collection.columns.values()
        return {
            one.name: self.redacted
            for one in columns
            if (one.personal or one.ext.free_text) and not one.primary_key and self._texts(one)
        }

    def free_text(self, *, personal: bool = True) -> dict[str, Mask]:
        """Return masks that take this person's identifiers out of free texts."""
        columns = self._collection.columns.values()
        return {one.name: self.redacted for one in columns if one.ext.free_text and (personal or not one.personal)}

    def redacted(self, value: Any) -> Any:
        """Return a value, or a document's every text, without this person's identifiers."""
        return each_text(value, lambda text: redact(text, self._subject), documents=True)

    def fixed_form(self, column: str) -> tuple[Any, ...] | None:
        """Return what a masked field without a strategy of its own must hold; None where any value may stand."""
        one = self._collection.columns[column]
        if one.ext.mask not in (None, "null", "redact"):
            return None
        if one.ext.mask != "redact" and self._table.c[column].nullable:
            return (None,)
        return None if self._unique(column) else (None, self._cut(column, REDACTED), "{}")

    def _mask(self, column: Column) -> Mask | None:
        field, stated = self._table.c[column.name], column.ext.mask
        if column.primary_key or column.read_only:
            return None
        if stated is None and field.nullable:
            return lambda _: None
        if document(self._table, column) and stated in (None, "null", "redact"):
            return (lambda _: None) if field.nullable else self._emptied
        if stated is None and not self._texts(column):
            return None
        name, options = spec(stated or ("hmac" if self._unique(column.name) else "redact"))
        if name == "null" and not field.nullable:
            return None
        masked = strategy(name)

        def mask(value: Any) -> Any:
            new = each_text(
                value, lambda text: masked(text, key=self._key, **options), documents=document(self._table, column)
            )
            if name == "freetext":
                new = self.redacted(new)
            return self._cut(column.name, typed(field, new))

        return mask

    def _emptied(self, value: Any) -> Any:
        return "{}" if isinstance(value, str) else {}

    def _cut(self, column: str, value: Any) -> Any:
        length = getattr(self._table.c[column].type, "length", None)
        return value[:length] if length and isinstance(value, str) else value

    def _only_links(self, column: Column) -> bool:
        """Say whether a field only ties rows together: a number that means nothing outside of this database."""
        ties = column.primary_key or column.name in self._links
        spoken = column.identity or column.has("user.contact") or column.has("user.name")
        return ties and not column.ext.mask and not spoken and (column.primary_key or not self._texts(column))

    def _texts(self, column: Column) -> bool:
        return isinstance(self._table.c[column.name].type, sa.String) or document(self._table, column)

    def _unique(self, column: str) -> bool:
        constraints = (one for one in self._table.constraints if isinstance(one, sa.UniqueConstraint))
        indexes = (one for one in self._table.indexes if one.unique)
        return any(column in one.columns for one in constraints) or any(column in one.columns for one in indexes)

    def _failed(self, column: Column, outcome: Outcome, rows: int) -> None:
        name = f"{self._collection.name}.{column.name}"
        why = "is a key" if column.primary_key else "is read-only" if column.read_only else "takes no mask"
        outcome.count(self._collection.name, "failed", rows)
        outcome.because(
            self._collection.name, "failed", f"{name} {why}: state a `mask` that it can hold, or delete the row"
        )


def document(table: sa.Table, column: Column) -> bool:
    """Say whether a column holds documents (JSON), decoded or as text."""
    field = table.c[column.name]
    return isinstance(field.type, sa.JSON) or bool(field.info.get("document")) or column.data_type == "object"


def changes(row: Row, masks: Mapping[str, Mask], *, again: Callable[[Any], bool] | None = None) -> dict[str, Any]:
    """Return what masks change in a row.

    Some masks change even what they made (phone): in a row that was masked before, they act only where `again` says
    that the person still stands.
    """
    new = {name: (value, mask(value), mask) for name, mask in masks.items() if (value := row[name]) is not None}
    return {
        name: masked
        for name, (value, masked, mask) in new.items()
        if masked != value and (again is None or mask(masked) == masked or again(value))
    }


def spec(mask: str | dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return a mask's strategy and options, as the data map states them."""
    if isinstance(mask, str):
        return mask, {}
    options = dict(mask)
    return str(options.pop("strategy", "")), options


def each_text(value: Any, change: Callable[[str], str | None], *, documents: bool) -> Any:
    """Apply a change to a text, or to every text of a document (`documents`: one that is kept as text, too)."""
    if value is None or isinstance(value, bytes | memoryview):
        return value
    if isinstance(value, dict):
        return {key: each_text(one, change, documents=False) for key, one in value.items()}
    if isinstance(value, list):
        return [each_text(one, change, documents=False) for one in value]
    if documents and (inside := opened(value)) is not value:
        new = each_text(inside, change, documents=False)
        return value if new == inside else json.dumps(new, ensure_ascii=False)
    text = str(value)
    new = change(text)
    return value if new == text else new
