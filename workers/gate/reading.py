"""What the gate reads of whom it is asked about: strictly, since whom it does not recognise it would let through."""

import re
import unicodedata

from shared.domain.identifier import EMAIL, PHONE, Identifier, normalise
from shared.inventory import Client
from shared.signs import visible

# a dot-atom (RFC 5322, section 3.2.3; letters as in RFC 6531) at a host's name: what has more only holds an address
_ADDRESS = re.compile(r"[^\x00-\x20\x7f-\x9f()<>\[\]:;@\\,\"]+@[a-z0-9_-]+(?:\.[a-z0-9_-]+)+")
_EXTENSION = re.compile(r"(?:;\s*ext\s*=|,|#|extn?|x)[.:\s]*\d{1,7}\s*$", re.IGNORECASE)
_EXT = ";ext="


def identify(client: Client, kind: str, raw: str | None) -> Identifier | None:
    """Read an identifier by a client's rules; None if it is none, or more than one."""
    found = normalise(kind, raw, region=client.region, plus_addresses=client.plus_addresses)
    if found is None or (kind == PHONE and _has_words(str(raw))):
        return None
    return found if kind != EMAIL or (_ADDRESS.fullmatch(found.value) and _seen(found.value)) else None


def stands_for(one: Identifier) -> list[Identifier]:
    """Return an identifier, and the number of whose extension it is: who objects to calls there is called there."""
    number, ext, _ = one.value.partition(_EXT)
    return [one, Identifier(PHONE, number)] if one.kind == PHONE and ext else [one]


def _has_words(raw: str) -> bool:
    """Say whether letters would be dialled, or say something of which nothing is known (`or`, `pause`)."""
    text = visible(unicodedata.normalize("NFKC", raw)).strip().lower().removeprefix("tel:")
    return any(sign.isalpha() for sign in _EXTENSION.sub("", text))


def _seen(value: str) -> bool:
    """Say whether each sign is one that is written: no halves of a pair, no tags, nothing unassigned."""
    return not any(unicodedata.category(sign) in {"Cc", "Cf", "Cn", "Co", "Cs"} for sign in value)
