"""A flood: N tickets pushed at once and a breach behind them, on two cores; what stores them, and how soon it is seen.

N says how many (100,000), SECONDS how long intake is watched afterwards (120; 0: until all are stored). Beside it
stands the simplest consumer: BRPOP, one INSERT, one COMMIT.
"""

import json
import os
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
import redis
from sqlalchemy import func, select

from shared import log
from shared.message import seal_message
from shared.store.tables import StepRow, TicketRow
from tests.faults.rig import Rig, rig
from tests.servers import postgres_server
from tests.small import ticket
from tests.workers.test_order import INCIDENT
from workers.broker import INTAKE, WAITING
from workers.queues import PRIORITIES, QUEUES

LONG = True  # only where it is named
N, SECONDS = int(os.environ.get("N") or 100_000), float(os.environ.get("SECONDS") or 120)
PUSHED, SIMPLE = 500, 2000
LISTS = [f"{name}#{one}" if one else name for name in QUEUES for one in PRIORITIES]


def main() -> None:
    """Print the figures."""
    log.configure("bench", level=40)
    with (
        tempfile.TemporaryDirectory(prefix="rd-flood-") as name,
        postgres_server() as postgres,
        postgres.database() as url,
        rig(Path(name), database=url) as one,
        redis.Redis(unix_socket_path=str(one.broker.socket)) as broker,
    ):
        _flood(one, broker, url)


def _flood(one: Rig, broker: redis.Redis, url: str) -> None:
    simple, memory = _simple(broker, url), _memory(one)
    vault = one.line.office.vault
    began = time.monotonic()
    flood = list(_sealed(N, vault.intake, vault.submitter))
    print(f"{N:,} tickets sealed in {time.monotonic() - began:.0f} s, of {len(flood[0]):,} bytes each")
    began = time.monotonic()
    for start in range(0, N, PUSHED):
        broker.lpush(INTAKE, *flood[start : start + PUSHED])
    pushed = time.monotonic() - began
    breach = ticket("breach", details={"incident": INCIDENT}, subject=None, identity=None)
    broker.lpush(INTAKE, seal_message(json.dumps(breach).encode(), intake=vault.intake, submitter=vault.submitter))
    began, before = time.monotonic(), _stored(one)
    seen = _watched(one, broker, breach["id"], began)
    took, stored = time.monotonic() - began, _stored(one) - before
    print(f"pushed in {pushed:.1f} s; {seen['behind']:,} lay there when the breach was pushed behind them")
    print(f"breach: stored after {seen['stored']:.1f} s, its first step begun after {seen['begun']:.1f} s")
    print(
        f"intake stored {stored:,} in {took:.0f} s, {stored / took:.0f}/s, beside workers that worked them; "
        f"BRPOP, INSERT, COMMIT in the same run {simple:.0f}/s: a ticket costs {simple * took / stored:.1f} of those"
    )
    print(
        f"peaks: intake {_memory(one):.0f} MiB of memory, {memory:.0f} before; Redis {seen['memory'] / 2**20:.0f} MiB, "
        f"{seen['memory'] / N:,.0f} bytes a ticket; {seen['steps']:.0f} messages to workers at once"
    )


def _watched(one: Rig, broker: redis.Redis, breach: str, began: float) -> dict[str, float]:
    """Watch until the breach is begun, and on, as long as asked for."""
    seen = {"behind": _left(broker), "memory": 0.0, "steps": 0.0}
    while "begun" not in seen or (_left(broker) and (not SECONDS or time.monotonic() - began < SECONDS)):
        if "begun" not in seen:
            for state in _reached(one, UUID(breach)):
                seen.setdefault(state, time.monotonic() - began)
        seen["memory"] = max(seen["memory"], broker.info("memory")["used_memory"])
        seen["steps"] = max(seen["steps"], sum(map(broker.llen, LISTS)))
        time.sleep(0.5 if "begun" in seen else 0.02)
    return seen


def _reached(one: Rig, breach: UUID) -> list[str]:
    """Return how far the breach has come."""
    with one.store.read() as session:
        attempts = session.scalars(select(StepRow.attempts).where(StepRow.ticket_id == breach)).all()
    return ["stored", "begun"][: bool(attempts) + any(attempts)]


def _left(broker: redis.Redis) -> int:
    return sum(map(broker.llen, (INTAKE, WAITING)))


def _stored(one: Rig) -> int:
    with one.store.read() as session:
        return session.scalar(select(func.count()).select_from(TicketRow)) or 0


def _memory(one: Rig) -> float:
    """Return intake's peak resident memory in MiB."""
    status = Path(f"/proc/{one.processes['intake'].pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def _sealed(number: int, intake: dict[str, str], submitter: dict[str, str]) -> Iterator[bytes]:
    """Yield sealed accesses, made by as many processes as there are cores."""
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        for some in pool.map(_some, [(PUSHED, intake, submitter)] * -(-number // PUSHED)):
            yield from some


def _some(order: tuple[int, dict[str, str], dict[str, str]]) -> list[bytes]:
    number, intake, submitter = order
    now = datetime.now(UTC).isoformat()
    raws = (ticket("access", f"{uuid4().hex}@never.example", received_at=now) for _ in range(number))
    return [seal_message(json.dumps(raw).encode(), intake=intake, submitter=submitter) for raw in raws]


def _simple(broker: redis.Redis, url: str) -> float:
    """Return how many entries a second the simplest consumer stores."""
    broker.lpush("simple", *[os.urandom(1000)] * SIMPLE)
    with closing(psycopg.connect(url.replace("+psycopg", ""))) as database:
        database.execute("CREATE TABLE simple (entry bytea)")
        database.commit()
        began = time.perf_counter()
        while popped := broker.brpop("simple", 0.1):
            database.execute("INSERT INTO simple VALUES (%s)", (popped[1],))
            database.commit()
        took = time.perf_counter() - began - 0.1
        database.execute("DROP TABLE simple")
        database.commit()
    return SIMPLE / took
