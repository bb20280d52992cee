"""The parts of a message: their headers, what they hold once unpacked, and how to put something else there."""

import base64
import binascii
import quopri
import re
from collections.abc import Iterable
from email.generator import BytesGenerator
from email.message import Message
from email.parser import BytesParser
from email.policy import Compat32
from io import BytesIO

from shared.decoding import as_text
from shared.decoding import charsets as ways_to_read
from shared.markup import Kind, kind_of

_TYPE, _PACKED = "content-type", "content-transfer-encoding"
_DEEPEST = 50  # parts within parts: beyond, a message is read as one text, since a hostile one would exhaust the stack
_TEXTS = re.compile(r"application/(?:[\w.+-]*(?:json|xml|csv|yaml|javascript|ics|calendar|vcard)|rtf|mbox|sql)")
_NAMES = re.compile(r"\.(?:txt|csv|tsv|json|html?|md|log|xml|ics|vcf|ya?ml|eml|sql)$", re.IGNORECASE)
_MEDIA = re.compile(r"(?:image|audio|video)/|application/(?:pgp-signature|(?:x-)?pkcs7-signature)")
_COMMENT = re.compile(r"\([^()]*\)")
_UUENCODED = re.compile(r"^begin [0-7]{3,4} [^\r\n]+\r?\n[!-M][!-`]{1,80}\r?$", re.MULTILINE)
_WORD = re.compile(r"=\?([^?*\s]+)(?:\*[^?\s]*)?\?([bBqQ])\?([^?]*)\?=(?:\s+(?==\?[^?\s]+\?[bBqQ]\?[^?]*\?=))?")


class _AsWritten(Compat32):
    def fold_binary(self, name: str, value: str) -> bytes:
        return f"{name}: {value}{self.linesep}".encode(errors="surrogateescape")


class _Generator(BytesGenerator):
    def _dispatch(self, msg: Message) -> None:
        """Write what the parser left as one text byte for byte, whatever its type claims."""
        if isinstance(msg._payload, str):  # type: ignore[attr-defined]  # noqa: SLF001 - get_payload would decode it
            self._handle_text(msg)  # type: ignore[attr-defined]  # the library has no types for these
        else:
            super()._dispatch(msg)  # type: ignore[misc]  # as above


_POLICY = _AsWritten()
_PARSER = BytesParser(policy=_POLICY)


def parse(raw: bytes) -> Message:
    """Read a message; one nested too deep becomes headers and one text."""
    try:
        message = _PARSER.parsebytes(raw)
    except RecursionError:
        return _PARSER.parsebytes(raw, headersonly=True)
    level = [message]
    for _ in range(_DEEPEST):
        level = [inner for part in level for inner in _below(part)]
        if not level:
            return message
    return _PARSER.parsebytes(raw, headersonly=True)


def written(message: Message, *, like: bytes = b"") -> bytes:
    """Return the bytes of a message, with the line ends of those that it was read from."""
    first = like.find(b"\n")
    linesep = "\r\n" if first > 0 and like[first - 1 : first] == b"\r" else "\n"
    sink = BytesIO()
    generator = _Generator(sink, mangle_from_=False, policy=_POLICY.clone(linesep=linesep))
    generator.flatten(message, unixfrom=bool(message.get_unixfrom()))
    return sink.getvalue()


def decoded(value: str) -> str:
    """Return a raw header value with its encoded words (RFC 2047) and 8-bit bytes read."""
    return _WORD.sub(_word, as_text(value.encode("ascii", "surrogateescape"), "utf-8", "strict"))


def _word(match: re.Match[str]) -> str:
    charset, how, word = match.groups()
    data = word.encode("utf-8", "replace")
    data = _from_base64(data) if how in "bB" else quopri.decodestring(data, header=True)
    return as_text(data, charset, "replace")


def header(part: Message, name: str) -> str:
    """Return a header, decoded and on one line; empty if there is none. `name` is in lower case."""
    return " ".join(decoded(next((value for key, value in part.raw_items() if key.lower() == name), "")).split())


def set_headers(part: Message, items: Iterable[tuple[str, str]]) -> None:
    """Put these headers, as they are to be written, in the place of all."""
    part._headers = []  # type: ignore[attr-defined]  # noqa: SLF001 - to delete them one by one takes hours of a long head
    for name, value in items:
        part.set_raw(name, value)


def envelopes(part: Message) -> list[str]:
    """Return the lines `From ada@… Mon May 4` of an mbox that an importer has left before or among the headers."""
    lines = [part.get_unixfrom(), *(getattr(defect, "line", None) for defect in part.defects)]
    return [line for line in lines if line]


def filename(part: Message) -> str:
    """Return the name of an attachment, decoded; empty if there is none."""
    try:
        # what Outlook and Gmail write is an encoded word in quotes, which RFC 2047 forbids
        return _WORD.sub(_word, str(part.get_filename() or ""))
    except (LookupError, TypeError, ValueError):  # a charset that is none
        return ""


def set_filename(part: Message, name: str) -> None:
    """Give an attachment another name, wherever it has one."""
    for param, place in (("filename", "Content-Disposition"), ("name", "Content-Type")):
        _set_param(part, param, name if name.isascii() else ascii(name)[1:-1], place)


