"""Canary people, and how their data are looked for: in whatever spelling they might have leaked in."""

import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from urllib.parse import unquote_to_bytes

CARD = "4539 5787 6362 1486"
WORDS = ("kanarie", "quixwell")  # in every address, name, file name and credential of theirs
NUMBERS = ("3023125778", CARD.replace(" ", ""))  # what all their phones have in common, and the card
NO_DIGIT = bytes(set(range(256)) - set(b"0123456789"))
TEXT = f"Kanarie Quixwell, kanarie.text@quixwell.example, +49 30 2312577-89, card {CARD}"


@dataclass(frozen=True)
class Canary:
    """A person who exists for one ticket."""

    word: str
    number: int

    @property
    def name(self) -> str:
        """The name."""
        return f"Kanarie{self.word.capitalize()} Quixwell"

    @property
    def email(self) -> str:
        """The address."""
        return f"kanarie.{self.word}@quixwell.example"

    @property
    def phone(self) -> str:
        """The number, as people write it."""
        return f"+49 30 2312577-8{self.number}"


def _base64(raw: bytes) -> Iterator[bytes]:
    """Yield how bytes look inside of a longer text in base64, wherever they begin."""
    for shift in range(3):
        whole = slice((shift * 8 + 5) // 6, (shift + len(raw)) * 8 // 6)  # the signs that hold none of a neighbour
        for code in (b64encode, urlsafe_b64encode):
            yield code(bytes(shift) + raw)[whole]


@cache
def _spellings() -> tuple[tuple[bytes, str], ...]:
    found = []
    for text in {form for word in (*WORDS, *NUMBERS) for form in (word, word.capitalize(), word.upper())}:
        raw = text.encode()
        found += [(one, "base64") for one in _base64(raw)]
        found += [(raw.hex().encode(), "hexadecimal"), (raw.hex().upper().encode(), "hexadecimal")]
    return tuple(set(found))


def traces(data: bytes) -> set[str]:
    """Return in which spellings canaries stand in some bytes."""
    folded = data.lower()
    plain = (*WORDS, *NUMBERS)
    found = {code for one, code in _spellings() if one in data}
    found |= {"plain" for word in plain if word.encode() in folded}
    found |= {"UTF-16" for word in plain for code in ("utf-16-le", "utf-16-be") if word.encode(code) in folded}
    unquoted = unquote_to_bytes(data).lower()
    found |= {"percent-encoded" for word in plain if word.encode() in unquoted and word.encode() not in folded}
    digits = [text.translate(None, NO_DIGIT) for text in (folded, unquoted)]
    return found | {"digits" for number in NUMBERS if any(number.encode() in text for text in digits)}


def around(data: bytes, width: int = 60) -> list[str]:
    """Return the first places at which a canary stands plainly: a failing test shows them, and they are nobody's."""
    pattern = b"|".join(map(re.escape, (word.encode() for word in (*WORDS, *NUMBERS))))
    hits = [match.start() for match in re.finditer(pattern, data.lower())]
    return [repr(data[max(0, hit - width) : hit + width]) for hit in hits[:5]]


def table(places: Mapping[str, bytes], seen: Mapping[str, set[str]]) -> str:
    """Return a table of the places, how much was read in each, and in which spellings canaries stood there."""
    wide = max(len(name) for name in places)
    found = {name: ", ".join(sorted(seen[name])) or "nothing" for name in places}
    return "\n".join(f"{name:<{wide}}  {len(data):>9,} bytes  {found[name]}" for name, data in places.items())
