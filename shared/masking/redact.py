"""Only that something stood here stays."""

KEYLESS = True
REDACTED = "[redacted]"


def mask(value: str | None, *, key: bytes) -> str | None:  # noqa: ARG001 - every strategy is called alike
    """Return `[redacted]`."""
    return None if value is None else REDACTED
