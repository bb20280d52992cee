"""The engine: claims, leases, retries, the sweep, decisions; steps worked in turn in one process."""

from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from sqlalchemy import select, update

from shared.domain.errors import Retryable, UsageError
from shared.domain.outcome import Outcome
from shared.store import steps
from shared.store.tables import EvidenceRow, StepRow
from tests import small
from tests.evidence import broken
from tests.line import open_line
from tests.small import ADA, ticket
from workers.decisions import Decision, decide
from workers.doctor import Visit
from workers.doctor.stuck import CHECK as STUCK
from workers.queues import in_line, make_app, publish
from workers.sweep import sweep


@pytest.fixture
def world(tmp_path):
    """A small world."""
    return small.build(tmp_path / "world")


@pytest.fixture
def line(tmp_path, world, valkey, valkey_url):
    """A line over it."""
    made = open_line(tmp_path / "home", world.systems, broker=valkey_url)
    yield made
    made.close()


@pytest.fixture
def approving(tmp_path, valkey, valkey_url):
    """A line whose client wants two approvals for an erasure."""
    world = small.build(tmp_path / "world", head="approvals = 2\n")
    made = open_line(tmp_path / "home", world.systems, broker=valkey_url)
    yield made, world
    made.close()


def states(line, ident):
    """Return the states of a ticket's steps, by verb and system."""
    return {(one["verb"], one["system"]): one["state"] for one in line.ticket(ident)["steps"]}


def later(line, **delta):
    """Let the office's clock stand later."""
    moment = datetime.now(UTC) + timedelta(**delta)
    line.office.now = lambda: moment


def test_a_message_delivered_twice_is_worked_once(line):
    """The second delivery finds the step taken and does nothing."""
    ident = line.submit(ticket("erasure"))
    first = line.nudges[0]
    assert "done" == line.performer.perform(first.id)
    assert "not ours" == line.performer.perform(first.id)
    assert 1 == next(one["attempts"] for one in line.ticket(ident)["steps"] if one["id"] == first.id)


def test_a_late_writers_result_is_refused(line):
    """A step whose lease ended is run again; what the first worker brings afterwards is refused by its token."""
    line.submit(ticket("erasure"))
    step = line.nudges[0].id
    with line.office.store.write() as session:
        first = steps.claim(session, step, now=line.office.now(), lease=15)
    later(line, seconds=16)
    assert 1 == sweep(line.office, line.nudges.extend).reclaimed
    with line.office.store.write() as session:
        second = steps.claim(session, step, now=line.office.now(), lease=15)
    assert first
    assert second
    assert second.token != first.token
    with line.office.store.write() as session:
        assert not steps.end(session, step, first.token, state="done")
        assert steps.end(session, step, second.token, state="done")


def test_the_sweep_sends_again_what_nobody_claimed(line):
    """A lost message is a lost nudge: after half a minute the step is sent again."""
    ident = line.submit(ticket("erasure"))
    lost = sorted(one.id for one in line.nudges)
    line.nudges.clear()
    assert 0 == sweep(line.office, line.nudges.extend).sent
    later(line, seconds=31)
    assert len(lost) == sweep(line.office, line.nudges.extend).sent
    assert lost == sorted(one.id for one in line.nudges)
    line.run()
    assert "fulfilled" == line.ticket(ident)["outcome"]


def test_what_only_waits_in_line_is_not_sent_again(line, valkey):
    """Else a long line grows with every sweep; where a message is missed, all of its list is, and after long all is."""
    settings = line.office.settings
    app = make_app(settings)
    line.submit(ticket("access"))
    line.submit(ticket("access", small.BOB))
    publish(app, line.nudges)
    app.close()

    def swept(**delta):
        line.nudges.clear()
        later(line, **delta)
        sweep(line.office, line.nudges.extend, in_line=partial(in_line, settings))
        return [one.channel for one in line.nudges]

    assert [] == swept(seconds=31)
    assert [] == list(STUCK.look(Visit(line.office, line.office.now())))
    assert 2 == valkey.llen("chat#2")
    valkey.rpop("chat#2")
    assert ["chat"] * 2 == swept(seconds=32)
    assert ["chat", "data-center", "email"] == sorted({*swept(minutes=31)})
    valkey.delete("chat#2", "email#2", "data-center#2")


