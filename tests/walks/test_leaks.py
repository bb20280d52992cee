"""Nothing leaks: canaries go through every right on the embedded stack, then everything that we wrote is searched."""

import json
import os
import signal
import sqlite3
import subprocess
from base64 import b64encode
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from uuid import UUID

import httpx
import pytest
import redis
from sqlalchemy import func, make_url, select, update

from shared.message import seal_message
from shared.settings import Settings
from shared.store.tables import DeadLetterRow, StepRow
from tests.faults.test_processes import stack
from tests.leaks import CARD, TEXT, around, table, traces
from tests.line import open_line
from tests.small import ticket
from tests.waiting import until
from tests.walks.canaries import BROKEN, PEOPLE, ports, posting, seed, tickets
from tests.walks.watched import Running, Tap, joined
from workers import views
from workers.broker import INTAKE
from workers.cli import main
from workers.embedded.flower import asks_for_password, free_port
from workers.office import open_office
from workers.queues import make_app
from workers.submit import Submitter, check

pytestmark = pytest.mark.processes


@contextmanager
def stack_in(folder: Path) -> Iterator[Running]:
    """Run the stack on a world full of canaries."""
    with ExitStack() as undo:
        open_ports, post = undo.enter_context(ports()), undo.enter_context(posting())
        world = seed(folder / "world", open_ports)
        (folder / "tmp").mkdir()
        more = {"TMPDIR": str(folder / "tmp"), "RIGHTSDESK_SMTP_URL": post}
        found, environment = undo.enter_context(stack(folder, world, **more))
        settings = Settings(home=folder / "home", systems=world.systems, smtp_url=post)
        office = undo.enter_context(closing(open_office(settings)))
        broker = undo.enter_context(redis.Redis(unix_socket_path=str(settings.socket)))
        wire = undo.enter_context(closing(Tap(settings.socket, b"MONITOR")))
        events = undo.enter_context(closing(Tap(settings.socket, b"PSUBSCRIBE *")))
        yield Running(folder, found, environment, office, broker, open_ports["forbidding"], wire, events)


def walk(running: Running) -> dict[str, dict]:
    """Submit every ticket, decide as people do, and let time pass, until those of `acme` have ended."""
    made = tickets(running.folder, running.callback)
    submitter = Submitter(running.office.settings, inventory=running.office.inventory, vault=running.office.vault)
    idents = submitter.queue([check(one, inventory=running.office.inventory) for one in made.values()])
    assert set(idents) == set(submitter.accepted(idents, timeout=30))  # breaches first
    submitter.broker.close()
    names = {one["id"]: name for name, one in made.items()}
    decided: set[int] = set()

    def ended() -> bool:
        running.hurry()
        with running.office.store.read() as session:
            shown = [one for one in views.tickets(session, now=running.office.now()) if one["client"] == "acme"]
            tries = session.execute(select(StepRow.state, StepRow.error).where(StepRow.system.in_(BROKEN))).all()
        for one in shown:
            if one["waiting_for"]:
                running.decide(one["id"], answer(names[one["id"]], one["waiting_for"], decided))
        over = {one["state"] for one in shown} == {"closed"}
        return over and len(tries) == 2 * len(BROKEN) and all(one.error for one in tries)

    until(ended, timeout=60, every=0.5)
    with running.office.store.read() as session:
        return {name: views.ticket(session, UUID(ident), now=running.office.now()) for ident, name in names.items()}


def answer(name: str, waiting: dict, decided: set[int]) -> str:
    """Return what a person says: what failed is retried once, then waived."""
    again = waiting["step"] in decided
    decided.add(waiting["step"])
    if waiting["decision"] == "retry or waive":
        return "waive" if again else "retry"
    return "refuse" if name == "profiling" else "approve"


