"""Tie a process to its parent: it ends when the parent does, however the parent dies."""

import ctypes
import os
import signal
import threading
from collections.abc import Callable

PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None, use_errno=True)  # loaded before any fork: a child must not take the loader's lock


def die_with_parent(sig: int = signal.SIGTERM) -> None:
    """Ask the kernel to send `sig` to this process when the thread that forked it ends."""
    if LIBC.prctl(PR_SET_PDEATHSIG, int(sig), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")


def tether(sig: int = signal.SIGTERM) -> Callable[[], None]:
    """Return a `preexec_fn` that ties the child to this process; call it on the main thread only.

    The kernel watches the forking thread, not the process: a child of a short-lived thread would end with that thread.
    """
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("parts are started from the main thread, for they end with the thread that forks them")
    parent = os.getpid()

    def tie() -> None:
        die_with_parent(sig)
        if os.getppid() != parent:  # the parent died between fork and prctl: no signal will come
            os._exit(1)

    return tie
