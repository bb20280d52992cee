"""Nothing stays: the column becomes NULL."""

KEYLESS = True


def mask(value: str | None, *, key: bytes) -> str | None:  # noqa: ARG001 - every strategy is called alike
    """Return None."""
    return None
