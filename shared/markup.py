"""HTML as its reader sees it, with the way back to where it stands: tags gone, entities read.

`ada@<b>example</b>.org` and `ada&#64;example.org` are both an address to a reader.
"""

import html
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

Finder = Callable[[str], Iterable[tuple[int, int]]]

# Inline tags part no words; at every other one a reader sees a break. A comment without end goes to the end, as in
# a browser: to look for each one's end anew would take a worker hours.
_MARKUP = re.compile(
    r"(?P<unseen><!--.*?(?:-->|\Z)|</?(?:a|abbr|b|bdi|bdo|big|cite|code|em|font|i|ins|kbd|mark|s|small|span|strong|tt|u|wbr)"
    r"\b[^<>]*>)"
    r"|(?P<entity>&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z]\w{1,31});?)"
    r"|</?[A-Za-z!?][^<>]*>",
    re.DOTALL | re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class View:
    """A reading, in pieces: `starts` in the reading, `places` where each stands in the markup."""

    text: str
    starts: tuple[int, ...]
    places: tuple[tuple[int, int], ...]

    def back(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """Yield where the characters `start:end` of the reading stand in the markup."""
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


# A line of a calendar or a card goes on after a line end and a blank (RFC 5545 section 3.1, RFC 6350 section 3.2).
_FOLD = re.compile(r"(?P<unseen>\r?\n[ \t])")


def view(raw: str, *, folded: bool = False) -> View:
    """Read a piece of HTML, or of text with folded lines."""
    pieces: list[tuple[str, int, int]] = []
    before = 0
    for match in (_FOLD if folded else _MARKUP).finditer(raw):
        pieces.append((raw[before : match.start()], before, match.start()))
        # A break stands nowhere: what is replaced across it leaves the tag.
        start = match.start() if match.lastgroup == "entity" else match.end()
        pieces.append((_read(match), start, match.end()))
        before = match.end()
    pieces.append((raw[before:], before, len(raw)))
    starts, places, length = [], [], 0
    for text, start, end in pieces:
        if text:
            starts.append(length)
            places.append((start, end))
            length += len(text)
    return View("".join(text for text, _, _ in pieces), tuple(starts), tuple(places))


def _read(match: re.Match[str]) -> str:
    if match.lastgroup == "entity":
        return html.unescape(match.group())
    return "" if match.lastgroup else "\n"


def readings(raw: str, *, as_html: bool = False, folded: bool = False) -> Iterator[str]:
    """Yield the text as it is written and, if it is HTML or has folded lines, as it is read."""
    yield raw
    if as_html or folded:
        yield (_MARKUP if as_html else _FOLD).sub(_read, raw)


def replaced(raw: str, find: Finder, by: str, *, as_html: bool = False, folded: bool = False) -> str:
    """Return the text with what `find` finds in its readings replaced, and all else as it was."""
    raw = _cut(raw, ([span] for span in find(raw)), by)
    if not (as_html or folded):
        return raw
    seen = view(raw, folded=not as_html)
    return _cut(raw, (list(seen.back(*span)) for span in find(seen.text)), by)


def _cut(raw: str, spans: Iterable[list[tuple[int, int]]], by: str) -> str:
    pieces, before = [], 0
    for places in spans:
        for number, (start, end) in enumerate(places):
            pieces += [raw[before:start], "" if number else by]
            before = end
    return "".join([*pieces, raw[before:]])
