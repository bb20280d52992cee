"""Mailboxes on an IMAP server (`connector = "imap"`): all folders of each, by one master user or one login each.

What a verb does with a message stands in `shared.mail.correspondence`; here is where messages stand.

Every message is fetched (BODY.PEEK, so nothing is marked as read) and compared here. The server's SEARCH is no filter
for whose a message is, since none of it is sure not to lose one: RFC 3501 (6.4.4) leaves open whether encoded words
and base64 bodies are decoded, servers with a full-text index match words only (`bob@` is then in `jimbob@`, or is not
found at all), none reads an address that HTML tags part, or an attachment. The heads alone do not do either: mentions
stand in texts, and what is noted bears a digest of the whole. SEARCH is asked where servers agree by definition: for
UIDs and internal dates, when the copy of a message is looked for.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import ClassVar

from pydantic import BaseModel

from shared.domain.outcome import Found, Outcome
from shared.inventory import Client, System
from shared.mail import Batch, Correspondence, Finder, Same
from shared.ports import Finding, Work
from workers.connectors.imap.folders import title_of
from workers.connectors.imap.mailboxes import Mailboxes
from workers.connectors.imap.messages import Key, Standing
from workers.connectors.imap.search import Search
from workers.connectors.imap.session import Sessions, reachable
from workers.connectors.imap.settings import ImapSettings

_UNSEEN = "what the mail server's own caches, indexes and archives keep cannot be seen over IMAP"


_LACKS = {
    "UIDPLUS": ("the server has no UIDPLUS, so nothing can be deleted or masked", "turn UIDPLUS (RFC 4315) on"),
    "rights": ("some folders may not be opened or changed", "give the login l, r, s, w, i, k, t, e (RFC 4314) on all"),
}


class Imap(Correspondence):
    """Mailboxes on an IMAP server."""

    name: ClassVar[str] = "imap"
    keys_last: ClassVar[bool] = False  # a UID is its folder's
    Settings: ClassVar[type[BaseModel]] = ImapSettings

    def __init__(self, system: System, client: Client, settings: ImapSettings) -> None:
        super().__init__(client, settings)
        self._sessions = Sessions(settings, system.folder)
        self._accounts = settings.accounts()
        self._mailboxes = Mailboxes(self._sessions, self._accounts, settings.restricted_folder)

    def close(self) -> None:
        """Log out."""
        self._sessions.close()

    def delete(self, work: Work) -> Outcome:
        """Delete as all mailboxes do; where nothing is declared to stay behind, say that it could not be seen."""
        outcome = super().delete(work)
        if not self._mail.residual:
            for collection, counts in outcome.counts.items():
                if counts.keys() & {"erased", "redacted"}:
                    outcome.because(collection, "residual", _UNSEEN)
        return outcome

    def check(self) -> Iterator[Finding]:
        """Log in to every mailbox, open every folder, see what the server can; names of either stay out."""
        with reachable():
            for number, lack in self._mailboxes.lacking():
                yield Finding("error", f"mailbox {number} of the inventory's list", *_LACKS[lack])

    def _owners(self) -> Iterable[str]:
        return [account.mailbox for account in self._accounts]

    def _messages(self) -> Iterator[tuple[Standing, bytes]]:
        with reachable():
            yield from self._mailboxes.messages()

    def _finder(self, same: Same) -> Finder:
        return Search(self._mailboxes, same)

    def _file_name(self, note: Found) -> str:
        key = Key.read(note.key)
        folder = title_of(key.name).replace("/", "_")
        return f"{key.mailbox}/{folder}/{key.validity}-{key.uid}.eml"

    def _contents(self, batch: Batch) -> Iterator[tuple[str, bytes]]:
        with reachable():
            yield from self._mailboxes.contents(batch)

    @reachable()
    def _remove(self, batch: Batch) -> None:
        self._mailboxes.remove(batch)

    @reachable()
    def _rewrite(self, batch: Batch, change: Callable[[bytes], bytes]) -> None:
        self._mailboxes.rewrite(batch, change)

    @reachable()
    def _move(self, batch: Batch, *, restricted: bool) -> None:
        self._mailboxes.move(batch, restricted=restricted)


CONNECTOR = Imap