def test_a_lost_worker_s_fetched_messages_are_sent_again_at_once(line):
    """When a lease has ended, what was sent before it began to run out is sent again without the half minute."""
    line.submit(ticket("erasure"))
    lost = sorted(one.id for one in line.nudges)
    with line.office.store.write() as session:
        steps.claim(session, lost[0], now=line.office.now(), lease=15)
    line.nudges.clear()
    later(line, seconds=16)
    assert 1 == sweep(line.office, line.nudges.extend).reclaimed
    assert lost == sorted(one.id for one in line.nudges)


def test_the_sweep_takes_up_a_ticket_whose_advance_was_lost(line):
    """An open ticket without any step is advanced."""
    ident = line.submit(ticket("erasure"))
    with line.office.store.write() as session:
        session.execute(update(StepRow).where(StepRow.ticket_id == ident).values(state="done"))
    line.nudges.clear()
    assert 1 == sweep(line.office, line.nudges.extend).advanced
    assert line.nudges


def test_a_retryable_error_is_tried_again_with_growing_pauses(line):
    """A step that says try later waits, visibly, and is run again when its time has come."""
    ident = line.submit(ticket("erasure"))
    chat = next(one for one in line.nudges if one.channel == "chat")
    connector = line.performer._connectors["chat"] = Flaky(2)
    for pause in (5, 10):
        assert "ready" == line.performer.perform(chat.id)
        line.performer._connectors["chat"] = connector
        found = next(one for one in line.ticket(ident)["steps"] if one["id"] == chat.id)
        assert "not now" == found["error"]
        waits = datetime.fromisoformat(found["not_before"]) - line.office.now()
        assert timedelta(seconds=pause - 2) < waits <= timedelta(seconds=pause)
        line.nudges.clear()
        sweep(line.office, line.nudges.extend)
        assert chat.id not in [one.id for one in line.nudges]
        later(line, seconds=60 * pause)
        sweep(line.office, line.nudges.extend)
        assert chat.id in [one.id for one in line.nudges]
    assert "done" == line.performer.perform(chat.id)


class Flaky:
    """A system that refuses some times, then finds nothing."""

    def __init__(self, times):
        self.times = times

    def locate(self, work):
        self.times -= 1
        if self.times >= 0:
            raise Retryable("not now")
        return Outcome()

    def close(self):
        pass


def test_an_unexpected_error_fails_its_step_only(tmp_path, valkey, valkey_url):
    """What a plugin raises becomes its step's state, without the text; the other systems' steps go on."""
    world = small.build(tmp_path / "world", documents="raising")
    text = world.systems.read_text()
    head, _, tail = text.partition('url = "documents"')
    world.systems.write_text(head + tail.partition("}")[2])
    line = open_line(tmp_path / "home", world.systems, broker=valkey_url)
    ident = line.submit(ticket("erasure"))
    line.run()
    found = line.ticket(ident)
    assert "waiting" == found["state"]
    assert {"documents": "failed", "chat": "done", "mail": "done"} == {
        one["system"]: one["state"] for one in found["steps"]
    }
    failed = next(one for one in found["steps"] if one["state"] == "failed")
    assert failed["error"].startswith("unexpected ZeroDivisionError in rightsdesk_lies:")
    assert ADA not in str(found)
    line.close()


def test_a_verb_that_a_system_lacks_asks_a_person(tmp_path, valkey, valkey_url):
    """Capability is the presence of the verb: the step fails, is waived with a reason, and the ticket is partial."""
    world = small.build(tmp_path / "world", documents="memory")
    text = world.systems.read_text()
    head, _, tail = text.partition('url = "documents"')
    world.systems.write_text(head + tail.partition("}")[2])
    from shared.domain.identifier import Identifier
    from shared.testing import MemorySystem

    line = open_line(tmp_path / "home", world.systems, broker=valkey_url)
    MemorySystem.records["documents"] = {"1": frozenset({Identifier("email", ADA)})}
    ident = line.submit(ticket("restriction"))
    line.run()
    failed = next(one for one in line.ticket(ident)["steps"] if one["state"] == "failed")
    assert "memory systems cannot restrict; do it by hand and waive, with a reason" == failed["error"]
    line.decide(ident, "waive")
    line.run()
    while line.ticket(ident)["state"] == "waiting":
        line.decide(ident, "waive")
    assert "partial" == line.ticket(ident)["outcome"]
    MemorySystem.records.clear()
    line.close()


