"""How a row's fields are made to say nothing about the person, each by its strategy."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from shared.datamap import Collection, Column
from shared.domain.identifier import Subject, normalise_name
from shared.domain.outcome import Outcome
from shared.masking import strategy
from shared.masking.freetext import redact
from shared.masking.redact import REDACTED
from workers.connectors.sql.documents import changed_in, opened, values
from workers.connectors.sql.elements import Elements
from workers.connectors.sql.graph import Graph
from workers.connectors.sql.leaves import Mask, emptied, in_turn, leaf_mask, no_document, sparing
from workers.connectors.sql.matching import told_apart
from workers.connectors.sql.parties import Parties
from workers.connectors.sql.rows import Row, plain, typed
from workers.connectors.sql.texts import said


class Masks:
    """The masks of one collection's fields, for one person."""

    def __init__(self, collection: Collection, table: sa.Table, graph: Graph, subject: Subject, key: bytes) -> None:
        self._collection, self._table, self._key = collection, table, key
        self._subject, self._names = told_apart(subject), subject.names
        self._elements = Elements(collection, subject)
        self.parties = Parties(collection, subject)
        self._links = graph.link_fields(collection.name)
        self._fixed = {name: table.c[name] for name in collection.ext.restrict}

    def whole(self, outcome: Outcome | None = None, rows: int = 0) -> dict[str, Mask]:
        """Return a mask for every personal field; a field that takes none is counted as failed, for so many rows."""
        fields = self._collection.fields.values()
        return self._joined([*self._of(fields, outcome, rows), *self._redacting(self._texts_apart())])

    def explicit(self, outcome: Outcome | None = None, rows: int = 0) -> dict[str, Mask]:
        """Return the masks that the data map states in so many words."""
        return self._joined(self._of((one for one in self._collection.fields.values() if one.ext.mask), outcome, rows))

    def identifiers(self) -> dict[str, Mask]:
        """Return masks that take this person out of fields that are another's too: identifiers, elements of lists."""
        fields = [one for one in self._collection.fields.values() if one.personal or one.ext.free_text]
        fields = [one for one in fields if not one.primary_key and self._texts(one)]
        hers = [one for one in fields if one.path and self._elements.others_in(one.column)]
        return self._joined([*((one, self._of_hers(one)) for one in hers), *self._redacting(fields)])

    def free_text(self) -> dict[str, Mask]:
        """Return masks that take this person's identifiers out of free texts."""
        return self._joined(self._redacting(one for one in self._collection.fields.values() if one.ext.free_text))

    def redacted(self, value: Any) -> Any:
        """Return a value, or a document's every text, without this person's identifiers."""
        return each_text(value, lambda text: redact(text, self._subject), documents=True)

    def for_row(self, masks: Mapping[str, Mask], row: Row) -> Mapping[str, Mask]:
        """Return the masks that a row takes: of what speaks of another person there only the subject goes."""
        others = self.parties.others(row)
        return {name: self.redacted if name in others else mask for name, mask in masks.items()} if others else masks

    def says(self, name: str, row: Row) -> bool:
        """Say whether a masked column holds anything that its masks would not have left."""
        if name in self.parties.others(row):
            return False
        column = self._collection.columns[name]
        fields = (column, *self._collection.within(name))
        return (column.personal and not self._in_form(name, row[name])) or any(
            self._names_her(field, row) or self._unmasked(field, row[name]) for field in fields
        )

    def _names_her(self, field: Column, row: Row) -> bool:
        found = values(self._collection, field.name, row) if field.has("user.name") else ()
        return any(normalise_name(str(one)) in self._names for one in found)

    def _unmasked(self, field: Column, value: Any) -> bool:
        """Say whether a field within a document would still be changed by a mask that changes nothing twice."""
        plainly = field.path and field.personal and field.ext.mask in (None, "null", "redact")
        return bool(plainly) and self._of_hers(field)(value) != value

    def _in_form(self, name: str, value: Any) -> bool:
        """Say whether a column without a strategy of its own holds what its mask makes of it."""
        one = self._collection.columns[name]
        if one.ext.mask not in (None, "null", "redact") or self._spared(one) or self._elements.others_in(name):
            return True
        if one.ext.mask != "redact" and self._table.c[name].nullable and not self._empty_by_default(one):
            return value is None
        return self._apart(name) or plain(value) in (None, self._cut(one, REDACTED), "{}", {}, "[]", [])

    def _joined(self, parts: Iterable[tuple[Column, Mask]]) -> dict[str, Mask]:
        """Return one mask a column; what is said of several fields in its document is done one after the other."""
        by_column: dict[str, list[Mask]] = {}
        for field, mask in parts:
            by_column.setdefault(field.column, []).append(mask)
        return {name: in_turn(masks) for name, masks in by_column.items()}

    def _of(self, fields: Iterable[Column], outcome: Outcome | None, rows: int) -> Iterator[tuple[Column, Mask]]:
        for column in fields:
            if not column.personal or column.column in self._fixed or (not column.path and self._only_links(column)):
                continue
            if mask := self._of_hers(column) if column.path else self._mask(column):
                yield column, mask
            elif outcome and rows:
                self._failed(column, outcome, rows)

    def _of_hers(self, leaf: Column) -> Mask:
        """Return the mask of a field within a document; elements of its lists that are someone else's are spared."""
        masked, others = leaf_mask(leaf, self._key, self.redacted), self._elements.others_in(leaf.column)
        return lambda value: changed_in(leaf, value, masked, others.among if others else None)

    def _redacting(self, fields: Iterable[Column]) -> Iterator[tuple[Column, Mask]]:
        for one in fields:
            yield one, self._redact_at(one) if one.path else self.redacted

    def _redact_at(self, leaf: Column) -> Mask:
        return lambda value: changed_in(leaf, value, self.redacted)

    def _texts_apart(self) -> Iterator[Column]:
        return (one for one in self._collection.fields.values() if one.ext.free_text and not one.personal)

    def _mask(self, column: Column) -> Mask | None:
        field, stated = self._table.c[column.name], column.ext.mask
        if column.primary_key or column.read_only or field.computed is not None:
            return None
        if in_part := self._in_part(column):
            return in_part
        plainly = document(self._table, column) and stated in (None, "null", "redact")
        if plainly and (not field.nullable or self._empty_by_default(column)):
            return no_document
        if field.nullable and (stated is None or plainly):
            return lambda _: None
        if stated is None and not (self._texts(column) or isinstance(field.type, sa.Uuid)):
            return None
        default = "hmac" if self._apart(column.name) else "redact"
        name, options = spec(stated or default)
        return None if name == "null" and not field.nullable else self._by_strategy(column, name, options)

    def _empty_by_default(self, column: Column) -> bool:
        """Say whether programs find an empty document where nothing was said, and never NULL."""
        default = self._table.c[column.name].server_default
        return isinstance(default, sa.DefaultClause) and str(default.arg).startswith(("'{}'", "'[]'"))

    def _in_part(self, column: Column) -> Mask | None:
        """Return the mask of a column of which a part is another person's."""
        if self._elements.others_in(column.name) and not column.ext.mask:
            return self._of_hers(column)
        spared = self._spared(column)
        return sparing(spared, emptied) if spared else None

    def _by_strategy(self, column: Column, name: str, options: dict[str, Any]) -> Mask:
        masked, field = strategy(name), self._table.c[column.name]
        documents = document(self._table, column) or isinstance(field.type, sa.ARRAY)

        def mask(value: Any) -> Any:
            if isinstance(value, UUID):
                value = value.hex
            new = each_text(value, lambda text: masked(text, key=self._key, **options), documents=documents)
            if name == "freetext":
                new = self.redacted(new)
            new = self._cut(column, typed(field, new))
            # MariaDB refuses what has the form of no version
            return UUID(int=new.int, version=4) if isinstance(new, UUID) else new

        return mask

    def _spared(self, column: Column) -> list[Column]:
        """Return the fields within a column's document that are another person's."""
        return [one for one in self._collection.within(column.name) if one.ext.others]

    def _cut(self, column: Column, value: Any) -> Any:
        lengths = [column.length, getattr(self._table.c[column.name].type, "length", None)]
        length = min((one for one in lengths if isinstance(one, int)), default=None)
        return value[:length] if length and isinstance(value, str) else value

    def _only_links(self, column: Column) -> bool:
        """Say whether a field only ties rows together: a number that means nothing outside of this database."""
        ties = column.primary_key or column.name in self._links or bool(column.linked)
        spoken = column.identity or column.has("user.contact") or column.has("user.name")
        return ties and not column.ext.mask and not spoken and (column.primary_key or not self._texts(column))

    def _texts(self, column: Column) -> bool:
        kind = self._table.c[column.column].type
        if column.path or document(self._table, column):
            return True
        return isinstance(kind, sa.String | sa.ARRAY) and not isinstance(kind, sa.Enum)

    def _apart(self, column: str) -> bool:
        """Say whether its values have to differ, or to look like pseudonyms: those are made, then."""
        return self._unique(column) or isinstance(self._table.c[column].type, sa.Uuid)

    def _unique(self, column: str) -> bool:
        constraints = (one for one in self._table.constraints if isinstance(one, sa.UniqueConstraint))
        indexes = (one for one in self._table.indexes if one.unique)
        return any(column in one.columns for one in constraints) or any(column in one.columns for one in indexes)

    def _failed(self, column: Column, outcome: Outcome, rows: int) -> None:
        name = f"{self._collection.name}.{column.name}"
        generated = self._table.c[column.name].computed is not None
        why = "is a key" if column.primary_key else "is read-only" if column.read_only else "takes no mask"
        why = "is a generated column" if generated else why
        outcome.count(self._collection.name, "failed", rows)
        outcome.because(
            self._collection.name,
            "failed",
            f"{name} {why}: state a `mask` that it can hold, or delete the row",
        )


