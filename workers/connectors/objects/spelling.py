"""The keys that a path may mean, as people and programs write paths into lists."""

import re
from collections.abc import Iterator
from posixpath import normpath
from unicodedata import normalize
from urllib.parse import unquote

_SCHEME = re.compile(r"^[A-Za-z][\w+.-]*://")


def spellings(written: str, root: str, aside: str) -> tuple[str, ...]:
    """Return the keys that a path may mean below `root`, the likeliest first; none for one that leads nowhere.

    As it stands; from the top; in full, as a path or a URL; with dots, doubled slashes or backslashes; escaped as in a
    URL; between blanks; composed or decomposed (Unicode NFC, NFD); where restricted objects lie (`aside`).
    """
    return tuple(dict.fromkeys(filter(None, _keys(written, root.strip("/"), aside))))


def literal(written: str, root: str, *, exact: bool) -> frozenset[str]:
    """Return the keys that a path names without a guess: in full (a path or a URL), or below `root`.

    Where keys are `exact` (S3) each sign of them counts; elsewhere `a//b`, `./a/b` and `/a/b` are one path.
    """
    whole, root = _SCHEME.sub("", written).lstrip("/"), root.strip("/")
    if not written or "\0" in written:
        return frozenset()
    if exact:
        return frozenset({whole.removeprefix(root + "/") if whole != written.lstrip("/") else written})
    whole = normpath(whole)
    in_full = written.startswith("/") or _SCHEME.match(written)
    return frozenset({whole, whole.removeprefix(root + "/") if in_full else whole})


def _keys(written: str, root: str, aside: str) -> Iterator[str]:
    if "\0" in written:
        return
    bare = written.strip()
    yield from (written, written.removeprefix("./").lstrip("/"))
    for form in dict.fromkeys((written, bare, bare.replace("\\", "/"), unquote(bare))):
        for one in (form, normalize("NFC", form), normalize("NFD", form)):
            whole = normpath(_SCHEME.sub("", one).lstrip("/")) if one else ""
            inside = (whole.removeprefix(root + "/") if root else whole).removeprefix(aside + "/")
            yield from (inside, whole)
