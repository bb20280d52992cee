"""Masking strategies: how a value that must stay is made to say nothing about the person.

To add one: put a file `shared/masking/<name>.py` here and its test class in `tests/shared/test_masking.py`. The file's
name is the strategy's name in a data map (`mask: truncate`, or with options `mask: {strategy: truncate, length: 3}`).
It exports two things:

    KEYLESS = False

    def mask(value: str | None, *, key: bytes) -> str | None:
        return None if value is None else pseudonym(key, "visitor", value)

`KEYLESS` says what may be claimed. True: no key takes part, nothing but the value itself could bring it back (null,
redact, rewrite, truncate, ip, freetext). False: the value is *pseudonymised* (GDPR 4(5)): whoever holds the key can
test a guess, so it is anonymous only once the key is destroyed (hmac, random, email, phone). Options are keyword
arguments with defaults.

NULL stays NULL in every strategy. The contract that each must keep is `MaskContract` in the test.
"""

import importlib
import pkgutil
from collections.abc import Callable
from difflib import get_close_matches
from types import ModuleType

from shared.domain.errors import UsageError


def names() -> tuple[str, ...]:
    """Return the names of all strategies: the files in this folder."""
    return tuple(sorted(info.name for info in pkgutil.iter_modules(__path__) if not info.name.startswith("_")))


def strategy(name: str) -> Callable[..., str | None]:
    """Return `mask(value, *, key, **options)` of the strategy called `name`."""
    found: Callable[..., str | None] = _module(name).mask
    return found


def keyless(name: str) -> bool:
    """Say whether no key can reverse this strategy; where False, say pseudonymised and never anonymised."""
    return bool(_module(name).KEYLESS)


def _module(name: str) -> ModuleType:
    known = names()
    if name not in known:
        near = get_close_matches(name, known, n=1)
        hint = f" (did you mean {near[0]!r}?)" if near else ""
        raise UsageError(f"no masking strategy {name!r}{hint}; there are: {', '.join(known)}")
    return importlib.import_module(f"{__name__}.{name}")
