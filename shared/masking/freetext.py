"""Identifiers inside a text are replaced; the rest stays byte for byte."""

from collections.abc import Iterable
from itertools import chain, pairwise

from shared import freetext
from shared.domain.identifier import Subject
from shared.masking.redact import REDACTED

KEYLESS = True


def mask(value: str | None, *, key: bytes, regions: Iterable[str] = ("DE", "GB", "US")) -> str | None:  # noqa: ARG001 - every strategy is called alike
    """Replace whatever looks like an identifier, whoever's it is, by `[redacted]`."""
    return (
        None
        if value is None
        else _replace(value, ((it.start, it.end) for it in freetext.find(value, regions=tuple(regions))))
    )


def redact(text: str, subject: Subject) -> str:
    """Replace the identifiers of this person by `[redacted]`, and nobody else's; what is redacted already stays.

    Again until nothing is found: once the `17` of `030 123456-17` is gone, another person's number becomes this one's.
    """
    before = None
    while before != text:
        before = text
        pieces = before.split(REDACTED)
        text = REDACTED.join(_replace(piece, freetext.stands_in(piece, subject)) for piece in pieces)
    return text


def redact_others(text: str, subject: Subject) -> str:
    """Replace other people's identifiers of every kind by `[redacted]`, and leave this person's (Art. 15(4)).

    An account, a card or a host is hers if the ticket or her own records name it; nobody can tell of any other.
    """
    hers = freetext.stands_in(text, subject)
    known = {_compact(one.value) for one in subject.identifiers}
    regions = (subject.region,) if subject.region else ("DE", "GB", "US")
    found = (
        (it.start, it.end)
        for it in freetext.find(text, regions=regions)
        if _compact(text[it.start : it.end]) not in known
    )
    return _replace(text, [span for span in found if not any(a < span[1] and span[0] < b for a, b in hers)])


def _compact(value: str) -> str:
    return value.replace(" ", "").replace("-", "").lower()


def _replace(text: str, spans: Iterable[tuple[int, int]]) -> str:
    edges = [0, *chain.from_iterable(spans), len(text)]
    return REDACTED.join(text[start:end] for start, end in list(pairwise(edges))[::2])
