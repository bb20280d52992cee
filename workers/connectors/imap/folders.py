"""The folders of a mailbox, of all its namespaces, and where each one's restricted messages lie.

Names are kept as they are on the wire (modified UTF-7, RFC 3501 section 5.1.3), one character a byte, and decoded
only to be shown. Restricted messages of INBOX lie in `Restricted`, those of `Sent` in `Restricted/Sent`, those of
another namespace's `Public/support` in `Restricted/Public/support`: so a message tells by its place where it came
from, and nothing has to be remembered.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from imapclient import IMAPClient
from imapclient.imap_utf7 import decode

_UNSELECTABLE = frozenset({b"\\noselect", b"\\nonexistent"})
_INBOX = "INBOX"


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder: its name on the wire, and that of the folder of origin if it holds restricted messages."""

    name: str
    origin: str

    @property
    def restricted(self) -> bool:
        """Whether messages in it are out of use."""
        return self.name != self.origin

    @property
    def title(self) -> str:
        """The name of the folder of origin, to be read."""
        return title_of(self.origin)


class Folders:
    """The folders of one mailbox as a listing gave them."""

    def __init__(self, client: IMAPClient, restricted_folder: str) -> None:
        personal, self._others = _namespaces(client)
        self._prefix, self._separator = personal
        self._restricted = self._prefix + restricted_folder
        self._all = dict(self._listed(client))
        self._separator = self._separator or "-"  # a server without hierarchy

    def __iter__(self) -> Iterator[Folder]:
        return (self.folder(name) for name, selectable in self._all.items() if selectable)

    def __contains__(self, name: object) -> bool:
        return bool(self._all.get(str(name)))

    def missing(self, name: str) -> list[str]:
        """Return what has to be made for this folder to stand, the uppermost first: not every server makes the rest."""
        parts = name.split(self._separator)
        paths = [self._separator.join(parts[:number]) for number in range(1, len(parts))]
        return [one for one in paths if one and one not in self._all] + ([] if name in self else [name])

    def folder(self, name: str) -> Folder:
        """Return a folder, knowing where its messages came from."""
        if name == self._restricted:
            return Folder(name, _INBOX)
        if not name.startswith(self._restricted + self._separator):
            return Folder(name, name)
        rest = name.removeprefix(self._restricted + self._separator)
        for prefix, separator in self._others:
            if rest.startswith(prefix.replace(separator, self._separator)):
                return Folder(name, rest.replace(self._separator, separator))
        return Folder(name, self._prefix + rest)

    def restricted_of(self, origin: str) -> str:
        """Return the name of the folder in which messages of this one lie while they are out of use."""
        if origin.upper() == _INBOX:
            return self._restricted
        separator = next((one for prefix, one in self._others if origin.startswith(prefix)), "")
        rest = origin.replace(separator, self._separator) if separator else origin.removeprefix(self._prefix)
        return self._restricted + self._separator + rest

    def _listed(self, client: IMAPClient) -> Iterator[tuple[str, bool]]:
        """Yield names, and whether they hold messages; each namespace is asked: a plain `*` may leave one out."""
        for directory in ("", *(prefix for prefix, _ in self._others)):
            for flags, separator, name in client.list_folders(directory.encode("latin-1"), "*"):
                selectable = not _UNSELECTABLE & {flag.lower() for flag in flags}
                yield _INBOX if _text(name).upper() == _INBOX else _text(name), selectable
                self._separator = self._separator or _text(separator or b"")


def title_of(name: str) -> str:
    """Return a folder's name to be read."""
    try:
        return str(decode(name.encode("latin-1")))
    except (UnicodeError, ValueError):
        return name


def _text(name: bytes | str) -> str:
    return name.decode("latin-1") if isinstance(name, bytes) else name


def _namespaces(client: IMAPClient) -> tuple[tuple[str, str], list[tuple[str, str]]]:
    """Return prefix and separator of the first personal namespace, and of all others (RFC 2342)."""
    if not client.has_capability("NAMESPACE"):
        return ("", ""), []
    told = client.namespace()
    every = [(_text(prefix), separator or "") for part in told for prefix, separator in part or ()]
    personal = next(((_text(prefix), separator or "") for prefix, separator in told.personal or ()), ("", ""))
    return personal, [one for one in every if one != personal and one[0] and one[1]]
