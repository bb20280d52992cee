"""What is changed on an IMAP server, in the open folder: expunge, move, put a copy in a message's place."""

from collections.abc import Callable, Iterable, Iterator
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


def move(client: IMAPClient, uids: Iterable[int], target: str) -> None:
    """Move messages (RFC 6851); without MOVE copy, then expunge: what a crash leaves twice is one's restart's work."""
    for some in _pieces(uids):
        if client.has_capability("MOVE"):
            client.move(some, target)
        else:
            _must_expunge(client)
            client.copy(some, target)
            expunge(client, some)


def create(client: IMAPClient, name: str) -> None:
    """Make a folder; nobody is subscribed to it, so mail programs that show subscriptions do not show it."""
    try:
        client.create_folder(name)
    except client.Error as error:
        if code_of(error) != "ALREADYEXISTS":
            raise


def rewrite(client: IMAPClient, folder: str, uid: int, change: Callable[[bytes], bytes]) -> None:
    """Append what `change` makes of a message, with its date and flags, then expunge it; gone already is success.

    A crash in between leaves both. So the copy is first looked for: it can only be younger in the folder, of the same
    internal date.
    """
    fetched = client.fetch([uid], ["BODY.PEEK[]", "FLAGS", "INTERNALDATE"]).get(uid)
    if fetched is None:
        return
    raw, at = fetched.get(b"BODY[]") or b"", fetched[b"INTERNALDATE"]
    after = change(raw)
    if after is raw:
        return
    _must_expunge(client)
    if not _stands_after(client, uid, at, after):
        flags = [flag for flag in fetched.get(b"FLAGS", ()) if flag.lower() != RECENT.lower()]
        client.append(folder, after, flags, at)
    expunge(client, [uid])


def _stands_after(client: IMAPClient, uid: int, at: datetime, after: bytes) -> bool:
    """Say whether a copy stands behind a message; by UID and day all servers search alike, but for time zones."""
    near = ["UID", f"{uid + 1}:*", "SINCE", at.date() - _DAY, "BEFORE", at.date() + 2 * _DAY]
    younger = [one for one in client.search(near) if one > uid]
    mark = mark_of(after)
    alike = [one for one, its in marks_of(client, younger).items() if its == mark]
    return any(_as_sent(raw) == _as_sent(after) for _, raw in contents(client, sizes_of(client, alike)))


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
