"""A text as its reader sees it, in pieces, with the way back to where each stands in what was written."""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass

Read = Callable[[re.Match[str]], str]


@dataclass(frozen=True, slots=True)
class View:
    """A reading, in pieces: `starts` in the reading, `places` where each stands in what was written."""

    text: str
    starts: tuple[int, ...]
    places: tuple[tuple[int, int], ...]

    def back(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """Yield where the characters `start:end` of the reading were written."""
        for number in range(bisect_right(self.starts, start) - 1, len(self.starts)):
            here = self.starts[number]
            if here >= end:
                return
            first, last = self.places[number]
            there = self.starts[number + 1] if number + 1 < len(self.starts) else len(self.text)
            if last - first == there - here:  # as written, so it can be cut
                yield first + max(start - here, 0), last - max(there - end, 0)
            elif last > first:
                yield first, last

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return from where to where the characters `start:end` of the reading were written."""
        places = list(self.back(start, end))
        return places[0][0], places[-1][1]


def as_written(text: str) -> View:
    """Return the reading of a text in which nothing is hidden."""
    return View(text, (0,), ((0, len(text)),))


def view(raw: str, pattern: re.Pattern[str], read: Read, *, breaks: str = "") -> View:
    """Read what `pattern` finds as `read` says, the rest as it is; what its group `breaks` finds stands nowhere."""
    pieces: list[tuple[str, int, int]] = []
    before = 0
    for match in pattern.finditer(raw):
        pieces.append((raw[before : match.start()], before, match.start()))
        start = match.end() if breaks and match.lastgroup == breaks else match.start()
        pieces.append((read(match), start, match.end()))
        before = match.end()
    pieces.append((raw[before:], before, len(raw)))
    starts, places, length = [], [], 0
    for text, start, end in pieces:
        if text:
            starts.append(length)
            places.append((start, end))
            length += len(text)
    return View("".join(text for text, _, _ in pieces), tuple(starts), tuple(places))
