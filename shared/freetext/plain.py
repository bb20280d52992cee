"""The many characters that people and programs write for the same sign, made one, at the same offsets."""

import re

_WIDE = {chr(code): chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)}
_DIGITS = {chr(first + digit): str(digit) for first in (0x660, 0x6F0, 0x966) for digit in range(10)}
_BLANKS = dict.fromkeys(map(chr, [0xA0, *range(0x2000, 0x200B), 0x202F, 0x3000]), " ")
_DASHES = dict.fromkeys(map(chr, [*range(0x2010, 0x2016), 0x2212, 0xFE63]), "-")
_SIGNS = _WIDE | _DIGITS | _BLANKS | _DASHES
_ANY = re.compile(f"[{''.join(_SIGNS)}]")
_ESCAPE = re.compile(r"\\[nrt]")


def plain(text: str) -> str:
    """Return the text, of the same length, with one kind of digit, blank and dash, and escaped line ends as blanks.

    JSON kept as text has a backslash and an `n` before the next word, which would else seem to be part of it.
    """
    if not text.isascii():
        text = _ANY.sub(lambda sign: _SIGNS[sign.group()], text)
    return _ESCAPE.sub("  ", text) if "\\" in text else text
