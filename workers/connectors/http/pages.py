"""Whether a list goes on: by what its pages bring, for a system may lead in circles, or on for ever."""

from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from shared.domain.errors import Final
from workers.connectors.http.definition import Pages

_MOST_PAGES = 100_000
_MOST_EMPTY = 1_000  # one after the other: a filter may leave pages empty, where a cursor leads on
_ONCE_MORE = 1
_NO_END = "the list does not end"
_AGAIN = "a page brings nothing new, so the rest would be missed: correct `pages`, or say `pages.repeats: true`"

Step = tuple[
    httpx.URL | None, Mapping[str, str]
]  # a page's URL, or what its query says; neither: the list's beginning, or end


class Way:
    """How far a list has been read."""

    def __init__(self, pages: Pages | None, name: str) -> None:
        self._pages, self._name = pages, name
        self._seen: set[int] = set()
        self._empty = self._stale = self._standing = 0  # one after the other
        self.pages_read = 0

    @property
    def numbered(self) -> bool:
        """Whether pages are asked for by their number."""
        return self._pages is not None and self._pages.page is not None

    def goes_on(self, ids: Sequence[Any], at: Step, to: Step) -> bool:
        """Take the page `at` a step; say whether to go `to` the next. Final if it cannot be told if the list is whole.

        A system is believed that leads nowhere; where numbers lead on, an empty page is the end. A cursor that leads an
        empty page to itself is followed once more, as is a number behind a page on which records were only pushed.
        """
        self.pages_read += 1
        self._empty = 0 if ids else self._empty + 1
        self._standing = self._standing + 1 if not ids and to == at else 0
        if not any(to) or self._standing > _ONCE_MORE or (self.numbered and not ids):
            return False
        if self.pages_read > _MOST_PAGES or self._empty > _MOST_EMPTY:
            raise Final(f"{self._name}: {_NO_END}; correct `pages`")
        fresh = {hash(str(one)) for one in ids} - self._seen
        self._seen |= fresh
        self._stale = self._stale + 1 if ids and not fresh else 0
        if self._stale and self._pages and self._pages.repeats:
            return False
        if self._stale > (_ONCE_MORE if self.numbered else 0):
            raise Final(f"{self._name}: {_AGAIN}")
        return True
