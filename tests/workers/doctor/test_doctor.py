"""The doctor: clean over what was worked as it should be, and each thing that must hold is missed where it does not."""

import json
import os
import sqlite3
from contextlib import closing
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import delete, insert, select, update

from shared.store.tables import (
    CertificateRow,
    DeliveryRow,
    EvidenceRow,
    StepRow,
    TicketRow,
    TimerRow,
)
from tests import small
from tests.command import process
from tests.line import open_line
from tests.small import ADA, BOB
from workers.broker import CONSUMERS, INTAKE, RECEIPT, TAKEN
from workers.doctor import PATIENCE, examine
from workers.office import utc_now
from workers.sweep import UNCLAIMED

LONG = PATIENCE + UNCLAIMED + timedelta(seconds=1)
OLD = timedelta(hours=1)


@pytest.fixture(scope="module")
def kept(tmp_path_factory, valkey_url):
    """A home in which tickets have ended, wait, are paused, have been withdrawn; and one has not begun."""
    folder = tmp_path_factory.mktemp("doctor")
    world = small.build(folder / "world")
    made = open_line(folder / "home", world.systems, broker=valkey_url)
    made.world, made.ids = world, {}
    for name, raw in {
        "access": ticket("access"),
        "erasure": ticket("erasure"),
        "waiting": ticket("access", BOB, identity=None),
        "paused": ticket("access", BOB, identity=None),
        "withdrawn": ticket("access", BOB, identity=None),
    }.items():
        made.ids[name] = made.submit(raw)
        made.run()
    made.decide(made.ids["paused"], "pause")
    made.decide(made.ids["withdrawn"], "withdraw")
    made.ids["fresh"] = made.submit(ticket("access", BOB))
    yield made
    made.close()


@pytest.fixture
def line(kept):
    """That home, its database put back afterwards; and a broker that knows of its intake alone."""
    kept.intake.broker.flushall()
    kept.intake.beat()
    file = kept.office.settings.root / "rightsdesk.sqlite3"
    with closing(sqlite3.connect(file)) as live, closing(sqlite3.connect(":memory:")) as before:
        live.backup(before)
        yield kept
        kept.office.store.close()
        before.backup(live)


def ticket(right, person=ADA, **more):
    """Return a ticket that was received just now: no time of it has run out."""
    return small.ticket(right, person, received_at=utc_now().isoformat(), **more)


def found(line, *, after=timedelta(0), **how):
    """Return what the doctor finds, as of a while from now."""
    now = line.office.now
    line.office.now = lambda: now() + after
    try:
        return [(check.name, one.of, one.what) for check, one in examine(line.office, **how)]
    finally:
        line.office.now = now


def write(line, *statements):
    """Plant what must not be."""
    with line.office.store.write() as session:
        for one in statements:
            session.execute(one)


def step_of(line, name, **where):
    """Return the id of the last of a ticket's steps of that kind."""
    with line.office.store.read() as session:
        query = select(StepRow.id).filter_by(ticket_id=line.ids[name], **where).order_by(StepRow.id.desc())
        return session.scalars(query).first()


def test_all_is_well(line):
    """What ended, waits, rests or has just begun is as it should be; in the systems, too."""
    assert [] == found(line, systems=True)


def test_all_is_well_on_postgresql(tmp_path, valkey, valkey_url, database):
    """The checks say the same there."""
    world = small.build(tmp_path / "world")
    with closing(open_line(tmp_path / "home", world.systems, broker=valkey_url, database=database)) as line:
        line.ids = {"erasure": line.submit(ticket("erasure"))}
        line.run()
        line.intake.beat()
        assert [] == found(line, systems=True)
        step = step_of(line, "erasure", verb="absent")
        write(line, update(StepRow).where(StepRow.id == step).values(state="running"))
        names = {name for name, *_ in found(line)}
    assert {"at rest", "joins", "stuck"} == names


STEP = {
    "running": {"state": "running", "lease_token": "t"},
    "queued": {"state": "queued"},
    "ready": {"state": "ready", "published_at": None},
}


