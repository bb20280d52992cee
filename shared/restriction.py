"""Which records a ticket itself put out of use: only those may it put back (Art. 18)."""

import json
from collections.abc import Iterable

from shared.ports import Work

RESTRICTED, LIFTED = "restricted", "lifted"  # fates of records that were moved, and moved back
_MOST = 4000  # notes are written in batches of 1,000: this many records may have been moved and have no note yet


class PutAside:
    """What is being moved, kept before it is: a crash between the move and its note would lose that it was ours."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._keys: dict[str, None] = dict.fromkeys(json.loads(work.cursor) if work.cursor else ())

    def begin(self, keys: Iterable[str]) -> None:
        """Keep which records are about to be moved."""
        before = len(self._keys)
        self._keys |= dict.fromkeys(keys)
        if len(self._keys) > before:
            self._keys = dict.fromkeys(list(self._keys)[-_MOST:])
            self._work.checkpoint(json.dumps(list(self._keys)))

    def __contains__(self, key: str) -> bool:
        return key in self._keys
