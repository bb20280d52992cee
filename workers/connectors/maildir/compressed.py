"""Messages that a mail server keeps compressed (Dovecot's `zlib` plugin), read and written as it does."""

import bz2
import gzip
import lzma
import zlib
from collections.abc import Callable

from shared.domain.errors import Final

_Change = Callable[[bytes], bytes]
_PACKED: dict[bytes, tuple[_Change, _Change]] = {
    b"\x1f\x8b\x08": (gzip.decompress, gzip.compress),
    b"BZh": (bz2.decompress, bz2.compress),
    b"\xfd7zXZ\0": (lzma.decompress, lzma.compress),
}
_UNREADABLE = {b"\x28\xb5\x2f\xfd": "zstd", b"Dovecot-LZ4\x0d\x2a\x9b\xc5": "lz4"}
_BROKEN = (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError)


def unpacked(data: bytes) -> bytes:
    """Return a message as it was delivered; `Final` if it is compressed in a way that is not read, or damaged."""
    if name := next((name for magic, name in _UNREADABLE.items() if data.startswith(magic)), None):
        raise Final(f'messages are compressed with {name}, which is not read; use `connector = "imap"`, or unpack them')
    unpack, _ = _ways(data)
    try:
        return unpack(data)
    except _BROKEN:
        raise Final("a compressed message is damaged; repair it, or put it elsewhere") from None


def packed(message: bytes, *, like: bytes) -> bytes:
    """Return a message compressed as the file was in whose place it goes."""
    return _ways(like)[1](message)


def _ways(data: bytes) -> tuple[_Change, _Change]:
    return next((ways for magic, ways in _PACKED.items() if data.startswith(magic)), (bytes, bytes))
