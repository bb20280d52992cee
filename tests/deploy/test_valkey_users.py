"""The users in deploy/valkey: what each part needs it may do, and what it does not need it may not."""

import os
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import redis

from shared.settings import Settings
from tests import small
from tests.line import open_line
from tests.servers import running, valkey_with_users
from tests.small import ticket
from tests.waiting import until
from workers.broker import ALIVE, CONSUMERS, INTAKE, RECEIPT, TAKEN
from workers.queues import PRIORITIES, QUEUES, in_line, make_app, publish
from workers.submit import Submitter, check

FOLDER = Path(__file__).parents[2] / "deploy" / "valkey"
USERS = FOLDER / "users.acl"
PARTS = "submitter", "intake", "worker", "beat", "flower"
LISTS = [name if not priority else f"{name}#{priority}" for name in QUEUES for priority in PRIORITIES]
CONNECTING = {"auth", "hello", "ping", "select", "quit", "reset", "client|setinfo", "client|setname"}


@pytest.fixture(scope="module")
def url():
    """What makes a user's URL, on a real server with the file."""
    with valkey_with_users(FOLDER) as made:
        yield made


@pytest.fixture
def client(url):
    """Open a connection as a user."""
    with ExitStack() as stack:
        yield lambda name: stack.enter_context(redis.Redis.from_url(url(name)))


def denied(one, *words):
    """Say whether the server refuses a command for want of permission; anything else is an answer."""
    try:
        one.execute_command(*words)
    except redis.exceptions.NoPermissionError:
        return True
    except redis.ResponseError:
        return False
    return False


def allowed_commands(admin, user):
    """Return every command of the server, of all there are, that a user may run on some key."""
    names = [name.decode() for name in admin.execute_command("COMMAND LIST")]
    found = set()
    for name, about in zip(names, admin.execute_command("COMMAND INFO", *names), strict=True):
        words = name.split("|")
        if about[9]:  # it is but the name of its subcommands, which are listed too
            continue
        said = admin.execute_command("ACL DRYRUN", user, *words, *["1"] * (abs(about[1]) - len(words)))
        if b"no permissions to run" not in said:
            found.add(name)
    return found


@contextmanager
def worker(home, url, world):
    """Run the worker as its user."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("RIGHTSDESK_")}
    environment |= {
        "RIGHTSDESK_HOME": str(home), "RIGHTSDESK_SYSTEMS": str(world.systems), "RIGHTSDESK_BROKER_URL": url("worker"),
    }  # fmt: skip
    command = [sys.executable, "-m", "workers.cli", "worker", "--concurrency", "1"]
    with running(command, log=home / "worker.log", env=environment):
        until((home / "run" / "worker.ready").exists, timeout=60)
        yield


def seen_by_flower(app):
    """Return the tasks that Flower's user sees end, listening as Flower does, until a ticket is answered."""
    seen = set()
    with app.connection_for_read() as connection:
        receiver = app.events.Receiver(connection, handlers={"task-received": lambda event: seen.add(event["name"])})
        for _ in receiver.itercapture(limit=None, timeout=30, wakeup=True):
            yield seen


def test_a_ticket_goes_its_way_with_these_users(url, client, tmp_path):
    """Submitted, taken, sent, worked and watched, each by its user; the server had nothing to refuse."""
    admin, world, home = client("admin"), small.build(tmp_path / "world"), tmp_path / "home"
    admin.acl_log_reset()
    line = open_line(home, world.systems, broker=url("intake"))
    apps = {name: make_app(Settings(home=home, broker_url=url(name))) for name in ("intake", "beat", "flower")}
    with worker(home, url, world):
        watching = seen_by_flower(apps["flower"])
        next(watching)
        submitter = Submitter(Settings(home=home, systems=world.systems, broker_url=url("submitter")))
        ids = submitter.queue([check(ticket("access"), inventory=submitter.inventory)])
        line.intake.beat()
        line.intake.rescue()
        line.intake.send_spooled()
        line.intake.round(wait=1)
        publish(apps["intake"], line.nudges[:1])
        assert in_line(Settings(home=home, broker_url=url("beat")))  # what lies there is not lost
        publish(apps["beat"], line.nudges[1:])  # as its sweep sends what was lost
        assert ids == list(submitter.accepted(ids, timeout=10))
        assert {"desk.deliver"} <= next(seen for seen in watching if "desk.deliver" in seen)
        until(lambda: line.ticket(ids[0])["outcome"] == "fulfilled", timeout=60)
        assert apps["flower"].control.inspect(timeout=5, limit=1).stats()
    line.close()
    assert [] == [(one["username"], one["object"]) for one in admin.acl_log()]


