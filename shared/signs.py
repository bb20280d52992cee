"""The many ways in which people and programs write the same sign: other digits, blanks and dashes, escapes, nothing.

Whatever compares texts reads them here, so that a number or an address is found however a program has kept it.
"""

import html
import re

from shared.view import View, as_written, view

_ZEROS = (0xFF10, 0x660, 0x6F0, 0x966)  # fullwidth, Arabic, Persian, Devanagari
DIGITS = tuple("".join(chr(zero + digit) for digit in range(10)) for zero in _ZEROS)
_WIDE = {chr(code): chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)}
_DIGITS = {sign: str(digit) for digits in DIGITS for digit, sign in enumerate(digits)}
_BLANKS = dict.fromkeys(map(chr, [0xA0, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000]), " ")
_DASHES = dict.fromkeys(map(chr, [*range(0x2010, 0x2016), 0x2212, 0xFE58, 0xFE63]), "-")
_SIGNS = _WIDE | _DIGITS | _BLANKS | _DASHES
_ANY = re.compile(f"[{''.join(_SIGNS)}]")

# Soft hyphens, joiners, marks of direction, variation selectors: nobody sees them, and they are copied with a text.
_UNSEEN = "\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\U000e0000-\U000e0fff"
_INVISIBLE = re.compile(f"[{_UNSEEN}]+")
_NEXT = "%[89ABab][0-9A-Fa-f]"  # a byte of UTF-8 after the first
# JSON's and JavaScript's escapes (RFC 8259 section 7), also within JSON within JSON; bytes of URLs (RFC 3986 section
# 2.1), one character at a time; entities of HTML. What is none of these is as it is written.
_HIDDEN = re.compile(  # its first sign in a set of its own: so the engine looks for that alone
    rf"[\\%&{_UNSEEN}](?:"
    rf"(?<=\\)\\{{0,7}}(?:(?P<line>[nrt])|(?P<sign>/)|u(?P<unit>[0-9A-Fa-f]{{4}})|x(?P<byte>[0-9A-Fa-f]{{2}}))"
    r"|(?<=%)(?P<octets>(?:25){0,3}(?:"
    rf"[0-7][0-9A-Fa-f]|[CDcd][0-9A-Fa-f]{_NEXT}|[Ee][0-9A-Fa-f](?:{_NEXT}){{2}}|[Ff][0-4](?:{_NEXT}){{3}}))"
    r"|(?<=&)(?P<entity>(?:#\d{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z]\w{1,31});)"
    rf"|(?<=[{_UNSEEN}])(?P<unseen>))"
)
_LINES = {"n": "\n", "r": "\r", "t": "\t"}
_LEADING = re.compile(r"^(?:25)+(?=[0-9A-Fa-f]{2})")


def plain(text: str) -> str:
    """Return the text, of the same length, with one kind of digit, blank and dash."""
    return text if text.isascii() else _ANY.sub(lambda sign: _SIGNS[sign.group()], text)


def visible(text: str) -> str:
    """Return a text without what nobody sees."""
    return text if text.isascii() else _INVISIBLE.sub("", text)


def readable(text: str) -> View:
    """Return the reading of a text: one kind of each sign, escapes read, nothing that nobody sees."""
    hidden = "\\" in text or "%" in text or "&" in text or not text.isascii()
    return _with_plain(view(text, _HIDDEN, _read)) if hidden and _HIDDEN.search(text) else as_written(plain(text))


def _with_plain(seen: View) -> View:
    return View(plain(seen.text), seen.starts, seen.places)


def _read(match: re.Match[str]) -> str:
    kind, said = match.lastgroup, match.group(match.lastgroup or 0)
    if kind == "unseen":
        return ""
    if kind == "entity":
        return visible(html.unescape(f"&{said}"))
    if kind == "octets":
        return visible(bytes.fromhex(_LEADING.sub("", said).replace("%", "")).decode("utf-8", "replace"))
    if kind in {"unit", "byte"}:
        code = int(said, 16)
        return "\ufffd" if 0xD800 <= code < 0xE000 else visible(chr(code))  # half of a pair: no sign of an identifier
    return _LINES.get(said, said)
