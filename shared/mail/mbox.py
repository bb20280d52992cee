"""An mbox of messages, streamed: the variant `mboxrd`, from which every message comes back as it was.

RFC 4155 describes the format. A line that begins with `From ` would start another message, so it is quoted with `>`,
and so is a line that is quoted already.
"""

import io
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

_FROM = re.compile(rb"^(>*From )", re.MULTILINE)
_NOBODY = b"MAILER-DAEMON"  # as is usual where an mbox shall not say who delivered a message
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


def entry(raw: bytes, at: datetime | None) -> bytes:
    """Return one message as it stands in an mbox."""
    date = (at or _NEVER).astimezone(UTC).strftime("%a %b %d %H:%M:%S %Y").encode()
    text = _FROM.sub(rb">\1", raw.replace(b"\r\n", b"\n"))
    return b"From " + _NOBODY + b" " + date + b"\n" + text + (b"\n" if text.endswith(b"\n") else b"\n\n")


class Stream(io.RawIOBase):
    """Entries read one after the other, none kept: an mbox of any size takes the memory of one message."""

    def __init__(self, entries: Iterable[bytes]) -> None:
        super().__init__()
        self._entries: Iterator[bytes] = iter(entries)
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        """Say yes."""
        return True

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]  # typeshed asks for any buffer
        """Fill a part of the buffer; 0 is the end."""
        while not self._rest:
            following = next(self._entries, None)
            if following is None:
                return 0
            self._rest = memoryview(following)
        number = min(len(buffer), len(self._rest))
        buffer[:number] = self._rest[:number]
        self._rest = self._rest[number:]
        return number