def malformed(running: Running) -> None:
    """Push what is no ticket to the intake, sealed: each is wrong in its own way."""
    vault, good = running.office.vault, ticket("access", "kanarie@quixwell.example")
    wrong = [
        good | {"right": "kanarie-quixwell"}, good | {"client": "kanarie-quixwell"}, good | {"kanarie": TEXT},
        good | {"subject": {"email": [TEXT]}}, good | {"subject": {"phone_number": [CARD + TEXT]}},
        good | {"received_at": TEXT}, good | {"id": TEXT}, good | {"details": {"kanarie": {"quixwell": TEXT}}},
        good | {"callback_urls": [f"ftp://{TEXT}"]}, [TEXT], TEXT, {TEXT: TEXT}, good | {"instruction": TEXT * 9},
    ]  # fmt: skip
    contents = [json.dumps(one).encode() for one in wrong]
    contents += [TEXT.encode(), TEXT.encode("utf-16"), b"\xff" + TEXT.encode(), json.dumps(TEXT * 900).encode()]
    for one in contents:
        running.broker.lpush(INTAKE, seal_message(one, intake=vault.intake, submitter=vault.submitter))

    def taken() -> bool:
        with running.office.store.read() as session:
            return len(contents) == session.scalar(select(func.count()).select_from(DeadLetterRow))

    until(taken, timeout=20)


def unsealed(running: Running) -> None:
    """Push what nobody sealed: a ticket as it is, and rubbish."""
    clear = [json.dumps(ticket("access", "kanarie@quixwell.example")), TEXT, f"{TEXT}.{TEXT}.{TEXT}.{TEXT}.{TEXT}"]
    with running.office.store.read() as session:
        before = session.scalar(select(func.count()).select_from(DeadLetterRow))
    running.broker.lpush(INTAKE, *clear)

    def taken() -> bool:
        with running.office.store.read() as session:
            return before + len(clear) == session.scalar(select(func.count()).select_from(DeadLetterRow))

    until(taken, timeout=20)


def said_by_commands(running: Running, capsys, monkeypatch) -> dict[str, bytes]:
    """Run commands that have to fail on what they are given; return what they said."""
    for name, value in running.environment.items():
        monkeypatch.setenv(name, value)
    bad = running.folder / "bad.json"
    good = ticket("access", "kanarie@quixwell.example")
    contents = [
        TEXT, json.dumps(good | {"right": TEXT}), json.dumps(good | {"subject": {"email": [TEXT]}}),
        json.dumps(good | {TEXT: 1}), json.dumps(good | {"client": "kanarie"}), json.dumps([TEXT]),
        json.dumps(good | {"details": {"kanarie": TEXT}}), json.dumps(good)[:-9],
    ]  # fmt: skip
    many = []
    for number, one in enumerate(contents):
        file = bad.with_stem(f"bad-{number}")
        file.write_text(one)
        many.append(["submit", str(file)])
    bad.write_text(TEXT)
    gate = ["gate", "check", "--client", "acme", "--purpose", "newsletter"]
    hold = ["hold", "place", "--client", "acme", "--review", "2027-06-30", "--as", "ines", "--ground", "law"]
    many += [
        ["ticket", "kanarie@quixwell.example"], ["approve", "kanarie", "--as", "ines", "--reason", TEXT],
        [*gate, "--email", TEXT], [*gate, "--phone", TEXT], [*gate, "kanarie@quixwell.example"],
        [*gate, "--mail", "kanarie@quixwell.example"], [*hold, "--email", TEXT], [*hold, "--phone", TEXT],
        ["certificate", "verify", str(bad), "--key", str(bad)], ["systems", "check", "--json"], ["dead", "--json"],
        ["tickets"], ["alerts"], ["status"],
    ]  # fmt: skip
    for words in many:
        with pytest.raises(SystemExit):
            main(words)
    out, err = capsys.readouterr()
    return {"commands: errors": err.encode(), "commands: output": out.encode()}


def stored(running: Running, statement: str) -> None:
    """Change the database as no part of ours does."""
    with closing(sqlite3.connect(running.home / "rightsdesk.sqlite3", timeout=30)) as database, database:
        database.execute(statement)


