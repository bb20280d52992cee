"""One look at the alerts that are due: claimed, sent outside of any transaction, recorded with the channel's answer.

Several looks at once are harmless: alerts are claimed, and a channel is used by one of them at a time. A look that
died loses nothing: its claims end, and what it may have sent goes again with the same id.
"""

import threading
import time
from collections import defaultdict
from collections.abc import Callable
from contextvars import copy_context
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

import structlog

from shared.on_call.settings import Alerts
from shared.store import alert_channels, alert_outbox, jumps
from shared.store.tables import AlertChannelRow, AlertRow
from workers.alerts.compose import compose
from workers.alerts.plan import BUSY, Held, Letter, plan
from workers.channels import Undelivered
from workers.channels.sending import send
from workers.office import Office

log = structlog.get_logger()

_MOST = 2000
_CLAIM = timedelta(minutes=3)  # longer than a look lasts
_LOOK = timedelta(seconds=60)  # after which no other channel is tried
_SLACK = timedelta(seconds=5)
_PATIENCE = 2.0  # seconds for a channel that another message uses, until the next is tried
_AGAIN = 0.2


@dataclass(slots=True)
class Delivered:
    """What a look did: messages sent, those that a channel took, attempts that failed."""

    messages: int = 0
    delivered: int = 0
    failed: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def count(self, *, delivered: bool) -> None:
        """Count an attempt; threads do it at once."""
        with self._lock:
            self.delivered += delivered
            self.failed += not delivered


def deliver(office: Office) -> Delivered:
    """Bring the alerts that are due to whoever is on call."""
    found, now = Delivered(), office.now()
    _heed_jumps(office, now)
    with office.store.read() as session:
        if not alert_outbox.is_due(session, now):
            return found
    look = _Look(office, now, now + _CLAIM, found)
    letters = look.claim()
    found.messages = len(letters)
    _side_by_side(look.lanes(letters))
    for letter in letters:
        look.finish(letter)
    return found


def _heed_jumps(office: Office, now: datetime) -> None:
    """Undo what was raised or put off while the clock was ahead."""
    longest = office.inventory.alerts.longest_wait
    with office.store.read() as session:
        if not jumps.any_jump(session, now, longest):
            return
    with office.store.write() as session:
        jumps.undo(session, now, longest)
    log.warning("clock.was_ahead")


