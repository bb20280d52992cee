"""The embedded stack, with a real Valkey and small scripts in place of the other parts."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import redis

from shared.domain.errors import RightsdeskError, UsageError
from shared.private_file import write_private
from shared.settings import Settings
from tests.small import CLIENT
from tests.waiting import until
from workers.embedded import Part, Stack, die_with_parent, python_part, read_stack, valkey_part
from workers.embedded.folders import home_folder, private_folder
from workers.embedded.parts import all_parts, environment, flower_part
from workers.embedded.tether import tether

pytestmark = pytest.mark.processes

PATIENT = """
    import os, pathlib, time
    run = pathlib.Path(os.environ["RIGHTSDESK_HOME"]) / "run"
    pathlib.Path(run.parent / "{name}.made").touch()
    (run / "{name}.ready").write_text(str(os.getpid()))
    time.sleep(600)
"""
DEAF = """
    import os, pathlib, signal, time
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if os.fork():
        run = pathlib.Path(os.environ["RIGHTSDESK_HOME"]) / "run"
        (run / "{name}.ready").write_text(str(os.getpid()))
    else:
        pathlib.Path(os.environ["RIGHTSDESK_HOME"], "child").write_text(str(os.getpid()))
    time.sleep(600)
"""

BUSY = (
    """
    import signal
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
"""
    + PATIENT
)


def script(settings: Settings, name: str, text: str = PATIENT, **how) -> Part:
    """Return a part that runs a Python text."""
    code = textwrap.dedent(text.format(name=name))
    return python_part(settings, name, [sys.executable, "-S", "-c", code], f"{name} here", **how)


def small(settings: Settings, concurrency: int = 2, port: int = 0) -> list[Part]:
    """Return a stack of Valkey and two scripts."""
    return [valkey_part(settings), script(settings, "worker"), script(settings, "beat")]


def busy(settings: Settings, concurrency: int = 2, port: int = 0) -> list[Part]:
    """Return a stack whose worker would finish its tasks before it ends."""
    return [valkey_part(settings), script(settings, "worker", BUSY, orphaned=signal.SIGKILL), script(settings, "beat")]


def state(pid: int) -> str:
    """Return a process's state letter; a process that is gone, or a zombie, is "gone"."""
    try:
        letter = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "gone"
    return "gone" if letter in "ZX" else letter


def mode(path: Path) -> int:
    """Return a file's permission bits."""
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Return settings with a home in a folder with a very long name, so that no socket path fits in it."""
    return Settings(home=tmp_path / ("long" * 30) / "home", systems=tmp_path / "systems.toml")


def client(settings: Settings) -> redis.Redis:
    """Return a client of the embedded Valkey."""
    return redis.Redis(unix_socket_path=str(settings.socket))


PROGRAM = """
import sys
from pathlib import Path
from shared.settings import Settings
from tests.workers.test_embedded import busy, small
from workers.embedded import Stack
settings = Settings(home=Path(sys.argv[1]), systems=Path("systems.toml"))
Stack(settings, parts={"small": small, "busy": busy}[sys.argv[2]], grace=60).run()
print("down", flush=True)
"""


def start_program(settings: Settings, parts: str) -> subprocess.Popen:
    """Start a stack in a process of its own, which ends with the tests."""
    command = [sys.executable, "-c", PROGRAM, str(settings.root), parts]
    tie = tether()
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, preexec_fn=tie)  # noqa: PLW1509 - no lock


@pytest.fixture(params=["small"])
def program(settings: Settings, request: pytest.FixtureRequest):
    """Start a stack in a process of its own, as `rightsdesk up` does, and give the process once all is ready."""
    with start_program(settings, request.param) as process:
        until(lambda: read_stack(settings))
        yield process
        process.terminate()
        process.wait(20)


def test_everything_is_ready_and_says_where(settings):
    """Valkey comes first, then the hook, then the others; each says where it listens; the file appears last."""
    events = []
    stack = Stack(settings, parts=small, say=events.append, meanwhile=lambda: events.append("hook"))
    with stack:
        assert f"valkey  unix://{settings.socket}" == events[0]
        assert "hook" == events[1]
        assert {"worker  worker here", "beat    beat here"} == set(events[2:])
        found = read_stack(settings)
        assert {"broker_url", "database_url", "flower_url", "metrics_url", "pids"} == found.keys()
        assert {"valkey", "worker", "beat"} == found["pids"].keys()
        assert settings.broker == found["broker_url"]
        assert all(state(pid) != "gone" for pid in found["pids"].values())
        assert client(settings).ping()
    assert all(state(pid) == "gone" for pid in found["pids"].values())
    assert read_stack(settings) is None
    assert not (settings.run / "stack.json").exists()
    assert not settings.socket.parent.exists()


def test_hook_runs_with_the_broker_while_the_parts_start(settings):
    """A migration finds the broker up; no part is waited for before it has run."""

    def hook():
        assert client(settings).ping()

    with Stack(settings, parts=small, meanwhile=hook):
        assert 2 == len([*settings.root.glob("*.made")])


def test_failed_hook_leaves_nothing(settings):
    """What goes wrong while the parts start ends them and the broker."""

    def hook():
        raise UsageError("no such database")

    with pytest.raises(UsageError, match="no such database"), Stack(settings, parts=small, meanwhile=hook):
        pass
    assert not settings.socket.exists()
    assert signal.SIG_DFL == signal.getsignal(signal.SIGTERM)


def test_everything_is_private(settings):
    """Folders are 0700 and files 0600, whatever the umask of whoever starts the stack."""
    before = os.umask(0)
    try:
        with Stack(settings, parts=small):
            client(settings).set("key", "value")
            for folder in (settings.root, settings.run, settings.root / "log", settings.socket.parent):
                assert 0o700 == mode(folder)
            for path in (*settings.root.rglob("*"), settings.socket):
                assert 0 == mode(path) & 0o077, path
            assert 0o600 == mode(settings.run / "stack.json")
            assert 0o600 == mode(settings.root / "log" / "valkey.log")
    finally:
        os.umask(before)


def test_socket_path_is_short(settings):
    """However deep the home, the socket's path fits."""
    assert len(os.fsencode(settings.root)) > 107
    assert len(os.fsencode(settings.socket)) < 108


