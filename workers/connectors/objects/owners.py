"""The rules by which an inventory says whose objects are."""

from fnmatch import fnmatch
from typing import Literal

from workers.connectors.objects.index import Index
from workers.connectors.objects.ownership import StrictRule
from workers.connectors.objects.paths import InPath
from workers.connectors.objects.sidecar import Sidecar
from workers.connectors.objects.tagged import Tagged

__all__ = ["InPath", "Index", "Rule", "Scan", "Sidecar", "Tagged"]


class Scan(StrictRule):
    """Nobody says whose it is: texts and documents that name one person only are that person's.

    What cannot be read is counted as residual, unless its path fits a pattern of `ignore` (`*.png`).
    """

    scan: Literal[True]
    ignore: tuple[str, ...] = ()

    def passes_over(self, key: str) -> bool:
        """Say whether the client knows that such objects name nobody."""
        return any(fnmatch(key, pattern) for pattern in self.ignore)


Rule = Sidecar | InPath | Index | Tagged | Scan
