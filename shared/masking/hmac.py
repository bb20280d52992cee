"""Pseudonymised: equal values stay equal, so joins and counts still work; the key can test a guess."""

from shared.masking._keyed import is_pseudonym, pseudonym

KEYLESS = False


def mask(value: str | None, *, key: bytes, suffix: str = "") -> str | None:
    """Return 32 hex digits by HMAC-SHA256, then `suffix`; a value that is one already stays."""
    if value is None or (value.endswith(suffix) and is_pseudonym(key, "hmac", value.removesuffix(suffix))):
        return value
    return pseudonym(key, "hmac", value) + suffix
