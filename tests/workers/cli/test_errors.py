"""What goes wrong, goes wrong in one line with the right exit code: nobody is shown a traceback."""

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest
from sqlalchemy import select, update

from shared.domain.errors import RightsdeskError
from shared.store.migrate import await_head
from shared.store.session import Store
from shared.store.tables import TicketRow
from tests.command import ROOT, process, wrong
from tests.small import ticket


@pytest.mark.parametrize(
    ("environment", "words", "code", "said"),
    [
        ({"SYSTEMS": "/tmp"}, ["systems", "check"], 2, "cannot read the inventory /tmp: Is a directory"),
        ({"SYSTEMS": "/etc/passwd/x"}, ["systems", "check"], 2, "cannot read the inventory /etc/passwd/x: Not a dir"),
        ({"HOME": "/etc/passwd"}, ["keys", "show", "--public"], 2, "RIGHTSDESK_HOME"),
        ({"HOME": "/etc/passwd/x"}, ["tickets"], 2, "RIGHTSDESK_HOME"),
        ({"HOME": "/proc/x"}, ["submit", "--no-wait"], 1, "/proc/x: No such file or directory"),
        ({"HOME": "/proc/x"}, ["tickets"], 1, "/proc/x: No such file or directory"),
        ({"DATABASE_URL": "mysql://u:canary@x/y"}, ["tickets"], 2, "RIGHTSDESK_DATABASE_URL"),
        ({"DATABASE_URL": "foo://u:canary@x/y"}, ["tickets"], 2, "RIGHTSDESK_DATABASE_URL"),
        ({"DATABASE_URL": "postgresql+asyncpg://u:canary@x/y"}, ["tickets"], 2, "asyncpg"),
        ({"DATABASE_URL": "postgresql://u:canary@127.0.0.1:1/y"}, ["tickets"], 1, "the database is not reachable"),
        ({"BROKER_URL": "redis://:canary@[x"}, ["submit", "--no-wait"], 2, "RIGHTSDESK_BROKER_URL"),
        ({"BROKER_URL": "redis://:canary@x:y/0"}, ["submit", "--no-wait"], 2, "RIGHTSDESK_BROKER_URL"),
        ({"BROKER_URL": "redis+socket:///x?virtual_host=y"}, ["submit", "--no-wait"], 2, "RIGHTSDESK_BROKER_URL"),
        ({"PACKAGES": "foo://canary/x"}, ["dead", "replay", "1"], 2, "RIGHTSDESK_PACKAGES"),
        ({"PACKAGES": "gs://canary/x"}, ["dead", "replay", "1"], 2, "RIGHTSDESK_PACKAGES"),
    ],
)  # fmt: skip
def test_a_wrong_setting_is_one_line(run, bare, monkeypatch, environment, words, code, said):
    """It names the setting or the path, and shows no secret of a URL."""
    for name, value in environment.items():
        monkeypatch.setenv(f"RIGHTSDESK_{name}", value)
    line = wrong(run(*words), code)
    assert said in line
    assert "canary" not in line


def test_a_file_that_cannot_be_written_is_one_line(run, desk, tmp_path):
    """It is named, and nothing is half there."""
    ident, file = desk.ids["access"], tmp_path / "file"
    file.write_text("")
    for out in (tmp_path / "no" / "x", file / "x", tmp_path):
        assert f"cannot write {out}: " in wrong(run("certificate", "show", ident, "--out", out))
    for out in (file / "x", "/proc/x/y"):
        assert f"cannot write into {out}: " in wrong(run("package", "open", ident, "--out", out))


def test_a_full_disk_is_one_line(run, desk):
    """A failure, not wrong use."""
    said = run("certificate", "show", desk.ids["access"], "--out", "/dev/full")
    assert "cannot write /dev/full: No space left on device" == wrong(said)


@pytest.mark.parametrize("name", ["intake.jwk", "master.key", "vault.json"])
def test_a_key_that_is_damaged_is_one_line(run, bare, name):
    """It is named, and nothing of it is shown; be it in the vault, or a plain file from before there was one."""
    (bare / "keys").mkdir(parents=True)
    (bare / "keys" / name).write_text("canary")
    line = wrong(run("keys", "show", "--public"), 1)
    assert name in line
    assert "canary" not in line


def test_a_database_of_another_program_is_one_line(run, bare):
    """A newer schema is said, and a file that is no database."""
    bare.mkdir()
    (bare / "rightsdesk.sqlite3").write_text("no database, " * 100)
    assert "the database" in wrong(run("tickets"), 1)
    assert "the database" in wrong(run("migrate"), 1)


def test_what_nobody_foresaw_is_one_line(run, desk):
    """It says what was raised and where, never its text, which may quote a person's record."""
    damaged = TicketRow.id == desk.ids["consent"]
    with desk.line.office.store.write() as session:
        clocks = session.scalar(select(TicketRow.clocks).where(damaged))
        session.execute(
            update(TicketRow).where(damaged).values(clocks=[{"name": "x", "due_at": "canary", "strict_at": ""}])
        )
    line = wrong(run("tickets"), 1)
    with desk.line.office.store.write() as session:
        session.execute(update(TicketRow).where(damaged).values(clocks=clocks))
    assert line.startswith("unexpected ValueError in workers.clocks:")
    assert "canary" not in line


def test_a_package_whose_file_is_gone_is_one_line(run, desk, tmp_path):
    """It is not taken for a folder that cannot be written."""
    ident = desk.ids["consent"]
    for path in (desk.home / "packages" / str(ident)).iterdir():
        path.rename(tmp_path / path.name)
    line = wrong(run("package", "open", ident, "--out", tmp_path / "out"), 1)
    for path in tmp_path.glob("*.bin"):
        path.rename(desk.home / "packages" / str(ident) / path.name)
    assert "a file of the package is gone from the package store" == line


