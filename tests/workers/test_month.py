"""A ticket lives through its month, and the two that it is extended by; what happens is printed, to be read."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from shared.store.tables import TIMER_RUNS, AlertRow, StepRow, TicketRow, TimerRow
from tests import small
from tests.line import open_line
from tests.small import ticket
from workers.package import package_files
from workers.sla import look
from workers.sweep import sweep

BERLIN = ZoneInfo("Europe/Berlin")
BEAT, STEP = timedelta(seconds=5), timedelta(hours=8)


class Life:
    """A line whose clock moves a few hours at a time, and to the beat after each timer; what it tells is kept."""

    def __init__(self, line, begin):
        self.line, self.now, self.log, self.seen = line, begin, [], set()
        line.office.now = lambda: self.now

    def say(self, text):
        """Note what happens now."""
        self.log.append((f"{self.now.astimezone(BERLIN):%a %Y-%m-%d %H:%M:%S %z}", text))

    def until(self, end):
        """Live on."""
        while self.now < end:
            self.now = min([self.now + STEP, end, *self._beats()])
            sweep(self.line.office, self.line.nudges.extend)
            self.line.run()
            look(self.line.office)
            self._hear()

    def decide(self, ident, verb):
        """Decide, and note it."""
        self.say(f"decision: {verb}")
        self.line.decide(ident, verb)
        if verb != "extend":
            return
        with self.line.office.store.read() as session:
            for step in session.scalars(select(StepRow).where(StepRow.ticket_id == ident, StepRow.verb == "extension")):
                self.say(f"the person is told of the {step.verb}: {step.state}")
            self.say(f"due on {session.get_one(TicketRow, ident).due_on}")

    def _beats(self):
        with self.line.office.store.read() as session:
            due = select(TimerRow.due_at).where(TIMER_RUNS, TimerRow.due_at > self.now - BEAT).order_by(TimerRow.due_at)
            return [at + BEAT for at in session.scalars(due.limit(1))]

    def _hear(self):
        with self.line.office.store.read() as session:
            for one in session.scalars(select(AlertRow).order_by(AlertRow.raised_at, AlertRow.due_at)):
                if one.id not in self.seen:
                    self.seen.add(one.id)
                    what = f"{one.clock} {one.milestone}" if one.clock else f"{one.kind} {one.system or ''}".rstrip()
                    self.say(
                        f"alert: {what}{', late' if one.late else ''}, due {one.due_at.astimezone(BERLIN):%Y-%m-%d}"
                    )


@pytest.fixture
def line(tmp_path, valkey, valkey_url):
    """A line over a small world."""
    made = open_line(tmp_path / "home", small.build(tmp_path / "world").systems, broker=valkey_url)
    yield made
    made.close()


def test_a_month_is_lived_through(line, capsys):
    """Receipt, 50 %, 75 %, extension and its notice, 90 %, passed: each once, in time, and none after the end."""
    life = Life(line, datetime(2026, 3, 5, 10, tzinfo=BERLIN))
    ident = line.submit(ticket("access", identity=None, received_at="2026-03-05T10:00:00+01:00"))
    life.say(f"received: due on {line.ticket(ident)['due_on']} (5 April is Easter Sunday)")
    life._hear()
    life.until(datetime(2026, 3, 31, 15, tzinfo=BERLIN))
    life.decide(ident, "extend")
    life.until(datetime(2026, 6, 10, 9, tzinfo=BERLIN))
    life.decide(ident, "approve")
    found = line.ticket(ident)
    life.say(f"closed: {found['outcome']}; " + ", ".join(f"{one['name']} {one['state']}" for one in found["clocks"]))
    life.until(datetime(2026, 6, 12, 9, tzinfo=BERLIN))
    with capsys.disabled():
        print("", *(f"{when}  {what}" for when, what in life.log), sep="\n")
    assert [
        ("Thu 2026-03-05 10:00:00 +0100", "received: due on 2026-04-07 (5 April is Easter Sunday)"),
        ("Thu 2026-03-05 10:00:00 +0100", "alert: decision, due 2026-04-08"),
        ("Fri 2026-03-13 00:00:05 +0100", "alert: identity passed, due 2026-03-13"),
        ("Sat 2026-03-21 04:30:05 +0100", "alert: statutory 50%, due 2026-04-08"),
        ("Sun 2026-03-29 01:45:05 +0100", "alert: statutory 75%, due 2026-04-08"),
        ("Tue 2026-03-31 15:00:00 +0200", "decision: extend"),
        ("Tue 2026-03-31 15:00:00 +0200", "the person is told of the extension: done"),
        ("Tue 2026-03-31 15:00:00 +0200", "due on 2026-06-05"),
        ("Wed 2026-05-27 17:54:05 +0200", "alert: statutory 90%, due 2026-06-06"),
        ("Sat 2026-06-06 00:00:05 +0200", "alert: statutory passed, due 2026-06-06"),
        ("Wed 2026-06-10 09:00:00 +0200", "decision: approve"),
        (
            "Wed 2026-06-10 09:00:00 +0200",
            "closed: fulfilled; statutory missed, identity missed, unextended missed, notice met",
        ),
    ] == life.log
    with line.office.store.read() as session:
        assert {"over"} == set(session.scalars(select(AlertRow.state)))
        assert [] == session.scalars(select(TimerRow).where(TIMER_RUNS)).all()
        key, _ = line.office.ticket(session.get_one(TicketRow, ident))
        (notice,) = [one for one in package_files(session, key, ident) if one.name == "extension.txt"]
    text = b"".join(line.office.packages.read(ident, key, notice)).decode()
    assert "bis zum 5. Juni 2026" in text
    assert "as the test says" in text
