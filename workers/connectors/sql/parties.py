"""Rows in which several people stand side by side, such as a call: which fields speak of the subject, which of others.

A field says by `about` beside which field the person stands of whom it speaks.
"""

import dataclasses
import re
from collections.abc import Iterable, Mapping
from typing import Any

from shared.datamap import Collection, Column
from shared.domain.identifier import PHONE, Subject
from shared.masking.freetext import redact
from shared.masking.redact import REDACTED
from workers.connectors.sql import matching
from workers.connectors.sql.documents import values

_DIGITS = re.compile(r"\+?[0-9]+")


class Parties:
    """The parties of one collection's rows, seen from one person."""

    def __init__(self, collection: Collection, subject: Subject) -> None:
        self._collection, self._subject = collection, subject
        self._about = [one for one in collection.columns.values() if one.ext.about]
        named = {one.column for one in collection.identities.values()} if self._about else set()
        self.fields = frozenset({str(one.ext.about) for one in self._about} | named)

    def others(self, row: Mapping[Any, Any]) -> frozenset[str]:
        """Return the columns of a row that do not speak of the subject."""
        hers = {name: self._is_hers(name, row) for name in {str(one.ext.about) for one in self._about}}
        return frozenset(one.name for one in self._about if not hers[str(one.ext.about)])

    def apart(self, row: Mapping[Any, Any]) -> Subject | None:
        """Return the other people of a row as one, None if there are none."""
        found = {one for _, one in matching.identifiers(self._collection, row, self._subject)} if self._about else set()
        theirs = frozenset(one for one in found if not one.is_key) - self._subject.identifiers
        return dataclasses.replace(self._subject, given=theirs, widened=frozenset()) if theirs else None

    def _is_hers(self, name: str, row: Mapping[Any, Any]) -> bool:
        column = self._collection.fields[name]
        found = (
            matching.identifier(self._subject, kind, value)
            for value in values(self._collection, name, row)
            for kind in column.kinds
        )
        return any(one in self._subject.identifiers for one in found)


def texts_of(collection: Collection, columns: Iterable[Column]) -> frozenset[str]:
    """Return the columns in which another party may stand within a text."""
    files = {one.column for one in collection.ext.files}
    return frozenset(one.name for one in columns if (one.ext.free_text or one.ext.about) and one.name not in files)


def without(text: Any, others: Subject | None) -> Any:
    """Return a text without the other people of its row."""
    return redact(text, others) if others and isinstance(text, str) else text


def nameless(path: str, others: Subject | None) -> str:
    """Return the name of a file without the other people of its row; there numbers stand between hyphens."""
    if others is None:
        return path
    return _DIGITS.sub(
        lambda run: REDACTED if others.normalise(PHONE, run.group()) in others.identifiers else run.group(),
        str(without(path, others)),
    )
