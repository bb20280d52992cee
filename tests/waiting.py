"""Wait for conditions, not for seconds."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(condition: Callable[[], T], *, timeout: float = 10.0, every: float = 0.02) -> T:
    """Ask until the answer is true and return it; fail after `timeout` seconds with the last answer."""
    end = time.monotonic() + timeout
    while not (answer := condition()):
        if time.monotonic() > end:
            name = getattr(condition, "__qualname__", repr(condition))
            raise AssertionError(f"{name} was still {answer!r} after {timeout} s")
        time.sleep(every)
    return answer
