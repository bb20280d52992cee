"""Something else stands there, the same for everybody."""

KEYLESS = True


def mask(value: str | None, *, key: bytes, text: str = "", suffix: str = "") -> str | None:  # noqa: ARG001 - every strategy is called alike
    """Return `text` and `suffix`."""
    return None if value is None else str(text) + suffix
