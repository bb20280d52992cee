"""Credentials, DSNs and what stands in stores never show: not in exceptions, logs, the database or `systems check`."""

import logging
import socket
import socketserver
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa
from s3fs import S3FileSystem

from shared import log
from shared.domain.errors import RightsdeskError
from shared.domain.identifier import Identifier, Subject
from shared.inventory import Inventory, load
from shared.ports import verbs_of
from shared.testing import Desk
from tests import small
from tests.line import open_line
from tests.servers import Postgres
from tests.small import ticket
from workers import connectors
from workers.checks import check

CANARY = "canary"
SUBJECT = Subject(given=frozenset({Identifier("email", "canary-ada@example.org")}), region="DE")


class Rubbish(socketserver.BaseRequestHandler):
    """A server that answers anybody with nonsense, or with what it was told to."""

    answer = b"canary-rubbish\r\n" * 20

    def handle(self):
        self.request.settimeout(0.3)
        with suppress(TimeoutError):  # a client that waits for the server's greeting
            self.request.recv(65536)
        self.request.sendall(self.answer)


class Forbidding(Rubbish):
    """A storage that does not know the key, and quotes it."""

    body = b"<?xml version='1.0'?><Error><Code>InvalidAccessKeyId</Code><Message>canary-key</Message></Error>"
    answer = (
        b"HTTP/1.1 403 Forbidden\r\nContent-Type: application/xml\r\nConnection: close\r\n"
        b"Content-Length: " + str(len(body)).encode() + b"\r\n\r\n" + body
    )


