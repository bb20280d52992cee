"""Who the people in a message are."""

from collections.abc import Iterator
from email.message import Message
from hashlib import blake2b

from shared import mime
from shared.domain.identifier import EMAIL, normalise
from shared.own import Own
from shared.ports import Affected

_CATEGORIES = frozenset({"user.contact.email", "user.content.private"})


def affected(message: Message, seen: set[bytes], own: Own, *, plus_addresses: bool) -> Iterator[Affected]:
    """Yield everyone in a message's headers who is not in `seen` yet; whoever works for the client is someone too."""
    for party in mime.parties(message):
        one = normalise(EMAIL, party.address, plus_addresses=plus_addresses)
        if one is None or one.value == mime.NOBODY or one in own.addresses:
            continue
        mark = blake2b(one.value.encode("utf-8", "replace"), digest_size=16).digest()
        if mark not in seen:
            seen.add(mark)
            yield Affected(frozenset({one}), party.name, _CATEGORIES)
