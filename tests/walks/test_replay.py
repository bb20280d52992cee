"""A system restored from a backup, and people that an integration made again: from the ledger to the close."""

import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from shared.domain.errors import UsageError
from shared.store import steps
from shared.store.chain import entries
from shared.store.tables import AlertRow, ErasureRow, RestoreRow, StepRow
from tests import small
from tests.line import open_line
from tests.small import ADA, BOB, ticket
from tests.walks.test_holds import place
from tests.walks.test_rights import asked, closed
from workers import restores
from workers.decisions import Decision, decide
from workers.sweep import sweep


@pytest.fixture
def world(tmp_path):
    """A small world with the chat alone: what a replay does is done in one system."""
    made = small.build(tmp_path / "world")
    made.systems.write_text(made.systems.read_text().partition('[[systems]]\nid = "mail"')[0])
    for folder in ("mail", "documents"):
        shutil.rmtree(made.folder / folder)
    return made


@pytest.fixture
def line(tmp_path, world, valkey, valkey_url):
    """A line over the small world, on SQLite."""
    made = open_line(tmp_path / "home", world.systems, broker=valkey_url)
    yield made
    made.close()


@pytest.fixture
def on_postgres(tmp_path, world, valkey, valkey_url, database):
    """The same on PostgreSQL."""
    made = open_line(tmp_path / "home", world.systems, broker=valkey_url, database=database)
    yield made
    made.close()


def erase(line, person=ADA):
    """Erase someone; return the ticket's id."""
    ident = line.submit(ticket("erasure", person))
    line.run()
    assert line.ticket(ident)["state"] == "closed"
    return ident


@pytest.fixture
def backup(world):
    """The chat database as it was before anybody was erased: called, it restores it."""
    kept = world.folder / "chat.backup"
    shutil.copy(world.folder / "chat.db", kept)
    return lambda: shutil.copy(kept, world.folder / "chat.db")


def replay(line, system="chat", **more):
    """Replay a system's erasures and work until nothing is left; return what it opened."""
    found = restores.replay(line.office, line.nudges.extend, system, **more)
    line.run()
    sweep(line.office, line.nudges.extend)
    line.run()
    return found


def fences(line):
    """Return the systems that are fenced."""
    with line.office.store.read() as session:
        return list(session.scalars(select(RestoreRow.system).where(RestoreRow.lifted_at.is_(None))))


def later(line, **delta):
    """Let the office's clock stand later."""
    moment = datetime.now(UTC) + timedelta(**delta)
    line.office.now = lambda: moment


def chain(line, ident):
    """Return the entries of a ticket's chain, by kind."""
    with line.office.store.read() as session:
        return {one.kind: one.payload for one in entries(session, ident)}


def test_a_restored_system_is_fenced_until_the_replay_has_looked_again(on_postgres, world, backup):
    """Its steps wait, visibly; the gate denies whom the backup brought back; then all goes on."""
    line = on_postgres
    before = datetime.now(UTC)
    first, bob = erase(line), world.of(BOB)
    backup()
    assert {"contacts 1", "messages 1"} == world.of(ADA)
    assert "allow" == asked(line, "support")
    marked = restores.mark(line.office, "chat", before)
    assert (1, []) == (marked.erasures, marked.running)
    assert ("deny", ["chat"]) == (asked(line, "support"), fences(line))
    other = line.submit(ticket("access", BOB))
    line.run()
    sweep(line.office, line.nudges.extend)
    assert [] == line.nudges
    waiting = [one for one in line.ticket(other)["steps"] if one["state"] == "ready"]
    assert [("chat", "replay")] == [(one["system"], one["waits"]) for one in waiting]
    found = replay(line)
    (again,) = found.tickets
    closed(line, again, "fulfilled")
    assert (set(), bob) == (world.of(ADA), world.of(BOB))
    assert ("allow", []) == (asked(line, "support"), fences(line))
    assert str(first) in chain(line, again)["follows"]
    closed(line, other, "fulfilled")
    acts = [(one["verb"], one["system"]) for one in line.ticket(again)["steps"]]
    assert [("locate", "chat"), ("delete", "chat"), ("absent", "chat")] == acts