def document(table: sa.Table, column: Column) -> bool:
    """Say whether a column holds documents (JSON), decoded or as text."""
    field = table.c[column.column]
    return isinstance(field.type, sa.JSON) or bool(field.info.get("document")) or column.structured


def changes(
    row: Row,
    masks: Mapping[str, Mask],
    *,
    again: Callable[[Any], bool] | None = None,
    misfit: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Return what masks change in a row; `misfit` is told the columns that cannot hold what their mask makes.

    Some masks change even what they made (phone): in a row that was masked before, they act only where `again` says
    that the person still stands.
    """
    new: dict[str, Any] = {}
    for name, mask in masks.items():
        value = row[name]
        try:
            masked = None if value is None else mask(value)
            if masked != value and (again is None or mask(masked) == masked or again(value)):
                new[name] = masked
        except ValueError:
            misfit(name)
    return new


def spec(mask: str | dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return a mask's strategy and options, as the data map states them."""
    if isinstance(mask, str):
        return mask, {}
    options = dict(mask)
    return str(options.pop("strategy", "")), options


def each_text(value: Any, change: Callable[[str], str | None], *, documents: bool) -> Any:
    """Apply a change to a text, or to every text of a document (`documents`: one that is kept as text, too)."""
    if value is None:
        return value
    if isinstance(value, bytes | memoryview):
        before = said(value)
        new = each_text(before, change, documents=documents)
        return value if new == before else None if new is None else new.encode()
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
