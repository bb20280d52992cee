"""Every ticket accepted is stored, and every one queued will be: nothing lies where nobody takes it."""

import time
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import redis
from sqlalchemy import select

from shared.store.tables import TicketRow
from workers.broker import ALIVE, CONSUMERS, INTAKE, RECEIPT, TAKEN, WAITING, connect
from workers.doctor import PATIENCE, Check, Finding, Visit
from workers.submit import ACCEPTED

_PAGE = 500
_INTAKE = "see that `rightsdesk intake` runs, and read its log"


def look(visit: Visit) -> Iterator[Finding]:
    """Compare receipts with tickets; look for entries, spooled or taken, that nobody sees to."""
    broker = connect(visit.office.settings, retries=0)
    try:
        yield from _spool(visit, broker)
        yield from _taken(broker)
        yield from _receipts(visit, broker)
    except redis.RedisError as error:
        what = f"the broker is not reachable ({type(error).__name__}); queue and receipts were not looked at"
        yield Finding(
            "broker", what, "start it, or correct RIGHTSDESK_BROKER_URL; spooled tickets go by themselves then"
        )
    finally:
        broker.close()


def _spool(visit: Visit, broker: Any) -> Iterator[Finding]:
    """Find what was spooled here a while ago and has no receipt: intake sends it every 15 s until it is stored."""
    for path in sorted((visit.office.settings.root / "spool").glob("*.jwe")):
        try:
            age = time.time() - path.stat().st_mtime
        except FileNotFoundError:
            continue  # its receipt was seen meanwhile
        if age > 4 * PATIENCE.total_seconds() and not broker.exists(RECEIPT + path.stem):
            of = f"ticket {path.stem.partition(':')[0]}"
            yield Finding(of, f"spooled {age:.0f} s ago and not stored yet", _INTAKE)


def _taken(broker: Any) -> Iterator[Finding]:
    """Find entries without a consumer: on the queue, or in the list of one that is gone and that nobody rescues."""
    consumers = {one.decode() for one in broker.smembers(CONSUMERS)}
    alive = {name for name in consumers if broker.exists(ALIVE + name)}
    if not alive and (number := broker.llen(INTAKE) + broker.llen(WAITING)):
        yield Finding(INTAKE, f"{number} entries are queued and no intake lives to take them", _INTAKE)
    for key in broker.scan_iter(match=f"{TAKEN}*", count=_PAGE):
        name = key.decode().removeprefix(TAKEN)
        if name not in alive and (name not in consumers or not alive):
            number = broker.llen(key)
            todo = f"add {name} to the set {CONSUMERS} (SADD): a running intake moves them back"
            yield Finding(f"intake {name}", f"took {number} entries and is gone; nobody moves them back", todo)


def _receipts(visit: Visit, broker: Any) -> Iterator[Finding]:
    """Find receipts that say `accepted` of a ticket that is not there. The receipt is read first: it comes last."""
    cursor, begun = 0, False
    while cursor or not begun:
        (cursor, keys), begun = broker.scan(cursor, match=f"{RECEIPT}*", count=_PAGE), True
        names = [key.decode().removeprefix(RECEIPT) for key in keys]
        said = zip(names, broker.mget(keys) if keys else (), strict=True)
        accepted = {UUID(name) for name, text in said if ":" not in name and text == ACCEPTED.encode()}
        with visit.office.store.read() as session:
            stored = set(session.scalars(select(TicketRow.id).where(TicketRow.id.in_(accepted))))
        for ticket in sorted(accepted - stored):
            todo = "is this the right database, or one that was put back? have the ticket submitted again"
            yield Finding(f"ticket {ticket}", "its receipt says accepted, and it is not stored", todo)


CHECK = Check("queue", look)