def test_the_submitter_can_add_and_read_its_receipt(client):
    """And nothing else: whatever else the server can do, on whatever key, is refused."""
    admin, submitter = client("admin"), client("submitter")
    admin.set(f"{RECEIPT}6f8f", "accepted")
    assert 1 == submitter.lpush(INTAKE, b"sealed")
    assert b"accepted" == submitter.get(f"{RECEIPT}6f8f")
    assert [b"accepted", None] == submitter.mget(f"{RECEIPT}6f8f", f"{RECEIPT}other")
    assert {"lpush", "get", "mget"} == allowed_commands(admin, "submitter") - CONNECTING
    for words in [
        ("LRANGE", INTAKE, 0, -1), ("LINDEX", INTAKE, 0), ("LLEN", INTAKE), ("LPOP", INTAKE), ("RPOP", INTAKE),
        ("LMOVE", INTAKE, INTAKE, "LEFT", "RIGHT"), ("BLMOVE", INTAKE, "x", "LEFT", "RIGHT", 1), ("DUMP", INTAKE),
        ("LTRIM", INTAKE, 1, 0), ("DEL", INTAKE), ("UNLINK", INTAKE), ("EXPIRE", INTAKE, 1), ("RENAME", INTAKE, "x"),
        ("RPUSH", INTAKE, "x"), ("LSET", INTAKE, 0, "x"), ("LREM", INTAKE, 0, "sealed"), ("SORT", INTAKE),
        ("LINSERT", INTAKE, "BEFORE", "sealed", "x"), ("COPY", INTAKE, "x"), ("EXISTS", INTAKE), ("TYPE", INTAKE),
        ("OBJECT", "ENCODING", INTAKE), ("SCAN", 0), ("KEYS", "*"), ("RANDOMKEY",), ("DBSIZE",), ("FLUSHALL",),
        ("FLUSHDB",), ("SWAPDB", 0, 1), ("CONFIG", "GET", "*"), ("ACL", "LIST"), ("ACL", "WHOAMI"), ("INFO",),
        ("MONITOR",), ("CLIENT", "LIST"), ("SAVE",), ("SHUTDOWN", "NOSAVE"),
        ("EVAL", "return 1", 0), ("FUNCTION", "LIST"), ("MULTI",), ("SUBSCRIBE", "x"), ("PSUBSCRIBE", "*"),
        ("PUBLISH", "/0.celery.pidbox", "x"), ("REPLICAOF", "NO", "ONE"), ("MEMORY", "USAGE", INTAKE),
        ("GET", INTAKE), ("MGET", f"{RECEIPT}6f8f", INTAKE), ("SET", f"{RECEIPT}6f8f", "x"), ("GET", f"{ALIVE}x"),
        ("LPUSH", f"{RECEIPT}6f8f", "x"), ("LPUSH", f"{TAKEN}x", "x"), ("LPUSH", "chat", "x"), ("SMEMBERS", CONSUMERS),
        *(("LPUSH", name, "x") for name in LISTS),
    ]:  # fmt: skip
        assert denied(submitter, *words), words
    assert [b"sealed"] == admin.lrange(INTAKE, 0, -1)


def test_an_entry_has_a_size(client):
    """A megabyte at most, so that a batch of the intake's fits in its memory whatever somebody adds."""
    submitter, admin = client("submitter"), client("admin")
    before = admin.llen(INTAKE)
    with pytest.raises((redis.ConnectionError, redis.ResponseError)):
        submitter.lpush(INTAKE, b"x" * 2_000_000)
    assert before == admin.llen(INTAKE)


def test_no_user_may_do_what_is_dangerous(client):
    """Neither administer the server nor look for keys; only the admin may, who has no password as shipped."""
    admin = client("admin")
    dangerous = set(admin.acl_cat("dangerous"))
    for name in PARTS:
        assert set() == allowed_commands(admin, name) & (dangerous | {"scan", "eval", "dbsize", "randomkey"}), name


@pytest.mark.parametrize(
    ("name", "words"),
    [
        *((name, ("LPUSH", INTAKE, "x")) for name in ("worker", "beat", "flower")),
        *((name, ("GET", f"{RECEIPT}x")) for name in ("worker", "beat", "flower")),
        *((name, ("LRANGE", INTAKE, 0, -1)) for name in ("worker", "beat", "flower")),
        *(("beat", ("LRANGE", one, 0, -1)) for one in LISTS),
        *(("flower", ("LPUSH", one, "x")) for one in LISTS),
        *(("flower", ("BRPOP", one, 1)) for one in LISTS),
        *(("intake", ("LRANGE", one, 0, -1)) for one in LISTS),
        *(("intake", ("DEL", one)) for one in ("unacked", "unacked_index")),
        *(("beat", ("BRPOP", one, 1)) for one in LISTS),
        *(("flower", ("HGET", "unacked", one)) for one in "x"),
        *((name, ("PUBLISH", "/0.celery.pidbox", "x")) for name in ("intake", "beat")),
        ("flower", ("DEL", "chat")),
    ],
)
def test_each_part_keeps_to_its_own(client, name, words):
    """Tickets are the intake's, the steps' messages the workers'; Flower looks on."""
    assert denied(client(name), *words)


def test_nobody_logs_in_without_a_password():
    """As shipped no user has one: whoever forgets to set it is locked out, and nobody let in."""
    lines = USERS.read_text().splitlines()
    assert ["default", *PARTS, "admin"] == [one.split()[1] for one in lines]
    assert "user default reset off" == lines[0]
    assert not [word for one in lines for word in one.split() if word == "nopass" or word[0] in "<>#"]
