"""The look for canaries sees them however they are written."""

from base64 import b64encode
from urllib.parse import quote

import pytest

from tests.leaks import CARD, Canary, traces

ADA = Canary("ada", 1)


VALUES = [ADA.name, ADA.email, ADA.phone, CARD, ADA.phone.replace(" ", ""), ADA.email.upper()]
CODES = [
    bytes,
    lambda raw: raw.decode().encode("utf-16-le"),
    lambda raw: raw.decode().encode("utf-16-be"),
    lambda raw: compact(raw).hex().encode(),
    lambda raw: "".join(f"%{byte:02X}" for byte in compact(raw)).encode(),
    lambda raw: quote(raw).encode(),
    lambda raw: b64encode(compact(raw) + b"yz"),
    lambda raw: b64encode(b"x" + compact(raw)),
    lambda raw: b64encode(b"xx" + compact(raw) + b"z"),
]


def compact(raw: bytes) -> bytes:
    """Return a value as programs write it: what is between digits would be coded with them."""
    return raw.replace(b" ", b"").replace(b"-", b"")


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("code", CODES)
def test_a_canary_is_seen(value, code):
    """Plainly, in UTF-16, hexadecimal, percent-encoded or base64, between other bytes."""
    assert traces(b"\0\1 before " + code(value.encode()) + b" after \xff") != set()


def test_nothing_is_seen_where_nothing_is():
    """Other people's data, random digits and an empty file are no canaries."""
    assert set() == traces(b"ada@example.org +4930231250001 4111111111111111") | traces(b"")
