"""Fixtures of the walks: a small world and a line over it, on SQLite and on PostgreSQL."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message

from tests import small
from tests.line import Line, open_line
from workers.embedded.flower import free_port


@pytest.fixture
def world(tmp_path: Path) -> small.Small:
    """A small world with honest systems."""
    return small.build(tmp_path / "world")


@pytest.fixture(params=["sqlite", "postgresql"])
def any_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Yield the URL of a database of one's own: a file to be, or a PostgreSQL whose schema is at head already."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'rightsdesk.sqlite3'}"
        return
    with request.getfixturevalue("postgres").at_head() as url:
        yield url


@pytest.fixture
def opened(tmp_path: Path, valkey, valkey_url: str, any_database_url: str) -> Iterator[Callable[..., Line]]:
    """Open lines over worlds; they are closed afterwards."""
    lines: list[Line] = []

    def make(world: small.Small, **more: Any) -> Line:
        lines.append(open_line(tmp_path / "home", world.systems, broker=valkey_url, database=any_database_url, **more))
        return lines[-1]

    yield make
    for line in lines:
        line.close()


@pytest.fixture
def line(opened: Callable[..., Line], world: small.Small) -> Line:
    """A line over the honest world."""
    return opened(world)


class Post(Message):
    """A mail server's handler that keeps what it takes."""

    def __init__(self) -> None:
        super().__init__()
        self.taken: list[Any] = []

    def handle_message(self, message: Any) -> None:
        self.taken.append(message)


@pytest.fixture
def post() -> Iterator[tuple[str, list[Any]]]:
    """A real mail server: its URL, and the messages that it took."""
    handler = Post()
    port = free_port()
    controller = Controller(handler, hostname="127.0.0.1", port=port)
    controller.start()
    yield f"smtp://127.0.0.1:{port}", handler.taken
    controller.stop()