def test_only_what_the_backup_undid_is_erased_again(line, world, backup):
    """Who was erased before it was made does not stand in it; a replay without a time takes everyone."""
    erase(line)
    between = datetime.now(UTC)
    backup()
    assert [] == replay(line, since=between).tickets
    assert world.of(ADA)
    assert [] == fences(line)
    assert 1 == len(replay(line).tickets)
    assert set() == world.of(ADA)


def test_a_replay_that_was_broken_off_goes_on(line, world, backup):
    """It takes nobody twice, and a system restored once more is replayed once more."""
    erase(line)
    backup()
    restores.mark(line.office, "chat", datetime.now(UTC) - timedelta(days=1))
    (again,) = restores.replay(line.office, line.nudges.extend, "chat").tickets
    assert [] == restores.replay(line.office, line.nudges.extend, "chat").tickets
    assert ["chat"] == fences(line)
    backup()
    restores.mark(line.office, "chat", datetime.now(UTC) - timedelta(hours=1))
    (once_more,) = replay(line).tickets
    assert {"closed"} == {line.ticket(one)["state"] for one in (again, once_more)}
    assert (set(), []) == (world.of(ADA), fences(line))


def test_what_was_on_its_way_is_taken_back(line, world, backup):
    """A message that was sent before the system was fenced finds its step closed to it, and leaves room."""
    ident = line.submit(ticket("access", BOB))
    chat = next(one for one in line.nudges if one.channel == "chat")
    restores.mark(line.office, "chat", datetime.now(UTC))
    assert "not ours" == line.performer.perform(chat.id)
    with line.office.store.read() as session:
        assert "ready" == session.scalar(select(StepRow.state).where(StepRow.id == chat.id))
    with line.office.store.write() as session:  # one that was sent in the moment in which the fence was put up
        session.execute(update(StepRow).where(StepRow.id == chat.id).values(state="queued"))
        assert steps.claim(session, chat.id, now=line.office.now(), lease=15, most_urgent=True) is None
    replay(line)
    closed(line, ident, "fulfilled")


def test_an_erasure_that_is_not_closed_yet_is_replayed_too(line, world, backup):
    """Its second look was before the restore: the ledger learns of it when the replay runs."""
    ident = line.submit(ticket("erasure"))
    line.run(stop=lambda nudge: nudge.verb == "answer")
    backup()
    assert 1 == len(replay(line).tickets)
    assert set() == world.of(ADA)
    closed(line, ident, "fulfilled")
    with line.office.store.read() as session:
        assert 1 == len(session.scalars(select(ErasureRow.id)).all())


def test_a_hold_placed_since_keeps_what_the_backup_brought_back(line, world, backup):
    """The replay heeds it: restricted, not erased, and the gate stays closed."""
    erase(line)
    backup()
    place(line, email=[ADA])
    (again,) = replay(line).tickets
    found = closed(line, again, "partial")
    assert "restrict" in [one["verb"] for one in found["steps"]]
    assert {"contacts 1", "messages 1"} == world.of(ADA)
    assert ("deny", []) == (asked(line, "support"), fences(line))


def return_of(world, person=ADA):
    """An integration makes someone again."""
    with closing(sqlite3.connect(world.folder / "chat.db")) as database, database:
        database.execute("INSERT INTO contacts VALUES (7, 'Ada', ?, NULL, 0, '2026-02-05 10:00:00')", (person,))


def look(line):
    """Let a month pass and look; return the ticket that looks."""
    later(line, days=34)
    with line.office.store.read() as session:
        before = set(session.scalars(select(StepRow.ticket_id)))
    sweep(line.office, line.nudges.extend)
    line.run()
    sweep(line.office, line.nudges.extend)
    with line.office.store.read() as session:
        (ident,) = set(session.scalars(select(StepRow.ticket_id))) - before
    return ident


def alerts(line, kind):
    """Return the states of the alerts of a kind."""
    with line.office.store.read() as session:
        return list(session.scalars(select(AlertRow.state).where(AlertRow.kind == kind)))