def test_two_approvals_are_of_two_people(approving):
    """An erasure rests restricted until as many different people approved as the client asks for."""
    line, world = approving
    ident = line.submit(ticket("erasure"))
    line.run()
    assert "approval" == line.ticket(ident)["waiting_for"]["decision"]
    assert [(1,)] == world.rows("SELECT blocked FROM contacts WHERE id = 1")
    line.decide(ident, "approve", by="ines")
    with pytest.raises(UsageError, match="this person has approved already"):
        line.decide(ident, "approve", by="ines")
    assert world.of(ADA)
    line.decide(ident, "approve", by="omar")
    assert "fulfilled" == line.ticket(ident)["outcome"]
    assert set() == world.of(ADA)


def test_a_refused_erasure_lifts_what_rested(approving):
    """A refusal gives the answer, opens the gate and undoes the restriction; nothing was deleted."""
    line, world = approving
    before = world.of(ADA)
    ident = line.submit(ticket("erasure"))
    line.run()
    line.decide(ident, "refuse")
    assert "refused" == line.ticket(ident)["outcome"]
    assert before == world.of(ADA)
    assert [(0,)] == world.rows("SELECT blocked FROM contacts WHERE id = 1")


def test_a_withdrawn_ticket_ends(approving):
    """A withdrawal ends the ticket without an act."""
    line, _world = approving
    ident = line.submit(ticket("erasure"))
    line.run()
    line.decide(ident, "withdraw")
    assert "withdrawn" == line.ticket(ident)["outcome"]
    with pytest.raises(UsageError, match="the ticket is closed"):
        line.decide(ident, "approve")


def test_a_ticket_without_a_vouched_identity_waits(line):
    """Nothing is searched or disclosed before a person has decided about the identity."""
    ident = line.submit(ticket("access", identity=None))
    line.run()
    assert "identity" == line.ticket(ident)["waiting_for"]["decision"]
    assert [] == [one for one in line.ticket(ident)["steps"] if one["verb"] == "locate"]
    with pytest.raises(UsageError, match="identity cannot be waived"):
        line.decide(ident, "waive")
    line.decide(ident, "approve")
    assert "fulfilled" == line.ticket(ident)["outcome"]


def test_a_paused_ticket_rests_and_its_clock_with_it(line):
    """Nothing starts while paused; resuming moves the due date and keeps the unpaused one visible."""
    line.office.now = lambda: datetime(2026, 2, 10, 9, tzinfo=UTC)
    ident = line.submit(ticket("erasure"))
    before = line.ticket(ident)["due_at"]
    line.nudges.clear()
    decide(line.office, line.nudges.extend, ident, Decision("pause", "ines", "doubt"))
    assert {"waiting"} == set(states(line, ident).values())
    assert "resume" == line.ticket(ident)["waiting_for"]["decision"]
    sweep(line.office, line.nudges.extend)
    assert [] == line.nudges
    line.office.now = lambda: datetime(2026, 2, 13, 9, tzinfo=UTC)
    line.decide(ident, "resume")
    found = line.ticket(ident)
    assert "fulfilled" == found["outcome"]
    assert "2026-03-03" == found["due_on"]  # Saturday 28 February, and three days
    unpaused = next(clock["due_at"] for clock in found["clocks"] if clock["name"] == "unpaused")
    assert datetime.fromisoformat(before) == datetime.fromisoformat(unpaused)


def test_an_extension_counts_from_the_original_start(line):
    """Two further months from receipt, once, inside the first month."""
    moment = datetime(2026, 2, 10, 9, tzinfo=UTC)
    line.office.now = lambda: moment
    ident = line.submit(ticket("erasure", identity=None))
    line.run()
    assert "2026-03-02" == line.ticket(ident)["due_on"]
    line.decide(ident, "extend")
    assert "2026-04-30" == line.ticket(ident)["due_on"]
    with pytest.raises(UsageError, match="extended already"):
        line.decide(ident, "extend")


def test_an_objection_to_marketing_cannot_be_refused(line):
    """Art. 21(3) knows no exemption."""
    ident = line.submit(ticket("objection"))
    with pytest.raises(UsageError, match="cannot be refused"):
        line.decide(ident, "refuse")


