"""Office documents read a paragraph at a time: OOXML (docx, xlsx, pptx) and OpenDocument, which are zipped XML."""

import re
import zipfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO
from xml.parsers import expat

_DOCUMENT = re.compile(r"\.(?:do[ct][xm]|xl[st][xm]|p[po][tst][xm]|od[tsp]|ot[tsp])$", re.IGNORECASE)
_CHUNK = 64 * 1024
_LARGEST = 512 * 1024 * 1024  # unpacked: a bomb must not keep a worker busy for hours
_MOST_PARTS = 10_000
_LONGEST = 1024 * 1024
# Where a reader sees a break; any other element may stand in the middle of a word, such as a run in another style.
_BREAKS = frozenset(
    "p h br cr tab line-break list-item s si is c tc v f row table-cell instrText footnote comment author".split()  # noqa: SIM905 - element names, not a sentence
)
_PROPERTIES = ("docProps/", "meta.xml")  # one value an element
_BROKEN = (
    zipfile.BadZipFile, zlib.error, expat.ExpatError, NotImplementedError, RuntimeError, EOFError, ValueError,
    LookupError,
)  # fmt: skip


class Unreadable(Exception):
    """Nobody can say whom the object names: it is encrypted, broken, too large, or of a kind that is not read."""


def is_document(name: str) -> bool:
    """Say by its name whether an object is an office document."""
    return bool(_DOCUMENT.search(name))


def paragraphs(file: BinaryIO) -> Iterator[str]:
    """Yield the text of every part, headers, comments and properties too, and addresses that are linked to."""
    left = _LARGEST
    try:
        with zipfile.ZipFile(file) as parts:
            names = [one for one in parts.namelist() if one.endswith((".xml", ".rels"))]
            if not names or len(names) > _MOST_PARTS:
                raise Unreadable
            for name in names:
                reader = _Reader(apart=name.startswith(_PROPERTIES))
                with parts.open(name) as part:
                    while chunk := part.read(_CHUNK):
                        left -= len(chunk)
                        if left < 0:
                            raise Unreadable
                        yield from reader.feed(chunk)
                yield from reader.feed(b"", last=True)
    except _BROKEN:
        raise Unreadable from None


class _Reader:
    """Takes the text out of XML as it comes; entities of a document's own are refused, they can be bombs."""

    def __init__(self, *, apart: bool) -> None:
        self._apart = apart
        self._parser = expat.ParserCreate(namespace_separator="}")
        self._parser.buffer_text = True
        self._parser.CharacterDataHandler = self._text
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.EntityDeclHandler = self._refused
        self._words: list[str] = []
        self._length = 0
        self._done: list[str] = []

    def feed(self, chunk: bytes, *, last: bool = False) -> Iterator[str]:
        self._parser.Parse(chunk, last)
        if last or self._length > _LONGEST:
            self._break()
        done, self._done = self._done, []
        yield from done

    def _text(self, text: str) -> None:
        self._words.append(text)
        self._length += len(text)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._done += [value for value in attributes.values() if "@" in value or value.startswith("tel:")]
        self._end(name)

    def _end(self, name: str) -> None:
        if self._apart or name.rpartition("}")[2] in _BREAKS:
            self._break()

    def _break(self) -> None:
        if self._words:
            self._done.append("".join(self._words))
            self._words, self._length = [], 0

    def _refused(self, *_: object) -> None:
        raise Unreadable