def _side_by_side(lanes: list[list[Callable[[], None]]]) -> None:
    """Run each lane in a thread of its own, so that a channel that hangs holds up no other's; raise what one raised."""
    errors: list[BaseException] = []

    def run(lane: list[Callable[[], None]]) -> None:
        try:
            for act in lane:
                act()
        except BaseException as error:  # noqa: BLE001 - raised below
            errors.append(error)

    # each with a copy of our context: logs name their part by it
    threads = [threading.Thread(target=copy_context().run, args=(run, lane), daemon=True) for lane in lanes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


@dataclass(slots=True)
class _Look:
    office: Office
    now: datetime
    token: datetime  # the claim: whoever holds it may move the alerts on
    found: Delivered
    told: set[str] = field(default_factory=set)
    started: float = field(default_factory=time.monotonic)

    @property
    def alerts(self) -> Alerts:
        return self.office.inventory.alerts

    def claim(self) -> list[Letter]:
        """Claim what is due; return what is to be sent now."""
        with self.office.store.write() as session:
            due = alert_outbox.claim(session, now=self.now, until=self.token, most=_MOST)
            if not self.alerts.people:
                alert_outbox.rest(session, (one.id for one in due), self.now + self.alerts.repeat_after)
                planned = None
            else:
                ids = [one.id for one in due]
                planned = plan(
                    due, self.alerts, now=self.now, unfinished=alert_outbox.unfinished(session, ids),
                    held=self._held(alert_channels.known(session)), told=alert_outbox.told(session, ids),
                )  # fmt: skip
                for until, ids in planned.waits.items():
                    alert_outbox.rest(session, ids, until)
        if planned is None:
            self._log_only(due)
            return []
        return list(planned.letters)

    def _log_only(self, due: list[AlertRow]) -> None:
        """Without [alerts.people] the log and the CLI are all there is."""
        for one in due:
            log.warning(
                "alert.nobody_to_tell", alert=one.id, ticket=one.ticket_id and str(one.ticket_id), kind=one.kind
            )

    def _held(self, known: dict[str, AlertChannelRow]) -> Held:
        busy, gathering = set(), dict[str, datetime]()
        for name, (person, _) in self.alerts.channels.items():
            row = known.get(name)
            if row is None:
                continue
            if row.busy_until and self.now < row.busy_until <= self.now + self._longest():
                busy.add(person)
            if row.since and row.since <= self.now and row.sent >= self.alerts.burst:
                gathering[person] = max(gathering.get(person, self.now), row.since + self.alerts.gather)
        return Held(frozenset(busy), gathering)

    def _longest(self) -> timedelta:
        return timedelta(seconds=self.alerts.timeout) + _SLACK

    def lanes(self, letters: list[Letter]) -> list[list[Callable[[], None]]]:
        """Return what is to be done: in parallel for different people, one after the other for the same."""
        lanes: dict[str, list[Callable[[], None]]] = defaultdict(list)
        for letter in letters:
            if letter.call.everyone:
                for person in letter.call.people:
                    lanes[person].append(partial(self._tell, letter, (person,)))
            else:
                lanes[letter.call.people[0]].append(partial(self._tell, letter, letter.call.people))
        return list(lanes.values())

    def _tell(self, letter: Letter, people: tuple[str, ...]) -> None:
        """Tell the first of these people who can be reached."""
        for person in people:
            for channel in self.alerts.channels_of(person):
                if self.office.now() - self.now > _LOOK:
                    return
                if self._try(letter, person, channel):
                    return

    def _try(self, letter: Letter, person: str, channel: str) -> bool:
        patience = _LOOK.total_seconds() if letter.call.everyone else _PATIENCE
        end = min(time.monotonic() + patience, self.started + _LOOK.total_seconds())
        while not self._begin(letter, person, channel):
            if not self._is_busy(channel) or time.monotonic() > end:
                return False
            time.sleep(_AGAIN)
        now = self.office.now()
        try:
            message = compose(self.office, letter, person, now=now)
            url, credential = self.alerts.channels[channel][1], self.office.vault.credential
            answer = send(channel, url, message, timeout=self.alerts.timeout, credential=credential)
        except Undelivered as error:
            return self._record(letter, channel, delivered=False, answer=str(error))
        return self._record(letter, channel, delivered=True, answer=answer)

    def _begin(self, letter: Letter, person: str, channel: str) -> bool:
        now = self.office.now()
        with self.office.store.write() as session:
            if not alert_channels.take(session, channel, now=now, until=now + self._longest()):
                return False
            alert_outbox.begin(session, ids=letter.ids, batch=letter.batch, channel=channel, person=person, now=now)
        return True

    def _is_busy(self, channel: str) -> bool:
        """Say whether another message is on its way through a channel; one that rests is not waited for."""
        now = self.office.now()
        with self.office.store.read() as session:
            return alert_channels.is_busy(session, channel, now=now, until=now + self._longest())

    def _record(self, letter: Letter, channel: str, *, delivered: bool, answer: str) -> bool:
        """Keep the answer; with the first that took it the alerts go one level up, in the same commit."""
        now = self.office.now()
        with self.office.store.write() as session:
            alert_outbox.end(session, batch=letter.batch, channel=channel, delivered=delivered, answer=answer, now=now)
            alert_channels.answered(
                session, channel, delivered=delivered, answer=answer, now=now, gather=self.alerts.gather
            )
            if delivered:
                until = now + letter.call.next_after(self.alerts)
                alert_outbox.move_on(session, letter.ids, token=self.token, until=until, told=True)
        self.found.count(delivered=delivered)
        if delivered:
            self.told.add(letter.batch)
            log.info("alert.delivered", batch=letter.batch, channel=channel, entries=len(letter.alerts))
        else:
            log.warning("alert.failed", batch=letter.batch, channel=channel, reason=answer)
        return delivered

    def finish(self, letter: Letter) -> None:
        """Let alerts that could not be delivered wait until a channel is to be tried again."""
        if letter.batch in self.told:
            return
        now = self.office.now()
        with self.office.store.write() as session:
            rows = alert_channels.known(session)
            ends = [row.retry_at for name in self.alerts.channels if (row := rows.get(name)) and row.retry_at]
            until = max(now + BUSY, min(ends, default=now))
            alert_outbox.move_on(session, letter.ids, token=self.token, until=until, told=False)
