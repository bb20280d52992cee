"""People are called for what stands still, and no more once it goes on."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import OperationalError

from shared.domain.errors import Retryable, Waiting
from shared.message import seal_message
from shared.store import alert_outbox, circuits
from shared.store.tables import AlertRow, EvidenceRow, StepRow, TicketRow
from tests import small
from tests.line import open_line
from tests.small import ticket
from tests.workers.test_order import INCIDENT
from workers import checkpoints
from workers.broker import INTAKE
from workers.dead import replay
from workers.sweep import sweep


@pytest.fixture
def opened(tmp_path, valkey, valkey_url):
    """Open lines over worlds of a client with these keys and connectors."""
    lines = []

    def make(head="", **kinds):
        world = small.build(tmp_path / f"world{len(lines)}", head=head, **kinds)
        lines.append(open_line(tmp_path / f"home{len(lines)}", world.systems, broker=valkey_url))
        return lines[-1]

    yield make
    for line in lines:
        line.close()


def standing(line):
    """Return the alerts that are not over: kind, ticket, system."""
    with line.office.store.read() as session:
        rows = session.scalars(select(AlertRow).where(AlertRow.state != "over").order_by(AlertRow.kind))
        return [(one.kind, one.ticket_id, one.system) for one in rows]


def test_a_failed_step_calls_until_it_is_retried_or_waived(opened):
    """Each of them once; the retry ends it, the next failure calls again."""
    line = opened(chat="breaking")
    ident = line.submit(ticket("erasure"))
    line.run()
    assert [("held", ident, "chat")] == standing(line)
    (step,) = [one["id"] for one in line.ticket(ident)["steps"] if one["state"] == "failed"]
    line.decide(ident, "retry", step=step)
    assert [] == standing(line)


def test_a_decision_calls_until_it_is_taken(opened):
    """One alert for each that is asked for: two approvals are two."""
    line = opened("approvals = 2\n")
    ident = line.submit(ticket("erasure"))
    line.run()
    assert [("decision", ident, None)] * 2 == standing(line)
    line.decide(ident, "approve", by="ines")
    assert [("decision", ident, None)] == standing(line)
    line.decide(ident, "approve", by="omar")
    assert [] == standing(line)


def test_a_turn_calls_nobody(opened):
    """It comes by itself."""
    line = opened()
    line.submit(ticket("access"))
    line.nudges.clear()  # it stays open
    second = line.submit(ticket("erasure", received_at="2026-02-03T10:00:00+01:00"))
    line.run()
    assert "wait_turn" == line.ticket(second)["stage"]
    assert [] == standing(line)


def test_a_system_that_is_down_calls_once_and_is_over_when_it_is_back(opened, monkeypatch):
    """Three failures and a try in vain are one alert, however many steps meet it; the first that is done ends it."""
    line = opened()
    down = [True]
    run = line.performer._run

    def away(claim, *more):
        if claim.system == "chat" and down:
            raise Retryable("the system does not answer", after=1)
        return run(claim, *more)

    monkeypatch.setattr(line.performer, "_run", away)
    for person in ("nobody@never.example", small.BOB):
        line.submit(ticket("access", person))
    now = datetime.now(UTC)
    for number in range(4):
        line.office.now = lambda number=number: now + timedelta(hours=number)
        sweep(line.office, line.nudges.extend)
        line.run()
        assert ([] if number < 2 else [("circuit", None, "chat")]) == standing(line)
    down.clear()
    line.office.now = lambda: now + timedelta(hours=9)
    sweep(line.office, line.nudges.extend)
    line.run()
    assert [] == standing(line)
    with line.office.store.read() as session:
        assert {"fulfilled"} == set(session.scalars(select(TicketRow.outcome)))


def test_a_system_that_asks_for_a_moment_calls_nobody(opened, monkeypatch):
    """Three steps meet it at once, and its next try is done: many are asked to slow down so, in every flood."""
    line = opened()
    run, asked = line.performer._run, []

    def busy(claim, *more):
        if claim.system == "chat" and len(asked) < circuits.TRIES:
            asked.append(claim.id)
            raise Retryable("answered 429", after=30)
        return run(claim, *more)

    monkeypatch.setattr(line.performer, "_run", busy)
    line.office.settings = line.office.settings.model_copy(update={"concurrency": 3})
    for person in ("nobody@never.example", small.BOB, small.ADA):
        line.submit(ticket("access", person))
    line.run()
    with line.office.store.read() as session:
        assert ["chat"] == [row.system for row in circuits.standing(session)]
    later = line.office.now() + timedelta(minutes=1)
    line.office.now = lambda: later
    sweep(line.office, line.nudges.extend)
    line.run()
    with line.office.store.read() as session:
        assert [] == circuits.standing(session)
        assert [] == session.scalars(select(AlertRow.kind)).all()


def test_an_acknowledged_outage_does_not_hide_the_next(opened, monkeypatch):
    """Acknowledged and the step waived: the first step that is done at once ends it, and the next outage calls."""
    line = opened()
    down, now = [True], datetime(2026, 3, 3, 9, tzinfo=UTC)
    run = line.performer._run

    def away(claim, *more):
        if claim.system == "chat" and down:
            raise Retryable("the system does not answer", after=1)
        return run(claim, *more)

    monkeypatch.setattr(line.performer, "_run", away)

    def tried_for(hours):
        nonlocal now
        for _ in range(hours):
            now += timedelta(hours=1)
            line.office.now = lambda now=now: now
            sweep(line.office, line.nudges.extend)
            line.run()

    ident = line.submit(ticket("access", "nobody@never.example"))
    tried_for(9)
    assert [("circuit", None, "chat")] == standing(line)
    with line.office.store.write() as session:
        ids = session.scalars(select(AlertRow.id).where(AlertRow.kind == "circuit")).all()
        alert_outbox.acknowledge(session, ids, by="ines", now=now)
    (step,) = [one["id"] for one in line.ticket(ident)["steps"] if one["system"] == "chat"]
    line.decide(ident, "waive", step=step)
    down.clear()
    line.submit(ticket("access", small.BOB))
    tried_for(1)
    assert [] == standing(line)
    down.append(True)
    line.submit(ticket("access", "else@never.example"))
    tried_for(4)
    assert [("circuit", None, "chat")] == standing(line)


def test_a_breach_makes_an_outage_urgent(opened, monkeypatch):
    """A system that was down for an access is no matter for the night; that a breach waits for it is, at once."""
    line = opened()
    run = line.performer._run

    def away(claim, *more):
        if claim.system == "chat":
            raise Retryable("the system does not answer", after=1)
        return run(claim, *more)

    monkeypatch.setattr(line.performer, "_run", away)
    now = datetime(2026, 3, 3, 9, tzinfo=UTC)
    found = []
    for hour in range(9):
        line.office.now = lambda hour=hour: now + timedelta(hours=hour)
        if hour == 0:
            line.submit(ticket("access", "nobody@never.example"))
        if hour == 4:
            with line.office.store.write() as session:  # it waits for the end of the night
                session.execute(update(AlertRow).values(next_at=now + timedelta(days=3)))
            line.submit(ticket("breach", details={"incident": INCIDENT}, subject=None, identity=None))
        sweep(line.office, line.nudges.extend)
        line.run()
        with line.office.store.read() as session:
            rows = session.execute(select(AlertRow.urgent, AlertRow.next_at).where(AlertRow.kind == "circuit"))
            found.append([(urgent, (at - now) // timedelta(hours=1)) for urgent, at in rows])
    assert [[], [], *[[(False, 2)]] * 2, *[[(True, 4)]] * 5] == found


@pytest.fixture
def tried(opened, monkeypatch):
    """Return a line with an access, and a function by which each step in `chat` ends so, each in an hour of its own."""
    line = opened()
    ident, run = line.submit(ticket("access", "nobody@never.example")), line.performer._run
    now = datetime(2026, 3, 3, 9, tzinfo=UTC)

    def tries(*errors):
        nonlocal now
        left = list(errors)

        def ending(claim, *more):
            if claim.system == "chat" and left:
                raise left.pop(0)
            return run(claim, *more)

        monkeypatch.setattr(line.performer, "_run", ending)
        while left:
            now += timedelta(hours=1)
            line.office.now = lambda now=now: now
            sweep(line.office, line.nudges.extend)
            line.run(stop=lambda nudge: nudge.channel == "chat" and not left)
        with line.office.store.read() as session:
            return [row.failures for row in circuits.standing(session)]

    return line, ident, tries


def test_a_system_that_answers_is_not_down(tried):
    """That it is not done yet is an answer, too."""
    line, _, tries = tried
    assert [3] == tries(*[Retryable("it does not answer")] * 3)
    assert [("circuit", None, "chat")] == standing(line)
    assert [] == tries(Waiting("it is at it", after=60))
    assert [] == standing(line)


def test_our_own_database_speaks_of_no_system(tried):
    """However often a step meets it away."""
    line, _, tries = tried
    assert [] == tries(*[OperationalError("SELECT", {}, Exception())] * 5)
    assert [] == standing(line)


def test_nobody_is_called_for_a_system_for_which_no_step_waits(tried):
    """The ticket is withdrawn, so no step would ever tell that it is back."""
    line, ident, tries = tried
    assert [3] == tries(*[Retryable("it does not answer")] * 3)
    line.decide(ident, "withdraw")
    assert [("circuit", None, "chat")] == standing(line)
    later = line.office.now() + timedelta(hours=1)
    line.office.now = lambda: later
    sweep(line.office, line.nudges.extend)
    assert [] == standing(line)


def test_a_worker_that_is_lost_again_and_again_calls(opened):
    """A step that takes its workers with it fails in the sweep, and is told of and kept in evidence like any other."""
    line = opened()
    ident = line.submit(ticket("access"))
    with line.office.store.write() as session:
        long_ago = line.office.now() - timedelta(hours=1)
        session.execute(update(StepRow).where(StepRow.system == "chat").values(state="running", lease_until=long_ago))
        session.execute(update(StepRow).values(lost=4))
    sweep(line.office, line.nudges.extend)
    assert [("held", ident, "chat")] == standing(line)
    with line.office.store.read() as session:
        told = session.scalars(select(EvidenceRow.payload).where(EvidenceRow.kind == "step")).one()
    assert ("chat", "failed") == (json.loads(told)["system"], json.loads(told)["state"])
    assert json.loads(told)["error"].startswith("quarantined")


def test_a_dead_letter_calls_until_it_is_tried_again(opened):
    """One alert each; nothing of its content stands there."""
    line = opened()
    line.intake.broker.lpush(INTAKE, b"garbage", b"rubbish")
    line.intake.round()
    assert [("dead letter", None, None)] * 2 == standing(line)
    replay(line.office, 1)
    assert [("dead letter", None, None)] == standing(line)


@pytest.mark.parametrize(
    ("right", "urgent"), [("breach", (True, "breach")), ("braech", (True, None)), ("access", (False, "access"))]
)
def test_a_dead_letter_that_may_be_a_breach_is_urgent(opened, right, urgent):
    """A breach with a mistake in it, or what cannot be read, does not wait for the end of a night."""
    line = opened()
    content, vault = json.dumps(ticket(right, oops=1)).encode(), line.office.vault
    entry = seal_message(content, intake=vault.intake, submitter=vault.submitter)
    line.intake.broker.lpush(INTAKE, entry)
    line.intake.round()
    with line.office.store.read() as session:
        assert [urgent] == session.execute(select(AlertRow.urgent, AlertRow.right)).all()


def test_evidence_that_was_changed_calls_until_it_verifies(opened):
    """The look of each night calls once for a chain that is broken; that its ticket closes does not mend it."""
    line = opened()
    idents = [line.submit(ticket("access", f"nobody{number}@never.example")) for number in range(8)]
    with line.office.store.write() as session:
        broken = update(EvidenceRow).where(EvidenceRow.ticket_id == idents[3], EvidenceRow.seq == 1)
        session.execute(broken.values(payload="{}"))
    for _ in range(2):
        assert [idents[3]] == [one.ticket for one in checkpoints.audit(line.office)]
    assert [("evidence", idents[3], None)] == standing(line)
    with line.office.store.read() as session:
        assert session.scalars(select(AlertRow.urgent)).one()
    line.run()
    assert "closed" == line.ticket(idents[3])["state"]
    assert [("evidence", idents[3], None)] == standing(line)  # its closing does not mend it