@pytest.mark.parametrize("name", ["valkey", "worker"])
def test_killed_part_is_started_again(settings, capfd, name):
    """A part that dies comes back with another pid, the file says so, and so does a line."""
    with Stack(settings, parts=small) as stack:
        first = read_stack(settings)["pids"]
        os.kill(first[name], signal.SIGKILL)

        def renewed():
            stack.poll(0.2)
            return read_stack(settings)["pids"][name] != first[name]

        until(renewed)
        pids = read_stack(settings)["pids"]
        assert pids[name] == stack.supervisor.pids[name]
        assert {key: pid for key, pid in first.items() if key != name} == {k: v for k, v in pids.items() if k != name}
        assert client(settings).ping()
    assert (
        f"rightsdesk: {name} (pid {first[name]}) ended with -9, starting it again in 0.1 s\n" == capfd.readouterr().err
    )


def test_part_that_keeps_dying_does_not_spin(settings):
    """Each further start waits longer."""
    with Stack(settings, parts=small) as stack:
        process = stack.supervisor.processes[1]
        pauses = []
        for _ in range(3):
            until(lambda: stack.poll(0.1) or process.pid)
            os.kill(process.pid, signal.SIGKILL)
            until(lambda: stack.poll(0.1) or process.pid is None or process.due_at in pauses)
            pauses.append(process.pause)
        assert [0.1, 0.2, 0.4] == pauses


def test_part_that_can_not_start_ends_the_start(settings):
    """A part that ends while the stack starts is named with its code and its log, and nothing is left."""

    def parts(settings, concurrency, port):
        return [*small(settings), script(settings, "intake", "\n    raise SystemExit(7)")]

    log = settings.root / "log" / "intake.log"
    with pytest.raises(RightsdeskError, match=f"intake ended with 7; see {log}"), Stack(settings, parts=parts):
        pass
    assert not settings.socket.exists()


def test_part_that_is_never_ready_ends_the_start(settings):
    """Patience ends, and the part that used it up is named."""

    def parts(settings, concurrency, port):
        return [*small(settings), script(settings, "intake", "\n    import time; time.sleep(600)")]

    with pytest.raises(RightsdeskError, match=r"not ready after 1 s: intake"):
        Stack(settings, parts=parts, patience=1.0).__enter__()


