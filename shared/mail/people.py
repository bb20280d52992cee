"""Who the people in a message are: the vendor's and the client's own, or anybody."""

from collections.abc import Iterable, Iterator
from email.message import Message
from hashlib import blake2b
from pathlib import PurePosixPath

from shared import mime
from shared.domain.identifier import EMAIL, Identifier, normalise
from shared.inventory import Client
from shared.ports import Affected

_CATEGORIES = frozenset({"user.contact.email", "user.content.private"})


class Own:
    """Knows the addresses that are nobody's but the vendor's and the client's: the mailboxes', and their domains'."""

    def __init__(self, owners: Iterable[str], client: Client, domains: Iterable[str] | None) -> None:
        parts = {part for name in owners for part in PurePosixPath(name).parts}
        self._addresses = frozenset(one for part in parts if (one := normalise(EMAIL, part)))
        contact = normalise(EMAIL, client.contact)
        known = {one.value.rpartition("@")[2] for one in (*self._addresses, *([contact] if contact else []))}
        self._domains = frozenset(one.casefold() for one in domains or known)

    def __call__(self, one: Identifier) -> bool:
        """Say whether an address is one of them."""
        return one in self._addresses or one.value.rpartition("@")[2] in self._domains


def affected(message: Message, seen: set[bytes], own: Own, *, plus_addresses: bool) -> Iterator[Affected]:
    """Yield everyone in a message's headers who is not in `seen` yet, and not our own."""
    for party in mime.parties(message):
        one = normalise(EMAIL, party.address, plus_addresses=plus_addresses)
        if one is None or one.value == mime.NOBODY or own(one):
            continue
        mark = blake2b(one.value.encode("utf-8", "replace"), digest_size=16).digest()
        if mark not in seen:
            seen.add(mark)
            yield Affected(frozenset({one}), party.name, _CATEGORIES)
