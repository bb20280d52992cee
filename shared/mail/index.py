"""The index of exported messages: a row for each .eml file."""

from collections.abc import Iterable

from shared import mime
from shared.mail.letters import Reader, sent_at
from shared.masking import strategy

COLUMNS = ("date", "from", "to", "subject", "file")


def row(raw: bytes, name: str, reader: Reader, key: bytes) -> dict[str, str | None]:
    """Return a message's row: the addresses of other people are pseudonyms under the ticket's key."""
    message = mime.parse(raw)
    at = sent_at(message)
    parties = list(mime.parties(message))
    mask = strategy("email")

    def shown(roles: Iterable[str]) -> str:
        of_roles = dict.fromkeys(one.address for one in parties if one.role in roles)
        return ", ".join(mask(one, key=key) or "" if reader.is_another(one) else one for one in of_roles)

    def without_others(text: str) -> str:
        for start, end in reversed(reader.addresses_of_others(text)):
            text = text[:start] + (mask(text[start:end], key=key) or "") + text[end:]
        return text

    return {
        "date": at.isoformat() if at else None,
        "from": shown({"from"}),
        "to": shown({"to", "cc", "bcc"}),
        "subject": without_others(mime.header(message, "subject")),
        "file": name,
    }
