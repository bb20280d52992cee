"""People's decisions that once went wrong: what is paused, how long, who decided, and when it is too late."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from shared.domain.errors import UsageError
from shared.store.tables import TicketRow
from tests.small import ticket
from tests.walks.test_rights import asked
from workers import views
from workers.decisions import Decision, decide
from workers.package import package_files


@pytest.fixture
def line(opened):
    """A line over a small world."""
    return opened()[0]


def at(line, *moment):
    """Let the office's clock stand at a moment."""
    line.office.now = lambda: datetime(*moment, tzinfo=UTC)


def test_a_paused_ticket_waits_whatever_else_is_decided(line):
    """Approving its identity meanwhile does not make it look as if it went on."""
    ident = line.submit(ticket("access", identity=None))
    line.run()
    line.decide(ident, "pause")
    line.decide(ident, "approve")
    found = line.ticket(ident)
    assert ("waiting", "resume") == (found["state"], found["waiting_for"]["decision"])
    with line.office.store.read() as session:
        assert [str(ident)] == [one["id"] for one in views.tickets(session, now=line.office.now(), state="waiting")]
    line.decide(ident, "resume")
    assert "fulfilled" == line.ticket(ident)["outcome"]


@pytest.mark.parametrize(
    ("rested", "days", "due_on"),
    [
        (timedelta(seconds=4), 0, date(2026, 4, 7)),
        (timedelta(hours=23, minutes=59), 0, date(2026, 4, 7)),
        (timedelta(days=1), 1, date(2026, 4, 7)),  # 6 April is Easter Monday
        (timedelta(days=40, hours=23), 40, date(2026, 5, 15)),
    ],
)
def test_a_pause_counts_in_whole_days(line, rested, days, due_on):
    """A period of days ends with a day, so hours of rest do not lengthen it, across a clock change either."""
    at(line, 2026, 3, 10, 9)
    ident = line.submit(ticket("access", identity=None, received_at="2026-03-05T10:00:00+01:00"))
    line.run()
    assert "2026-04-07" == line.ticket(ident)["due_on"]  # 5 and 6 April are Easter
    line.decide(ident, "pause")
    moment = datetime(2026, 3, 10, 9, tzinfo=UTC) + rested
    line.office.now = lambda: moment
    line.decide(ident, "resume")
    found = line.ticket(ident)
    midnight = datetime.combine(due_on + timedelta(days=1), datetime.min.time(), ZoneInfo("Europe/Berlin"))
    assert (due_on.isoformat(), midnight) == (found["due_on"], datetime.fromisoformat(found["due_at"]))
    strict = {clock["name"]: datetime.fromisoformat(clock["strict_at"]) for clock in found["clocks"]}
    assert timedelta(days=days) == strict["statutory"] - strict["unpaused"]


@pytest.mark.parametrize("second", ["ines", " INES ", "Ｉnes", "Ines\u00a0"])  # noqa: RUF001 - a full-width letter
def test_one_person_approves_once_however_the_name_is_written(opened, second):
    """Case, blanks and compatibility forms do not make two people of one."""
    line, _ = opened("approvals = 2\n")
    ident = line.submit(ticket("erasure"))
    line.run()
    line.decide(ident, "approve", by="Ines")
    with pytest.raises(UsageError, match="approved already"):
        line.decide(ident, "approve", by=second)
    line.decide(ident, "approve", by="Omar")
    assert "closed" == line.ticket(ident)["state"]


def half_done(line, world):
    """Let an erasure delete the messages and fail at the contact; return the ticket."""
    ident = line.submit(ticket("erasure"))
    line.run(stop=lambda nudge: nudge.verb == "delete" and nudge.channel != "chat")
    deletes = {one["system"]: one["state"] for one in line.ticket(ident)["steps"] if one["verb"] == "delete"}
    assert {"chat": "failed", "mail": "queued", "documents": "queued"} == deletes
    assert [(3,)] == world.rows("SELECT id FROM messages")
    return ident


@pytest.mark.parametrize("verb", ["refuse", "withdraw"])
@pytest.mark.parametrize("retried", [False, True])
def test_what_was_begun_cannot_be_refused_any_more(opened, verb, retried):
    """A delete that failed half way has deleted: no certificate may say that nothing was done."""
    line, world = opened(chat="breaking")
    ident = half_done(line, world)
    if retried:
        decide(line.office, line.nudges.extend, ident, Decision("retry", "ines", "once more"))
    with pytest.raises(UsageError, match="too late"):
        line.decide(ident, verb)
    if not retried:
        line.decide(ident, "retry")
    line.run()
    assert "fulfilled" == line.ticket(ident)["outcome"]


def letter(line, ident):
    """Return a ticket's letter, blanks single."""
    with line.office.store.read() as session:
        key, _ = line.office.ticket(session.get_one(TicketRow, ident))
        (one,) = [one for one in package_files(session, key, ident) if one.name == "letter.txt"]
    return " ".join(b"".join(line.office.packages.read(ident, key, one)).decode().split())


def test_an_objection_is_refused_but_for_direct_marketing(opened):
    """Art. 21(3) knows no exemption, 21(1) does: the gate opens for the other purpose only, and the letter says so."""
    line, world = opened()
    ident = line.submit(ticket("objection", details={"purposes": ["direct-marketing", "Profiling"]}))
    line.run()
    assert [(1,)] == world.rows("SELECT blocked FROM contacts WHERE id = 1")
    line.decide(ident, "refuse")
    assert "partial" == line.ticket(ident)["outcome"]
    assert ["deny", "allow"] == [asked(line, one) for one in ("direct-marketing", "profiling")]
    assert [(0,)] == world.rows("SELECT blocked FROM contacts WHERE id = 1")
    text = letter(line, ident)
    assert "nicht mehr zu diesen Zwecken: Direktwerbung." in text
    assert "zu diesen Zwecken nicht entsprechen: Profiling. Die Gründe dafür sind: as the test says" in text
