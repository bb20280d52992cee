"""Rotation of keys while the stack works: nothing is lost, whoever has not heard of it is refused, and it resumes."""

import json
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import event, insert, select, update
from sqlalchemy.exc import DBAPIError

from shared.domain.errors import Final, Retryable, RightsdeskError
from shared.envelope import public_pem
from shared.evidence import checkpoint_leaf, sign_checkpoint, verify
from shared.private_file import write_private
from shared.store.audit import Audit
from shared.store.checkpoints import last, save, succession
from shared.store.tables import DeadLetterRow, HoldRow, KeyChangeRow, TicketRow
from shared.vault import file, label, open_vault
from tests import small
from tests.line import open_line
from tests.small import ticket
from workers import checkpoints, rotation
from workers.broker import INTAKE
from workers.doctor import examine
from workers.intake import trouble
from workers.retention import run as end
from workers.rotation import rotate_master, rotate_signing

SCRIPT = Path(__file__).parents[2] / "docs" / "verify_certificate.py"


@pytest.fixture(params=["sqlite", "postgresql"])
def line(request, tmp_path, valkey, valkey_url):
    """A line with a ticket that has ended, a hold and a dead letter; on each kind of database."""
    url = request.getfixturevalue("database") if request.param == "postgresql" else None
    world = small.build(tmp_path / "world")
    with closing(open_line(tmp_path / "home", world.systems, broker=valkey_url, database=url)) as made:
        made.submit(ticket("access"))
        made.run()
        yield made


@pytest.fixture
def postgres_line(tmp_path, valkey_url, database):
    """A line on PostgreSQL."""
    with closing(
        open_line(tmp_path / "home", small.build(tmp_path / "world").systems, broker=valkey_url, database=database)
    ) as made:
        yield made


def wrapped(line) -> list[bytes]:
    """Return what master keys have sealed in the database."""
    with line.office.store.read() as session:
        columns = TicketRow.wrapped_key, HoldRow.wrapped_key, DeadLetterRow.entry
        return [bytes(one)[:8] for column in columns for one in session.scalars(select(column)) if one]


def strange(line) -> None:
    """Put something on the queue that is no ticket, and have it stored."""
    line.intake.broker.lpush(INTAKE, b"rubbish")
    line.intake.round()


def audit(line, *keys) -> list[str]:
    """Look at all evidence, trusting these keys."""
    with line.office.store.read() as session:
        return [str(one) for one in Audit(session, keys or line.office.vault.verifiers).broken()]


def test_the_master_key_is_replaced_under_a_worker(line):
    """A worker that opened the vault before reads and writes during and after it; the old key is destroyed."""
    strange(line)
    old = line.office.vault.ring.masters[0]
    stale = open_vault(line.office.settings.root)
    worker = open_line(
        line.office.settings.root, line.office.settings.systems, broker=line.office.settings.broker,
        database=line.office.settings.database_url,
    )  # fmt: skip
    seen = []
    with closing(worker):

        def meanwhile(_: int) -> None:
            worker.office._open.clear()
            ident = worker.submit(ticket("access"))
            worker.run()
            seen.append(worker.ticket(ident)["outcome"])

        assert 2 <= rotate_master(line.office, say=meanwhile)
        assert ["fulfilled"] * len(seen) == seen != []
        new = label(line.office.vault.ring.masters[0])
        assert {new} == set(wrapped(line))
        assert label(old) != new
        ident = worker.submit(ticket("access"))
        worker.run()
        assert "fulfilled" == worker.ticket(ident)["outcome"]
    assert old.secret not in {one.secret for one in stale.ring.masters}
    assert 0 < rotate_master(line.office)
    assert new not in set(wrapped(line))


def test_who_has_not_heard_of_it_can_write_nothing(line):
    """A key wrapped by the retired master key is refused by the database, be the row new or changed."""
    with line.office.store.read() as session:
        ident, stale = session.execute(select(TicketRow.id, TicketRow.wrapped_key)).one()
    rotate_master(line.office)
    with pytest.raises(DBAPIError, match="retired master key"), line.office.store.write() as session:
        session.execute(update(TicketRow).where(TicketRow.id == ident).values(wrapped_key=stale))
    with pytest.raises(DBAPIError, match="retired master key") as refused, line.office.store.write() as session:
        session.execute(insert(DeadLetterRow).values(received_at=line.office.now(), reason="x", entry=stale))
    assert "intake.vault_outdated" == trouble(refused.value)


