"""The long forms, by `make faults`: each prints its row of docs/faults.md, with the seconds that it took."""

import os
import pwd
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import pytest
import redis
from sqlalchemy import func, make_url, select

from shared.store import circuits
from shared.store.tables import CircuitRow, StepRow
from tests.faults.rig import LEASE, PARTS, rig, row
from tests.faults.test_outages import cut
from tests.servers import Postgres, children, postgres_server, running
from tests.small import ADA, BOB
from tests.waiting import until
from workers.sweep import MOST_LOST

pytestmark = [pytest.mark.long, pytest.mark.processes]


def begun(folder):
    """Return the pids of those that have begun a delete and wait for the file `go`."""
    return {int(one.name.removeprefix("begun-")) for one in folder.glob("begun-*")}


def ended_well(one, *tickets):
    """Wait for tickets; whoever asked to be erased is gone, nobody else, and all that must hold does."""
    took = one.seconds_until_closed(*tickets)
    assert set() == one.world.of(ADA)
    assert one.world.of(BOB)
    until(lambda: one.wrong(systems=True) == [], timeout=40, every=1)
    return took


@pytest.mark.parametrize("whom", ["a pool child", "the whole worker", "the whole worker, three times"])
def test_a_worker_killed_while_it_deletes(tmp_path, capsys, whom):
    """Its step runs again soon after its lease has ended."""
    with rig(tmp_path, chat="slow") as one:
        ident = one.submit("erasure", ADA)
        until(lambda: begun(tmp_path), timeout=60)
        for _ in range(3 if "three" in whom else 1):
            before, killed = begun(tmp_path), time.monotonic()
            if whom == "a pool child":
                os.kill(max(before), signal.SIGKILL)
            else:
                one.kill("worker")
                one.start("worker")
            until(lambda: begun(tmp_path) - before, timeout=60)  # noqa: B023 - asked at once
            again = time.monotonic() - killed
        (tmp_path / "go").touch()
        ended_well(one, ident)
    assert again <= LEASE + 10
    row(capsys, f"kill -9 of {whom}, in a delete", f"again {again - LEASE:.1f} s after its lease of {LEASE:g} s", again)


@pytest.mark.parametrize("part", ["intake", "beat", "everything"])
def test_other_parts_killed(tmp_path, capsys, part):
    """What is submitted meanwhile is stored and answered once the part is back."""
    with rig(tmp_path) as one:
        first = one.submit("erasure", ADA)
        parts = PARTS if part == "everything" else (part,)
        for name in parts:
            one.kill(name)
        if part == "everything":
            one.broker.kill()
        second = one.submit()
        if part == "everything":
            one.broker.start()
        one.start(*parts)
        took = ended_well(one, first, second)
    row(capsys, f"kill -9 of {part}", "both tickets closed, doctor clean", took)


