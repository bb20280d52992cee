"""A copy of a message without one person: only what names them changes."""

from collections.abc import Callable
from email.header import Header
from email.message import Message

from shared.decoding import as_text
from shared.markup import Finder, replaced
from shared.masking.redact import REDACTED
from shared.mime.parts import (
    charsets,
    contents,
    decoded,
    encoding_of,
    envelopes,
    filename,
    is_text,
    kind,
    parse,
    sealed,
    set_content,
    set_filename,
    set_headers,
    set_text,
    written,
)
from shared.mime.reading import ROLES, Party, in_header

NOBODY = "redacted@redacted.invalid"  # stands in a header where an address has to


def redacted(raw: bytes, find: Finder, is_theirs: Callable[[str], bool]) -> bytes:
    """Return the message without the person: `find` sees them in texts, `is_theirs` knows their addresses.

    What does not name them stays as it was; if nothing does, the very same bytes come back.
    """
    message = parse(raw)
    changed = [_part(part, find, is_theirs) for part in message.walk()]
    return written(message, like=raw) if any(changed) else raw


def without(raw: bytes, name: str, drop: Callable[[Party], bool]) -> bytes:
    """Return the message without its headers `name` (in lower case) in which someone stands whom `drop` picks."""
    message = parse(raw)
    items = list(message.raw_items())
    kept = [(key, value) for key, value in items if key.lower() != name or not any(map(drop, in_header(name, value)))]
    if kept == items:
        return raw
    set_headers(message, kept)
    return written(message, like=raw)


def _part(part: Message, find: Finder, is_theirs: Callable[[str], bool]) -> bool:
    changed = _headers(part, find, is_theirs)
    if any(_sees(find, line) for line in envelopes(part)):  # one among the headers is not written anyway
        part.set_unixfrom(replaced(part.get_unixfrom() or "", find, REDACTED))
        changed = True
    for place in ("preamble", "epilogue"):
        said = getattr(part, place) or ""
        if _sees(find, said):
            setattr(part, place, replaced(said, find, REDACTED))
            changed = True
    if inner := sealed(part):
        after = redacted(inner, find, is_theirs)
        if after is not inner:
            set_content(part, after, encoding_of(part))
            changed = True
    elif is_text(part):
        changed |= _text(part, find)
    return changed


def _text(part: Message, find: Finder) -> bool:
    for encoding, data in contents(part):
        for charset in charsets(part, data):
            before = as_text(data, charset)
            after = replaced(before, find, REDACTED, kind(part))
            if after != before:
                set_text(part, after, charset, encoding)
                return True
    return False


def _headers(part: Message, find: Finder, is_theirs: Callable[[str], bool]) -> bool:
    before = list(part.raw_items())
    after = [(name, _header(name.lower(), value, find, is_theirs)) for name, value in before]
    changed = after != before
    if changed:
        set_headers(part, after)
    stem, dot, ending = filename(part).rpartition(".")  # `ada@example.org.pdf` would else be an address at `org.pdf`
    name = replaced(replaced(stem, find, REDACTED) + dot + ending, find, REDACTED)
    if name != filename(part):
        set_filename(part, name)
        changed = True
    return changed


def _header(name: str, value: str, find: Finder, is_theirs: Callable[[str], bool]) -> str:
    if name in ROLES:
        for one in reversed(list(in_header(name, value))):
            if one.alone and is_theirs(one.address):
                start, end = one.span
                start = end - len(value[start:end].lstrip())
                value = f'{value[:start]}"{REDACTED}" <{NOBODY}>{value[end:]}'
    if not _sees(find, decoded(value)):
        return value
    value = _with_nobody(name, replaced(value, find, REDACTED))
    if _sees(find, decoded(value)):  # in an encoded word
        plain = _with_nobody(name, replaced(" ".join(decoded(value).split()), find, REDACTED))
        value = plain if plain.isascii() else Header(plain, "utf-8").encode(maxlinelen=0)
    return value


def _with_nobody(name: str, value: str) -> str:
    """Keep `<…>` an address where a program reads it as one."""
    return value.replace(f"<{REDACTED}>", f"<{NOBODY}>") if name in ROLES or name == "return-path" else value


def _sees(find: Finder, text: str) -> bool:
    return any(True for _ in find(text))