@pytest.mark.parametrize(
    ("state", "what"),
    [
        ("running", "their worker's lease has ended and nobody took them back"),
        ("queued", "sent, not claimed, and not sent again"),
        ("ready", "ready, and not sent though nothing else is"),
    ],
)
def test_a_step_that_stands_still(line, state, what):
    """It is found once the sweep should have seen to it, and not before; of many the first is named."""
    at = line.office.now()
    mine = StepRow.ticket_id == line.ids["fresh"]
    write(
        line,
        update(StepRow).where(mine).values(**{"lease_until": at, "published_at": at, "created_at": at} | STEP[state]),
    )
    assert [] == found(line)
    stuck = [(of.partition(" (")[2], said) for name, of, said in found(line, after=LONG) if name == "stuck"]
    assert [(f"{system})", what) for system in ("chat", "documents", "mail")] == stuck


def test_a_ticket_that_nothing_moves(line):
    """A stage that is over, or a time to be looked at again, that nobody has seen."""
    rest = StepRow.ticket_id == line.ids["fresh"]
    past = line.office.now() - OLD
    write(
        line,
        update(StepRow).where(rest).values(state="waived", finished_at=past),
        update(TicketRow).where(TicketRow.id == line.ids["fresh"]).values(stage_since=past),
        update(TicketRow).where(TicketRow.id == line.ids["waiting"]).values(wake_at=past),
    )
    assert [
        ("stuck", f"ticket {line.ids['fresh']}", "its stage locate is over and it does not go on"),
        ("stuck", f"ticket {line.ids['waiting']}", "it was to be looked at again and was not"),
    ] == [one for one in found(line) if one[0] == "stuck"]


def test_what_runs_for_a_ticket_at_rest(line):
    """Steps of a closed, a paused and a withdrawn ticket that are not over, or may begin."""
    closed, waiting = step_of(line, "access", verb="answer"), step_of(line, "waiting")
    paused = step_of(line, "paused")
    write(
        line,
        update(StepRow).where(StepRow.id == closed).values(state="failed"),
        update(StepRow).where(StepRow.id == paused).values(state="ready"),
        update(TicketRow).where(TicketRow.id == line.ids["waiting"]).values(verdict="withdrawn", stage="answer"),
    )
    assert [
        (f"ticket {line.ids['access']}", f"it is closed, and step {closed} (answer) is failed"),
        (f"ticket {line.ids['paused']}", f"it is paused, and step {paused} (identity) is ready"),
        (f"ticket {line.ids['waiting']}", f"it is withdrawn or refused, and step {waiting} (identity) is waiting"),
    ] == [(of, what) for name, of, what in found(line) if name == "at rest"]


def joins(line):
    return [(of, what) for name, of, what in found(line) if name == "joins"]


def test_a_stage_joined_twice(line):
    """A step that a stage asked for after the next had begun; a stage left, or begun, while another is under way."""
    ident = f"ticket {line.ids['erasure']}"
    last, look = step_of(line, "erasure"), step_of(line, "erasure", stage="look_again")
    write(line, update(StepRow).where(StepRow.id == last).values(stage="locate", key="twice"))
    assert [(ident, "stage locate was joined again after erase had begun")] == joins(line)
    write(
        line,
        update(StepRow).where(StepRow.id == last).values(stage="deliver", key="once"),
        update(StepRow).where(StepRow.id == look).values(state="waiting", waits="x"),
        update(TicketRow).where(TicketRow.id == line.ids["erasure"]).values(stage="answer"),
    )
    assert [
        (ident, "it left stage look_again with 1 steps that are not over"),
        (ident, "it is in stage answer, and deliver has begun"),
        (ident, f"evidence says that step {look} is done, and its row does not"),
    ] == joins(line)


