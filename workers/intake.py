"""Intake takes, it does not pop: entries move to the consumer's own list, are stored, and only then removed.

A consumer's heartbeat is a key with a lifetime; the list of a consumer whose key is gone is moved back by any
other. What is no ticket becomes a dead letter, sealed, with its reason; nothing is ever dropped.

Breaches do not wait for what else is queued: they are stored first of their batch, and of a long queue the newest
entries are looked through for them (`workers/sifting.py`).
"""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import redis
import structlog
from sqlalchemy import insert, select
from sqlalchemy.exc import DataError, SQLAlchemyError
from sqlalchemy.orm import Session

from shared.domain.errors import RightsdeskError
from shared.store import gates, persons
from shared.store.nudge import Nudge
from shared.store.tables import RETIRED, DeadLetterRow, TicketRow
from workers import alarms
from workers.broker import ALIVE, CONSUMERS, INTAKE, RECEIPT, TAKEN, WAITING, connect
from workers.caseload import base_subject
from workers.conductor import Moves, accept, send_window
from workers.judging import Judge, Judged
from workers.office import Office
from workers.sifting import is_long, sift
from workers.submit import ACCEPTED, QueueDown, Submitter, receipt_of

log = structlog.get_logger()

BATCH = 50  # about a second's work, which a breach that comes meanwhile waits for
_ALIVE_SECONDS = 10
_RECEIPT_SECONDS = 7 * 24 * 3600
_WAIT = 2.0
_SPOOL_SECONDS = 15.0


def dead_aad() -> bytes:
    """Return what binds a dead letter's entry to its table."""
    return b"dead-letter"


