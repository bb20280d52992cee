"""Services without a file of their own, by Apprise: Slack, Teams, Mattermost, PagerDuty, Opsgenie and others."""

import logging
import re
import threading
from typing import Any

from apprise import NotifyFormat, NotifyType, OverflowMode

from workers.channels import Message, Undelivered

_log = logging.getLogger("apprise")
_STATUS = re.compile(r"error=(\d{3})\b")


class _Listener(logging.Handler):
    """Picks the status out of what Apprise logs in this thread: it returns no more than yes or no."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.thread = threading.get_ident()
        self.status = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Look for a status."""
        if record.thread == self.thread and (found := _STATUS.search(record.getMessage())):
            self.status = f"HTTP {found[1]}"


def send_by_apprise(service: Any, message: Message, timeout: float) -> str:
    """Send a message by Apprise; `accepted` is all that it lets out of a success."""
    service.socket_connect_timeout = service.socket_read_timeout = timeout
    if service.overflow_mode == OverflowMode.UPSTREAM:  # the URL says nothing: better cut than refused for its length
        service.overflow_mode = OverflowMode.TRUNCATE
    _carry(service, message)
    listener = _Listener()
    _log.addHandler(listener)
    try:
        kind = NotifyType.FAILURE if message.urgent else NotifyType.WARNING
        sent = service.notify(title=message.title, body=message.text, notify_type=kind, body_format=NotifyFormat.TEXT)
    finally:
        _log.removeHandler(listener)
    if not sent:
        raise Undelivered(listener.status or "not accepted, or not reached")
    return "accepted"


def _carry(service: Any, message: Message) -> None:
    """Give the ids to services that have a place for them; others show them in the text.

    PagerDuty's `dedup` and Opsgenie's `alias` make a repetition update the incident in place of opening another.
    """
    for field in ("dedup", "alias"):
        if getattr(service, field, "") is None:
            setattr(service, field, message.thread)
    headers = getattr(service, "headers", None)
    if isinstance(headers, dict):  # form://, xml://: plain webhooks
        headers.setdefault("Idempotency-Key", message.id)
