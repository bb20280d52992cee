"""Fixtures: desks with one ticket each, a real mail server, a real web server."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.workers.desk.jobs import Box, Desk, Web, mail_server, web_server


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Callable[..., Desk]]:
    """Make desks; their databases are closed afterwards."""
    made: list[Desk] = []

    def make(right: str = "erasure", **how: Any) -> Desk:
        folder = tmp_path / str(len(made))
        folder.mkdir()
        made.append(Desk(folder, right, **how))
        return made[-1]

    yield make
    for one in made:
        one.store.close()


@pytest.fixture
def post_office() -> Iterator[tuple[str, Box]]:
    """A mail server: its URL and its box."""
    with mail_server() as found:
        yield found


@pytest.fixture
def web() -> Iterator[Web]:
    """A web server."""
    with web_server() as found:
        yield found
