"""The parts of a message: their headers, what they hold once unpacked, and how to put something else there."""

import base64
import binascii
import quopri
import re
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterable
from email.generator import BytesGenerator
from email.message import Message
from email.parser import BytesParser
from email.policy import Compat32
from io import BytesIO

_DEEPEST = 50  # parts within parts: beyond, a message is read as one text, since a hostile one would exhaust the stack
_TEXTS = re.compile(r"application/(?:[\w.+-]*(?:json|xml|csv|yaml|javascript|ics|calendar|vcard)|rtf|mbox|sql)")
_FOLDED = re.compile(r"(?:text|application)/(?:calendar|ics|directory|[\w.-]*vcard)")
_NAMES = re.compile(r"\.(?:txt|csv|tsv|json|html?|md|log|xml|ics|vcf|ya?ml|eml|sql)$", re.IGNORECASE)
_ONE_BYTE = re.compile(r"utf-?8|us-ascii|ascii|iso-?8859|latin|windows-125|cp125", re.IGNORECASE)
_WORD = re.compile(r"=\?([^?*\s]+)(?:\*[^?\s]*)?\?([bBqQ])\?([^?]*)\?=(?:\s+(?==\?[^?\s]+\?[bBqQ]\?[^?]*\?=))?")


class _AsWritten(Compat32):
    def fold_binary(self, name: str, value: str) -> bytes:
        return f"{name}: {value}{self.linesep}".encode("ascii", "surrogateescape")


class _Generator(BytesGenerator):
    def _dispatch(self, msg: Message) -> None:
        """Write what the parser left as one text byte for byte, whatever its type claims."""
        if isinstance(msg._payload, str):  # type: ignore[attr-defined]  # noqa: SLF001 - get_payload would decode it
            self._handle_text(msg)  # type: ignore[attr-defined]
        else:
            super()._dispatch(msg)  # type: ignore[misc]


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
    _Generator(sink, mangle_from_=False, policy=_POLICY.clone(linesep=linesep)).flatten(message)
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
    for name in set(part.keys()):
        del part[name]
    for name, value in items:
        part.set_raw(name, value)


def filename(part: Message) -> str:
    """Return the name of an attachment, decoded; empty if there is none."""
    try:
        return str(part.get_filename() or "")
    except (LookupError, TypeError, ValueError):  # a charset that is none
        return ""


def set_filename(part: Message, name: str) -> None:
    """Give an attachment another name, wherever it has one."""
    for param, place in (("filename", "Content-Disposition"), ("name", "Content-Type")):
        _set_param(part, param, name if name.isascii() else ascii(name)[1:-1], place)


def is_html(part: Message) -> bool:
    """Say whether tags are to be read in a part."""
    return part.get_content_type() in {"text/html", "application/xhtml+xml"}


def is_folded(part: Message) -> bool:
    """Say whether a part is a calendar or a card, whose lines go on after a line end and a blank."""
    return bool(_FOLDED.fullmatch(part.get_content_type()) or filename(part).lower().endswith((".ics", ".vcf")))


def is_text(part: Message) -> bool:
    """Say whether a part can be read as text, by its type or the name of its file."""
    if part.is_multipart():
        return False
    kind = part.get_content_type()
    return (
        kind.startswith(("text/", "multipart/", "message/"))  # a broken multipart is a text
        or bool(_TEXTS.fullmatch(kind))
        or bool(_NAMES.search(filename(part)))
    )


def sealed(part: Message) -> bytes | None:
    """Return a message attached in base64 or quoted-printable, which the parser takes for one without headers."""
    if part.get_content_type() != "message/rfc822" or _encoding(part) not in {"base64", "quoted-printable"}:
        return None
    return next((_unpacked(written(inner), _encoding(part)) for inner in _below(part)), None)


def content(part: Message) -> bytes:
    """Return what a part holds, unpacked as far as it can be."""
    payload = part.get_payload(decode=True) if _encoding(part).startswith("x-uu") else None
    if isinstance(payload, bytes):
        return payload
    raw = part._payload  # type: ignore[attr-defined]  # noqa: SLF001 - get_payload fails on some charset parameters
    return _unpacked(raw.encode("ascii", "surrogateescape"), _encoding(part)) if isinstance(raw, str) else b""


def set_text(part: Message, text: str, charset: str) -> None:
    """Put a text into a part, in this charset if it has the letters."""
    try:
        data = text.encode(charset, "surrogateescape")
    except (LookupError, ValueError):
        data = text.encode("utf-8", "replace")
        _set_param(part, "charset", "utf-8", "Content-Type")
    set_content(part, data)


def set_content(part: Message, data: bytes) -> None:
    """Put something else into a part, packed as it was."""
    encoding = _encoding(part)
    if encoding == "quoted-printable":
        data = quopri.encodestring(data.replace(b"\r\n", b"\n"))
    elif encoding == "base64" or encoding.startswith("x-uu"):
        data = base64.encodebytes(data)
        part.replace_header("Content-Transfer-Encoding", "base64")
    part.set_payload(data.decode("ascii", "surrogateescape"))


def charsets(part: Message, data: bytes) -> list[str]:
    """Return how a text may be read: as declared and, where ASCII would not show through, as single bytes too."""
    if data.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        return ["utf-16"]
    try:
        declared = part.get_content_charset() or "utf-8"
    except (LookupError, TypeError, ValueError):
        declared = "utf-8"
    return [declared] if _ONE_BYTE.match(declared) else [declared, "latin-1"]


def as_text(data: bytes, charset: str, errors: str = "surrogateescape") -> str:
    """Decode, as single bytes if the charset does not fit or is none."""
    try:
        return data.decode(charset, errors)
    except (LookupError, ValueError):
        return data.decode("latin-1")


def _set_param(part: Message, name: str, value: str, place: str) -> None:
    if part.get_param(name, header=place) is not None:
        part.set_param(name, value, header=place, replace=True)


def _below(part: Message) -> list[Message]:
    payload = part.get_payload() if part.is_multipart() else []
    return [one for one in payload if isinstance(one, Message)] if isinstance(payload, list) else []


def _encoding(part: Message) -> str:
    return header(part, "content-transfer-encoding").partition(";")[0].strip().lower()


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
