"""Fixtures for what is done by the command `rightsdesk`."""

import io
import sys

import pytest
import structlog

from tests import small
from tests.command import Desk, Said
from tests.line import open_line
from workers.cli import main


@pytest.fixture
def run(capsys, monkeypatch):
    """Run the command in this process; keep what it said. How it configured logs ends with it."""
    monkeypatch.setenv("COLUMNS", "200")

    def command(*words, stdin=""):
        given = stdin if isinstance(stdin, bytes) else stdin.encode()
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given), "utf-8"))
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(word) for word in words])
        structlog.reset_defaults()
        structlog.contextvars.clear_contextvars()
        return Said((ended.value.code, *capsys.readouterr()))

    return command


@pytest.fixture(scope="module")
def prepared(tmp_path_factory, valkey_url):
    """The home, made once for these tests."""
    made = Desk(tmp_path_factory.mktemp("cli"), valkey_url)
    yield made
    made.line.close()


@pytest.fixture
def desk(prepared, monkeypatch):
    """That home, named by the environment."""
    for name, value in prepared.environment.items():
        monkeypatch.setenv(name, value)
    return prepared


@pytest.fixture
def bare(tmp_path, monkeypatch, desk):
    """An empty home in place of it."""
    monkeypatch.setenv("RIGHTSDESK_HOME", str(tmp_path / "bare"))
    return tmp_path / "bare"


@pytest.fixture
def opened(tmp_path, valkey, valkey_url):
    """Open lines over worlds of a client with these keys."""
    lines = []

    def make(head="", **kinds):
        world = small.build(tmp_path / f"world{len(lines)}", head=head, **kinds)
        lines.append(open_line(tmp_path / f"home{len(lines)}", world.systems, broker=valkey_url))
        return lines[-1], world

    yield make
    for line in lines:
        line.close()
