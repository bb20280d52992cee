"""One message to one channel, within a time that no channel can stretch."""

import queue
import threading
from collections.abc import Callable

from shared.domain.errors import UsageError
from shared.inventory import Credential
from shared.log import place_of
from workers.channels import Message, Undelivered, kinds
from workers.channels.address import resolved, scheme_of, service_of
from workers.channels.service import send_by_apprise

_GRACE = 1.0  # the kinds' own timeouts come first: their answer says more


def send(name: str, url: str, message: Message, *, timeout: float, credential: Credential | None = None) -> str:
    """Send a message to a channel; return its answer, or raise Undelivered with it."""
    try:
        full = resolved(url, credential=credential)
        service, kind = service_of(name, full), kinds().get(scheme_of(full))
    except UsageError as error:
        raise Undelivered(str(error)) from None
    how = kind.send if kind else send_by_apprise
    return _within(timeout + _GRACE, lambda: how(service, message, timeout))


def _within(seconds: float, act: Callable[[], str]) -> str:
    """Run something in a thread that is left behind when its time is over: sockets cannot be interrupted."""
    answers: queue.Queue[str | BaseException] = queue.Queue()

    def run() -> None:
        try:
            answers.put(act())
        except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
            answers.put(error)

    threading.Thread(target=run, daemon=True).start()
    try:
        answer = answers.get(timeout=seconds)
    except queue.Empty:
        raise Undelivered(f"no answer within {seconds:g} s") from None
    if isinstance(answer, Undelivered):
        raise answer
    if isinstance(answer, BaseException):
        raise Undelivered(place_of(answer)) from None  # its text may quote the URL
    return answer
