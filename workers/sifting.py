"""A long queue, looked through from its newest end: a breach that comes behind a flood does not wait for it.

To open an entry takes less than a millisecond, to store a ticket ten and more. Who submits may only add to one list, so
what is in it is known only when it was opened; in which order the others are stored decides nothing, their rows do.
"""

from collections.abc import Callable
from typing import Any

import redis

from workers.broker import INTAKE, WAITING

LONG = 200  # entries; fewer are stored in seconds
_AT_ONCE = 500
_PUSHED = 500


def is_long(broker: redis.Redis) -> bool:
    """Say whether so much is queued that what is urgent has to be looked for."""
    number: Any = broker.llen(INTAKE)
    return bool(number > LONG)


def sift(broker: redis.Redis, taken: str, urgent: Callable[[bytes], bool]) -> list[bytes]:
    """Look through the newest entries; return the urgent ones, which stand in the list `taken` alone, empty until now.

    The others go to the waiting ones. Each entry stands in one list at any time, so whoever dies here loses none.
    """
    with broker.pipeline(transaction=False) as pipe:
        for _ in range(_AT_ONCE):
            pipe.lmove(INTAKE, taken, "LEFT", "LEFT")
        newest: list[bytes] = [one for one in pipe.execute() if one is not None]
    chosen = [urgent(one) for one in newest]
    first, rest = ([one for one, is_so in zip(newest, chosen, strict=True) if is_so == so] for so in (True, False))
    with broker.pipeline(transaction=True) as pipe:
        pipe.delete(taken)
        for start in range(0, len(rest), _PUSHED):
            pipe.lpush(WAITING, *rest[start : start + _PUSHED])
        if first:
            pipe.lpush(taken, *first)
        pipe.execute()
    return first
