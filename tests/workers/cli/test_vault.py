"""The commands about the vault, as an administrator uses them."""

import os
import pty
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from shared.inventory import resolve
from shared.vault import opening, setup
from shared.vault.opening import Kdf
from tests.command import wrong
from tests.small import ticket
from workers.cli.vault import _make

SECRET = "an administrator's passphrase"


class Light(Kdf):
    """A passphrase stretched less, as everything is opened often here."""

    memory_kib: int = 1024
    iterations: int = 1
    lanes: int = 1


@pytest.fixture
def light(monkeypatch):
    """Let commands in this process stretch passphrases less; what they do usually is in tests/shared/vault."""
    monkeypatch.setattr(setup, "Kdf", Light)
    monkeypatch.setattr(opening, "Kdf", Light)


@pytest.fixture
def away(bare, tmp_path, monkeypatch):
    """A home without a vault yet, whose secrets are to be in two files elsewhere."""
    (tmp_path / "passphrase").write_text(SECRET + "\n")
    monkeypatch.setenv("RIGHTSDESK_PASSPHRASE_FILE", str(tmp_path / "passphrase"))
    monkeypatch.setenv("RIGHTSDESK_SERVER_SECRET_FILE", str(tmp_path / "server"))
    return bare


def test_a_vault_is_made_unlocked_and_locked(run, away, light, monkeypatch):
    """With the server's secret made beside it; unlocked, no secret is needed until it is locked."""
    assert "rightsdesk vault init" in wrong(run("keys", "list"))
    assert "the vault is made\n" == run("vault", "init").out
    assert "there is a vault already" in wrong(run("vault", "init"))
    shown = run("keys", "show", "--public").out
    assert run("vault", "unlock").out.startswith("unlocked")
    try:
        for name in ("PASSPHRASE_FILE", "SERVER_SECRET_FILE"):
            monkeypatch.delenv(f"RIGHTSDESK_{name}")
        assert shown == run("keys", "show", "--public").out
    finally:
        assert "locked\n" == run("vault", "lock").out
    assert "it was not unlocked\n" == run("vault", "lock").out
    assert "both are missing or not the right ones" in wrong(run("keys", "show", "--public"))


def test_a_wrong_secret_is_one_line_and_tells_nothing(run, away, light, tmp_path):
    """The same line for either, of exit code 2; nothing of what was given is in it."""
    run("vault", "init")
    lines = set()
    for name in ("passphrase", "server"):
        kept = (tmp_path / name).read_text()
        (tmp_path / name).write_text("canary-canary")
        lines.add(wrong(run("keys", "show", "--public")))
        (tmp_path / name).write_text(kept)
    (line,) = lines
    assert "canary" not in line
    assert 0 == run("keys", "show", "--public").code


def at_terminal(environment, answers, *words):
    """Run a command at a terminal, answering its questions; return its exit code and all that the terminal showed."""
    main, sub = pty.openpty()
    program, streams = [sys.executable, "-m", "workers.cli", *words], dict.fromkeys(("stdin", "stdout", "stderr"), sub)
    with subprocess.Popen(program, **streams, env=environment, start_new_session=True) as one:
        os.close(sub)
        heard = b""
        for answer in answers:
            while b": " not in heard.rpartition(b"\n")[2]:
                heard += os.read(main, 1024)
            os.write(main, answer.encode() + b"\n")
            heard += b"\n"
        with suppress(OSError):  # a terminal that nobody has open any more
            while more := os.read(main, 1024):
                heard += more
        os.close(main)
    return one.returncode, heard.decode()


def test_a_passphrase_is_asked_for_at_a_terminal(run, away, monkeypatch):
    """Twice for a new one, unseen; elsewhere nobody waits for an answer."""
    monkeypatch.delenv("RIGHTSDESK_PASSPHRASE_FILE")
    assert "no terminal" in wrong(run("vault", "init"))
    code, heard = at_terminal(os.environ, [SECRET, SECRET], "vault", "init")
    assert (0, True, False) == (code, "the vault is made" in heard, SECRET in heard)
    monkeypatch.setenv("RIGHTSDESK_PASSPHRASE", SECRET)
    assert 0 == run("keys", "show", "--public").code


