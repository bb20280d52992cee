"""Whether a list goes on: by what its pages bring, for a system may lead in circles, or on for ever."""

from collections.abc import Sequence
from typing import Any

from shared.domain.errors import Final
from workers.connectors.http.definition import Pages

_MOST_PAGES = 100_000
_MOST_EMPTY = 1_000  # one after the other: a filter may leave pages empty, where a cursor leads on
_NO_END = "the list does not end"
_AGAIN = "a page brings nothing new, so the rest would be missed: correct `pages`, or say `pages.repeats: true`"


class Way:
    """How far a list has been read."""

    def __init__(self, pages: Pages | None, name: str) -> None:
        self._pages, self._name = pages, name
        self._seen: set[int] = set()
        self._empty = 0
        self.pages_read = 0

    @property
    def numbered(self) -> bool:
        """Whether pages are asked for by their number."""
        return self._pages is not None and self._pages.page is not None

    def goes_on(self, ids: Sequence[Any]) -> bool:
        """Take a page; say whether it counts. Final if it cannot be told whether the list is whole."""
        self.pages_read += 1
        self._empty = 0 if ids else self._empty + 1
        if self.pages_read > _MOST_PAGES or self._empty > _MOST_EMPTY:
            raise Final(f"{self._name}: {_NO_END}; correct `pages`")
        fresh = {hash(str(one)) for one in ids} - self._seen
        self._seen |= fresh
        if ids and not fresh:
            if self._pages and self._pages.repeats:
                return False
            raise Final(f"{self._name}: {_AGAIN}")
        return bool(ids) or not self.numbered
