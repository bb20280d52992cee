"""How bytes are read as text: by what is declared, by the marks that they bear, and by where their zeros stand."""

import re
from codecs import BOM_UTF16_BE, BOM_UTF16_LE, BOM_UTF32_BE, BOM_UTF32_LE

HEAD = 256  # bytes from which a charset is told
_MARKS = (
    (BOM_UTF32_LE, "utf-32"), (BOM_UTF32_BE, "utf-32"), (BOM_UTF16_LE, "utf-16"), (BOM_UTF16_BE, "utf-16"),
)  # fmt: skip
_ONE_BYTE = re.compile(r"utf-?8|us-ascii|ascii|iso-?8859|latin|windows-125|cp125", re.IGNORECASE)
_NO_ORDER = re.compile(r"utf[-_]?(16|32)", re.IGNORECASE)
# Of text in Latin letters: which bytes of each four are zero.
_ZEROS = {
    (False, True, True, True): "utf-32-le", (True, True, True, False): "utf-32-be",
    (False, True, False, True): "utf-16-le", (True, False, True, False): "utf-16-be",
}  # fmt: skip


def charsets(data: bytes, declared: str = "utf-8") -> list[str]:
    """Return how a text may be read: by its mark, as declared and, where ASCII would not show through, in other ways.

    A mark before single bytes hides nobody. UTF-16 without a mark is big endian (RFC 2781 section 4.3), but many write
    it the other way round.
    """
    marked = next((charset for mark, charset in _MARKS if data.startswith(mark)), None)
    ways = [one for one in (marked or by_zeros(data),) if one]
    if wide := _NO_ORDER.fullmatch(declared):
        ways += [f"utf-{wide[1]}-be", f"utf-{wide[1]}-le", "latin-1"]
    else:
        ways += [declared] if _ONE_BYTE.match(declared) else [declared, "latin-1"]
    return list(dict.fromkeys(ways))


def by_zeros(data: bytes) -> str | None:
    """Return the charset of UTF-16 or UTF-32 without a mark, None for what is neither."""
    head = data[: min(HEAD, len(data) // 4 * 4)]
    columns = [head[at::4] for at in range(4)]
    mostly = tuple(column.count(0) * 10 > len(column) * 7 for column in columns)
    return _ZEROS.get((mostly[0], mostly[1], mostly[2], mostly[3])) if head else None


def as_text(data: bytes, charset: str, errors: str = "surrogateescape") -> str:
    """Decode, as single bytes if the charset does not fit or is none."""
    try:
        return data.decode(charset, errors)
    except (LookupError, ValueError):
        return data.decode("latin-1")
