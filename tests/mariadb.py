"""A real MariaDB for tests, in a short private folder on a unix socket, ending with the test run."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pymysql
import pytest

from tests.servers import must_live, private_place, running
from tests.waiting import until
from workers.embedded.tether import tether


class MariaDb:
    """A running MariaDB and the databases made in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.numbers = count(1)

    def url(self, database: str, *, user: str = "root") -> str:
        """Return a database's SQLAlchemy URL."""
        return f"mariadb+pymysql://{user}@/{database}?unix_socket={self.path}&ssl_disabled=1"

    def execute(self, statement: str) -> None:
        """Run one statement as the superuser."""
        admin = pymysql.connect(unix_socket=str(self.path), user="root", autocommit=True, ssl_disabled=True)
        try:
            with admin.cursor() as cursor:
                cursor.execute(statement)
        finally:
            admin.close()

    def answers(self) -> bool:
        """Say whether it takes connections; PyMySQL would leave its socket open where nobody listens."""
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(str(self.path)) == 0

    @contextmanager
    def database(self) -> Iterator[str]:
        """Make a database and yield its URL; drop it afterwards."""
        name = f"test{next(self.numbers)}"
        self.execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
        try:
            yield self.url(name)
        finally:
            self.execute(f"DROP DATABASE {name}")


def programs() -> tuple[str, str]:
    """Return the paths of `mariadbd` and `mariadb-install-db`; skip without them, but fail where CI is set."""
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
    found = [shutil.which(name, path=path) for name in ("mariadbd", "mariadb-install-db")]
    if found[0] is None or found[1] is None:
        reason = "MariaDB is not installed: apt-get install mariadb-server"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return found[0], found[1]


@contextmanager
def mariadb_server() -> Iterator[MariaDb]:
    """Run a MariaDB, as `nobody` when we are root, on a unix socket only."""
    server_program, install = programs()
    user = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
    how = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if os.geteuid() == 0 else {}
    with private_place("maria", uid=user.pw_uid) as place:
        data, path, log = place / "data", place / "s", place / "log"
        subprocess.run(
            [install, "--no-defaults", f"--datadir={data}", "--auth-root-authentication-method=normal",
             "--skip-test-db", f"--tmpdir={place}", "--skip-name-resolve"],
            check=True, capture_output=True, cwd=place, preexec_fn=tether(signal.SIGKILL), **how,
        )  # fmt: skip
        command = [
            server_program, "--no-defaults", f"--datadir={data}", f"--socket={path}", "--skip-networking",
            f"--pid-file={place / 'pid'}", f"--tmpdir={place}", "--innodb-flush-log-at-trx-commit=0",
            "--innodb-buffer-pool-size=32M", "--innodb-fast-shutdown=2", "--skip-log-bin",
            "--debug-no-sync", "--sync-frm=0", "--innodb-doublewrite=0", "--innodb-flush-method=nosync",
        ]  # fmt: skip
        with running(command, log=log, cwd=place, **how) as server:
            maria = MariaDb(path)
            until(lambda: must_live(server, log) or maria.answers(), timeout=30)
            yield maria
