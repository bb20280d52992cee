"""Connectors that lie, raise or take their time: another package's, found by the entry-point group."""

import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from shared.domain.errors import Final
from shared.domain.outcome import Found, Outcome
from shared.ports import Work
from shared.testing import MemorySystem
from workers.connectors.maildir import CONNECTOR as MAILDIR
from workers.connectors.objects import CONNECTOR as OBJECTS
from workers.connectors.sql import CONNECTOR as SQL


def all_but_one(work: Work, which: Callable[[Found], bool]) -> Work:
    """Return the work without one record that fits."""
    found = list(work.found())
    spared = next((one for one in reversed(found) if which(one)), None)
    return replace(work, found=lambda: [one for one in found if one is not spared])


def lying(outcome: Outcome) -> Outcome:
    """Report one more than was done."""
    name = next(iter(outcome.counts), "records")
    outcome.count(name, "erased")
    return outcome


class LyingSql(SQL):
    """Leaves one row of the person's root, and reports it deleted."""

    name: ClassVar[str] = "lying-sql"

    def delete(self, work: Work) -> Outcome:
        return lying(super().delete(all_but_one(work, lambda one: one.collection == "contacts")))


class OrphaningSql(SQL):
    """Leaves one child row, whose parent goes."""

    name: ClassVar[str] = "orphaning-sql"

    def delete(self, work: Work) -> Outcome:
        return lying(super().delete(all_but_one(work, lambda one: one.collection == "messages")))


class LyingMaildir(MAILDIR):
    """Leaves one mail."""

    name: ClassVar[str] = "lying-maildir"

    def delete(self, work: Work) -> Outcome:
        return lying(super().delete(all_but_one(work, lambda one: one.how == "subject")))


class LyingObjects(OBJECTS):
    """Leaves one file."""

    name: ClassVar[str] = "lying-objects"

    def delete(self, work: Work) -> Outcome:
        return lying(super().delete(all_but_one(work, lambda one: one.how == "subject")))


class Raising(MemorySystem):
    """Raises what no connector may raise, with a person's address in the text."""

    name: ClassVar[str] = "raising"

    def locate(self, work: Work) -> Outcome:
        raise ZeroDivisionError(f"{min(work.subject.identifiers).value} divided by zero")


class Slow(SQL):
    """Takes its time over a delete: says that it has begun, and goes on when a file appears."""

    name: ClassVar[str] = "slow"

    def delete(self, work: Work) -> Outcome:
        folder = Path(os.environ["RIGHTSDESK_TEST_FOLDER"])
        (folder / f"begun-{os.getpid()}").touch()
        while not (folder / "go").exists():
            time.sleep(0.02)
        return super().delete(work)


class Breaking(SQL):
    """Breaks off once the messages are gone, the first time that it deletes for a ticket."""

    name: ClassVar[str] = "breaking"

    def delete(self, work: Work) -> Outcome:
        if work.again:
            return super().delete(work)
        super().delete(all_but_one(work, lambda one: one.collection == "contacts"))
        raise Final("broken off")
