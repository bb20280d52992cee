"""Signals, once as an exception and once as bytes to wait for."""

import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def leave(number: int, _frame: FrameType | None) -> NoReturn:
    """End this process by an exception, so that what it started is tidied away."""
    raise SystemExit(128 + number)


@contextmanager
def as_exceptions() -> Iterator[None]:
    """Let SIGTERM and a closed terminal unwind the stack, as Ctrl-C does."""
    before = {sig: signal.getsignal(sig) for sig in (signal.SIGTERM, signal.SIGHUP)}
    for sig, handler in before.items():
        if handler != signal.SIG_IGN:  # under nohup it stays so
            signal.signal(sig, leave)
    try:
        yield
    finally:
        for sig, handler in before.items():
            signal.signal(sig, handler)


@contextmanager
def as_bytes() -> Iterator[socket.socket]:
    """Yield a socket that becomes readable when one of the ending signals comes; nothing is raised meanwhile."""
    reader, writer = socket.socketpair()
    with reader, writer:
        reader.setblocking(False)
        writer.setblocking(False)
        wakeup = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        before = {sig: signal.getsignal(sig) for sig in ENDING}
        for sig, handler in before.items():
            if sig == signal.SIGINT or handler != signal.SIG_IGN:
                signal.signal(sig, lambda _number, _frame: None)
        try:
            yield reader
        finally:
            for sig, handler in before.items():
                signal.signal(sig, handler)
            signal.set_wakeup_fd(wakeup)
