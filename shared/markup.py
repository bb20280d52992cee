"""Texts as their readers see them, with the way back to where they stand: tags gone, entities read, lines joined.

`ada@<b>example</b>.org` and `ada&#64;example.org` are both an address to a reader.
"""

import html
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Literal

from shared.view import View
from shared.view import view as pieces

Finder = Callable[[str], Iterable[tuple[int, int]]]
Kind = Literal["", "html", "xml", "folded", "flowed"]

_ENTITY = r"(?P<entity>&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z]\w{1,31});?)"
# A comment without end goes to the end, as in a browser: to look for each one's end anew would take a worker hours.
_COMMENT = r"<!--.*?(?:-->|\Z)"
# A > in quotes ends no tag. Bounded, so that a tag made to be slow is not.
_REST = r"""(?:[^<>=]++|=\s*+(?:"[^"]{0,2000}+"|'[^']{0,2000}+')?+){0,100}+>"""
# At these a reader sees a break; all others, unknown ones too, part no words.
_BREAKS = (
    "address|article|aside|audio|blockquote|body|br|button|canvas|caption|center|col|colgroup|dd|details|dialog|dir|div"
    "|dl|dt|embed|fieldset|figcaption|figure|footer|form|frame|frameset|h[1-6]|head|header|hr|html|iframe|img|input|legend"
    "|li|link|main|menu|meta|nav|noframes|noscript|object|ol|optgroup|option|p|pre|script|section|select|style|summary"
    "|svg|table|tbody|td|textarea|tfoot|th|thead|title|tr|ul|video"
)
_PATTERNS: dict[Kind, re.Pattern[str]] = {
    "html": re.compile(
        rf"(?P<unseen>{_COMMENT})|{_ENTITY}|(?P<break><(?:/?(?:{_BREAKS})\b|[!?]){_REST})|(?P<inline></?[A-Za-z]{_REST})",
        re.DOTALL | re.IGNORECASE,
    ),
    "xml": re.compile(
        rf"(?P<unseen>{_COMMENT}|<!\[CDATA\[|\]\]>)|{_ENTITY}|(?P<break></?[\w!?]{_REST})", re.DOTALL | re.IGNORECASE
    ),
    # A line of a calendar or a card goes on after a line end and a blank (RFC 5545 section 3.1, RFC 6350 section 3.2).
    # Cards of old (vCard 2.1) have quoted-printable in them.
    "folded": re.compile(r"(?P<unseen>=?\r?\n[ \t]|=\r?\n)|=(?P<octet>[2-7][0-9A-F])"),
    # A line of a message goes on after a blank at its end, which goes with `delsp=yes` (RFC 3676 section 4.1).
    "flowed": re.compile(r"(?P<unseen> \r?\n(?:>+ ?)?)"),
}
_KINDS: dict[Kind, tuple[re.Pattern[str], re.Pattern[str]]] = {
    "html": (re.compile(r"text/html|application/xhtml\+xml"), re.compile(r".*\.x?html?", re.IGNORECASE | re.DOTALL)),
    "folded": (
        re.compile(r"(?:text|application)/(?:calendar|ics|directory|[\w.-]*vcard)"),
        re.compile(r".*\.(?:ics|vcf)", re.IGNORECASE | re.DOTALL),
    ),
    "xml": (
        re.compile(r"(?:text|application)/xml|[\w.-]+/[\w.-]+\+xml"),
        re.compile(r".*\.(?:xml|svg|rss|atom)", re.IGNORECASE | re.DOTALL),
    ),
}


def kind_of(media_type: str, name: str) -> Kind:
    """Say by its type, or by the name of its file, how a text is marked up."""
    for kind, (types, names) in _KINDS.items():
        if types.fullmatch(media_type) or names.fullmatch(name):
            return kind
    return ""


def view(raw: str, kind: Kind) -> View:
    """Read a piece of marked up text."""
    return pieces(raw, _PATTERNS[kind], _read, breaks="break")


def _read(match: re.Match[str]) -> str:
    if match.lastgroup == "entity":
        return html.unescape(match.group())
    if match.lastgroup == "octet":
        return chr(int(match["octet"], 16))
    # A break stands nowhere: what is replaced across it leaves the tag.
    return "\n" if match.lastgroup == "break" else ""


def readings(raw: str, kind: Kind = "") -> Iterator[str]:
    """Yield the text as it is written and, if it is marked up, as it is read."""
    yield raw
    if kind:
        yield _PATTERNS[kind].sub(_read, raw)


def replaced(raw: str, find: Finder, by: str, kind: Kind = "") -> str:
    """Return the text with what `find` finds in its readings replaced, and all else as it was."""
    raw = _cut(raw, ([span] for span in find(raw)), by)
    if not kind:
        return raw
    seen = view(raw, kind)
    return _cut(raw, (list(seen.back(*span)) for span in find(seen.text)), by)


def _cut(raw: str, spans: Iterable[list[tuple[int, int]]], by: str) -> str:
    pieces, before = [], 0
    for places in spans:
        for number, (start, end) in enumerate(places):
            pieces += [raw[before:start], "" if number else by]
            before = end
    return "".join([*pieces, raw[before:]])
