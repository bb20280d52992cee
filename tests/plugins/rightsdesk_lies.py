"""Connectors that lie, raise or take their time: another package's, found by the entry-point group."""

import os
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from shared.domain.errors import Final, Retryable
from shared.domain.outcome import Found, Outcome
from shared.inventory import Client, System
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


class Dying(SQL):
    """Kills its own process once, where the file `die` says: at a verb's begin, in its middle, or at its end."""

    name: ClassVar[str] = "dying"

    def locate(self, work: Work) -> Outcome:
        die("locate begin")
        found = super().locate(replace(work, note=lambda one: (die("locate middle"), work.note(one))[1]))
        die("locate end")
        return found

    def delete(self, work: Work) -> Outcome:
        die("delete begin")
        if told("delete middle"):
            super().delete(all_but_one(work, lambda one: one.collection == "contacts"))
            die("delete middle")
        done = super().delete(work)
        die("delete end")
        return done

    def absent(self, work: Work) -> Outcome:
        die("absent begin")
        seen = super().absent(work)
        die("absent end")
        return seen


def told(point: str) -> bool:
    """Say whether this is where the process is to die."""
    file = Path(os.environ["RIGHTSDESK_TEST_FOLDER"]) / "die"
    return file.exists() and file.read_text() == point


def die(point: str) -> None:
    """Die, if it is here: once."""
    if told(point):
        (Path(os.environ["RIGHTSDESK_TEST_FOLDER"]) / "die").unlink()
        os.kill(os.getpid(), signal.SIGKILL)


class Fickle(MemorySystem):
    """Does not answer while its id stands in `down`."""

    name: ClassVar[str] = "fickle"
    down: ClassVar[set[str]] = set()
    after: ClassVar[float] = 30.0  # seconds: a pause is to be seen between two looks

    def __init__(self, system: System, client: Client, settings: Any) -> None:
        super().__init__(system, client, settings)
        self.system = system.id

    def locate(self, work: Work) -> Outcome:
        self._answer()
        return super().locate(work)

    def delete(self, work: Work) -> Outcome:
        self._answer()
        return super().delete(work)

    def _answer(self) -> None:
        if self.system in self.down:
            raise Retryable("the system does not answer", after=self.after)


class Poison(SQL):
    """Takes its process with it whenever it is asked to locate: by a crash, or by wanting all memory there is."""

    name: ClassVar[str] = "poison"

    def locate(self, work: Work) -> Outcome:
        how = Path(os.environ["RIGHTSDESK_TEST_FOLDER"]) / "poison"
        if not how.exists():
            return super().locate(work)
        if how.read_text() == "memory":
            hoard = [bytearray(1 << 20) for _ in range(1 << 14)]
            raise AssertionError(f"{len(hoard)} MiB were there")
        os.kill(os.getpid(), signal.SIGSEGV)
        return super().locate(work)


class Moody(SQL):
    """Behaves as the file `mood` says: refuses, hangs, is slow, answers rubbish, fails half of the time, breaks off."""

    name: ClassVar[str] = "moody"
    calls: ClassVar[int] = 0

    def locate(self, work: Work) -> Outcome:
        self._mood()
        return super().locate(work)

    def delete(self, work: Work) -> Outcome:
        if self._mood() == "breaks off":
            super().delete(all_but_one(work, lambda one: one.collection == "contacts"))
            raise Retryable("the connection was lost", after=1)
        return super().delete(work)

    def _mood(self) -> str:
        folder = Path(os.environ["RIGHTSDESK_TEST_FOLDER"])
        file = folder / "mood"
        mood = file.read_text() if file.exists() else ""
        with (folder / "calls").open("a") as calls:
            calls.write(f"{time.time()} {mood}\n")
        Moody.calls += 1
        if mood in ("refuses", "rubbish") or (mood == "half" and Moody.calls % 2):
            raise Retryable("the system does not answer", after=1)
        if mood == "slow":
            time.sleep(2)
        while mood == "hangs" and file.exists() and file.read_text() == mood:
            time.sleep(0.05)
        return mood