def test_a_broker_that_is_away_for_a_minute(tmp_path, capsys):
    """What is submitted meanwhile is spooled, with a word; it goes on within 15 s of the return."""
    with rig(tmp_path) as one:
        first = one.submit("erasure", ADA)
        one.broker.kill()
        said = subprocess.run(
            [one.environment.get("PYTHON", sys.executable), "-m", "workers.cli", "submit", "-"],
            input=ticket_text(), env=one.environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert 1 == said.returncode
        assert "the queue is down" in said.stderr
        second = one.submit()
        time.sleep(60)
        one.broker.start()
        took = ended_well(one, first, second)
        assert not one.steps(StepRow.id, state="failed")
    assert took <= 30
    row(capsys, "Valkey away for 60 s", "submit says that the queue is down; all closed after its return", took)


def ticket_text():
    """Return a ticket as it is submitted."""
    from json import dumps

    from tests.small import ticket

    return dumps(ticket("access", "nobody@never.example"))


def test_a_broker_that_is_emptied_again_and_again(tmp_path, capsys):
    """FLUSHALL every half second, for 10 s, over 20 tickets."""
    with rig(tmp_path) as one, redis.Redis(unix_socket_path=str(one.broker.socket)) as broker:
        idents = [one.submit("erasure", ADA), *(one.submit() for _ in range(19))]
        for _ in range(20):
            broker.flushall()
            time.sleep(0.5)
        took = ended_well(one, *idents)
        assert not one.steps(StepRow.id, state="failed")
    row(capsys, "FLUSHALL twenty times in 10 s, over 20 tickets", "all closed, counted from the last one", took)


@contextmanager
def small_disk(place, megabytes):
    """Mount a file system of this size; skipped where we may not."""
    place.mkdir(parents=True, exist_ok=True)
    words = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0777", "tmpfs", str(place)]
    if subprocess.run(words, capture_output=True, check=False).returncode:
        pytest.skip("no file system may be mounted here")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_broker_whose_disk_is_full(tmp_path, capsys):
    """It refuses to write; what is submitted is spooled, and all goes on once there is room."""
    with small_disk(tmp_path / "disk", 8) as disk, rig(tmp_path, broker_data=disk / "data") as one:
        first = one.submit("erasure", ADA)
        fill(filled := disk / "filled")
        with redis.Redis(unix_socket_path=str(one.broker.socket)) as broker:
            until(lambda: refuses(broker), timeout=30)
        second = one.submit()
        time.sleep(10)
        filled.unlink()
        if one.processes["worker"].poll() is not None:  # Celery gives up on such an answer; `up` would start it again
            assert 1 == one.processes["worker"].returncode
            one.start("worker")
        took = ended_well(one, first, second)
    row(capsys, "Valkey's disk full for 10 s", "submit spools; all closed once there is room", took)


def refuses(broker):
    """Say whether a broker takes nothing more."""
    try:
        broker.lpush("filler", b"x" * 4096)
        broker.ltrim("filler", 0, 0)
    except redis.RedisError:
        return True
    return False


def test_connections_to_the_database_cut_every_second(tmp_path, database, capsys):
    """In the middle of whatever is done, for 20 s, over 15 tickets: no stage is half written."""
    with rig(tmp_path, database=database) as one:
        idents = [one.submit("erasure", ADA), *(one.submit() for _ in range(14))]
        number = 0
        for _ in range(20):
            number += cut(database)
            time.sleep(1)
        took = ended_well(one, *idents)
    row(
        capsys,
        f"PostgreSQL: {number} connections cut in 20 s, over 15 tickets",
        "all closed, counted from the last",
        took,
    )


def test_a_database_that_is_restarted(tmp_path, capsys):
    """Killed, away for 10 s, started again: workers wait and go on."""
    with (
        postgres_server(copied=True) as postgres,
        rig(tmp_path, database=postgres.url(postgres.made("template0"))) as one,
    ):
        first = one.submit("erasure", ADA)
        pid = int((postgres.place / "data" / "postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGQUIT)
        second = one.submit()
        time.sleep(10)
        with running(postgres.command, log=tmp_path / "pg.log", sig=signal.SIGQUIT, **postgres.how):
            until(postgres.answers, timeout=20)
            took = ended_well(one, first, second)
            one.stop()
    row(capsys, "PostgreSQL killed, away for 10 s", "workers wait; all closed after its return", took)


def test_a_sqlite_that_is_locked(tmp_path, capsys):
    """Another process holds it for 20 s."""
    with rig(tmp_path) as one:
        first = one.submit("erasure", ADA)
        until(lambda: one.steps(StepRow.id, verb="locate"), timeout=30)
        with closing(sqlite3.connect(one.settings.root / "rightsdesk.sqlite3", isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            time.sleep(20)
            other.execute("ROLLBACK")
        took = ended_well(one, first)
        assert not one.steps(StepRow.id, state="failed")
    row(capsys, "SQLite locked by another process for 20 s", "all waits; closed once it is free", took)


@pytest.mark.parametrize("mood", ["refuses", "rubbish", "hangs", "slow", "half", "breaks off"])
def test_a_system_that_does_not_do_its_part(tmp_path, capsys, mood):
    """Others go on at full speed; its steps wait, with a visible next try; a probe sees when it is back."""
    with rig(tmp_path, chat="moody") as one:
        began = time.monotonic()
        idents = [one.submit() for _ in range(6)]
        others = located(one, "mail", 6, began)
        one.seconds_until_closed(*idents)

        (tmp_path / "mood").write_text(mood)
        began = time.monotonic()
        idents = [one.submit("erasure", ADA), *(one.submit() for _ in range(5))]
        meanwhile = located(one, "mail", 12, began)
        if mood in ("refuses", "rubbish"):
            probe = until(lambda: next_try(one, idents), timeout=30)
            calls = len((tmp_path / "calls").read_text().splitlines())
            time.sleep(15)
            probes = len((tmp_path / "calls").read_text().splitlines()) - calls
            assert probe
            said = f"left alone after {circuits.TRIES} failures; {probes} probes in 15 s"
        else:
            time.sleep(5)
            said = {"hangs": "its steps hold no more than its places", "slow": "slow", "half": "tried again"}.get(
                mood, mood
            )
        (tmp_path / "mood").unlink()
        took = ended_well(one, *idents)
        with one.store.read() as session:
            assert 0 == session.scalar(select(func.count()).select_from(CircuitRow))
    told = f"{said}; another system's 6 tickets located in {meanwhile:.1f} s ({others:.1f} s without)"
    row(capsys, f"a system that {mood}", f"{told}; all closed after it is well", took)


def located(one, system, number, began):
    """Wait until a system was searched for so many tickets; return the seconds since the beginning."""
    until(lambda: len(one.steps(StepRow.id, system=system, verb="locate", state="done")) >= number, timeout=60)
    return time.monotonic() - began


def next_try(one, idents):
    """Return when a step of the tickets is tried next, as `ticket --json` shows it."""
    shown = [step for ident in idents for step in one.line.ticket(ident)["steps"] if step["system"] == "chat"]
    with one.store.read() as session:
        return circuits.standing(session) and next((step["not_before"] for step in shown if step["not_before"]), None)


@pytest.mark.parametrize("how", ["crash", "memory"])
def test_a_poison_step_among_others(tmp_path, capsys, how):
    """It is quarantined with its reason; the worker lives on, and others' tickets are closed."""
    with rig(tmp_path, chat="poison", parts=("intake", "beat")) as one:
        (tmp_path / "poison").write_text(how)
        one.start("worker", RIGHTSDESK_MEMORY_MB="256")
        worker = one.processes["worker"].pid
        began = time.monotonic()
        ident = one.submit("erasure", ADA)
        until(lambda: one.steps(StepRow.id, ticket_id=ident, system="chat", state="failed"), timeout=240, every=0.2)
        took = time.monotonic() - began
        ((error, lost),) = one.steps(StepRow.error, StepRow.attempts, ticket_id=ident, system="chat", verb="locate")
        assert "mail" in {system for (system,) in one.steps(StepRow.system, ticket_id=ident, state="done")}
        assert one.processes["worker"].poll() is None
        assert worker == one.processes["worker"].pid
        assert (MOST_LOST if how == "crash" else 1) == lost
    row(
        capsys,
        f"a step that {'crashes its interpreter' if how == 'crash' else 'eats all memory'}",
        error.split(";")[0],
        took,
    )


def test_a_worker_held_back_beyond_its_lease(tmp_path, capsys):
    """As one that was cut off: another does its work, and what it writes when it is back is refused."""
    with rig(tmp_path, chat="slow") as one:
        ident = one.submit("erasure", ADA)
        (held,) = until(lambda: begun(tmp_path), timeout=60)
        os.kill(held, signal.SIGSTOP)
        stopped = time.monotonic()
        until(lambda: begun(tmp_path) - {held}, timeout=60)
        again = time.monotonic() - stopped
        (tmp_path / "go").touch()
        one.seconds_until_closed(ident)
        os.kill(held, signal.SIGCONT)
        until(lambda: "step.late" in (tmp_path / "worker.log").read_text() or one.wrong() == [], timeout=20)
        ended_well(one, ident)
    row(
        capsys,
        "a worker held back (SIGSTOP) beyond its lease",
        "another does its step; its late result is refused",
        again,
    )


@contextmanager
def island(*sockets):
    """Make a network of its own; yield its name, the addresses of our sockets there, and what cuts it off."""
    name, link, ours, theirs = f"rd{os.getpid()}", f"rd{os.getpid()}", "10.231.77.1", "10.231.77.2"

    def ip(*words, check=True):
        return subprocess.run(["ip", *words], capture_output=True, check=check)

    if os.geteuid() or ip("netns", "add", name, check=False).returncode:
        pytest.skip("no network namespace may be made here")
    try:
        ip("link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", name)
        ip("addr", "add", f"{ours}/30", "dev", link)
        ip("link", "set", link, "up")
        ip("-n", name, "addr", "add", f"{theirs}/30", "dev", "eth0")
        ip("-n", name, "link", "set", "eth0", "up")
        ip("-n", name, "link", "set", "lo", "up")
        with ExitStack() as stack:
            ports = [stack.enter_context(led_to(ours, path)) for path in sockets]
            yield name, [f"{ours}:{port}" for port in ports], lambda state: ip("link", "set", link, state)
    finally:
        ip("netns", "del", name)


PUMP = """
import socket, sys, threading
def pump(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
    except OSError:
        pass
    for one in (source, target):
        try:
            one.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
server = socket.create_server((sys.argv[1], 0))
print(server.getsockname()[1], flush=True)
while True:
    near, _ = server.accept()
    far = socket.socket(socket.AF_UNIX)
    far.connect(sys.argv[2])
    for pair in ((near, far), (far, near)):
        threading.Thread(target=pump, args=pair, daemon=True).start()
"""


@contextmanager
def led_to(host, path):
    """Lead whoever connects to a port to a unix socket; yield the port."""
    with subprocess.Popen([sys.executable, "-c", PUMP, host, str(path)], stdout=subprocess.PIPE, text=True) as process:
        try:
            yield int(process.stdout.readline())
        finally:
            process.kill()


def test_a_worker_cut_off_from_the_network(tmp_path, postgres, database, capsys):
    """In a network of its own, cut off in a delete: another does its step; what it says when it is back is refused."""
    with rig(tmp_path, database=database, chat="slow", parts=("intake", "beat")) as one:
        sockets = one.broker.socket, postgres.place / ".s.PGSQL.5432"
        with island(*sockets) as (name, (broker, server), link):
            far = {
                "RIGHTSDESK_BROKER_URL": f"redis://{broker}/0",
                "RIGHTSDESK_DATABASE_URL": f"postgresql+psycopg://postgres@{server}/{make_url(database).database}",
            }
            one.start("worker", before=("ip", "netns", "exec", name), **far)
            away = one.processes.pop("worker")
            ident = one.submit("erasure", ADA)
            first = set(until(lambda: begun(tmp_path), timeout=60))
            link("down")
            cut_at = time.monotonic()
            one.start("worker")
            until(lambda: begun(tmp_path) - first, timeout=60)
            again = time.monotonic() - cut_at
            (tmp_path / "go").touch()
            one.seconds_until_closed(ident)
            link("up")
            log = tmp_path / "worker.log"
            until(lambda: "step.late" in log.read_text() or "lease.lost" in log.read_text(), timeout=90)
            ended_well(one, ident)
            os.killpg(away.pid, signal.SIGKILL)
            away.wait()
    row(
        capsys,
        "a worker cut off (network namespace) in a delete",
        "another does its step; fenced when it is back",
        again,
    )


def test_a_failover_to_a_replica(tmp_path, capsys):
    """The primary is killed and its replica promoted; both stand in the URL."""
    with postgres_server(copied=True, synchronous_commit="on") as primary:
        name = primary.made("template0")
        user = {key: value for key, value in primary.how.items() if key != "cwd"}
        data, place = primary.place / "replica", primary.place / "second"
        place.mkdir()
        if os.geteuid() == 0:
            os.chown(place, pwd.getpwnam("nobody").pw_uid, -1)
        words = [
            primary.programs / "pg_basebackup",
            "-h",
            primary.place,
            "-U",
            "postgres",
            "-D",
            data,
            "-R",
            "-c",
            "fast",
        ]
        subprocess.run(words, check=True, capture_output=True, cwd=primary.place, **user)
        command = [word.replace(f"{primary.place}/data", str(data)) for word in primary.command]
        command = [word.replace(f"directories={primary.place}", f"directories={place}") for word in command]
        with running(command, log=tmp_path / "replica.log", sig=signal.SIGQUIT, **primary.how):
            second = Postgres(place, primary.programs)
            until(second.answers, timeout=20)
            primary.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
            primary.execute("SELECT pg_reload_conf()")
            both = f"{primary.place},{place}&target_session_attrs=read-write"
            with rig(tmp_path, database=f"postgresql+psycopg://postgres@/{name}?host={both}") as one:
                idents = [one.submit("erasure", ADA), *(one.submit() for _ in range(5))]
                until(lambda: one.steps(StepRow.id, state="done"), timeout=60)
                pid = int((primary.place / "data" / "postmaster.pid").read_text().split()[0])
                os.kill(pid, signal.SIGQUIT)
                second.execute("SELECT pg_promote()")
                took = ended_well(one, *idents)
                one.stop()
    row(capsys, "PostgreSQL's primary killed, its replica promoted", "6 tickets closed, doctor clean", took)


def test_a_database_whose_disk_is_full(tmp_path, capsys):
    """It refuses to write, for 10 s; workers wait and go on."""
    with (
        small_disk(Path(f"/tmp/rd-disk-{os.getpid()}"), 200) as disk,
        postgres_server(copied=True, data=disk / "data", wal_recycle="off") as postgres,
        rig(tmp_path, database=postgres.url(postgres.made("template0"))) as one,
    ):
        first = one.submit("erasure", ADA)
        fill(disk / "filled")
        second = one.submit()
        time.sleep(10)
        (disk / "filled").unlink()
        pid = disk / "data" / "postmaster.pid"
        if not (alive := postgres.answers()) and not pid.exists():
            pytest.fail("the server has ended")
        assert alive
        took = ended_well(one, first, second)
        one.stop()
    row(capsys, "PostgreSQL's disk full for 10 s", "workers wait; all closed once there is room", took)


def fill(path):
    """Fill a disk with a file."""
    with suppress(OSError), path.open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)


def test_a_deploy(tmp_path, capsys):
    """SIGTERM to all parts in the middle of a delete, new ones beside the old: nothing is lost."""
    with rig(tmp_path, chat="slow") as one:
        ident = one.submit("erasure", ADA)
        until(lambda: begun(tmp_path), timeout=60)
        began = time.monotonic()
        threading.Timer(1.0, (tmp_path / "go").touch).start()
        for part in PARTS:
            one.kill(part, signal.SIGTERM)
        down = time.monotonic() - began
        one.start(*PARTS)
        took = ended_well(one, ident)
    row(
        capsys,
        "SIGTERM to worker, intake and beat in a delete; started again",
        f"ended after {down:.1f} s; closed",
        took,
    )


def test_two_of_each(tmp_path, database, capsys):
    """Two workers, two intakes, two beats over 20 tickets."""
    with rig(tmp_path, database=database) as one:
        first = dict(one.processes)
        one.start(*PARTS)
        idents = [one.submit("erasure", ADA), *(one.submit() for _ in range(19))]
        took = ended_well(one, *idents)
        for process in first.values():
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    row(
        capsys,
        "two workers, two intakes, two beats at once, over 20 tickets",
        "each step done once, doctor clean",
        took,
    )


def test_kills_at_random(tmp_path, database, capsys):
    """For a minute some part, or a pool child, is killed every two seconds, over 40 tickets."""
    rng = random.Random(6)
    with rig(tmp_path, database=database) as one:
        idents = [one.submit("erasure", ADA)]
        end = time.monotonic() + 60
        killed = 0
        while time.monotonic() < end:
            if len(idents) < 40:
                idents.append(one.submit())
            part = rng.choice((*PARTS, "child", "child"))
            if part == "child":
                for pid in rng.sample(found := children(one.processes["worker"].pid), min(1, len(found))):
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                if one.processes["worker"].poll() is not None:
                    one.start("worker")
            else:
                one.kill(part)
                one.start(part)
            killed += 1
            time.sleep(2)
        took = ended_well(one, *idents)
    row(capsys, f"{killed} parts or children killed at random in 60 s, over {len(idents)} tickets", "all closed", took)