@contextmanager
def planted(running: Running) -> Iterator[None]:
    """Plant a canary in every place, as a leak would put it there."""
    one = PEOPLE["access"]
    running.broker.set("kanarie", one.email)
    make_app(running.office.settings).send_task("chat.locate", args=(one.email,), queue="chat")
    stored(running, f"UPDATE steps SET error = '{one.name}'")
    stored(running, f"UPDATE tickets SET right = '{one.phone}' WHERE right = 'access'")
    stored(running, "PRAGMA wal_checkpoint(PASSIVE)")
    for log in (*(running.home / "log").glob("*.log"), running.folder / "up.log"):
        with log.open("a") as file:
            file.write(f"Error: {CARD}\n")
    (running.folder / "tmp" / "draft").write_text(one.name)
    (running.home / "spool" / "draft").write_bytes(b64encode(one.email.encode()))
    (running.home / "packages" / "open.json").write_text(one.phone)
    until(
        lambda: traces(bytes(running.events.heard)) and traces(running.flower()["Flower: API"]), timeout=20, every=0.5
    )
    words = ["/bin/sh", "-c", "read _", one.email]
    with subprocess.Popen(words, stdin=subprocess.PIPE, env=running.environment | {"WHO": one.name}) as process:
        until(lambda: one.email.encode() in Path(f"/proc/{process.pid}/cmdline").read_bytes())
        yield


def flower_saved(running: Running) -> bytes:
    """Let Flower save its state, as at each of its ends, and wait until it is back; return its files."""
    os.kill(running.found["pids"]["flower"], signal.SIGTERM)
    until(lambda: any((running.home / "flower").iterdir()), timeout=20)
    port = httpx.URL(running.found["flower_url"]).port
    until(
        lambda: (
            json.loads((running.home / "run/stack.json").read_text())["pids"]["flower"]
            != running.found["pids"]["flower"]
            and asks_for_password(port)
        ),
        timeout=30,
    )
    return joined(running.home / "flower")


def test_nothing_leaks(tmp_path, capsys, monkeypatch):
    """No canary stands anywhere but in the systems themselves; and one that is planted in any place is found there."""
    with stack_in(tmp_path) as running:
        shown = walk(running)
        assert {"closed"} == {one["state"] for name, one in shown.items() if not name.startswith("broken")}
        malformed(running)
        places = said_by_commands(running, capsys, monkeypatch) | running.look()
        places["Flower: state file"] = flower_saved(running)
        seen = {name: traces(data) for name, data in places.items()}
        with capsys.disabled():
            print("", table(places, seen), sep="\n")
        assert {} == {name: around(places[name]) for name, found in seen.items() if found}
        unsealed(running)  # the broker wrote down what it was told in the clear; nobody else does
        told = {"Valkey: append-only file", "Valkey: every command on the wire"}
        assert told == {name for name, data in running.look().items() if traces(data)}
        with planted(running):
            assert set() == {name for name, data in running.look().items() if not traces(data)}
    assert traces(joined(running.home / "flower"))


def dump(postgres, database: str) -> bytes:
    """Return a database's dump, as an administrator takes it."""
    words = [postgres.programs / "pg_dump", "-h", str(postgres.place), "-U", "postgres", make_url(database).database]
    return subprocess.run(words, check=True, capture_output=True).stdout


def test_nothing_stands_in_a_dump_of_postgresql(tmp_path, postgres, database, valkey, valkey_url, capsys):
    """Nor in that of the other kind of database, nor in what the parts say there."""
    nowhere = dict.fromkeys(("refused", "rubbish", "forbidding"), free_port())
    world = seed(tmp_path / "world", nowhere)
    with closing(open_line(tmp_path / "home", world.systems, broker=valkey_url, database=database)) as line:
        made = [one for one in tickets(tmp_path, free_port()).values() if one["client"] == "acme"]
        idents = [line.submit(one) for one in made]
        line.run()
        for ident in idents:
            for _ in range(4):
                if waiting := line.ticket(ident)["waiting_for"]:
                    line.decide(ident, "waive" if waiting["decision"] == "retry or waive" else "approve")
        assert "closed" in {line.ticket(ident)["state"] for ident in idents}
        found = dump(postgres, database)
        assert (set(), []) == (traces(found), around(found))
        assert set() == traces("".join(capsys.readouterr()).encode())
        with line.office.store.write() as session:
            session.execute(update(StepRow).values(result=PEOPLE["access"].email.encode()))
    assert {"hexadecimal"} == traces(dump(postgres, database))