def test_a_look_that_finds_nobody_ends_by_itself(line, world):
    """With evidence that names the first ticket; it is not repeated."""
    first = erase(line)
    ident = look(line)
    found = closed(line, ident, "fulfilled")
    assert {"locate", "absent"} == {one["verb"] for one in found["steps"]}
    assert str(first) in chain(line, ident)["follows"]
    later(line, days=80)
    sweep(line.office, line.nudges.extend)
    assert ([], []) == (line.nudges, alerts(line, "decision"))


def test_who_was_made_again_waits_for_a_person_and_is_erased(on_postgres, world):
    """An alert is raised once; approved, they go, and are looked for again."""
    line = on_postgres
    erase(line)
    return_of(world)
    ident = look(line)
    assert ("waiting", "approval") == (line.ticket(ident)["state"], line.ticket(ident)["waiting_for"]["decision"])
    assert {"contacts 7"} == world.of(ADA)
    assert ["open"] == alerts(line, "decision")
    line.decide(ident, "approve")
    closed(line, ident, "fulfilled")
    assert (set(), ["over"]) == (world.of(ADA), alerts(line, "decision"))
    with line.office.store.read() as session:
        assert ["chat"] == list(session.scalars(select(ErasureRow.system).where(ErasureRow.look_at.is_not(None))))


def test_who_is_erased_again_is_kept_in_the_ledger_anew(line, world, backup):
    """Backups made while they were back live longer than those of before: restored, one of them is replayed, too."""
    erase(line)
    backup()
    later(line, days=80)
    replay(line)
    assert set() == world.of(ADA)
    later(line, days=100)
    sweep(line.office, line.nudges.extend)
    line.run()
    with line.office.store.read() as session:
        (expires,) = session.scalars(select(ErasureRow.expires_at))
    assert expires >= datetime.now(UTC) + timedelta(days=80 + 90)
    backup()  # as on the 79th day
    replay(line, since=datetime.now(UTC) + timedelta(days=79))
    assert set() == world.of(ADA)


def test_who_came_back_by_themselves_stays(line, world, backup):
    """Refused, nothing is done; and a replay asks first, too."""
    erase(line)
    return_of(world)
    line.decide(ident := look(line), "refuse")
    closed(line, ident, "refused")
    assert {"contacts 7"} == world.of(ADA)
    backup()
    found = restores.replay(line.office, line.nudges.extend, "chat")
    line.run()
    assert "approval" == line.ticket(found.tickets[0])["waiting_for"]["decision"]
    assert (["chat"], "allow") == (fences(line), asked(line, "support"))
    decide(line.office, line.nudges.extend, found.tickets[0], Decision("approve", "ines", "an old copy"))
    line.run()
    sweep(line.office, line.nudges.extend)
    assert (set(), []) == (world.of(ADA), fences(line))


def test_the_ledger_forgets(line, world):
    """When backups are gone, and no look is due; what is fenced is still needed."""
    erase(line)
    later(line, days=95)
    with line.office.store.write() as session:
        session.execute(update(ErasureRow).values(look_at=None))
    restores.mark(line.office, "chat", datetime.now(UTC) - timedelta(days=1))
    sweep(line.office, line.nudges.extend)
    with line.office.store.read() as session:
        assert ["chat"] == list(session.scalars(select(ErasureRow.system)))
    replay(line)
    sweep(line.office, line.nudges.extend)
    with line.office.store.read() as session:
        assert [] == list(session.scalars(select(ErasureRow.system).where(ErasureRow.look_at.is_(None))))


def test_a_refused_erasure_is_not_in_the_ledger(line, world):
    """Nor is anything readable in it of who is."""
    ident = line.submit(ticket("erasure", BOB))
    line.decide(ident, "refuse")
    erase(line)
    with line.office.store.read() as session:
        rows = list(session.scalars(select(ErasureRow)))
    assert ident not in {row.ticket_id for row in rows}
    assert ADA not in str([vars(row) for row in rows])


def test_a_system_that_is_not_there_is_wrong_use(line, world):
    """It is said in one line, with those that are; so is a backup of tomorrow."""
    with pytest.raises(UsageError, match="there are chat"):
        restores.mark(line.office, "crm", datetime.now(UTC))
    with pytest.raises(UsageError, match="lies in the future"):
        restores.mark(line.office, "chat", datetime.now(UTC) + timedelta(hours=1))