def test_tickets_about_one_person_take_turns(approving):
    """A later erasure waits until the earlier acting ticket ended; a person may decide otherwise."""
    line, _ = approving
    first = line.submit(ticket("erasure"))
    line.run()
    second = line.submit(
        ticket("rectification", details={"changes": {"user.name": "Ada B."}}, received_at="2026-02-01T10:00:00+01:00")
    )
    line.run()
    assert ["wait_turn", "open"] == [line.ticket(second)[name] for name in ("stage", "state")]
    line.decide(first, "approve", by="ines")
    line.decide(first, "approve", by="omar")
    assert "fulfilled" == line.ticket(first)["outcome"]
    assert "closed" == line.ticket(second)["state"]


def rest(line, ident):
    """Let a ticket rest before it exports."""
    line.run(stop=lambda nudge: nudge.verb == "export")
    decide(line.office, line.nudges.extend, ident, Decision("pause", "ines", "doubt"))
    line.nudges.clear()


def test_an_unidentified_access_does_not_hold_up_an_erasure(line):
    """Only a request whose identity is established goes first."""
    line.submit(ticket("access", identity=None))
    erasure = line.submit(ticket("erasure"))
    line.run()
    assert "fulfilled" == line.ticket(erasure)["outcome"]


def test_an_erasure_waits_for_open_access(line):
    """Whatever was received first, a person's open access ends before the erasure acts."""
    access = line.submit(ticket("access", received_at="2026-02-02T10:00:00+01:00"))
    rest(line, access)
    erasure = line.submit(ticket("erasure"))
    line.run()
    assert "wait_turn" == line.ticket(erasure)["stage"]
    line.decide(access, "resume")
    assert ["fulfilled", "fulfilled"] == [line.ticket(one)["outcome"] for one in (access, erasure)]


def test_a_persons_turn_can_be_given(line):
    """`approve` on the waiting turn lets a ticket go before its turn."""
    rest(line, line.submit(ticket("access")))
    erasure = line.submit(ticket("erasure"))
    line.run()
    line.decide(erasure, "approve")
    assert "fulfilled" == line.ticket(erasure)["outcome"]


def test_every_decision_stands_in_evidence_with_its_reason_sealed(line):
    """Who decided what is in the chain; the reason is there too, and cannot be read without the key."""
    ident = line.submit(ticket("access", identity=None))
    line.run()
    decide(line.office, line.nudges.extend, ident, Decision("approve", "ines", "I know Ada Example myself"))
    with line.office.store.read() as session:
        row = session.scalars(select(EvidenceRow).where(EvidenceRow.kind == "decision")).one()
        assert [] == broken(line.office, session)
    assert '"by":"ines"' in row.payload
    assert row.sealed
    assert b"Ada" not in row.sealed
    assert "Ada" not in row.payload


@pytest.mark.parametrize("column", ["payload", "kind"])
def test_tampered_evidence_is_found(line, column):
    """A changed entry breaks its chain at that place."""
    ident = line.submit(ticket("access"))
    line.run()
    with line.office.store.write() as session:
        session.execute(
            update(EvidenceRow).where(EvidenceRow.ticket_id == ident, EvidenceRow.seq == 2).values({column: "{}"})
        )
    with line.office.store.read() as session:
        assert [f"ticket {ident}: broken from entry 2"] == broken(line.office, session)


def test_a_systems_window_bounds_what_is_queued(tmp_path, valkey, valkey_url):
    """Only a window of steps per system is on its way; the rest are ready rows, earliest due first."""
    world = small.build(tmp_path / "world")
    world.systems.write_text(world.systems.read_text().replace('id = "chat"', 'id = "chat"\nmax_in_flight = 2'))
    line = open_line(tmp_path / "home", world.systems, broker=valkey_url)
    line.intake.publish = lambda _: None
    late, soon = "2026-01-31T10:00:00+01:00", "2026-01-05T10:00:00+01:00"
    people = enumerate((late, late, late, soon, late))
    idents = [line.submit(ticket("access", f"p{number}@example.org", received_at=at)) for number, at in people]
    chat = [states(line, one)["locate", "chat"] for one in idents]
    assert ["queued", "queued", "ready", "ready", "ready"] == chat
    with line.office.store.read() as session:
        first = session.scalar(select(StepRow.id).where(StepRow.system == "chat", StepRow.state == "queued"))
    line.performer.perform(first)
    assert "queued" == states(line, idents[3])["locate", "chat"]
    line.close()
