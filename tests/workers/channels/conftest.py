"""Fixtures: real servers that channels talk to, good ones and bad ones."""

import io
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from tests.workers.desk.jobs import Box, Web, mail_server, web_server
from workers.channels import Message

CANARY = "canary-secret"


@pytest.fixture
def post_office() -> Iterator[tuple[str, Box]]:
    """A mail server: its host and port, and its box."""
    with mail_server() as (url, box):
        yield url.removeprefix("smtp://"), box


@pytest.fixture
def web() -> Iterator[Web]:
    """A web server."""
    with web_server() as found:
        yield found


@pytest.fixture(params=["silent", "dripping"])
def stuck(request) -> Iterator[int]:
    """The port of a server that never says anything, or says it a byte at a time without end."""
    over = threading.Event()

    def serve(server: socket.socket) -> None:
        with suppress(OSError):
            while True:
                connection, _ = server.accept()
                threading.Thread(target=drip, args=(connection,), daemon=True).start()

    def drip(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            while not over.wait(0.05):
                if request.param == "dripping":
                    connection.sendall(b"2")

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, args=(server,), daemon=True).start()
        yield server.getsockname()[1]
        over.set()


@pytest.fixture
def logged(capfd) -> Iterator[Callable[[], str]]:
    """All that a process which logs as ours do has written (pytest's own capture hears what goes nowhere, too)."""
    heard = io.StringIO()
    handler = logging.StreamHandler(heard)
    handler.setLevel(logging.WARNING)
    logging.getLogger().addHandler(handler)
    yield lambda: heard.getvalue() + "".join(capfd.readouterr())
    logging.getLogger().removeHandler(handler)


@pytest.fixture
def message() -> Message:
    """A message about one alert."""
    alert = {"id": "a1", "kind": "milestone", "milestone": "90%"}
    return Message("b1", "a1", "[rightsdesk] erasure for acme: 90 %", "Müller\nalert a1\n", alerts=(alert,))
