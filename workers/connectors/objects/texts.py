"""What objects say: texts read a piece at a time, however long they are, office documents by the paragraph, mail."""

import codecs
import io
import re
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import BinaryIO

from shared import freetext, mime
from shared.decoding import HEAD, by_zeros
from shared.domain.identifier import EMAIL, PHONE, Identifier, Subject
from shared.markup import Kind, kind_of, readings, replaced
from shared.masking.redact import REDACTED
from workers.connectors.objects.documents import Unreadable, is_document, paragraphs

_TEXT = re.compile(r"\.(?:txt|csv|tsv|json|jsonl|html?|md|log|xml|ics|vcf|ya?ml|eml|srt|vtt)$", re.IGNORECASE)
_MAIL = re.compile(r"\.eml$", re.IGNORECASE)
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"), (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"),
)  # fmt: skip
_PIECE = 1024 * 1024  # characters
_SEAM = 400
_LARGEST_MAIL = 64 * 1024 * 1024
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
    elif _MAIL.search(name):
        yield from _said_by_mail(file)
    else:
        yield from _said_by_text(file, kind_of("", name))


def _said_by_mail(file: BinaryIO) -> Iterator[str]:
    message = mime.parse(_whole(file))
    yield from mime.headers(message)
    yield from mime.texts(message)
    if mime.unread(message):
        raise Unreadable


def _said_by_text(file: BinaryIO, kind: Kind) -> Iterator[str]:
    """Yield a text's readings, and those of the seams between its pieces: something may stand across one."""
    ways = _encodings(file)
    for encoding in ways:
        before = ""
        with closing(_pieces(file, encoding)) as pieces:  # before the file is
            for piece in pieces:
                if len(ways) == 1 and "\0" in piece:  # no text, or one in a charset that is not told
                    raise Unreadable
                yield from readings(piece, kind)
                if before:
                    yield from readings(before[-_SEAM:].partition(" ")[2] + piece[:_SEAM].rpartition(" ")[0], kind)
                before = piece


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

    def find(text: str) -> list[tuple[int, int]]:
        return freetext.stands_in(text, subject)

    if _MAIL.search(name):
        yield mime.redacted(_whole(file), find, lambda one: subject.normalise(EMAIL, one) in subject.identifiers)
        return

    def without(piece: str) -> str:
        return replaced(piece, find, REDACTED, kind_of("", name))

    *marked, plain = _encodings(file)
    theirs = [one for one in marked if any(without(piece) != piece for piece in _pieces(file, one))]
    for encoding in [*theirs, plain][:1]:
        for piece in _pieces(file, encoding):
            yield without(piece).encode(encoding, "surrogateescape")


def _whole(file: BinaryIO) -> bytes:
    raw = file.read(_LARGEST_MAIL + 1)
    if len(raw) > _LARGEST_MAIL:
        raise Unreadable
    return raw


def _encodings(file: BinaryIO) -> list[str]:
    """Return how a text is read without loss: as its mark or its zeros say, if all of it can be, and as it stands.

    As UTF-8 any bytes survive. A mark of UTF-16 before single bytes hides nobody, then.
    """
    file.seek(0)
    head = file.read(HEAD)
    told = next((charset for mark, charset in _MARKS if head.startswith(mark)), None) or by_zeros(head)
    return [told, "utf-8"] if told and _fits(file, told) else ["utf-8"]


def _fits(file: BinaryIO, encoding: str) -> bool:
    try:
        for _ in _pieces(file, encoding):
            pass
    except UnicodeDecodeError:
        return False
    return True


def _pieces(file: BinaryIO, encoding: str) -> Generator[str, None, None]:
    """Yield pieces that end with a line, or between two words: in most texts the one piece."""
    file.seek(0)
    text = io.TextIOWrapper(file, encoding, "surrogateescape", newline="")
    try:
        while piece := text.read(_PIECE):
            if len(piece) == _PIECE and not piece.endswith("\n"):
                piece += text.readline(_PIECE)
            if not piece.endswith("\n"):
                piece += _rest_of_word(text)
            mark = "\ufeff" if piece.startswith("\ufeff") else ""
            yield from filter(None, (mark, piece.removeprefix(mark)))  # the mark is no part of the first word
    finally:
        text.detach()  # who has opened the file closes it


def _rest_of_word(text: io.TextIOWrapper) -> str:
    rest = ""
    while len(rest) < _PIECE and (char := text.read(1)):
        rest += char
        if _ENDS.match(char):
            break
    return rest
