"""The gate: from submit to deny with real processes; checks a second beside a plain SELECT; a list beside its copy."""

import csv
import io
import os
import random
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import psycopg
from sqlalchemy import insert

from shared import log
from shared.domain.identifier import Identifier
from shared.settings import Settings
from shared.store.tables import SuppressionRow
from tests import small
from tests.line import open_line
from tests.servers import postgres_server, running, valkey_server
from tests.small import ticket
from tests.waiting import until
from workers.gate import Gate
from workers.gate.lists import Listed, filter_csv
from workers.submit import Submitter, check

PEOPLE, CHECKS, ROWS, TICKETS = 100_000, 5_000, 100_000, 300
PURPOSE = "direct-marketing"


def main() -> None:
    """Print the figures."""
    log.configure("bench", level=40)
    with (
        tempfile.TemporaryDirectory(prefix="rd-bench-") as name,
        valkey_server() as broker,
        postgres_server() as big,
    ):
        folder = Path(name)
        for kind, database in (("sqlite", None), ("postgresql", big.url("postgres"))):
            world = small.build(folder / kind)
            settings = Settings(
                home=folder / f"{kind}-home", systems=world.systems, broker_url=broker, database_url=database
            )
            _fill(settings)
            with Gate(settings) as gate:
                print(f"{kind}, {PEOPLE} people in the gate:")
                _checks(gate)
                _list(gate)
                _submit_to_deny(settings, gate)


def _person(number: int) -> str:
    return f"person{number}@example.org"


def _fill(settings: Settings) -> None:
    """Let every second person have objected."""
    line = open_line(settings.home, settings.systems, broker=settings.broker, database=settings.database)
    ident = line.submit(ticket("objection", _person(0), details={"purposes": [PURPOSE]}))
    common = {"ticket_id": ident, "purpose": PURPOSE, "kind": "objection", "allow": False, "exempt": []}
    rows = [
        common
        | {"digest": line.office.vault.blind("acme", Identifier("email", _person(n))), "since": datetime.now(UTC)}
        for n in range(2, 2 * PEOPLE, 2)
    ]
    with line.office.store.write() as session:
        session.execute(insert(SuppressionRow), rows)
    line.close()


def _checks(gate: Gate) -> None:
    people = [_person(n) for n in random.Random(7).sample(range(2 * PEOPLE), CHECKS)]
    answers = []
    seconds = _timed(lambda: answers.extend(gate.check(client="acme", purpose=PURPOSE, email=one)[0] for one in people))
    assert abs(answers.count("deny") - CHECKS / 2) < CHECKS / 10
    digests = [gate._keys().blind("acme", Identifier("email", one)) for one in people]
    with _plain(gate) as select:
        plain = _timed(lambda: [select(one) for one in digests])
    print(
        f"  {CHECKS / seconds:.0f} checks/s; the same SELECT by the bare driver {CHECKS / plain:.0f}/s; "
        f"a check costs {seconds / plain:.1f}"
    )


@contextmanager
def _plain(gate: Gate) -> Iterator[Callable[[bytes], object]]:
    query = "SELECT kind, allow, exempt FROM suppressions WHERE digest = {} AND ended_at IS NULL"
    url = gate.store.url
    if url.get_backend_name() == "sqlite":
        with closing(sqlite3.connect(url.database or "")) as lite:
            yield lambda digest: lite.execute(query.format("?"), (digest,)).fetchall()
    else:
        host = str(url.query["host"])
        with psycopg.connect(host=host, user=url.username, dbname=url.database, autocommit=True) as big:
            yield lambda digest: big.execute(query.format("%s"), (digest,)).fetchall()


def _list(gate: Gate) -> None:
    text = "id,email,name\n" + "".join(f"{n},{_person(n)},Person {n}\n" for n in range(ROWS))
    listed = Listed("acme", PURPOSE, (("email", "email"),))
    out = io.StringIO()
    seconds = _timed(lambda: filter_csv(gate, listed, io.StringIO(text, newline=""), out))
    assert out.getvalue().count("\n") == 1 + ROWS // 2
    copy = _timed(lambda: csv.writer(io.StringIO()).writerows(csv.reader(io.StringIO(text, newline=""))))
    print(
        f"  {ROWS / seconds:.0f} rows/s through the filter; csv's own copy {ROWS / copy:.0f}/s; "
        f"a row costs {seconds / copy:.1f}"
    )


def _submit_to_deny(settings: Settings, gate: Gate) -> None:
    """From the call that submits to the first denial, one after the other, with intake as a process of its own."""
    names = {"HOME": settings.home, "SYSTEMS": settings.systems, "BROKER_URL": settings.broker}
    names |= {"DATABASE_URL": settings.database}
    environment = os.environ | {f"RIGHTSDESK_{name}": str(value) for name, value in names.items()}
    out, command = Path(settings.home) / "intake.log", [sys.executable, "-m", "workers.cli", "intake"]
    (settings.run / "intake.ready").unlink(missing_ok=True)
    with running(command, log=out, env=environment):
        until((settings.run / "intake.ready").exists, timeout=30)
        submitter = Submitter(settings)
        waits = sorted(_until_denied(submitter, gate, f"late{n}@example.org") for n in range(TICKETS))
        pushes = sorted(_timed(submitter.broker.ping) for _ in range(TICKETS))
        submitter.broker.close()
    p50, p99 = (waits[int(len(waits) * part)] * 1000 for part in (0.5, 0.99))
    print(
        f"  submit to deny, {TICKETS} objections: p50 {p50:.1f} ms, p99 {p99:.1f} ms, worst {waits[-1] * 1000:.1f} ms; "
        f"a PING of the broker {statistics.median(pushes) * 1000:.2f} ms"
    )


def _until_denied(submitter: Submitter, gate: Gate, person: str) -> float:
    raw = ticket("objection", person, details={"purposes": [PURPOSE]})
    asked = check(raw, inventory=submitter.inventory)
    began = time.perf_counter()
    submitter.queue([asked])
    while gate.check(client="acme", purpose=PURPOSE, email=person)[0] != "deny":
        pass
    return time.perf_counter() - began


def _timed(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began
