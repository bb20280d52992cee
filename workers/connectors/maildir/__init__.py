"""Mailboxes on disk: every Maildir below a path, at any depth, Maildir++ folders too (`connector = "maildir"`).

What a verb does with a message stands in `shared.mail.correspondence`; here is where messages stand.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import ClassVar

from pydantic import BaseModel

from shared.domain.outcome import Found, Outcome
from shared.inventory import Client, System
from shared.mail import Batch, Correspondence, Finder, MailSettings, Same
from shared.ports import Finding, Work
from workers.connectors.maildir.folders import Mailboxes, Place, reachable

_CACHED = "the mail server's caches keep heads of deleted messages until it cleans them (doveadm index, doveadm purge)"


class MaildirSettings(MailSettings):
    """What the inventory says of a `maildir` system: `path`, below which every mailbox is a Maildir."""

    path: str


class Maildir(Correspondence):
    """Every Maildir below a path."""

    name: ClassVar[str] = "maildir"
    Settings: ClassVar[type[BaseModel]] = MaildirSettings

    def __init__(self, system: System, client: Client, settings: MaildirSettings) -> None:
        super().__init__(client, settings)
        self._mailboxes = Mailboxes(system.folder / settings.path, settings.restricted_folder)

    def close(self) -> None:
        """Nothing is held open."""

    def delete(self, work: Work) -> Outcome:
        """Delete as all mailboxes do; where nothing is declared to stay behind, say what caches may keep."""
        outcome = super().delete(work)
        with reachable():
            caches = not self._mail.residual and self._mailboxes.caches()
        for collection, counts in outcome.counts.items() if caches else ():
            if counts.keys() & {"erased", "redacted"}:
                outcome.because(collection, "residual", _CACHED)
        return outcome

    def check(self) -> Iterator[Finding]:
        """See whether every mailbox may be read and changed; their names, which may be people's, stay out."""
        with reachable():
            number, unread, fixed = self._mailboxes.closed()
        todo = "give the worker's user the rights on cur, new, tmp and the folder itself"
        for count, done in ((unread, "read"), (fixed, "changed")):
            if count:
                yield Finding("error", f"{count} of {number} mailboxes", f"may not be {done}", todo)

    @reachable()
    def _owners(self) -> Iterable[str]:
        return [folder.origin for folder in self._mailboxes.folders()]

    def _messages(self) -> Iterator[tuple[Place, bytes]]:
        with reachable():
            for place in self._mailboxes.messages():
                if (raw := self._mailboxes.read(place)) is not None:
                    yield place, raw

    def _finder(self, _same: Same) -> Finder:
        @reachable()
        def find(notes: Iterable[Found]) -> dict[str, list[Place]]:
            return self._mailboxes.places(note.key for note in notes)  # a file's name is its message's, always

        return find

    def _file_name(self, note: Found) -> str:
        folder, _, base = note.key.rpartition("/")
        return f"{folder}/{base}.eml"

    def _contents(self, batch: Batch) -> Iterator[tuple[str, bytes]]:
        for key, places in batch:
            with reachable():
                raw = self._mailboxes.read(places[0])
            if raw is not None:
                yield key, raw

    @reachable()
    def _remove(self, batch: Batch) -> None:
        for key, places in batch:
            self._mailboxes.remove(key, list(places))

    @reachable()
    def _rewrite(self, batch: Batch, change: Callable[[bytes], bytes]) -> None:
        for key, places in batch:
            self._mailboxes.rewrite(key, list(places), change)

    @reachable()
    def _move(self, batch: Batch, *, restricted: bool) -> None:
        for key, places in batch:
            self._mailboxes.move(key, list(places), restricted=restricted)


CONNECTOR = Maildir
