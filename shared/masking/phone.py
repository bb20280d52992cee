"""Pseudonymised in a phone number's shape, and nobody's phone rings.

The subscriber's part begins with zeros, which no number does. Not idempotent, on purpose: a PBX writes real calls as
`000…` (trunk, then international), so no form of digits can safely pass as masked already.
"""

import re

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE

from shared.masking._keyed import digits

KEYLESS = False

_SHAPED = re.compile(r"[ (]*\+?[\d ().\-/]*")


def mask(value: str | None, *, key: bytes) -> str | None:
    """Return `+49 00…` or `000…`: country code, length and separators kept, every other digit replaced by the key."""
    if value is None:
        return None
    old = re.sub(r"\D", "", value)
    if not value.isascii() or not _SHAPED.fullmatch(value) or not 7 <= len(old) <= 20:
        return "+000" + digits(key, "phone", value, 11)
    start, zeros = (_country(old), 2) if "+" in value else ("", 3)
    length = len(old) - len(start) - zeros
    new = start + "0" * zeros + digits(key, "phone", old, length)
    if new == old:
        new = new[:-1] + str((int(new[-1]) + 1) % 10)
    fresh = iter(new)
    return re.sub(r"\d", lambda _: next(fresh), value)


def _country(number: str) -> str:
    return next((number[:size] for size in (1, 2, 3) if int(number[:size]) in COUNTRY_CODE_TO_REGION_CODE), "")
