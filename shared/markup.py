"""HTML as its reader sees it, with the way back to where it stands: tags gone, entities read.

`ada@<b>example</b>.org` and `ada&#64;example.org` are both an address to a reader.
"""

import html
import re
from collections.abc import Callable, Iterable, Iterator

from shared.view import View
from shared.view import view as pieces

Finder = Callable[[str], Iterable[tuple[int, int]]]

# Inline tags part no words; at every other one a reader sees a break. A comment without end goes to the end, as in
# a browser: to look for each one's end anew would take a worker hours.
_MARKUP = re.compile(
    r"(?P<unseen><!--.*?(?:-->|\Z)|</?(?:a|abbr|b|bdi|bdo|big|cite|code|em|font|i|ins|kbd|mark|s|small|span|strong|tt|u|wbr)"
    r"\b[^<>]*>)"
    r"|(?P<entity>&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z]\w{1,31});?)"
    r"|(?P<break></?[A-Za-z!?][^<>]*>)",
    re.DOTALL | re.IGNORECASE,
)


# A line of a calendar or a card goes on after a line end and a blank (RFC 5545 section 3.1, RFC 6350 section 3.2).
_FOLD = re.compile(r"(?P<unseen>\r?\n[ \t])")


def view(raw: str, *, folded: bool = False) -> View:
    """Read a piece of HTML, or of text with folded lines."""
    return pieces(raw, _FOLD if folded else _MARKUP, _read, breaks="break")


def _read(match: re.Match[str]) -> str:
    if match.lastgroup == "entity":
        return html.unescape(match.group())
    # A break stands nowhere: what is replaced across it leaves the tag.
    return "\n" if match.lastgroup == "break" else ""


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
