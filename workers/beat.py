"""Beat: sweep, look at the clocks, delivery of alerts, checkpoints and looks at the evidence, the end of retention.

They run here, each in threads and with a database connection of its own: neither a slow step nor a broker that is away
nor a channel that hangs keeps a clock from being looked at. Several beats at once are harmless.
"""

import select
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from contextvars import copy_context
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from functools import partial
from time import monotonic

import structlog

from shared import log as logs
from shared.log import place_of
from shared.settings import Settings
from shared.store.migrate import await_head
from shared.store.nudge import Nudge
from shared.store.session import Store
from workers import checkpoints, published, retention
from workers.alerts.deliver import deliver
from workers.embedded import signals
from workers.office import Office, open_office
from workers.queues import in_line, make_app, publish, say_ready
from workers.sla import look
from workers.sweep import sweep

log = structlog.get_logger()

SECONDS = 5.0
NIGHT = time(3, 17)  # UTC
_DELIVERIES = 20  # at once: a channel that hangs may hold each for two minutes
_GRACE = 5.0  # seconds that what has begun gets in the end

_Act = Callable[[Office], object]


def tick_by_beat(settings: Settings) -> None:
    """Run beat until told to stop."""
    logs.configure("beat")
    if settings.checkpoints:
        published.check(settings.checkpoints)
    settings.run.mkdir(mode=0o700, parents=True, exist_ok=True)  # where it cannot say that it is ready, it does nothing
    with closing(open_office(settings)) as office, signals.as_bytes() as asked:
        await_head(office.store)
        with beating(office, partial(publish, make_app(settings))):
            say_ready(settings, "beat")
            select.select([asked], [], [])


@contextmanager
def beating(office: Office, send: Callable[[list[Nudge]], None], *, every: float = SECONDS) -> Iterator[None]:
    """Have it all done every so many seconds, in threads that end with the block; what hangs is left behind."""
    stop = threading.Event()
    sweeping = partial(sweep, publish=send, in_line=partial(in_line, office.settings))
    acts: dict[_Act, float] = dict.fromkeys((sweeping, look, _Deliveries(), _Nightly(office.now())), every)
    acts[retention.keep] = retention.EVERY
    acts[checkpoints.keep] = office.settings.checkpoint_seconds
    threads = [
        threading.Thread(target=copy_context().run, args=(_repeat, office, act, stop, seconds), daemon=True)
        for act, seconds in acts.items()
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        end = monotonic() + _GRACE
        for thread in threads:
            thread.join(max(end - monotonic(), 0))


def _repeat(office: Office, act: _Act, stop: threading.Event, every: float) -> None:
    with closing(replace(office, store=Store(office.settings.database))) as mine:
        while True:
            _once(mine, act)
            if stop.wait(every):
                return


def _once(office: Office, act: _Act) -> None:
    try:
        act(office)
    except Exception as error:  # noqa: BLE001 - a clock never stops, and the next time may be better
        log.error("beat.failed", error=place_of(error))  # noqa: TRY400 - a traceback may quote a record


class _Deliveries:
    """A delivery in a thread of its own, for the last one may still wait for a channel that hangs."""

    def __init__(self) -> None:
        self.running: list[threading.Thread] = []

    def __call__(self, office: Office) -> None:
        """Begin one, unless too many are at it."""
        self.running = [one for one in self.running if one.is_alive()]
        if len(self.running) < _DELIVERIES:
            thread = threading.Thread(target=copy_context().run, args=(_once, office, deliver), daemon=True)
            thread.start()
            self.running.append(thread)


class _Nightly:
    """The look at all evidence, when most systems have little to do."""

    def __init__(self, now: datetime) -> None:
        self.due = _next_night(now)

    def __call__(self, office: Office) -> None:
        """Look, if its time has come."""
        if (now := office.now()) >= self.due:
            self.due = _next_night(now)
            checkpoints.audit(office)


def _next_night(now: datetime) -> datetime:
    tonight = datetime.combine(now.astimezone(UTC).date(), NIGHT, UTC)
    return tonight if tonight > now else tonight + timedelta(days=1)