def test_stale_readiness_does_not_count(settings):
    """A file left by an earlier process is not taken for this one's."""
    private_folder(settings.root)
    private_folder(settings.run)
    (settings.run / "worker.ready").write_text("1")
    with Stack(settings, parts=small):
        assert str(read_stack(settings)["pids"]["worker"]) == (settings.run / "worker.ready").read_text()


def test_deaf_part_is_killed_with_its_children(settings):
    """A part that ignores SIGTERM is killed after the grace, and so is what it forked."""

    def parts(settings, concurrency, port):
        return [*small(settings), script(settings, "intake", DEAF)]

    with Stack(settings, parts=parts, grace=0.5):
        child = until(lambda: (settings.root / "child").exists() and int((settings.root / "child").read_text() or 0))
    assert "gone" == state(child)


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signal_ends_everything(settings, program, sig):
    """Ctrl-C, SIGTERM and a closed terminal end the stack in order, and its file goes."""
    pids = read_stack(settings)["pids"]
    program.send_signal(sig)
    assert "down" == program.communicate(timeout=10)[0].splitlines()[-1]
    assert 0 == program.returncode
    assert ["gone"] * 3 == [state(pid) for pid in pids.values()]
    assert not (settings.run / "stack.json").exists()


def test_second_signal_ends_everything_at_once(settings):
    """Whoever presses Ctrl-C again does not wait for a busy worker."""
    with start_program(settings, "busy") as process:
        pids = until(lambda: read_stack(settings))["pids"]
        process.send_signal(signal.SIGINT)
        until(lambda: state(pids["beat"]) == "gone")
        assert "gone" != state(pids["worker"])
        process.send_signal(signal.SIGINT)
        assert 0 == process.wait(10)
        assert "gone" == state(pids["worker"])
        assert not settings.socket.exists()  # the broker ended by itself


@pytest.mark.parametrize("program", ["small", "busy"], indirect=True)
def test_nothing_outlives_a_killed_parent(settings, program):
    """After kill -9 of the parent every part ends, and what it left stands in nobody's way."""
    pids = read_stack(settings)["pids"]
    program.kill()
    until(lambda: all(state(pid) == "gone" for pid in pids.values()), timeout=5)
    assert 3 == len(pids)
    assert (settings.run / "stack.json").exists()
    assert read_stack(settings) is None
    with Stack(settings, parts=small):
        assert read_stack(settings)["pids"]["valkey"] != pids["valkey"]


def test_next_stack_waits_for_the_last_broker(settings, program):
    """Two servers never write one append-only file: the next waits until the orphan has ended."""
    with client(settings) as connection:
        connection.set("key", "value")
    orphan = read_stack(settings)["pids"]["valkey"]
    program.kill()
    with Stack(settings, parts=small):
        assert "gone" == state(orphan)
        with client(settings) as connection:
            assert b"value" == connection.get("key")


def test_killed_broker_leaves_a_socket_that_is_cleared(settings):
    """The socket of a server that was killed does not stop the next."""
    private_folder(settings.socket.parent)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(settings.socket))
    assert settings.socket.exists()
    with Stack(settings, parts=small), client(settings) as connection:
        assert connection.ping()


def test_state_survives_a_restart(settings):
    """What was on the queue is there after a stop and after a kill -9 of the broker a second later."""
    with Stack(settings, parts=small), client(settings) as connection:
        connection.lpush("rightsdesk:intake", "sealed")
    with Stack(settings, parts=small) as stack, client(settings) as connection:
        assert [b"sealed"] == connection.lrange("rightsdesk:intake", 0, -1)
        connection.lpush("rightsdesk:intake", "more")
        until(lambda: connection.info("persistence")["aof_pending_bio_fsync"] == 0)
        os.kill(stack.supervisor.pids["valkey"], signal.SIGKILL)
        until(lambda: stack.poll(0.1) or stack.supervisor.complete)
    with Stack(settings, parts=small), client(settings) as connection:
        assert [b"more", b"sealed"] == connection.lrange("rightsdesk:intake", 0, -1)


def test_broker_is_configured_to_keep_and_to_hide(settings):
    """The server appends every write, evicts nothing and has no port."""
    wanted = {"appendonly": "yes", "appendfsync": "everysec", "save": "", "port": "0", "maxmemory-policy": "noeviction"}
    with Stack(settings, parts=small), client(settings) as connection:
        assert wanted == connection.config_get(*wanted)


