"""The end of retention: a closed ticket's package goes, then its key dies with all that it opened.

The package's files go first and are looked for again; then one commit destroys the key, what it opened, and the entries
of the blind index, and says so in the evidence. So a crash leaves either a ticket that is looked at again or one that
is gone. However often it runs, and by how many, it ends the same.
"""

from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import redis
import structlog
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from shared.deadlines import Deadline, due, period
from shared.domain.errors import RightsdeskError
from shared.inventory import Client
from shared.log import place_of
from shared.store import retention
from shared.store.chain import resume
from shared.store.retention import Kept, What
from workers import alarms
from workers.broker import connect
from workers.caseload import lock
from workers.counting import counted
from workers.office import Office

log = structlog.get_logger()

EVERY = 3600.0  # seconds between beat's looks
_PERIOD = {"ticket": "retention", "package": "package_retention"}  # a client's keys
_USUAL = {name: str(Client.model_fields[key].default) for name, key in _PERIOD.items()}  # of one that left


@dataclass(slots=True)
class Ended:
    """What ended, or would have: tickets, packages of tickets that live on, dead letters; and what stays all the same.

    `kept` counts tickets whose time is over by what keeps them: `hold`, `standing` (consent, restriction), `in use`.
    `holds` counts legal holds that were lifted.
    """

    tickets: list[UUID] = field(default_factory=list)
    packages: list[UUID] = field(default_factory=list)
    dead_letters: int = 0
    holds: int = 0
    failed: list[UUID] = field(default_factory=list)
    kept: Counter[str] = field(default_factory=Counter)

    def as_json(self) -> dict[str, Any]:
        """Return it for machines."""
        names = {name: [str(one) for one in getattr(self, name)] for name in ("tickets", "packages", "failed")}
        return names | {"dead_letters": self.dead_letters, "holds": self.holds, "kept": dict(self.kept)}


def run(office: Office, *, dry_run: bool = False, page: int = 200) -> Ended:
    """End the retention of whatever's time is over; with `dry_run` only say so."""
    look = _Look(office, office.now(), page, dry_run=dry_run)
    ended = look.ended
    ended.tickets = list(look.end("ticket"))
    ended.packages = list(look.end("package", besides={*ended.tickets, *ended.failed}))
    ended.dead_letters, ended.holds = look.end_letters(), look.end_holds()
    if (ended.tickets or ended.packages or ended.dead_letters or ended.holds) and not dry_run:
        office.store.scrub()
        _scrub_broker(office)
        log.info("retention.ended", tickets=len(ended.tickets), entries=ended.dead_letters)
    return ended


def _scrub_broker(office: Office) -> None:
    """Have the broker's append-only file written anew: sealed entries stand in it long after they were taken.

    A broker on the network whose user for beat may not ask for that does it on its own schedule (docs/retention.md).
    """
    with suppress(redis.RedisError), closing(connect(office.settings, retries=0)) as broker:
        broker.bgrewriteaof()


def keep(office: Office) -> None:
    """Do it as beat does."""
    run(office)