class Intake:
    """One consumer of the intake list."""

    def __init__(self, office: Office, publish: Callable[[list[Nudge]], None]) -> None:
        self.office, self.publish = office, publish
        self.broker = connect(office.settings)
        self.name = uuid4().hex
        self.taken = f"{TAKEN}{self.name}"
        self.stopped = threading.Event()
        self._submitter = Submitter(office.settings, inventory=office.inventory, vault=office.vault)
        self._sent_spooled = -_SPOOL_SECONDS

    def run(self) -> None:
        """Take and store until stopped; an unreachable broker or database is waited for."""
        for one in (signal.SIGTERM, signal.SIGINT):
            signal.signal(one, lambda *_: self.stopped.set())
        while not self.stopped.is_set():
            try:
                self.beat()
                self.rescue()
                self.send_spooled()
                self.round(wait=_WAIT)
            except (redis.RedisError, QueueDown) as error:
                log.warning("intake.broker_down", error=type(error).__name__)
                self.stopped.wait(1.0)
            except SQLAlchemyError as error:
                log.warning(trouble(error), error=type(error).__name__)
                self.stopped.wait(1.0)
        self.broker.delete(f"{ALIVE}{self.name}")

    def beat(self) -> None:
        """Say that this consumer lives."""
        with self.broker.pipeline(transaction=False) as pipe:
            pipe.set(f"{ALIVE}{self.name}", "1", ex=_ALIVE_SECONDS)
            pipe.sadd(CONSUMERS, self.name)
            pipe.execute()

    def send_spooled(self) -> None:
        """Send now and then what was submitted from this home while the queue was down."""
        if time.monotonic() - self._sent_spooled > _SPOOL_SECONDS:
            self._sent_spooled = time.monotonic()
            self._submitter.resend()

    def rescue(self) -> int:
        """Move back what dead consumers had taken; return how many entries."""
        moved = 0
        others: Any = self.broker.smembers(CONSUMERS)
        for name in sorted(one.decode() for one in others):
            if name != self.name and not self.broker.exists(f"{ALIVE}{name}"):
                while self.broker.lmove(f"{TAKEN}{name}", INTAKE, "LEFT", "RIGHT") is not None:
                    moved += 1
                self.broker.srem(CONSUMERS, name)
        if moved:
            log.warning("intake.rescued", entries=moved)
        return moved

    def round(self, *, wait: float = 0) -> int:
        """Take one batch and store it; return how many entries it had."""
        entries = list(self._left_over()) or self._sifted() or self._take(wait)
        for start in range(0, len(entries), BATCH):
            self.store(entries[start : start + BATCH])
            self.beat()
        if entries:
            self.broker.delete(self.taken)
        return len(entries)

    def _left_over(self) -> Iterator[bytes]:
        yield from self.broker.lrange(self.taken, 0, -1)  # type: ignore[misc]  # redis-py types both sync and async

    def _sifted(self) -> list[bytes]:
        if not is_long(self.broker):
            return []
        with self._judge() as judge:
            return sift(self.broker, self.taken, judge.urgent)

    def _take(self, wait: float) -> list[bytes]:
        entries = []
        if wait and not self.broker.llen(WAITING):
            first: Any = self.broker.blmove(INTAKE, self.taken, wait, "RIGHT", "LEFT")  # type: ignore[arg-type]  # seconds may be fractions
            if first is None:
                return []
            entries.append(first)
        for queue in (INTAKE, WAITING):
            with self.broker.pipeline(transaction=False) as pipe:
                for _ in range(BATCH - len(entries)):
                    pipe.lmove(queue, self.taken, "RIGHT", "LEFT")
                entries += [one for one in pipe.execute() if one is not None]
        return entries

    def store(self, entries: list[bytes]) -> None:
        """Store a batch, its breaches before the rest, each in one transaction."""
        judged = self.judge(entries)
        urgent = [one.right is not None and self.office.rights[one.right].priority == 0 for one in judged]
        for which in (True, False):
            if some := [one for one, first in zip(judged, urgent, strict=True) if first == which]:
                self._store(some)

    def _store(self, judged: list[Judged]) -> None:
        """Store tickets in one transaction, then write the receipts and send the first steps."""
        office, now = self.office, self.office.now()
        receipts: dict[str, str] = {}
        moves = Moves()
        with office.store.write() as session:
            gates.mark_key(session, office.vault.index_mark, now)
            persons.take_turns(session, self._linkable(judged))
            known = _known(session, [one.ticket_id for one in judged if one.ticket_id])
            for one in judged:
                text = self._store_one(session, one, known, moves, now)
                if one.ticket_id is not None:
                    receipts[receipt_of(one.ticket_id, one.entry)] = text
                    if text == ACCEPTED or (one.allowed and one.ticket_id not in known):
                        receipts[str(one.ticket_id)] = text
            nudges = send_window(office, session, moves.lanes, now)
        with self.broker.pipeline(transaction=False) as pipe:
            for ticket, text in receipts.items():
                pipe.set(f"{RECEIPT}{ticket}", text, ex=_RECEIPT_SECONDS)
            pipe.execute()
        self.publish(nudges)
        log.info("intake.stored", entries=len(judged), accepted=len(known))

    def judge(self, entries: list[bytes]) -> list[Judged]:
        """Say what each entry is, before anything is locked."""
        with self._judge() as judge:
            return [judge.judge(entry) for entry in entries]

    @contextmanager
    def _judge(self) -> Iterator[Judge]:
        office = self.office
        with office.store.read() as session:  # connects only if a key is to be looked up
            yield Judge(office.vault, office.inventory, office.rights, session)

    def _linkable(self, judged: list[Judged]) -> set[bytes]:
        """Return the blind index of whom tickets may be linked about: of two accepted at once one sees the other."""
        office = self.office
        return {
            office.vault.blind(one.ticket.client, found)
            for one in judged
            if one.ticket is not None and office.rights[one.ticket.right].links_until
            for found in base_subject(one.ticket, office.client(one.ticket.client)).identifiers
        }

    def _store_one(self, session: Session, one: Judged, known: dict[UUID, bytes], moves: Moves, now: datetime) -> str:
        """Store a ticket or a dead letter; return the receipt's text."""
        reason = one.reason
        if one.ticket is not None and one.ticket.key in known:
            if known[one.ticket.key] == one.fingerprint:
                return ACCEPTED  # the same ticket again is one ticket
            reason = "id reused"
        elif one.ticket is not None:
            try:
                with session.begin_nested():
                    more = accept(self.office, session, one.ticket, one.fingerprint, now)
            except DataError:  # what no column can hold never will: it would be judged again for ever
                reason = "unexpected DataError"
            except SQLAlchemyError:
                raise
            except RightsdeskError as error:
                reason = str(error)
            except Exception as error:  # noqa: BLE001 - one poison ticket must not hold up the batch; it is kept
                reason = f"unexpected {type(error).__name__}"
            else:
                known[one.ticket.key] = one.fingerprint
                moves.lanes |= more.lanes
                return ACCEPTED
        self._bury(session, one, reason, now)
        return f"dead: {reason}"

    def _bury(self, session: Session, one: Judged, reason: str, now: datetime) -> None:
        sealed = self.office.vault.seal(one.entry, aad=dead_aad())
        letter = insert(DeadLetterRow).values(received_at=now, reason=reason, ticket_id=one.ticket_id, entry=sealed)
        alarms.dead(session, session.scalars(letter.returning(DeadLetterRow.id)).one(), one.right, now)
        log.warning("intake.dead", reason=reason)


def trouble(error: SQLAlchemyError) -> str:
    """Return the event of an error of the database: what is waited for is its return, or the vault's new secrets."""
    return "intake.vault_outdated" if RETIRED in str(error) else "intake.database_down"


def _known(session: Session, ids: list[UUID]) -> dict[UUID, bytes]:
    if not ids:
        return {}
    rows = session.execute(select(TicketRow.id, TicketRow.fingerprint).where(TicketRow.id.in_(ids)))
    return {row.id: row.fingerprint for row in rows}
