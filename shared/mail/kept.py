"""What a kind of mailbox adds: where its messages are kept, how they are read, moved, rewritten and removed."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Protocol

from shared.domain.outcome import Found


class Place(Protocol):
    """Where a message stands: by which key it is noted, in which folder (of origin), put out of use or not."""

    @property
    def key(self) -> str: ...  # noqa: D102 - the class says it
    @property
    def folder(self) -> str: ...  # noqa: D102 - the names say it
    @property
    def restricted(self) -> bool: ...  # noqa: D102 - the names say it


Batch = Sequence[tuple[str, Sequence[Any]]]  # keys, each with the places of its message
Same = Callable[[Found, bytes], bool]  # whether a message is the one noted, by its content
Noted = Sequence[tuple[Found, Sequence[Any]]]
Finder = Callable[[Sequence[Found]], Mapping[str, Sequence[Any]]]


class Mailboxes(ABC):
    """The mailboxes of a system; errors are `Final` or `Retryable` already, without a name of anything in them.

    `keys_last`: whether a message that was moved is noted by another ticket under the key that it had before.
    """

    keys_last: ClassVar[bool] = True

    @abstractmethod
    def _owners(self) -> Iterable[str]:
        """Yield what may be the mailboxes' own addresses."""

    @abstractmethod
    def _messages(self) -> Iterator[tuple[Place, bytes]]:
        """Yield every message of every folder."""

    @abstractmethod
    def _finder(self, same: Same) -> Finder:
        """Return what finds, for one verb, the places of the messages noted: none, one, or two after a crash."""

    @abstractmethod
    def _file_name(self, note: Found) -> str:
        """Return the name of a message's file in a package."""

    @abstractmethod
    def _contents(self, batch: Batch) -> Iterator[tuple[str, bytes]]:
        """Yield the keys and contents of the messages that still stand."""

    @abstractmethod
    def _remove(self, batch: Batch) -> None:
        """Delete these messages and no others; already gone is success."""

    @abstractmethod
    def _rewrite(self, batch: Batch, change: Callable[[bytes], bytes]) -> None:
        """Put what `change` makes of a message in its place, with its date and flags."""

    @abstractmethod
    def _move(self, batch: Batch, *, restricted: bool) -> None:
        """Move messages out of use, or back to where they came from."""