@contextmanager
def serving(handler: type[Rubbish]) -> Iterator[int]:
    """Run such a server; yield its port."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(autouse=True)
def once(monkeypatch):
    """Let s3fs ask once: what it says does not change with its pauses."""
    monkeypatch.setattr(S3FileSystem, "retries", 1)


@pytest.fixture(scope="module")
def ports() -> Iterator[dict[str, int]]:
    """Ports by what answers there: nobody, rubbish, a storage that forbids."""
    with closing(socket.socket()) as held, serving(Rubbish) as rubbish, serving(Forbidding) as forbidding:
        held.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused, and nobody takes the port
        yield {"refused": held.getsockname()[1], "rubbish": rubbish, "forbidding": forbidding}


def sql(url: str) -> str:
    """Return the keys of an SQL system."""
    return f'connector = "sql"\nurl = "{url}"\ndatamap = "map.yaml"\n'


def s3(port: str, more: str = "") -> str:
    """Return the keys of an S3 system."""
    return (
        'connector = "objects"\nurl = "s3://canary-bucket"\nowner = { sidecar = ".json", field = "email" }\n'
        f'options = {{ endpoint_url = "http://127.0.0.1:{port}", key = "canary-key", secret = "canary-secret"{more}, '
        "config_kwargs = { retries = { max_attempts = 0 } } }\n"
    )


def objects(url: str) -> str:
    """Return the keys of an object storage."""
    return f'connector = "objects"\nurl = "{url}"\nowner = {{ path = "{{email}}/{{name}}" }}\n'


BROKEN = {
    "sqlite, missing": sql("sqlite:///canary-missing.db"),
    "sqlite, rubbish": sql("sqlite:///canary-rubbish"),
    "sqlite, no map for it": sql("sqlite:///canary-other.db"),
    "postgresql, refused": sql("postgresql+psycopg://canary-user:canary-pass@127.0.0.1:{refused}/canary-db"),
    "postgresql, rubbish": sql("postgresql+psycopg://canary-user:canary-pass@127.0.0.1:{rubbish}/canary-db"),
    "mysql, refused": sql("mysql+pymysql://canary-user:canary-pass@127.0.0.1:{refused}/canary-db"),
    "mysql, rubbish": sql("mysql+pymysql://canary-user:canary-pass@127.0.0.1:{rubbish}/canary-db"),
    "sql, no URL": sql("canary-user:canary-pass"),
    "sql, no such driver": sql("oracle+oracledb://canary-user:canary-pass@127.0.0.1/canary-db"),
    "sql, an unknown key": sql("sqlite:///chat.db") + 'password = "canary-pass"\n',
    "maildir, missing": 'connector = "maildir"\npath = "canary-mail"\n',
    "maildir, rubbish": 'connector = "maildir"\npath = "canary-rubbish"\n',
    "maildir, empty": 'connector = "maildir"\npath = "canary-folder"\n',
    "objects, missing": objects("canary-missing"),
    "objects, no such storage": objects("canary://canary-user:canary-pass@host/x"),
    "s3, refused": s3("{refused}"),
    "s3, rubbish": s3("{rubbish}"),
    "s3, wrong key": s3("{forbidding}"),
    "s3, wrong options": s3("{refused}", ', client_kwargs = { canary-option = "canary-secret" }'),
}


@dataclass
class Place:
    """A folder with an inventory of one broken system."""

    folder: Path

    @property
    def systems(self) -> Path:
        """The inventory."""
        return self.folder / "systems.toml"

    @property
    def inventory(self) -> Inventory:
        """The inventory, read."""
        return load(self.systems)


def place(folder: Path, keys: str) -> Place:
    """Write an inventory with one system, and the canaries that it may come upon."""
    folder.mkdir()
    head = '[[systems]]\nid = "broken"\nclient = "acme"\nchannel = "chat"\nregion = "country:DE"\n'
    (folder / "systems.toml").write_text(small.CLIENT + head + keys)
    (folder / "map.yaml").write_text(small.MAP)
    (folder / "canary-rubbish").write_bytes(b"canary-value " * 1000)
    (folder / "canary-folder").mkdir()
    engine = sa.create_engine(f"sqlite:///{folder}/canary-other.db")
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE contacts (id INTEGER PRIMARY KEY, told TEXT)")
        connection.exec_driver_sql("INSERT INTO contacts (told) VALUES ('canary-ada@example.org')")
    engine.dispose()
    return Place(folder)


@pytest.fixture(params=BROKEN)
def broken(request, tmp_path, ports) -> Place:
    """A place whose system is broken in one way."""
    keys = BROKEN[request.param]
    for name, port in ports.items():
        keys = keys.replace(f"{{{name}}}", str(port))
    return place(tmp_path / "place", keys)


@pytest.fixture(params=["no such role", "wrong password", "no such database"])
def shut(request, tmp_path, postgres: Postgres) -> Iterator[Place]:
    """A place whose system is a real PostgreSQL that lets nobody in."""
    user, name = {"wrong password": ("canary_clerk", "postgres"), "no such database": ("postgres", "canary_db")}.get(
        request.param, ("canary_user", "postgres")
    )
    rules = postgres.place / "data" / "pg_hba.conf"
    before = rules.read_text()
    rules.write_text("local all canary_clerk scram-sha-256\n" + before)
    postgres.execute("CREATE ROLE canary_clerk LOGIN PASSWORD 'canary-right'")
    postgres.execute("SELECT pg_reload_conf()")
    url = f"postgresql+psycopg://{user}:canary-wrong@/{name}?host={postgres.place}"
    yield place(tmp_path / "place", sql(url))
    postgres.execute("DROP ROLE canary_clerk")
    rules.write_text(before)
    postgres.execute("SELECT pg_reload_conf()")


def shown(error: BaseException | None) -> Iterator[str]:
    """Yield all that a log, a debugger or a report would print of an exception and what led to it."""
    while error is not None:
        yield repr(error)
        yield str(error)
        yield repr(error.args)
        yield "".join(traceback.format_exception(error))
        yield repr(getattr(error, "__notes__", ""))
        # `from None` keeps the cause at hand, and nothing prints it
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def raised(act: Callable[[], object]) -> RightsdeskError | None:
    """Return the error of ours that an act ends with; nothing else may cross a step."""
    try:
        act()
    except RightsdeskError as error:
        return error
    return None


def errors(where: Place) -> list[RightsdeskError]:
    """Return what building the connector, its check and each of its verbs raise."""
    system, found = where.inventory.system("broken"), list[RightsdeskError | None]()
    found.append(raised(lambda: connectors.check(where.inventory)))
    for verb in [] if found[0] else [*sorted(verbs_of(connectors.kind_of(system))), "check"]:
        with closing(connectors.build(system, where.inventory.clients["acme"])) as connector:
            found.append(raised(partial(_run, getattr(connector, verb), verb)))
    return [error for error in found if error is not None]


def _run(act: Callable[..., object], verb: str) -> None:
    done = act() if verb == "check" else act(Desk(SUBJECT).work())
    if isinstance(done, Iterator):
        list(done)


def test_no_exception_shows_a_canary(broken):
    """Whatever is wrong, building and every verb end with an error of ours that names no value and no credential."""
    found = errors(broken)
    assert found
    assert not [text for error in found for text in shown(error) if CANARY in text.casefold()]


INDEX = 'connector = "objects"\nurl = "canary-folder"\nowner = { index = "%s", table = "t", path = "p", email = "m" }\n'
HTTP = 'connector = "http"\nurl = "%s"\ndefinition = "canary.yaml"\n'
ODD = {
    "a port that is no number": sql("postgresql+psycopg://canary-user:canary-pass@127.0.0.1:canary/canary-db"),
    "an unknown option": sql("mysql+pymysql://canary-user:canary-pass@127.0.0.1/canary-db?canary=1"),
    "a charset that is none": sql("mysql+pymysql://canary-user:canary-pass@127.0.0.1/canary-db?charset=canary"),
    "a timeout that is no number": sql("sqlite:///canary-other.db?timeout=canary"),
    "an option of SQLite's": sql("sqlite:///canary-other.db?canary=1"),
    "an index with such an option": INDEX % "mysql+pymysql://canary-user:canary-pass@127.0.0.1/canary-db?canary=1",
    "an index with such a port": INDEX % "postgresql+psycopg://canary-user:canary-pass@127.0.0.1:canary/canary-db",
    "an address without an end": HTTP % "https://[::canary",
    "a port of letters": HTTP % "https://127.0.0.1:canary",
}  # fmt: skip


@pytest.mark.parametrize("keys", ODD.values(), ids=ODD)
def test_an_odd_url_is_one_clear_line(tmp_path, keys, capfd):
    """What a driver makes of it is no error of the connector's: the line says what to correct, and no value."""
    where = place(tmp_path / "place", keys)
    system = where.inventory.system("broken")
    (found,) = (one for one in check(system, where.inventory.clients["acme"]) if one.severity == "error")
    said = f"{found.place}: {found.what}; {found.todo}"
    assert "unexpected" not in said
    assert "`url`" in said or "`index`" in said
    errors(where)
    assert CANARY not in said + "".join(capfd.readouterr())


