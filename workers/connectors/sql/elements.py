"""Lists that hold several people: the elements that are the person's, and those that are someone else's."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from shared.datamap import Collection, Column
from shared.domain.identifier import Subject
from shared.masking.redact import REDACTED
from workers.connectors.sql import matching
from workers.connectors.sql.documents import at, opened

Theirs = Callable[[Sequence[str], Any], bool]


class Elements:
    """Tells the elements of one collection's lists apart, by the identity fields in them.

    An element that bears identifiers, and none of the person's, is someone else's; Fides' `return_all_elements` says
    that the whole list is one person's. A list is shared where it holds both, or both before hers were masked.
    """

    def __init__(self, collection: Collection, subject: Subject) -> None:
        self._subject = subject
        self._identities: dict[str, list[Column]] = {}
        for one in collection.identities.values():
            if one.structured and one.identity and not one.all_elements:
                self._identities.setdefault(one.column, []).append(one)

    def others_in(self, column: str) -> "Others | None":
        """Return what tells the elements of a column apart, None if nothing does."""
        identities = self._identities.get(column)
        return Others(identities, self._subject) if identities else None

    def shared(self, row: Mapping[Any, Any]) -> bool:
        """Say whether a list of a row holds somebody else beside the person."""
        return any(self._holds_others(name, row[name]) for name in self._identities)

    def _holds_others(self, name: str, value: Any) -> bool:
        others = self.others_in(name)
        return others is not None and others.stand_in(opened(value), ())


class Others:
    """Says of an element of a list whether it is someone else's."""

    def __init__(self, identities: Sequence[Column], subject: Subject) -> None:
        self._identities, self._subject = identities, subject

    def among(self, elements: Sequence[Any], way: Sequence[str]) -> list[bool]:
        """Say of each element of a list, which stands at the end of a way, whether it is someone else's."""
        return [self._whose(one, tuple(way)) == "theirs" for one in elements]

    def stand_in(self, value: Any, way: tuple[str, ...]) -> bool:
        """Say whether a list in a document holds both the person's elements and someone else's."""
        if isinstance(value, list | tuple):
            whose = {self._whose(one, way) for one in value}
            return {"hers", "theirs"} <= whose or any(self.stand_in(one, way) for one in value)
        inside = opened(value)
        if isinstance(inside, Mapping):
            return any(self.stand_in(one, (*way, str(key))) for key, one in inside.items())
        return inside is not value and self.stand_in(inside, way)

    def _whose(self, element: Any, way: tuple[str, ...]) -> str:
        found = [
            (value, matching.identifier(self._subject, field.identity or "", value))
            for field in self._identities
            if field.path[: len(way)] == way
            for value in at(element, field.path[len(way) :])
        ]
        if any(one in self._subject.identifiers or _was_masked(value) for value, one in found):
            return "hers"
        return "theirs" if any(one for _, one in found) else ""


def _was_masked(value: Any) -> bool:
    """Say whether somebody's identifier stood here: after a crash a list must not pass as others' alone."""
    return isinstance(value, str) and (value == REDACTED or value.endswith("@masked.invalid"))