def test_what_retention_destroyed_stays_destroyed(line):
    """Before a rotation and while it runs: no key comes back, and a backup's copy of one opens nothing any more."""
    office, before = line.office, all_tickets(line)[0].id
    strange(line)
    later, still = line.submit(ticket("access", small.BOB)), line.submit(ticket("access", identity=None))
    line.run()
    backup = {row.id: row.wrapped_key for row in all_tickets(line)}
    years = timedelta(days=4 * 366)
    office.now = lambda: datetime.now(UTC) + years
    with office.store.write() as session:
        session.get_one(TicketRow, later).closed_at += years
    ended = end(office)
    assert ([before], 1) == (ended.tickets, ended.dead_letters)

    def meanwhile(_: int) -> None:
        office.now = lambda: datetime.now(UTC) + 2 * years
        assert [later] == end(office).tickets

    assert 2 == rotate_master(office, say=meanwhile)
    rows = {row.id: row for row in all_tickets(line)}
    assert [label(office.vault.ring.masters[0])] == wrapped(line)
    for ident in before, later:
        assert rows[ident].wrapped_key is None
        with pytest.raises(Final, match="key was destroyed"):
            office.ticket(rows[ident])
        with pytest.raises(Retryable, match="does not know"):
            office.vault.unwrap(ident, backup[ident])
        put_back = update(TicketRow).where(TicketRow.id == ident).values(wrapped_key=backup[ident])
        with pytest.raises(DBAPIError, match="retired master key"), office.store.write() as session:
            session.execute(put_back)
    assert still == office.ticket(rows[still])[1].id


def test_a_rotation_waits_in_no_circle_with_who_writes(postgres_line):
    """It waits for a transaction that has written to one of its tables and goes on to another."""
    office, retiring = postgres_line.office, threading.Event()
    ring = office.vault.change(rotation._with_another)
    event.listen(office.store.engine, "before_cursor_execute", lambda *said: "LOCK" in said[2] and retiring.set())
    with ThreadPoolExecutor() as pool, office.store.write() as session:
        entry = office.vault.seal(b"x", aad=rotation.dead_aad())
        session.execute(insert(DeadLetterRow).values(received_at=office.now(), reason="x", entry=entry))
        done = pool.submit(rotation._retire, office, ring.masters[:-1])
        assert retiring.wait(30)
        session.execute(update(TicketRow).values(wake_at=None))
        session.commit()
        assert done.result(30) is None


def test_an_older_copy_of_the_vault_changes_nothing(opened):
    """Put back after a rotation, it makes no key and no checkpoint: those would open, and verify, nowhere."""
    line, _ = opened()
    office, ident = line.office, line.submit(ticket("access"))
    line.run()
    place = file.place(office.settings.root)
    older = place.read_bytes()
    rotate_master(office)
    rotate_signing(office)
    newest = place.read_bytes()
    write_private(place, older)
    for act in (rotate_master, rotate_signing, checkpoints.keep):
        with pytest.raises(RightsdeskError, match=r"put the newest keys/vault\.json here"):
            act(office)
    assert older == place.read_bytes()
    write_private(place, newest)
    assert checkpoints.keep(office)
    assert [] == audit(line)
    assert ident == office.ticket(all_tickets(line)[0])[1].id


def test_a_row_that_does_not_open_is_named(opened):
    """A rotation cannot end before it is put back: the old key may be the one that opens it."""
    line, _ = opened()
    ident = line.submit(ticket("access"))
    with line.office.store.write() as session:
        row = session.get_one(TicketRow, ident)
        kept, row.wrapped_key = row.wrapped_key, row.wrapped_key[:-1] + b"x"
    with pytest.raises(RightsdeskError, match=f"tickets {ident}: no master key here opens it"):
        rotate_master(line.office)
    with line.office.store.write() as session:
        session.get_one(TicketRow, ident).wrapped_key = kept
    assert 1 == rotate_master(line.office)


@pytest.mark.parametrize("steps", [0, 1, 2])
def test_a_rotation_that_was_broken_off_goes_on(opened, steps):
    """Wherever it ended, all opens meanwhile, and the next run ends it with the key that the first one made."""
    line, _ = opened()
    line.submit(ticket("objection"))
    ring = line.office.vault.change(rotation._with_another)
    some = rotation._wrap_all(line.office, ring.masters[-1])
    if steps > 0:
        next(some)
    if steps > 1:
        rotation._retire(line.office, ring.masters[:-1])
    line.submit(ticket("access"))
    line.office._open.clear()
    line.run()
    assert {"closed"} == {one.state for one in all_tickets(line)}
    rotate_master(line.office)
    assert ring.masters[1:] == line.office.vault.ring.masters
    assert {label(ring.masters[1])} == set(wrapped(line))


def all_tickets(line):
    """Return all tickets' rows."""
    with line.office.store.read() as session:
        return list(session.scalars(select(TicketRow)))


def test_what_was_sealed_before_there_were_ids_is_wrapped_again(opened):
    """Rows of an older version bear no label; they open, and rotate."""
    line, _ = opened()
    ident = line.submit(ticket("access"))
    with line.office.store.write() as session:
        row = session.get_one(TicketRow, ident)
        row.wrapped_key = row.wrapped_key[8:]
    line.office._open.clear()
    assert 1 == rotate_master(line.office)
    line.run()
    assert "fulfilled" == line.ticket(ident)["outcome"]