def test_no_exception_shows_what_a_real_server_refused(shut):
    """A role, a password and a database that are wrong are not quoted, though the server's own message does."""
    found = errors(shut)
    assert found
    assert not [text for error in found for text in shown(error) if CANARY in text.casefold()]


def kept_by_the_line(where: Place, folder: Path, broker: str) -> str:
    """Work an access ticket on the broken system; return what its page shows and what the database keeps."""
    with closing(open_line(folder / "home", where.systems, broker=broker)) as line:
        ident = line.submit(ticket("access", "canary-ada@example.org"))
        line.run()
        (step,) = (step for step in line.ticket(ident)["steps"] if step["system"] == "broken")
        assert step["error"]
        page = repr(line.ticket(ident))
    return page + "".join(path.read_bytes().decode("latin-1") for path in folder.glob("home/rightsdesk.sqlite3*"))


def test_no_step_and_no_log_shows_a_canary(broken, tmp_path, valkey, valkey_url, capfd, caplog):
    """The failed step, the database and what goes to standard error from a worker are clean."""
    caplog.set_level(logging.WARNING)  # as `log.configure` lets libraries speak
    kept = kept_by_the_line(broken, tmp_path, valkey_url)
    out, err = capfd.readouterr()
    assert not [text for text in (kept, out, err, caplog.text) if CANARY in text.casefold()]


def test_a_plugins_own_error_is_named_by_its_place(tmp_path, valkey, valkey_url, monkeypatch, capfd, caplog):
    """What a third party's connector raises may quote a record: its type and line are kept, its text is not."""

    class Talkative:
        name = "talkative"
        Settings = connectors.kinds()["maildir"].Settings

        def __init__(self, *_):
            pass

        def close(self):
            pass

        def locate(self, work):
            raise ValueError("canary-value") from KeyError("canary-cause")

    monkeypatch.setitem(connectors.kinds(), "talkative", Talkative)
    where = place(tmp_path / "place", 'connector = "talkative"\npath = "x"\n')
    kept = kept_by_the_line(where, tmp_path, valkey_url)
    assert "unexpected ValueError in tests.workers.test_canaries:" in kept
    out, err = capfd.readouterr()
    assert not [text for text in (kept, out, err, caplog.text) if CANARY in text.casefold()]


def test_systems_check_shows_no_canary(broken, tmp_path, monkeypatch, capfd, caplog):
    """Exit code 1 and what to do, without what it is about."""
    from workers.cli import main

    monkeypatch.setenv("RIGHTSDESK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("RIGHTSDESK_SYSTEMS", str(broken.systems))
    with pytest.raises(SystemExit) as ended:
        main(["systems", "check", "--json"])  # all that the lines say, and more
    out, err = capfd.readouterr()
    assert (1, "") == (ended.value.code, err)
    assert "broken" in out
    assert not [text for text in (out, caplog.text) if CANARY in text.casefold()]


def test_an_unexpected_error_of_a_command_is_one_line(tmp_path, monkeypatch, capfd):
    """Its type and place are named, its text and what led to it are not."""
    from workers import checks, cli

    def fails(*_):
        raise ValueError("canary-value") from KeyError("canary-cause")

    monkeypatch.setattr(checks, "check", fails)
    monkeypatch.setenv("RIGHTSDESK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("RIGHTSDESK_SYSTEMS", str(place(tmp_path / "place", sql("sqlite:///chat.db")).systems))
    with pytest.raises(SystemExit) as ended:
        cli.main(["systems", "check"])
    out, err = capfd.readouterr()
    assert (1, "") == (ended.value.code, out)
    assert err.startswith("rightsdesk: unexpected ValueError in tests.workers.test_canaries:")
    assert not [text for text in ("canary-value", "canary-cause") if text in err]
    assert 1 == len(err.splitlines())


def test_a_logs_fields_are_listed(capfd):
    """A field that nobody listed, such as an exception's text or a URL, vanishes from our own events."""
    assert {"error", "reason"} <= log.FIELDS
    assert not {"url", "exception", "exc_info", "message", "value", "path", "dsn"} & log.FIELDS
