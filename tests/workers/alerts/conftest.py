"""Fixtures: people on duty, a real web server, real bad ones."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.workers.alerts.duty import Duty, inbox, section
from tests.workers.channels.conftest import stuck  # noqa: F401 - a fixture
from tests.workers.desk.jobs import Web, web_server


@pytest.fixture
def web() -> Iterator[Web]:
    """A web server."""
    with web_server() as found:
        yield found


@pytest.fixture
def on_duty(tmp_path: Path, web: Web) -> Iterator[Callable[..., Duty]]:
    """Put people on duty; by default ines and omar with a webhook each."""
    with ExitStack() as undo:

        def make(people: dict[str, list[str]] | None = None, *, keys: str = "", rota: str | None = None, **how) -> Duty:
            folder = tmp_path / f"duty{len(list(tmp_path.iterdir()))}"
            folder.mkdir()
            who = people or {name: [inbox(web, name)] for name in ("ines", "omar")}
            more = {} if rota is None else {"rota": rota}
            made = Duty(folder, section(who, keys=keys, **more), **how)
            undo.callback(made.office.close)
            return made

        yield make
