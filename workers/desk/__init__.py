"""Desk verbs: what is done at the vendor's own desk (letters, notices, transfers, the register). One verb a file.

A module exports `VERB = DeskVerb(name, run)`; `run(job)` returns an `Outcome` and raises only `Retryable` or
`Final`. It runs outside of any write transaction. What it puts into the package is registered when its step
ends. A message to the outside goes through `workers.delivery.once`, which gives it a stable id.
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from shared.domain.case import Case, Right
from shared.domain.outcome import Outcome
from shared.inventory import Client, Inventory
from shared.plugins import discover
from shared.ports import Affected
from shared.settings import Settings
from shared.store.session import Store
from shared.vault import Vault
from workers.package import PackageFile, PackageStore, PartWriter


@dataclass(frozen=True, slots=True)
class Job:
    """One desk step's work. `case` is as it stood when the step was claimed."""

    step: int
    ticket: UUID
    case: Case
    right: Right
    args: Mapping[str, Any]
    key: bytes  # the ticket's data key
    now: datetime
    due_at: datetime
    settings: Settings
    inventory: Inventory
    vault: Vault
    store: Store
    packages: PackageStore
    package: PartWriter  # what is put here stands in the person's package
    files: Callable[[], list[PackageFile]]  # what other steps have put there
    affected: Callable[[], Iterator[Affected]]  # who was found to stand in a breach
    last_try: bool = False  # no further attempt comes by itself

    @property
    def client(self) -> Client:
        """The controller."""
        return self.case.client


@dataclass(frozen=True, slots=True)
class DeskVerb:
    """A verb done at the desk."""

    name: str
    run: Callable[[Job], Outcome]


@cache
def verbs() -> dict[str, DeskVerb]:
    """Return every desk verb by its name."""
    return discover(sys.modules[__name__], "VERB")
