"""Settings: read once from `RIGHTSDESK_*`; what is wrong names its variable."""

import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from shared.domain.errors import UsageError
from shared.settings import Settings, read


def test_a_home_suffices(tmp_path, monkeypatch):
    """With only a home, database, broker and packages are under it."""
    monkeypatch.setenv("RIGHTSDESK_HOME", str(tmp_path))
    found = read()
    assert tmp_path.resolve() == found.root
    assert f"sqlite:///{tmp_path.resolve()}/rightsdesk.sqlite3" == found.database
    assert f"file://{tmp_path.resolve()}/packages" == found.package_url
    assert f"redis+socket://{found.socket}?virtual_host=0" == found.broker
    assert tmp_path.resolve() / "run" == found.run
    assert not found.test


def test_what_is_named_is_used(monkeypatch):
    """Each variable of the design's list is heeded."""
    for name, value in {
        "DATABASE_URL": "postgresql+psycopg://x",
        "BROKER_URL": "redis://x",
        "SYSTEMS": "/etc/systems.toml",
        "PACKAGES": "s3://packages",
        "TEST": "1",
    }.items():
        monkeypatch.setenv(f"RIGHTSDESK_{name}", value)
    found = read()
    assert ("postgresql+psycopg://x", "redis://x", "s3://packages", Path("/etc/systems.toml"), True) == (
        found.database, found.broker, found.package_url, found.systems, found.test,
    )  # fmt: skip


def test_the_home_is_expanded():
    """A tilde is the user's home, and relative paths become absolute."""
    assert Path("~/rd").expanduser().resolve() == Settings(home=Path("~/rd")).root
    assert Settings(home=Path("rd")).root.is_absolute()


def test_socket_paths_are_short_and_of_one_home():
    """However deep a home is, its socket's path fits; two homes have two sockets, one home always the same."""
    deep = Path("/") / "/".join(["a-long-folder-name"] * 20)
    sockets = [Settings(home=one).socket for one in (deep, deep, deep / "other")]
    assert sockets[0] == sockets[1] != sockets[2]
    assert len(os.fsencode(sockets[0])) < 107


@pytest.mark.parametrize(
    ("name", "value"),
    [("CONSOLE_PORT", "99999"), ("CONSOLE_PORT", "x"), ("LEASE_SECONDS", "soon"), ("TEST", "perhaps")],
)
def test_a_wrong_variable_is_named_and_not_quoted(monkeypatch, name, value):
    """The line names the variable; its value may be a secret and stays out."""
    monkeypatch.setenv(f"RIGHTSDESK_{name}", value)
    with pytest.raises(UsageError) as caught:
        read()
    assert f"RIGHTSDESK_{name} is not valid; see the README" == str(caught.value)


def test_settings_are_frozen_and_know_no_other_keys():
    """Nobody changes them on the way, and a misspelt one is an error."""
    found = Settings()
    with pytest.raises(ValidationError):
        found.test = True
    with pytest.raises(ValidationError):
        Settings(hoome="x")


def test_the_mail_servers_password_is_not_shown(monkeypatch):
    """A secret does not stand in a representation."""
    monkeypatch.setenv("RIGHTSDESK_SMTP_URL", "smtp://user:hunter2@host")
    found = read()
    assert "hunter2" not in repr(found)
    assert "smtp://user:hunter2@host" == found.smtp_url.get_secret_value()