def test_what_ended_twice_or_only_by_half(line):
    """Evidence tells each acceptance, end and step once, and what stands in the rows."""
    of = f"ticket {line.ids['access']}"
    mine = EvidenceRow.ticket_id == line.ids["access"]
    with line.office.store.read() as session:
        rows = {row.seq: row for row in session.scalars(select(EvidenceRow).where(mine))}
    first = next(row for row in rows.values() if row.kind == "step")
    step, end = json.loads(first.payload)["step"], max(rows)
    again = {"ticket_id": line.ids["access"], "at": first.at, "payload": first.payload, "hash": b""}
    write(
        line,
        insert(EvidenceRow).values(seq=end + 1, kind="step", **again),
        insert(EvidenceRow).values(seq=end + 2, kind="closed", **again),
    )
    assert [
        (of, "evidence says 2 times that it was closed, and not 1"),
        (of, f"step {step} was worked 2 times to its end"),
    ] == joins(line)
    write(line, delete(EvidenceRow).where(mine, EvidenceRow.seq.in_((1, first.seq, end + 1, end + 2))))
    assert [
        (of, "evidence says 0 times that it was accepted, and not 1"),
        (of, f"step {step} is done, and evidence does not say so"),
    ] == joins(line)


def test_clocks_without_a_timer(line):
    """A timer that is missing, one that nobody looked at, one that runs on after the end."""
    mine = TimerRow.ticket_id == line.ids["waiting"]
    with line.office.store.read() as session:
        (open_one,) = session.execute(
            select(TimerRow.id, TimerRow.due_at).where(
                TimerRow.ticket_id == line.ids["fresh"], TimerRow.milestone == "run out"
            )
        )
    write(
        line,
        update(TimerRow).values(resting=True),
        delete(TimerRow).where(mine, TimerRow.clock == "statutory", TimerRow.milestone == "passed"),
        update(TimerRow).where(TimerRow.id == open_one.id).values(resting=False, due_at=line.office.now() - OLD),
        update(TimerRow).where(TimerRow.ticket_id == line.ids["access"]).values(resting=False, fired_at=None),
        update(TimerRow).where(TimerRow.ticket_id == line.ids["access"]).values(due_at=line.office.now() + OLD),
    )  # fmt: skip
    assert {
        (f"ticket {line.ids['waiting']}", "no timer stands for statutory passed"),
        (f"ticket {line.ids['fresh']}", "1 milestones have passed and nobody looked, this ticket's first"),
        (f"ticket {line.ids['access']}", "it is closed, and a timer of it still runs"),
    } == {(of, what) for name, of, what in found(line) if name == "clocks"}


def test_messages_of_which_nobody_knows(line):
    """A send whose end is unknown, one maybe twice that is not marked, one that is said and not known."""
    of, step = f"ticket {line.ids['access']}", step_of(line, "access", verb="deliver")
    mine = DeliveryRow.step_id == step
    name = f"{line.ids['access']}.{step}@rightsdesk"

    def messages():
        return [(of, what) for check, of, what in found(line) if check == "messages"]

    write(line, update(DeliveryRow).where(mine).values(state="sending"))
    assert [(of, f"its step is done, and nobody knows whether the message {name} went")] == messages()
    write(line, update(DeliveryRow).where(mine).values(state="maybe twice"))
    assert [(of, f"the message {name} went maybe twice, and step {step} does not say so")] == messages()
    write(line, delete(DeliveryRow).where(mine))
    write(line, update(StepRow).where(StepRow.id == step).values(counts={"package": {"sent": 1}}))
    assert [(of, f"step {step} (deliver) says that a message was sent, and none is known")] == messages()


def test_evidence_that_was_changed(line):
    """A certificate that is gone, an entry that is another."""
    entry = EvidenceRow.ticket_id == line.ids["access"], EvidenceRow.seq == 2
    write(
        line,
        update(EvidenceRow).where(*entry).values(hash=b"\0" * 32),
        delete(CertificateRow).where(CertificateRow.ticket_id == line.ids["erasure"]),
    )
    assert [
        ("evidence", f"ticket {line.ids['access']}", "broken from entry 2"),
        ("evidence", f"ticket {line.ids['erasure']}", "its certificate is gone"),
    ] == [one for one in found(line) if one[0] == "evidence"]


