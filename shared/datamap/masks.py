"""Masking strategies as a data map states them: ours by their names, Fides' translated, both tried at the load."""

from typing import Any

from shared import masking
from shared.domain.errors import UsageError
from shared.nearest import near

Mask = str | dict[str, Any]

_FIDES = {"null_rewrite": "null", "string_rewrite": "rewrite", "random_string_rewrite": "random",
          "hash": "hmac", "hmac": "hmac", "ip_mask": "ip"}  # fmt: skip
_REFUSED = {
    "aes_encrypt": "whoever holds the key reads the data again, so it is no erasure; say hmac",
    "preserve": "the data would stand; state `rightsdesk: {retain: …}` on the collection if a duty keeps them",
}


def of_fides(strategy: str, configuration: dict[str, Any], place: str) -> Mask:
    """Return our mask for a Fides `masking_strategy_override`; a UsageError names the place and the nearest name."""
    if strategy in _REFUSED:
        raise UsageError(f"{place}: the masking strategy {strategy} is not supported: {_REFUSED[strategy]}")
    if strategy not in _FIDES:
        return checked({"strategy": strategy, **configuration}, place)  # ours, in their notation
    options = dict(configuration)
    options.pop("algorithm", None)  # ours is always HMAC-SHA256, under the ticket's key
    preservation = options.pop("format_preservation", None) or {}
    if suffix := preservation.get("suffix"):
        options["suffix"] = suffix
    if "rewrite_value" in options:
        options["text"] = options.pop("rewrite_value")
    name = _FIDES[strategy]
    return checked({"strategy": name, **options} if options else name, place)


def checked(mask: Mask, place: str) -> Mask:
    """Return a mask that its strategy accepts; a UsageError says what is wrong with it and where."""
    options = dict(mask) if isinstance(mask, dict) else {"strategy": mask}
    name = str(options.pop("strategy", ""))
    known = {*masking.names(), *_FIDES}
    if name not in masking.names():
        raise UsageError(f"{place}: no masking strategy {name}{near(name, known)}")
    try:
        masking.strategy(name)("a value", key=bytes(32), **options)
    except (TypeError, ValueError):
        said = ", ".join(f"{key}: {value}" for key, value in options.items())
        raise UsageError(f"{place}: the masking strategy {name} does not take {said}") from None
    return mask
