"""What objects say: texts read a line at a time, however long they are, and office documents by the paragraph."""

import codecs
import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from shared import freetext
from shared.domain.identifier import EMAIL, PHONE, Identifier, Subject
from shared.markup import kind_of, readings, replaced
from shared.masking.redact import REDACTED
from workers.connectors.objects.documents import is_document, paragraphs

_TEXT = re.compile(r"\.(?:txt|csv|tsv|json|jsonl|html?|md|log|xml|ics|vcf|ya?ml|eml|srt|vtt)$", re.IGNORECASE)
_LONGEST = 1024 * 1024
_ENDS = re.compile(r"[\s,;]")
_KINDS = {"EMAIL": EMAIL, "PHONE": PHONE}


@dataclass(frozen=True, slots=True)
class Named:
    """Whom a text names."""

    person: bool = False
    others: bool = False


def is_text(name: str) -> bool:
    """Say by its name whether an object is a text, which can be redacted."""
    return bool(_TEXT.search(name))


def is_readable(name: str) -> bool:
    """Say by its name whether an object can be read: a text or an office document."""
    return is_text(name) or is_document(name)


def said(file: BinaryIO, name: str) -> Iterator[str]:
    """Yield what an object says, piece by piece; `Unreadable` if that cannot be known."""
    if is_document(name):
        yield from paragraphs(file)
        return
    kind = kind_of("", name)
    for line in _lines(file)[1]:
        yield from readings(line, kind)


def names_person(file: BinaryIO, name: str, subject: Subject) -> bool:
    """Say whether an object names the person."""
    return any(freetext.stands_in(text, subject) for text in said(file, name))


def named(file: BinaryIO, name: str, subject: Subject, own: Callable[[Identifier], bool]) -> Named:
    """Say whom an object names; addresses that are `own` are nobody's."""
    person = others = False
    for text in said(file, name):
        person = person or bool(freetext.stands_in(text, subject))
        others = others or any(one not in subject.identifiers for one in people_in(text, subject, own))
        if person and others:
            break
    return Named(person, others)


def people(file: BinaryIO, name: str, subject: Subject, own: Callable[[Identifier], bool]) -> Iterator[Identifier]:
    """Yield every identifier of people in an object."""
    for text in said(file, name):
        yield from people_in(text, subject, own)


def people_in(text: str, subject: Subject, own: Callable[[Identifier], bool]) -> Iterator[Identifier]:
    """Yield the identifiers of people in a piece of text."""
    for span in freetext.find(text, regions=(subject.region,) if subject.region else ("DE", "GB", "US")):
        one = subject.normalise(_KINDS.get(span.kind, ""), text[span.start : span.end]) if span.kind in _KINDS else None
        if one and not own(one):
            yield one


def redacted(file: BinaryIO, name: str, subject: Subject) -> Iterator[bytes]:
    """Yield a text without the person; what is not theirs stays byte for byte."""
    kind = kind_of("", name)
    encoding, lines = _lines(file)
    for line in lines:
        after = replaced(line, lambda text: freetext.stands_in(text, subject), REDACTED, kind)
        yield after.encode(encoding, "surrogateescape")


def _lines(file: BinaryIO) -> tuple[str, Iterator[str]]:
    """Decode without loss: bytes that are no UTF-8 survive, and where a UTF-16 mark stands, it stays."""
    mark = file.read(2)
    file.seek(0)
    encoding = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}.get(mark, "utf-8")
    return encoding, _pieces(file, encoding)


def _pieces(file: BinaryIO, encoding: str) -> Iterator[str]:
    text = io.TextIOWrapper(file, encoding, "surrogateescape", newline="")
    try:
        while line := text.readline(_LONGEST):
            if len(line) == _LONGEST and not line.endswith("\n"):  # one line without end: part it between two words
                line += _rest_of_word(text)
            mark = "\ufeff" if line.startswith("\ufeff") else ""
            yield from filter(None, (mark, line.removeprefix(mark)))  # the mark is no part of the first word
    finally:
        text.detach()  # who has opened the file closes it


def _rest_of_word(text: io.TextIOWrapper) -> str:
    rest = ""
    while len(rest) < _LONGEST and (char := text.read(1)):
        rest += char
        if _ENDS.match(char):
            break
    return rest
