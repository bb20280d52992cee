"""Made-up chat transcripts in German, English and French, with the place of every identifier in them.

Nothing here is taken from the patterns that it tests: phone numbers are the numbering plans' own examples with other
last digits, as `phonenumbers` and people format them; check digits are computed; IPv6 is written by `ipaddress`.
Among them stand what looks alike: numbers of orders and parcels, dates, prices, versions, coordinates, log lines.
Not in it, since not aimed for: numbers without their area code, and addresses spelt out (`ada at example dot org`).
"""

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from shared.freetext import Span
from tests.shared.transcripts.identifiers import MADE, REGIONS
from tests.shared.transcripts.surroundings import LOGS, NEAR_MISSES, SAYS, SPEAKERS, fill, talk

__all__ = ["REGIONS", "Score", "Transcript", "scores", "transcript"]

_KINDS = ("EMAIL", "EMAIL", "PHONE", "PHONE", "PHONE", "PHONE", "CARD", "IBAN", "IP")


@dataclass
class Transcript:
    """A text and its labels: {(start, end): kind}."""

    text: str = ""
    labels: dict[tuple[int, int], str] = field(default_factory=dict)


def transcript(seed: int, lines: int) -> Transcript:
    """Return a transcript of so many lines, the same for the same seed."""
    chance = random.Random(seed)
    pieces: list[str] = []
    labels: dict[tuple[int, int], str] = {}
    at = 0
    for _ in range(lines):
        for piece, kind in _line(chance):
            if kind:
                labels[at, at + len(piece)] = kind
            pieces.append(piece)
            at += len(piece)
    return Transcript("".join(pieces), labels)


def _line(chance: random.Random) -> Iterator[tuple[str, str]]:
    language = chance.choice(("de", "en", "fr"))
    yield chance.choice(SPEAKERS)(chance), ""
    for _ in range(chance.choice((1, 1, 2))):
        share = chance.random()
        if share < 0.45:
            yield talk(chance, language), ""
        elif share < 0.66:
            yield from _said(chance, language)
        elif share < 0.92:
            yield fill(chance.choice(NEAR_MISSES[language] + NEAR_MISSES["any"]), chance), ""
        else:
            yield fill(chance.choice(LOGS), chance), ""
        yield chance.choice((" ", " ", ". ", ", ", " ")), ""
    yield "\n", ""


def _said(chance: random.Random, language: str) -> Iterator[tuple[str, str]]:
    kind = chance.choice(_KINDS)
    before, _, after = chance.choice(SAYS[kind][language] + SAYS[kind]["any"]).partition("{}")
    yield before, ""
    yield MADE[kind](chance), kind
    yield after, ""


@dataclass(frozen=True)
class Score:
    """How much of a kind was found, and how much of what was found is of that kind."""

    expected: int
    recall: float
    precision: float


def scores(made: Transcript, found: Iterable[Span]) -> dict[str, Score]:
    """Compare what was found with the labels, by kind; brackets and blanks at the ends identify nobody."""
    right = {(kind, *_signs(made.text, *place)) for place, kind in made.labels.items()}
    seen = {(span.kind, *_signs(made.text, span.start, span.end)) for span in found}
    table = {}
    for kind in sorted(set(made.labels.values())):
        expected, hits = ({one for one in these if one[0] == kind} for these in (right, seen))
        both = len(expected & hits)
        table[kind] = Score(len(expected), both / len(expected), both / max(len(hits), 1))
    return table


def _signs(text: str, start: int, end: int) -> tuple[int, int]:
    inside = [place for place in range(start, end) if text[place].isalnum()]
    return inside[0], inside[-1]
