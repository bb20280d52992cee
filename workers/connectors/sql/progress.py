"""How far a delete came: kept every so often, so that after a crash it goes on there, and nothing goes uncounted."""

import json
from collections import Counter
from collections.abc import Sequence

from shared.domain.outcome import Found
from shared.ports import Work
from workers.connectors.sql.database import BATCH

EVERY = 20  # batches between checkpoints: each costs a commit in our own database


class Progress:
    """The rows of each collection that are done, in the order in which they come, and how many were erased."""

    def __init__(self, work: Work) -> None:
        self._work = work
        kept: dict[str, list[int]] = json.loads(work.cursor) if work.cursor else {}
        self._done = {name: rows for name, (rows, _) in kept.items()}
        self.erased = Counter({name: erased for name, (_, erased) in kept.items()})
        self._met: Counter[str] = Counter()
        self._batches = 0

    def rest(self, collection: str, going: Sequence[Found]) -> Sequence[Found]:
        """Return those of the next rows that were not done before the crash."""
        done = min(len(going), max(0, self._done.get(collection, 0) - self._met[collection]))
        self._met[collection] += done
        return going[done:]

    def went(self, collection: str, rows: int, erased: int, failed: int = 0) -> None:
        """Count a batch of rows, of which so many were still there to be erased, and so many could not be.

        Those that went after the last checkpoint, before a crash, were written down and are gone: they count too.
        """
        behind = self._met[collection] < self._done.get(collection, 0) + EVERY * BATCH
        self._met[collection] += rows
        self.erased[collection] += rows - failed if self._work.again and behind else erased
        self._batches += 1
        if self._batches % EVERY == 0:
            self._work.checkpoint(json.dumps({name: [met, self.erased[name]] for name, met in self._met.items()}))
