"""The doctor: looks whether everything that must hold does. Nothing is changed, so it may run at any time.

One check a file, found by `discover`: a module exports `CHECK = Check(name, look)`. `look` yields a `Finding` for each
thing that is wrong: of which id, what, and what to do. Checks read pages by index and open no sealed column; one that
asks clients' systems says `asks_systems`, and is left out unless it is asked for.
"""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.plugins import discover
from workers.office import Office

PATIENCE = timedelta(seconds=15)  # three sweeps: what one would have mended by then stands still


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that does not hold: of which id, what is wrong, what to do. Never personal data."""

    of: str
    what: str
    todo: str


@dataclass(frozen=True, slots=True)
class Visit:
    """One look at everything, as of a time."""

    office: Office
    now: datetime

    @property
    def before(self) -> datetime:
        """What was to be done before this moment is overdue."""
        return self.now - PATIENCE


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must hold."""

    name: str
    look: Callable[[Visit], Iterator[Finding]]
    asks_systems: bool = False


def checks(*, systems: bool = False) -> list[Check]:
    """Return the checks there are by name; those that ask clients' systems only if wanted."""
    found: dict[str, Check] = discover(sys.modules[__name__], "CHECK")
    return [one for _, one in sorted(found.items()) if systems or not one.asks_systems]


def examine(office: Office, *, systems: bool = False) -> Iterator[tuple[Check, Finding]]:
    """Yield what does not hold, as it is found."""
    visit = Visit(office, office.now())
    for check in checks(systems=systems):
        yield from ((check, one) for one in check.look(visit))