def test_credentials_are_kept_by_name(run, desk, tmp_path):
    """Set from standard input, listed without values, read by the inventory's reference, and forgotten."""
    assert "vault:acme-imap" in run("vault", "set", "acme-imap", stdin="canary\n").out
    assert ["acme-imap"] == run("vault", "list", "--json").json()
    assert "canary" not in run("vault", "list").out
    assert "canary" == desk.line.office.vault.credential("acme-imap")
    nested = {"passwords": {"sales": "vault:acme-imap"}}
    assert {"passwords": {"sales": "canary"}} == resolve(nested, credential=desk.line.office.vault.credential)
    assert 0 == run("vault", "unset", "acme-imap").code
    assert "no credential acme-imap" in wrong(run("vault", "unset", "acme-imap"))
    assert "the credential is empty" in wrong(run("vault", "set", "x", stdin=""))
    assert "name has letters" in wrong(run("vault", "set", "a b", stdin="x"))
    assert "no UTF-8 text" in wrong(run("vault", "set", "x", stdin=b"caf\xe9"))


def test_of_two_that_make_a_server_secret_one_does(tmp_path):
    """Else the vault is sealed by one that no file holds any more."""
    start = threading.Barrier(8)

    def make(_: int) -> bytes:
        start.wait()
        _make(tmp_path / "server", tmp_path)
        return (tmp_path / "server").read_bytes()

    with ThreadPoolExecutor(8) as pool:
        assert 1 == len(set(pool.map(make, range(8))))


def test_keys_are_rotated_by_command(run, desk):
    """Both kinds, with what was done; all public keys are shown with their ids and dates."""
    before = run("keys", "show", "--public", "--json").json()["keys"]
    assert "the old one is destroyed" in run("keys", "rotate").out
    fresh = run("keys", "rotate", "--signing", "--json").json()
    shown = run("keys", "show", "--public").out
    assert 2 == shown.count("BEGIN PUBLIC KEY")
    assert all(one["id"] in shown for one in (*before, fresh))
    assert fresh["public"] == run("keys", "show", "--public", "--json").json()["public"]
    (statement,) = run("keys", "changes").json()
    assert (before[0]["id"], fresh["id"]) == (statement["before"], statement["key"])
    assert 0 == run("evidence", "verify").code


def test_the_secrets_of_an_embedded_home_are_parted(run, desk, light, tmp_path, monkeypatch):
    """The administrator takes the passphrase, the server's secret goes elsewhere; running processes work on."""
    home, (passphrase, server) = desk.home, (tmp_path / "passphrase", tmp_path / "server")
    passphrase.write_text(SECRET)
    shown = run("keys", "show", "--public").out
    assert "say what is new" in wrong(run("vault", "rekey"))
    assert "at least 12 characters" in wrong(run("vault", "rekey", "--new-passphrase", os.devnull))
    assert "cannot read" in wrong(run("vault", "rekey", "--new-passphrase", tmp_path / "none"))
    desk.line.submit(ticket("access"))
    try:
        assert 0 == run("vault", "rekey", "--new-passphrase", passphrase, "--new-server-secret", server).code
        assert [] == list((home / "secrets").iterdir())
        assert 0o600 == server.stat().st_mode & 0o777
        assert "missing or not the right ones" in wrong(run("keys", "show", "--public"))
        desk.line.submit(ticket("access"))
    finally:
        monkeypatch.setenv("RIGHTSDESK_PASSPHRASE_FILE", str(passphrase))
        monkeypatch.setenv("RIGHTSDESK_SERVER_SECRET_FILE", str(server))
    assert shown == run("keys", "show", "--public").out
    own = home / "secrets"
    words = "--new-passphrase", own / "passphrase", "--new-server-secret", own / "server-secret"
    (own / "passphrase").write_text("the passphrase of the home again")
    assert 0 == run("vault", "rekey", *words).code