def test_what_lies_in_the_broker(line):
    """Entries without an intake, those that one took which is gone, and a receipt for what is not stored."""
    broker, lost = line.intake.broker, UUID(int=1)
    broker.lpush(f"{TAKEN}gone", b"x")
    broker.set(f"{RECEIPT}{lost}", "accepted")
    assert [
        ("intake gone", "took 1 entries and is gone; nobody moves them back"),
        (f"ticket {lost}", "its receipt says accepted, and it is not stored"),
    ] == [(of, what) for name, of, what in found(line) if name == "queue"]
    broker.delete(CONSUMERS, f"{RECEIPT}{lost}", f"{TAKEN}gone")
    broker.lpush(INTAKE, b"x", b"y")
    assert [("queue", INTAKE, "2 entries are queued and no intake lives to take them")] == found(line)


def test_what_lies_in_the_spool(line):
    """A message that was spooled a while ago and has no receipt is a ticket that is not stored."""
    ident = uuid4()
    file = line.submitter.spool / f"{ident}:0123456789abcdef.jwe"
    file.write_bytes(b"x")
    try:
        assert [] == found(line)
        past = file.stat().st_mtime - 300
        os.utime(file, (past, past))
        ((name, of, what),) = found(line)
        assert ("queue", f"ticket {ident}", True) == (name, of, what.startswith("spooled 30"))
    finally:
        file.unlink()


def test_a_broker_that_is_away(line, tmp_path):
    """It is said, and everything else is looked at."""
    settings = line.office.settings
    line.office.settings = settings.model_copy(update={"broker_url": f"redis+socket://{tmp_path}/no?virtual_host=0"})
    try:
        ((name, of, what),) = found(line)
    finally:
        line.office.settings = settings
    assert ("queue", "broker", True) == (name, of, what.startswith("the broker is not reachable"))


def test_an_end_state_that_does_not_hold(line):
    """Whoever stands in a system again that was erased there is found, where the systems are asked."""
    with closing(sqlite3.connect(line.world.folder / "chat.db")) as chat, chat:
        chat.execute("INSERT INTO contacts VALUES (9, 'Ada', ?, '', 0, '2026-01-05 10:00:00')", (ADA,))
    try:
        assert [] == found(line)
        ((name, of, what),) = found(line, systems=True)
    finally:
        with closing(sqlite3.connect(line.world.folder / "chat.db")) as chat, chat:
            chat.execute("DELETE FROM contacts WHERE id = 9")
    said = "what was done in chat does not hold any more: contacts"
    assert ("end states", f"ticket {line.ids['erasure']}", said) == (name, of, what)


def test_the_command(line, tmp_path):
    """Exit 0 and one line where all is well; 1, the place and what to do where something is not; JSON for machines."""
    settings, copy = line.office.settings, tmp_path / "copy.sqlite3"
    names = {"HOME": settings.home, "SYSTEMS": settings.systems, "BROKER_URL": settings.broker}
    line.environment = {f"RIGHTSDESK_{name}": str(value) for name, value in names.items()}
    step = step_of(line, "access", verb="answer")
    with closing(sqlite3.connect(settings.root / "rightsdesk.sqlite3")) as live, closing(sqlite3.connect(copy)) as ill:
        live.backup(ill)
        ill.execute("UPDATE steps SET state = 'failed' WHERE id = ?", (step,))
        ill.commit()
    other = {"RIGHTSDESK_DATABASE_URL": f"sqlite:///{copy}"}
    commands = (
        (["doctor", "--systems"], {}),
        (["doctor", "--json"], {}),
        (["doctor"], other),
        (["doctor", "--json"], other),
    )
    well, nothing, ill, listed = process(line, *commands)
    assert (0, "") == (well.code, well.error)
    assert well.out.startswith("all is well: at rest, clocks, end states, evidence, joins, messages, queue, stuck")
    assert (0, []) == (nothing.code, nothing.json())
    assert (1, 1) == (ill.code, listed.code)
    of = f"ticket {line.ids['access']}"
    assert ill.out.startswith(f"at rest: {of}: it is closed, and step {step} (answer) is failed; ")
    assert {"check": "at rest", "of": of}.items() <= listed.json()[0].items()
    assert {"check", "of", "what", "todo"} == listed.json()[0].keys()
