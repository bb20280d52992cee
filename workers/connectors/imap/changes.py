"""What is changed on an IMAP server, in the open folder: expunge, move, put a copy in a message's place."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice

from imapclient import DELETED, RECENT, IMAPClient

from shared.domain.errors import Final
from workers.connectors.imap.messages import contents, mark_of, marks_of, sizes_of
from workers.connectors.imap.session import code_of

_MOST = 200  # messages named in one command
_DAY = timedelta(days=1)


def expunge(client: IMAPClient, uids: Iterable[int]) -> None:
    """Expunge these messages and no others (UID EXPUNGE, RFC 4315); without UIDPLUS nothing is marked even."""
    for some in _pieces(uids):
        _must_expunge(client)
        client.add_flags(some, [DELETED], silent=True)
        client.uid_expunge(some)


def move(client: IMAPClient, uids: Iterable[int], source: str, target: str) -> None:
    """Move messages (RFC 6851); without MOVE each is appended there, seen to stand, and then expunged here."""
    for some in _pieces(uids):
        if client.has_capability("MOVE"):
            client.move(some, target)
            continue
        _must_expunge(client)
        for uid in some:
            _transfer(client, uid, source, target)


def create(client: IMAPClient, name: str) -> None:
    """Make a folder; nobody is subscribed to it, so mail programs that show subscriptions do not show it."""
    try:
        client.create_folder(name)
    except client.Error as error:
        if code_of(error) != "ALREADYEXISTS":
            raise


def rewrite(client: IMAPClient, folder: str, uid: int, change: Callable[[bytes], bytes]) -> None:
    """Append what `change` makes of a message, with its date and flags, then expunge it; gone already is success.

    A crash in between leaves both. So the copy is first looked for: it can only be younger in the folder.
    """
    if (letter := _Letter.fetched(client, uid)) is None:
        return
    after = change(letter.raw)
    if after is letter.raw:
        return
    _must_expunge(client)
    _keep(client, folder, replace(letter, raw=after), above=uid)
    expunge(client, [uid])


def _transfer(client: IMAPClient, uid: int, source: str, target: str) -> None:
    letter = _Letter.fetched(client, uid)
    if letter is not None:
        client.select_folder(target, readonly=True)
        _keep(client, target, letter)
        client.select_folder(source)
        expunge(client, [uid])


@dataclass(frozen=True, slots=True)
class _Letter:
    """A message as a copy of it has to be."""

    raw: bytes
    flags: tuple[bytes, ...]
    at: datetime  # the internal date

    @classmethod
    def fetched(cls, client: IMAPClient, uid: int) -> "_Letter | None":
        told = client.fetch([uid], ["BODY.PEEK[]", "FLAGS", "INTERNALDATE"]).get(uid)
        if told is None:
            return None
        flags = tuple(flag for flag in told.get(b"FLAGS", ()) if flag.lower() != RECENT.lower())
        return cls(told.get(b"BODY[]") or b"", flags, told[b"INTERNALDATE"])


def _keep(client: IMAPClient, folder: str, letter: _Letter, *, above: int = 0) -> None:
    """See that a message stands in the open folder, with a UID above this one; a server's word alone is not enough."""
    if _stands(client, letter, above):
        return
    client.append(folder, letter.raw, letter.flags, letter.at)
    client.noop()  # so that the folder shows it
    if not _stands(client, letter, above):
        raise Final("the mail server did not keep a copy as it was given, so the original was left; see its log")


def _stands(client: IMAPClient, letter: _Letter, above: int) -> bool:
    """Look by UID and day, by which all servers search alike (but for time zones); then by content."""
    near = ["UID", f"{above + 1}:*", "SINCE", letter.at.date() - _DAY, "BEFORE", letter.at.date() + 2 * _DAY]
    found = [one for one in client.search(near) if one > above]
    mark = mark_of(letter.raw)
    alike = [one for one, its in marks_of(client, found).items() if its == mark]
    return any(_as_sent(raw) == _as_sent(letter.raw) for _, raw in contents(client, sizes_of(client, alike)))


def _as_sent(raw: bytes) -> bytes:
    """Return a message with the line ends that it has on the wire."""
    return raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n").rstrip(b"\n")


def _must_expunge(client: IMAPClient) -> None:
    if not client.has_capability("UIDPLUS"):
        raise Final(
            "the mail server lacks UIDPLUS (RFC 4315), and a bare EXPUNGE would take what others have marked: "
            "turn UIDPLUS on and retry, or do it by hand and waive"
        )


def _pieces(uids: Iterable[int]) -> Iterator[list[int]]:
    rest = iter(dict.fromkeys(uids))
    while some := list(islice(rest, _MOST)):
        yield some
