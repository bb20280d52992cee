"""E-mail as it comes, malformed too: whose it is, what it says, and a copy without one person.

Nothing here raises for what a message holds. Messages are read with a policy that keeps headers as they were
written, since the parser of `policy.default` fails on some of them, and written back so that only what names the
person changes.
"""

from shared.mime.parts import header, parse
from shared.mime.reading import SENDERS, Party, headers, parties, texts, unread
from shared.mime.redaction import NOBODY, redacted, without

__all__ = [
    "NOBODY",
    "SENDERS",
    "Party",
    "header",
    "headers",
    "parse",
    "parties",
    "redacted",
    "texts",
    "unread",
    "without",
]
