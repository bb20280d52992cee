"""Whose addresses are nobody's but the vendor's and the client's."""

from collections.abc import Iterable
from pathlib import PurePosixPath

from shared.domain.identifier import EMAIL, Identifier, normalise, one_domain
from shared.inventory import Client


class Own:
    """Knows the mailboxes' addresses and the client's contact.

    A whole domain is the client's only where the client says so: a firm may have its mail at a provider where
    anybody has theirs.
    """

    def __init__(self, client: Client, domains: Iterable[str], mailboxes: Iterable[str] = ()) -> None:
        parts = {part for name in mailboxes for part in PurePosixPath(name).parts}
        self.addresses = frozenset(one for part in (*parts, client.contact) if (one := normalise(EMAIL, part)))
        self._domains = frozenset(map(one_domain, domains))

    def __call__(self, one: Identifier) -> bool:
        """Say whether an address is one of them."""
        return one in self.addresses or one.value.rpartition("@")[2] in self._domains
