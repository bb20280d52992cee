"""All mailboxes of an IMAP system: where messages stand; moved, rewritten and removed by UID.

Only named messages are ever expunged (UID EXPUNGE, RFC 4315): a bare EXPUNGE would take what others have marked.
Each act ends in the same state however often it runs: what a crash left half-done is seen in the folders themselves.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator

from imapclient import IMAPClient

from shared.domain.errors import Final, Retryable
from shared.mail import Batch
from workers.connectors.imap.changes import create, expunge, move, rewrite
from workers.connectors.imap.folders import Folder, Folders
from workers.connectors.imap.messages import Standing, contents, mark_of, sizes, sizes_of
from workers.connectors.imap.session import Sessions, code_of
from workers.connectors.imap.settings import Account

_ByFolder = Iterable[tuple[tuple[str, str], list[tuple[str, Standing]]]]


class Mailboxes:
    """The mailboxes of a system, through one connection at a time."""

    def __init__(self, sessions: Sessions, accounts: Iterable[Account], restricted_folder: str) -> None:
        self._sessions = sessions
        self._accounts = {one.mailbox: one for one in accounts}
        self._restricted_folder = restricted_folder

    def client(self, mailbox: str) -> IMAPClient:
        """Return the connection of a mailbox."""
        if mailbox not in self._accounts:
            raise Final("a mailbox is no longer in the inventory; put it back and retry, or waive")
        return self._sessions.of(self._accounts[mailbox])

    def folders(self, mailbox: str) -> Folders:
        """List a mailbox's folders."""
        return Folders(self.client(mailbox), self._restricted_folder)

    def messages(self) -> Iterator[tuple[Standing, bytes]]:
        """Yield every message of every folder, with its content."""
        for mailbox in self._accounts:
            for folder in self.folders(mailbox):
                yield from self._in_folder(mailbox, folder)

    def lacking(self) -> Iterator[tuple[int, str]]:
        """Yield each mailbox's number with what it lacks: `UIDPLUS`, or folders that may not be opened or changed."""
        for mailbox, account in self._accounts.items():
            client, folders = self.client(mailbox), self.folders(mailbox)
            if not client.has_capability("UIDPLUS"):
                yield account.number, "UIDPLUS"
            if not all(self._may_change(client, mailbox, folder.name) for folder in folders):
                yield account.number, "rights"

    def _may_change(self, client: IMAPClient, mailbox: str, name: str) -> bool:
        """Select a folder as for a change; nothing is changed but which messages are said to be recent."""
        try:
            self.open(client, mailbox, name, change=True)
        except client.ReadOnlyError:
            return False
        except client.AbortError:
            raise
        except client.Error:
            return False
        return True

    def _in_folder(self, mailbox: str, folder: Folder) -> Iterator[tuple[Standing, bytes]]:
        client = self.client(mailbox)
        opened = self.open(client, mailbox, folder.name)
        if opened is None:
            return
        validity, exists = opened
        for window in sizes(client, exists):
            for uid, raw in contents(client, window):
                yield standing(mailbox, folder, validity, uid, mark_of(raw)), raw

    def open(self, client: IMAPClient, mailbox: str, name: str, *, change: bool = False) -> tuple[int, int] | None:
        """Select a folder and return its UIDVALIDITY and number of messages; None if it has gone since it was listed.

        One that stands and can not be opened is an error: nothing may be reported as searched that was not.
        """
        try:
            told = client.select_folder(name, readonly=not change)
        except client.Error as error:
            if isinstance(error, client.AbortError) or name in self.folders(mailbox):
                raise
            if code_of(error) in {"NOPERM", "UNAVAILABLE"}:
                raise
            return None
        return int(told.get(b"UIDVALIDITY", 0)), int(told[b"EXISTS"])

    def contents(self, batch: Batch) -> Iterator[tuple[str, bytes]]:
        """Yield keys and contents of the messages that stand, each once."""
        firsts = [(key, places[0]) for key, places in batch if places]
        for (mailbox, name), group in _by_folder(firsts):
            client = self._opened(mailbox, name, (place for _, place in group))
            by_uid = defaultdict(list)
            for key, place in group:
                by_uid[place.uid].append(key)
            for uid, raw in contents(client, sizes_of(client, by_uid)):
                yield from ((key, raw) for key in by_uid[uid])

    def remove(self, batch: Batch) -> None:
        """Expunge these messages."""
        for (mailbox, name), group in _by_folder((key, place) for key, places in batch for place in places):
            client = self._opened(mailbox, name, (place for _, place in group), change=True)
            expunge(client, [place.uid for _, place in group])

    def rewrite(self, batch: Batch, change: Callable[[bytes], bytes]) -> None:
        """Append what `change` makes of each message, with its date and flags, then expunge the original."""
        for (mailbox, name), group in _by_folder((key, place) for key, places in batch for place in places):
            client = self._opened(mailbox, name, (place for _, place in group), change=True)
            for uid in dict.fromkeys(place.uid for _, place in group):
                rewrite(client, name, uid, change)

    def move(self, batch: Batch, *, restricted: bool) -> None:
        """Move messages into the restricted folder of theirs, or back; where a crash left both, one goes."""
        there = {key for key, places in batch if any(place.restricted == restricted for place in places)}
        rest = [(key, place) for key, places in batch for place in places if place.restricted != restricted]
        for (mailbox, name), group in _by_folder(rest):
            folders = self.folders(mailbox)
            folder = folders.folder(name)
            target = folders.restricted_of(folder.origin) if restricted else folder.origin
            for missing in folders.missing(target):
                create(self.client(mailbox), missing)
            client = self._opened(mailbox, name, (place for _, place in group), change=True)
            move(client, [place.uid for key, place in group if key not in there], name, target)
            expunge(client, [place.uid for key, place in group if key in there])

    def _opened(self, mailbox: str, name: str, places: Iterable[Standing], *, change: bool = False) -> IMAPClient:
        """Open a folder in which messages were found; that it was rebuilt since is another try's affair."""
        client = self.client(mailbox)
        opened = self.open(client, mailbox, name, change=change)
        if opened is None or any(place.validity != opened[0] for place in places):
            raise Retryable("a folder was rebuilt or removed while it was worked on")
        return client


def standing(mailbox: str, folder: Folder, validity: int, uid: int, mark: str) -> Standing:
    """Return where a message stands."""
    return Standing(mailbox, folder.name, validity, uid, f"{mailbox}/{folder.title}", folder.restricted, mark)


def _by_folder(places: Iterable[tuple[str, Standing]]) -> _ByFolder:
    groups: dict[tuple[str, str], list[tuple[str, Standing]]] = defaultdict(list)
    for key, place in places:
        groups[place.mailbox, place.name].append((key, place))
    return groups.items()