@dataclass(slots=True)
class _Look:
    """One look at all that is kept, a page at a time."""

    office: Office
    now: datetime
    page: int
    dry_run: bool
    ended: Ended = field(default_factory=Ended)

    def end(self, what: What, *, besides: Collection[UUID] = ()) -> Iterator[UUID]:
        """End what is over; yield what ended."""
        for ticket, rule in self._over(what):
            if ticket.id in besides:
                continue
            try:
                if self.dry_run or _end(self.office, what, ticket, rule, self.now):
                    yield ticket.id
            except OperationalError:
                raise
            except Exception as error:  # noqa: BLE001 - a package that cannot be deleted must not hold up the others
                self.ended.failed.append(ticket.id)
                log.error("retention.stuck", ticket=str(ticket.id), error=place_of(error))  # noqa: TRY400 - may quote a name

    def _over(self, what: What) -> Iterator[tuple[Kept, Deadline]]:
        with self.office.store.read() as session:
            clients = retention.clients(session, what)
        for client in clients:
            for one in self._closed_first(what, client):
                until = _until(self.office, what, client, one.since)
                if one.why:
                    self.ended.kept.update([one.why] if what == "ticket" else [])
                elif until.at <= self.now:
                    yield one, until

    def _closed_first(self, what: What, client: str) -> Iterator[Kept]:
        """Yield tickets until one closed too lately: no period ends sooner for what closed later."""
        after, rows = None, list[Kept]()
        while after is None or len(rows) == self.page:
            with self.office.store.read() as session:
                rows = retention.page(session, what, client, after=after, most=self.page)
            for one in rows:
                if _until(self.office, what, client, one.closed_at).at > self.now:
                    return
                yield one
            if not rows:
                return
            after = rows[-1].closed_at, rows[-1].id

    def end_letters(self) -> int:
        """Forget what dead letters hold whose time is over; return how many."""
        office, length = self.office, self.office.inventory.retention.dead_letters
        number, after, full = 0, 0, True
        while full:
            with office.store.read() as session:
                rows = retention.letters(session, most=self.page, after=after)
            over = [ident for ident, received in rows if due(length, received).at <= self.now]
            if over and not self.dry_run:
                with office.store.write() as session:
                    retention.blank_letters(session, over)
                    for ident in over:
                        alarms.replayed(session, ident)
            number += len(over)
            full = len(rows) == self.page
            after = rows[-1][0] if rows else after
        return number

    def end_holds(self) -> int:
        """Forget whom holds were about that were lifted, a client's retention ago; return how many."""
        office = self.office
        with office.store.read() as session:
            rows = retention.lifted_holds(session)
        over = [ident for ident, client, lifted in rows if _until(office, "ticket", client, lifted).at <= self.now]
        for ident in [] if self.dry_run else over:
            with office.store.write() as session:
                retention.destroy_hold(session, ident)
        return len(over)


def _until(office: Office, what: What, client: str, since: datetime) -> Deadline:
    """Return when a retention ends, in the client's calendar; one that left the inventory has the usual periods."""
    known = office.inventory.clients.get(client)
    return counted(known, getattr(known, _PERIOD[what]), since) if known else due(_USUAL[what], since)


def _end(office: Office, what: What, ticket: Kept, rule: Deadline, now: datetime) -> bool:
    """Delete the package, then destroy the key; say whether it was done, for a hold may have come meanwhile."""
    with office.store.read() as session:  # others were ended since it was listed
        found = retention.still_kept(session, what, ticket.id)
    if found != ticket:
        return False
    _remove_files(office, ticket.id)
    with office.store.write() as session:
        row = lock(session, ticket.id)
        found = retention.still_kept(session, what, ticket.id)
        still = found is not None and not found.why and found.since == ticket.since
        if what == "ticket" and still:
            gone = retention.destroy(session, ticket.id, now)
            _record(
                session, ticket.id, "destroyed", now, {"rule": list(rule.trace), "gone": gone} | _backups(office, now)
            )
        elif row.package_ended_at is None:
            retention.end_package(session, ticket.id, now)
            _record(session, ticket.id, "package deleted", now, {"rule": list(rule.trace)})
    office.forget(ticket.id)
    return still


def _backups(office: Office, now: datetime) -> dict[str, str]:
    """Say until when the key stands in backups of our own database."""
    length = office.inventory.retention.backups
    return {"backups_until": period(length).after(now.date()).isoformat()} if length else {}


def _record(session: Session, ticket: UUID, kind: str, now: datetime, entry: dict[str, Any]) -> None:
    chain = resume(session, ticket)
    chain.append(kind, now, entry)
    chain.write(session)


def _remove_files(office: Office, ticket: UUID) -> None:
    """Delete a package's files, and what a submit of this home may have left in its spool; look whether they went."""
    office.packages.remove(ticket)
    if not office.packages.is_gone(ticket):
        raise RightsdeskError("the package store still has the package after it was deleted")
    for left in (office.settings.root / "spool").glob(f"{ticket}:*.jwe"):
        left.unlink(missing_ok=True)