def kind(part: Message) -> Kind:
    """Say how the text of a part is marked up."""
    for media in _types(part):
        if marked := kind_of(media, filename(part)):
            return marked
    return "flowed" if _param(part, "delsp") == "yes" else ""


def is_text(part: Message) -> bool:
    """Say whether a part can be read as text, by its type or the name of its file."""
    if part.is_multipart():
        return False
    return bool(_NAMES.search(filename(part))) or any(
        media.startswith(("text/", "multipart/", "message/")) or _TEXTS.fullmatch(media)  # a broken multipart is a text
        for media in _types(part)
    )


def is_unread(part: Message) -> bool:
    """Say whether a part holds what is not read here, and may name people: an archive, a document, a sealed message."""
    if part.is_multipart() or sealed(part) is not None:
        return False
    held = part._payload  # type: ignore[attr-defined]  # noqa: SLF001 - unpacked it may be large
    if not isinstance(held, str) or not held.strip():
        return False
    return bool(_UUENCODED.search(held)) if is_text(part) else not _MEDIA.match(part.get_content_type())


def _types(part: Message) -> list[str]:
    """Return the types of a part: of several headers one program takes the first, another the last."""
    several = [value.partition(";")[0].strip().lower() for key, value in part.raw_items() if key.lower() == _TYPE]
    return list(dict.fromkeys([part.get_content_type(), *several]))


def sealed(part: Message) -> bytes | None:
    """Return a message attached in base64 or quoted-printable, which the parser takes for one without headers."""
    if part.get_content_type() != "message/rfc822" or encoding_of(part) not in {"base64", "quoted-printable"}:
        return None
    return next((_unpacked(written(inner), encoding_of(part)) for inner in _below(part)), None)


def contents(part: Message) -> list[tuple[str, bytes]]:
    """Return what a part holds, unpacked as far as it can be, by each encoding that its headers give."""
    return [(one, _content(part, one)) for one in _encodings(part)]


def _content(part: Message, encoding: str) -> bytes:
    payload = part.get_payload(decode=True) if encoding.startswith("x-uu") else None
    if isinstance(payload, bytes):
        return payload
    raw = part._payload  # type: ignore[attr-defined]  # noqa: SLF001 - get_payload fails on some charset parameters
    return _unpacked(raw.encode("ascii", "surrogateescape"), encoding) if isinstance(raw, str) else b""


def set_text(part: Message, text: str, charset: str, encoding: str) -> None:
    """Put a text into a part, in this charset if it has the letters."""
    try:
        data = text.encode(charset, "surrogateescape")
    except (LookupError, ValueError):
        data = text.encode("utf-8", "replace")
        _set_param(part, "charset", "utf-8", "Content-Type")
    set_content(part, data, encoding)


def set_content(part: Message, data: bytes, encoding: str) -> None:
    """Put something else into a part, packed as it was read."""
    if encoding == "quoted-printable":
        data = quopri.encodestring(data.replace(b"\r\n", b"\n"))
    elif encoding == "base64" or encoding.startswith("x-uu"):
        data, encoding = base64.encodebytes(data), "base64"
    if encoding != encoding_of(part) or len(_encodings(part)) > 1:
        others = [(name, value) for name, value in part.raw_items() if name.lower() != _PACKED]
        set_headers(part, [*others, ("Content-Transfer-Encoding", encoding)])
    part.set_payload(data.decode("ascii", "surrogateescape"))


def charsets(part: Message, data: bytes) -> list[str]:
    """Return how a text may be read, beginning with what the part declares."""
    try:
        declared = part.get_content_charset() or "utf-8"
    except (LookupError, TypeError, ValueError):
        declared = "utf-8"
    return ways_to_read(data, declared)


def _param(part: Message, name: str) -> str:
    try:
        return str(part.get_param(name) or "").lower()
    except (LookupError, TypeError, ValueError):
        return ""


def _set_param(part: Message, name: str, value: str, place: str) -> None:
    if part.get_param(name, header=place) is not None:
        part.set_param(name, value, header=place, replace=True)


def _below(part: Message) -> list[Message]:
    payload = part.get_payload() if part.is_multipart() else []
    return [one for one in payload if isinstance(one, Message)] if isinstance(payload, list) else []


def encoding_of(part: Message) -> str:
    """Return how a part is packed, by its first header that says so."""
    return _encodings(part)[0]


def _encodings(part: Message) -> list[str]:
    """Return how a part may be packed: of several headers one program takes the first, another the last."""
    said = [_COMMENT.sub("", decoded(value)) for key, value in part.raw_items() if key.lower() == _PACKED]
    return list(dict.fromkeys(one.partition(";")[0].strip().lower() for one in said)) or [""]


def _unpacked(data: bytes, encoding: str) -> bytes:
    if encoding == "base64":
        return _from_base64(data)
    return quopri.decodestring(data) if encoding == "quoted-printable" else data


def _from_base64(data: bytes) -> bytes:
    clean = re.sub(rb"[^A-Za-z0-9+/]", b"", data)
    try:
        return base64.b64decode(clean + b"=" * (-len(clean) % 4))
    except binascii.Error:
        return data
