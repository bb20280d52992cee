"""Pseudonymised as so many letters and digits; short ones may be equal for different values."""

from shared.masking._keyed import letters

KEYLESS = False


def mask(value: str | None, *, key: bytes, length: int = 30, suffix: str = "") -> str | None:
    """Return `length` of a-z and 0-9 that follow from key and value, then `suffix`."""
    return None if value is None else letters(key, "random", value, length) + suffix