def test_an_entry_larger_than_any_ticket_is_refused(settings):
    """The broker takes no entry above a megabyte, and goes on for everybody else."""
    with Stack(settings, parts=small) as stack, client(settings) as connection:
        with pytest.raises(redis.RedisError):
            connection.lpush("rightsdesk:intake", b"x" * (1024 * 1024 + 1))
        connection.lpush("rightsdesk:intake", b"x" * 64 * 1024)
        assert [64 * 1024] == [len(one) for one in connection.lrange("rightsdesk:intake", 0, -1)]
        stack.poll()
        assert stack.supervisor.complete


def test_second_stack_is_refused(settings, program):
    """One home, one stack: the second says in one line whose pid is in the way, and harms nothing."""
    expected = f"a stack already runs on {settings.root}, pid {program.pid}"
    with pytest.raises(UsageError) as caught:
        Stack(settings, parts=small).__enter__()
    assert expected == str(caught.value)
    assert read_stack(settings) is not None


def test_named_broker_is_used(settings):
    """With a broker of one's own no server is started."""
    home_folder(settings.root)
    named = Settings(**settings.model_dump(exclude_unset=True), broker_url="redis://broker.example/0")
    settings.systems.write_text(CLIENT)
    usual = all_parts(named, 2, 5555)
    assert ["worker", "intake", "beat", "flower"] == [part.name for part in usual]
    assert ["workers.cli", "worker", "--concurrency", "2"] == [*usual[0].command[2:]]
    assert signal.SIGKILL == usual[0].orphaned
    with Stack(named, parts=lambda settings, *_: small(settings)[1:]):
        found = read_stack(named)
    assert "redis://broker.example/0" == found["broker_url"]
    assert {"worker", "beat"} == found["pids"].keys()


def test_the_console_runs_where_links_are_mailed(settings):
    """A client whose packages go by a mailed link gets the page behind it, and the worker knows its address."""
    home_folder(settings.root)
    settings.systems.write_text(CLIENT + 'deliver = "link"\n')
    parts = {part.name: part for part in all_parts(settings, 2, 5555)}
    assert "console" in parts
    assert "http://127.0.0.1:8470" == parts["worker"].env["RIGHTSDESK_PUBLIC_URL"]


def test_metrics_are_served(settings):
    """A registry that is handed over can be read over HTTP while the stack runs."""
    import httpx
    from prometheus_client import CollectorRegistry, Gauge

    registry = CollectorRegistry()
    Gauge("tickets_open", "Open tickets.", registry=registry).set(3)
    with Stack(settings, parts=small, registry=registry) as stack:
        assert stack.metrics_url == read_stack(settings)["metrics_url"]
        assert "tickets_open 3.0" in httpx.get(stack.metrics_url).text


def test_flower_is_closed_without_the_password(settings, tmp_path):
    """Flower runs beside the broker, shows nothing without the password, and keeps it out of its command line."""
    import httpx

    package = tmp_path / "elsewhere" / "workers"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    app = f"from celery import Celery\napp = Celery(broker={settings.broker!r})\n"
    (package / "app.py").write_text(app)

    def parts(settings, concurrency, port):
        flower = flower_part(settings, port)
        flower.env["PYTHONPATH"] = str(package.parent)
        return [valkey_part(settings), flower]

    with Stack(settings, parts=parts, grace=5.0) as stack:
        url, pid = stack.flower_url, stack.supervisor.pids["flower"]
        word = (settings.root / "flower.password").read_text().strip()
        assert 0o600 == mode(settings.root / "flower.password")
        assert word not in Path(f"/proc/{pid}/cmdline").read_text()
        assert url == read_stack(settings)["flower_url"]
        assert [401, 401] == [httpx.get(url + path).status_code for path in ("/", "/api/workers")]
        os.kill(pid, signal.SIGKILL)
        until(lambda: stack.poll(0.1) or (stack.supervisor.complete and read_stack(settings)["pids"]["flower"] != pid))
        assert 200 == httpx.get(url, auth=("rightsdesk", word), follow_redirects=True).status_code
    assert "gone" == state(pid)
    assert 0 == sum(mode(path) & 0o077 for path in (settings.root / "flower").rglob("*"))
    with Stack(settings, parts=parts):
        assert word == (settings.root / "flower.password").read_text().strip()