def test_the_signing_key_is_replaced_and_the_old_one_vouches(opened):
    """What it signed verifies; who trusts it alone comes to trust the new one by its statement, in a checkpoint."""
    line, _ = opened()
    office, ident = line.office, line.submit(ticket("access"))
    line.run()
    first = office.vault.signer.public_key()
    checkpoints.keep(office)
    old = line.certificate(ident)
    new = rotate_signing(office)
    checkpoints.keep(office)
    other = line.submit(ticket("access"))
    line.run()
    checkpoints.keep(office)
    fresh = line.certificate(other)
    assert [] == audit(line) == audit(line, first) == audit(line, first, new.verifier) == list(examine(office))
    assert (None, None) == (verify(old, first), verify(fresh, new.verifier))
    assert verify(fresh, first) is not None
    assert "signed by another key" in "".join(audit(line, new.verifier))
    assert [None, True] == [one.secret and True for one in office.vault.ring.signing]
    rotate_signing(office)
    assert [] == audit(line, first)
    assert 3 == len(office.vault.verifiers)


def test_the_auditors_script_follows_the_succession(opened, tmp_path):
    """With the first key and the statements, or with all keys in one file; and it says who vouched."""
    line, _ = opened()
    (tmp_path / "first.pem").write_bytes(public_pem(line.office.vault.signer))
    rotate_signing(line.office)
    ident = line.submit(ticket("access"))
    line.run()
    checkpoints.keep(line.office)
    (tmp_path / "cert.json").write_text(json.dumps(line.certificate(ident)))
    with line.office.store.read() as session:
        statements = [row.statement for row in session.scalars(select(KeyChangeRow))]
    forged = [statements[0] | {"public": statements[0]["public"][:-6] + "AAAAA="}]
    (tmp_path / "changes.json").write_text(json.dumps(statements))
    (tmp_path / "forged.json").write_text(json.dumps(forged))
    pems = [b"# a key, from 2026\n" + public_pem(one) for one in line.office.vault.verifiers]
    (tmp_path / "all.pem").write_bytes(b"".join(pems))

    def said(key, *more):
        words = [sys.executable, SCRIPT, "cert.json", key, *more]
        done = subprocess.run(words, check=False, capture_output=True, text=True, cwd=tmp_path)
        return done.returncode, done.stdout + done.stderr

    assert 1 == said("first.pem")[0]
    assert (0, True) == (said("all.pem")[0], "proof: in checkpoint" in said("all.pem")[1])
    assert (0, True) == (said("first.pem", "--changes", "changes.json")[0], True)
    assert (1, True) == ((found := said("first.pem", "--changes", "forged.json"))[0], "NOT VALID" in found[1])


@pytest.mark.parametrize("step", ["succeed", "promote"])
def test_a_rotation_of_the_signing_key_resumes(opened, step):
    """Broken off before or after the checkpoint, evidence is signed and verifies; the next run ends it."""
    line, _ = opened()
    office = line.office
    first = office.vault.signer.public_key()
    following = office.vault.change(rotation._with_following).following
    if step == "promote":
        assert rotation._succeeded(office, following)
    line.submit(ticket("access"))
    line.run()
    checkpoints.keep(office)
    assert [] == audit(line, first)
    assert following.id == rotate_signing(office).id
    assert [] == audit(line, first)
    with office.store.read() as session:
        assert 1 == len(list(session.scalars(select(KeyChangeRow))))


def test_a_forged_succession_is_found(opened):
    """A statement that was changed or is gone; and a checkpoint that the old key signs after another one follows."""
    line, _ = opened()
    office = line.office
    old = office.vault.signer
    rotate_signing(office)
    with office.store.write() as session:
        row = session.scalars(select(KeyChangeRow)).one()
        kept, row.statement = row.statement, row.statement | {"at": "2020-01-01T00:00:00+00:00"}
    assert any("another signing key follows" in one for one in audit(line, *office.vault.verifiers))
    with office.store.write() as session:
        row = session.scalars(select(KeyChangeRow)).one()
        place = {"checkpoint": row.checkpoint, "key": row.key, "statement": kept}
        session.delete(row)
    gone = f"checkpoint {place['checkpoint']}: the statement that another signing key follows is gone"
    assert [gone] == audit(line)
    with office.store.write() as session:
        session.execute(insert(KeyChangeRow).values(place))
    assert [] == audit(line, old.public_key())
    with office.store.write() as session:
        number, before = last(session)
        hashes = [checkpoint_leaf(number, before)]
        leaf = succession(kept | {"at": "later"})
        save(session, sign_checkpoint(number + 1, office.now(), before, [*hashes, leaf.hash], old), [leaf])
    assert any("signed by another key" in one for one in audit(line, old.public_key()))