BUFFERED = {"PYTHONUNBUFFERED": ""}  # whatever the caller has: what stays in a buffer is the harder case


def shell(desk, line):
    """Run a line of Bash in which `rd` is the command."""
    script = f'rd() {{ "{sys.executable}" -m workers.cli "$@"; }}\n{line}'
    return subprocess.run(
        ["bash", "-c", script], env=os.environ | desk.environment | BUFFERED, cwd=ROOT, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("line", "code", "error"),
    [
        ('rd tickets | true; exit "${PIPESTATUS[0]}"', 1, ""),
        ('rd schema ticket | true; exit "${PIPESTATUS[0]}"', 1, ""),
        ('rd gate check --client acme --purpose x --email a@b.example | true; exit "${PIPESTATUS[0]}"', 1, ""),
        ('rd --help | true; exit "${PIPESTATUS[0]}"', 1, ""),
        ("rd tickets > /dev/full", 1, "No space left on device"),
        ("rd schema ticket > /dev/full", 1, "No space left on device"),
        ("rd deadline P1M soon 2>&-", 2, ""),
        ("rd deadline P1M 2026-01-31 >&-", 0, ""),
        ("rd submit <&-", 2, "no ticket: give a JSON object or JSON Lines"),
    ],
)
def test_a_stream_that_is_closed_or_full(desk, line, code, error):
    """A reader that went away is no noise and no success; a disk that is full is one line."""
    done = shell(desk, line)
    assert (code, 1 if error else 0) == (done.returncode, len(done.stderr.splitlines()))
    assert error in done.stderr


HUGE = 10**30


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["dead", "replay", HUGE], "Invalid value for 'ID'"),
        (["worker", "--queues", ","], "no queue: there are chat, email, call, data-center"),
        (["worker", "--queues", "chat, fax"], "no such queue: fax; there are chat, email, call, data-center"),
        (["submit", "--wait", "--no-wait"], "--wait or --no-wait, one of them"),
        (["submit", "--timeout", "-1"], "--timeout is a number of seconds"),
        (["submit", "--timeout", "nan"], "--timeout is a number of seconds"),
        (["gate", "check", "--client", "acme", "--purpose", " ", "--email", "a@b.example"], "a purpose has letters"),
    ],
)
def test_hostile_words_are_wrong_use(run, desk, words, said):
    """Each in one line, and nothing is done."""
    assert said in wrong(run(*words))


@pytest.mark.parametrize("extra", [["ada@example.org"], ["Ada", "Example"], ["--mail", "ada@example.org"]])
def test_who_is_named_in_a_wrong_place_is_not_repeated(run, desk, extra):
    """What a scheduled job says is mailed and kept: it says what is wrong, and about nobody."""
    said = wrong(run("gate", "check", "--client", "acme", "--purpose", "newsletter", *extra))
    assert not [one for one in ("ada", "example.org", "Example)") if one in said]
    assert "gate check --help" in said


def test_a_hostile_decision_is_wrong_use(desk):
    """Nobody who decides, no reason, and a step that there cannot be."""
    ident = desk.ids["waiting"]
    nobody, groundless, huge = process(
        desk,
        (("approve", ident, "--as", " ", "--reason", "x"), {}),
        (("approve", ident, "--as", "ines", "--reason", ""), {}),
        (("retry", ident, "--as", "ines", "--reason", "x", "--step", HUGE), {}),
    )  # fmt: skip
    for said in (nobody, groundless):
        assert "--as" in wrong(said)
    assert "Invalid value for '--step'" in wrong(huge)
    assert "waiting" == desk.line.ticket(ident)["state"]


def test_no_time_is_no_default(run, desk):
    """A timeout of nothing waits for nothing."""
    raw = json.dumps(ticket("access", "nobody@never.example"))
    assert "no receipt yet for" in wrong(run("submit", "--timeout", "0", stdin=raw), 1)
    assert 5 == run("submit", "--wait", "--timeout", "0", stdin=raw).code
    desk.line.intake.round()


def test_a_demo_that_cannot_be_kept_is_one_line(run, tmp_path):
    """Nothing is said to be kept."""
    (tmp_path / "file").write_text("")
    for keep in (tmp_path / "file", tmp_path / "file" / "x", "/proc/x"):
        assert f"cannot keep the demo in {keep}: " in wrong(run("demo", "--keep", keep))


def test_a_newer_schema_is_one_line(run, bare):
    """It is not waited for, and nothing is done to it."""
    assert 0 == run("migrate").code
    with closing(sqlite3.connect(bare / "rightsdesk.sqlite3")) as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
        database.commit()
    newer = "the schema is at 9999, newer than this program"
    assert newer in wrong(run("migrate"), 1)
    store = Store(f"sqlite:///{bare / 'rightsdesk.sqlite3'}")
    with pytest.raises(RightsdeskError, match=newer):
        await_head(store, patience=30)
    store.close()


def test_a_part_that_cannot_say_that_it_is_ready_ends(desk, tmp_path):
    """Where its file goes stands something else: it does not run on as if nobody waited for it."""
    (tmp_path / "run").write_text("")
    done = shell(desk, f'RIGHTSDESK_HOME={tmp_path} exec "{sys.executable}" -m workers.cli beat')
    assert (1, "") == (done.returncode, done.stdout)
    assert [f"rightsdesk: {tmp_path / 'run'}: File exists"] == done.stderr.splitlines()