def test_parts_get_the_settings_and_only_those(settings, monkeypatch):
    """Parts see this stack's settings, secrets for the inventory included, and nothing that is not set."""
    monkeypatch.setenv("RIGHTSDESK_DATABASE_URL", "sqlite:////elsewhere")
    monkeypatch.setenv("RIGHTSDESK_IMAP_PASSWORD", "made up")
    monkeypatch.setenv("FLOWER_UNAUTHENTICATED_API", "true")
    env = environment(settings)
    assert str(settings.root) == env["RIGHTSDESK_HOME"]
    assert str(settings.systems) == env["RIGHTSDESK_SYSTEMS"]
    assert "made up" == env["RIGHTSDESK_IMAP_PASSWORD"]
    assert set() == {"RIGHTSDESK_DATABASE_URL", "RIGHTSDESK_BROKER_URL", "FLOWER_UNAUTHENTICATED_API"} & env.keys()
    named = Settings(**settings.model_dump(exclude_unset=True), database_url="postgresql:///x", smtp_url="smtp://u:p@h")
    assert "postgresql:///x" == environment(named)["RIGHTSDESK_DATABASE_URL"]
    assert "smtp://u:p@h" == environment(named)["RIGHTSDESK_SMTP_URL"]


def test_only_parts_that_open_the_vault_get_its_secrets(settings):
    """Flower serves pages, and needs neither."""
    home_folder(settings.root)
    settings.systems.write_text(CLIENT)
    secrets = {"passphrase": "made up", "server_secret": "made up, too"}
    given = Settings(**settings.model_dump(exclude_unset=True), **secrets)
    getting = {part.name for part in all_parts(given, 1, 5555) if "made up" in " ".join(part.env.values())}
    assert {"intake", "worker", "beat"} == getting


def test_socket_folder_of_another_is_refused(tmp_path):
    """A folder or a link that somebody else put in place is not used."""
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(UsageError, match="not a folder of ours"):
        private_folder(tmp_path / "link")
    if os.geteuid() == 0:
        (tmp_path / "theirs").mkdir()
        os.chown(tmp_path / "theirs", 65534, -1)
        with pytest.raises(UsageError, match="not a folder of ours"):
            private_folder(tmp_path / "theirs")


def test_open_folder_of_ours_is_closed(tmp_path):
    """A folder of ours that others could enter is closed to them."""
    (tmp_path / "open").mkdir(mode=0o755)
    assert 0o700 == mode(private_folder(tmp_path / "open"))


@pytest.mark.parametrize("path", ["/", "/tmp", "~"])
def test_home_is_a_folder_of_its_own(path):
    """A folder that others need is never closed to them."""
    before = mode(Path(path).expanduser())
    with pytest.raises(UsageError, match="a folder of its own"):
        home_folder(Path(path).expanduser().resolve())
    assert before == mode(Path(path).expanduser())


def test_private_file_replaces_whatever_was_there(tmp_path):
    """A file is written in one step and closed to others, even over one that was open."""
    (tmp_path / "file").write_text("old")
    write_private(tmp_path / "file", b"new")
    assert "new" == (tmp_path / "file").read_text()
    assert 0o600 == mode(tmp_path / "file")
    assert [tmp_path / "file"] == [*tmp_path.iterdir()]


def test_parts_start_from_the_main_thread_only():
    """A child would end with the thread that forked it, so another thread is refused."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool, pytest.raises(RuntimeError, match="main thread"):
        pool.submit(tether).result()


def test_grandchild_dies_with_its_parent(tmp_path):
    """A pool child that ties itself ends when its worker is killed."""
    code = f"""
    import os, sys, time
    from workers.embedded import die_with_parent
    if os.fork() == 0:
        die_with_parent()
        open({str(tmp_path / "pid")!r}, "w").write(str(os.getpid()))
    time.sleep(600)
    """
    with subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)]) as worker:
        pid = until(lambda: (tmp_path / "pid").exists() and int((tmp_path / "pid").read_text() or 0))
        worker.kill()
        until(lambda: state(pid) == "gone", timeout=5)
    assert callable(die_with_parent)


def test_file_is_json_with_the_promised_keys(settings):
    """Other programs read the file, so its keys stay."""
    with Stack(settings, parts=small):
        assert 0o600 == mode(settings.run / "stack.json")
        found = json.loads((settings.run / "stack.json").read_text())
    assert ["broker_url", "database_url", "flower_url", "metrics_url", "pids"] == [*found]
