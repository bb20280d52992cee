"""Alert channels. Apprise knows a hundred services by their URLs, so most need no file here.

A kind has a file of its own only where Apprise does not do what is asked: it hides the channel's answer, or cannot
carry the message's id. Such a module exports `CHANNEL`, a `Channel`: its `schemes` are the URL schemes that it takes
from Apprise, and `send` gets the service as Apprise read it from the URL, the message, and how many seconds the
channel may take; it returns the channel's answer in short (a status, never an address, a URL or a text of the
message), or raises `Undelivered` with it. Whatever comes twice bears the same `message.id`. Its test talks to a real
server: `tests/workers/channels/`.
"""

import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from shared.domain.errors import RightsdeskError
from shared.plugins import discover

_quiet = logging.getLogger("apprise")  # its warnings quote URLs and keys
_quiet.propagate = False
_quiet.addHandler(logging.NullHandler())


class Undelivered(RightsdeskError):
    """The channel did not take the message, or did not say so; the text is its answer in short."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message about one or more alerts: plain text, with ids and no personal data.

    `thread` stays the same through all repetitions of an alert. `alerts` are what machines read.
    """

    id: str
    thread: str
    title: str
    text: str
    urgent: bool = False
    alerts: tuple[dict[str, Any], ...] = ()
    link: str | None = None


@dataclass(frozen=True, slots=True)
class Channel:
    """A kind of channel."""

    name: str
    schemes: frozenset[str]
    send: Callable[[Any, Message, float], str]


@cache
def kinds() -> dict[str, Channel]:
    """Return the kinds that have a file of their own, by URL scheme."""
    found: dict[str, Channel] = discover(sys.modules[__name__], "CHANNEL")
    return {scheme: channel for channel in found.values() for scheme in channel.schemes}
