"""Pseudonymised in an address's shape, at a domain that never receives mail (RFC 2606)."""

from shared.masking._keyed import is_pseudonym, pseudonym

KEYLESS = False
_BEFORE, _AFTER = "p-", "@masked.invalid"


def mask(value: str | None, *, key: bytes) -> str | None:
    """Return `p-<32 hex digits>@masked.invalid`, the same for every case of an address."""
    if value is None or is_pseudonym(key, "email", value.removeprefix(_BEFORE).removesuffix(_AFTER)):
        return value
    return f"{_BEFORE}{pseudonym(key, 'email', value.strip().casefold())}{_AFTER}"
