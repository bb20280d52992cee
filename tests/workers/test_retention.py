"""When a closed ticket's retention ends its package, key and blind index die; what proves the work stays."""

import json
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import fsspec
import pytest
from fsspec.implementations.local import LocalFileSystem
from sqlalchemy import func, select

from shared.domain.errors import UsageError
from shared.domain.identifier import Identifier
from shared.evidence import verify
from shared.store import gates
from shared.store.tables import (
    ConsentRow,
    DeadLetterRow,
    DeliveryRow,
    ErasureRow,
    EvidenceRow,
    FindingRow,
    HoldPersonRow,
    HoldRow,
    PackagePartRow,
    PersonRow,
    StepRow,
    SuppressionRow,
    TicketRow,
)
from tests.command import wrong
from tests.evidence import broken
from tests.line import open_line, small_line
from tests.small import ADA, BOB, ticket
from tests.waiting import until
from workers import checkpoints, holds, retention, views
from workers.beat import beating
from workers.dead import replay
from workers.doctor import examine
from workers.package import PackageStore
from workers.retention import run as end
from workers.submit import check

GIVEN = {
    "consent": {
        "action": "give", "purposes": ["newsletter"], "channel": "web", "wording": "v3", "act": "ticked the empty box",
    }
}  # fmt: skip
WITHDRAWN = {"consent": {"action": "withdraw", "purposes": ["newsletter"], "channel": "web", "act": "clicked"}}


@pytest.fixture
def line(tmp_path, valkey, valkey_url, any_database_url):
    """A line over a small world, on each kind of database."""
    with small_line(tmp_path, broker=valkey_url, database=any_database_url) as made:
        yield made


class Deaf(LocalFileSystem):
    """A store that says that it has deleted, and has not."""

    protocol = "deaf"

    def rm(self, path, recursive=False, maxdepth=None):
        """Do nothing."""


def later(line, **delta):
    """Let the office's clock stand later."""
    moment = datetime.now(UTC) + timedelta(**delta)
    line.office.now = lambda: moment


def row_of(line, ident):
    """Return a ticket's row."""
    with line.office.store.read() as session:
        return session.get_one(TicketRow, ident)


def number(session, row, *where):
    """Count rows."""
    return session.scalar(select(func.count()).select_from(row).where(*where))


def asked(line, person, purpose):
    """Ask the gate about an address."""
    with line.office.store.read() as session:
        return gates.ask(session, line.office.vault.blind("acme", Identifier("email", person)), purpose)[0]


def folder(line, ident):
    """Return where a ticket's package is."""
    return line.office.settings.root / "packages" / str(ident)


def test_a_tickets_data_die_with_its_key_and_its_proofs_live(line):
    """First the package, then the rest; other tickets, suppressions, the replay ledger and evidence stay."""
    objection = ticket("objection", details={"purposes": ["direct-marketing"]})
    closed = [line.submit(raw) for raw in (ticket("access"), objection, ticket("erasure"))]
    line.run()
    access, _, erasure = closed
    still = line.submit(ticket("access", identity=None))
    assert checkpoints.keep(line.office)
    certificates = [line.certificate(one)["certificate"] for one in closed]
    later(line, days=29)
    assert [] == end(line.office).packages
    later(line, days=40)
    assert {"tickets": [], "packages": 3} == _sizes(end(line.office, dry_run=True))
    assert folder(line, access).exists()
    assert sorted(closed) == sorted(end(line.office).packages)
    assert (False, True) == (folder(line, access).exists(), row_of(line, access).wrapped_key is not None)
    assert line.ticket(access)["package_ended_at"]
    later(line, days=3 * 366)
    assert sorted(closed) == sorted(end(line.office, dry_run=True).tickets)
    assert row_of(line, access).wrapped_key is not None
    ended = end(line.office, page=2)
    assert (sorted(closed), [], []) == (sorted(ended.tickets), ended.packages, ended.failed)
    assert {"tickets": [], "packages": 0} == _sizes(end(line.office))
    with line.office.store.read() as session:
        for one in closed:
            row = session.get_one(TicketRow, one)
            assert (None, None, b"") == (row.wrapped_key, row.sealed, row.fingerprint)
            for table in (PersonRow, FindingRow, PackagePartRow, ConsentRow):
                assert 0 == number(session, table, table.ticket_id == one)
            sealed = StepRow.sealed.is_not(None) | StepRow.cursor.is_not(None) | StepRow.result.is_not(None)
            assert 0 == number(session, StepRow, StepRow.ticket_id == one, sealed)
            assert 0 == number(session, DeliveryRow, DeliveryRow.ticket_id == one, DeliveryRow.sealed.is_not(None))
            gone = SuppressionRow.ticket_id == one, SuppressionRow.ended_at.is_not(None)
            assert 0 == number(session, SuppressionRow, *gone, SuppressionRow.digest != b"")
        assert number(session, PersonRow, PersonRow.ticket_id == still)
        assert number(session, StepRow, StepRow.ticket_id == still, StepRow.sealed.is_not(None))
        assert 3 == number(session, ErasureRow, ErasureRow.ticket_id == erasure)
        last = session.scalars(
            select(EvidenceRow).where(EvidenceRow.ticket_id == erasure).order_by(EvidenceRow.seq.desc()).limit(1)
        ).one()
        assert "destroyed" == last.kind
        assert {"at", "gone", "rule"} == set(json.loads(last.payload))
        assert [] == broken(line.office, session)
    assert checkpoints.keep(line.office)
    with line.office.store.read() as session:
        assert [] == broken(line.office, session)
    assert {"clocks"} >= {check.name for check, _ in examine(line.office)}  # nobody looked at them for years
    for one, before in zip(closed, certificates, strict=True):
        assert verify(line.certificate(one), line.office.vault.signer.public_key()) is None
        assert before == line.certificate(one)["certificate"]
    found = line.ticket(erasure)
    assert found["destroyed_at"]
    assert found["clocks"]
    assert any(of.get("erased") for step in found["steps"] for of in step["counts"].values())
    assert ("deny", "allow") == (asked(line, ADA, "direct-marketing"), asked(line, ADA, "support"))


def _sizes(ended):
    return {"tickets": ended.tickets, "packages": len(ended.packages)}


def test_nothing_of_it_is_left_in_files(opened, valkey):
    """Neither in SQLite's database and log, nor in the spool of a submit, nor in the broker's append-only file."""
    line, _ = opened()
    (ident,) = line.submitter.queue([check(ticket("access"), inventory=line.office.inventory)])
    (spooled,) = line.submitter.spool.glob(f"{ident}:*")
    entry, broker = spooled.read_bytes(), Path(valkey.config_get("dir")["dir"])
    line.intake.round()
    line.run()
    row, home = row_of(line, ident), line.office.settings.root

    def there(content, folder, files):
        return any(content in path.read_bytes() for path in folder.rglob(files))

    def kept():
        return [there(one, home, "rightsdesk.sqlite3*") for one in (row.wrapped_key, row.sealed)]

    assert ([True, True], True) == (kept(), spooled.exists())
    until(lambda: there(entry, broker, "*.aof"))
    later(line, days=3 * 366)
    assert [ident] == end(line.office).tickets
    assert ([False, False], False) == (kept(), spooled.exists())
    until(lambda: not there(entry, broker, "*.aof"))


def test_what_is_open_held_or_stands_is_kept(opened):
    """However old: a hold, a consent and a restriction; each ends some day, and a consent is proved from then on."""
    line, _ = opened()
    consent = line.submit(ticket("consent", BOB, details=GIVEN))
    restriction = line.submit(ticket("restriction", BOB))
    erasure, unestablished = line.submit(ticket("erasure")), line.submit(ticket("access", identity=None))
    line.run()
    subject = {"email": [ADA]}
    moment = line.office.now()
    hold, _ = holds.place(
        line.office, holds.Placing("acme", None, subject, "a dispute", moment.date() + timedelta(days=9), "ines")
    )
    later(line, days=40)
    assert ({consent, restriction}, {}) == (set((ended := end(line.office)).packages), dict(ended.kept))
    later(line, days=3 * 366)
    ended = end(line.office)
    assert ([], {"hold": 1, "standing": 2}) == (ended.tickets, dict(ended.kept))
    assert folder(line, erasure).exists()
    withdrawal = line.submit(ticket("consent", BOB, details=WITHDRAWN, received_at="2026-02-10T10:00:00+01:00"))
    lift = line.submit(ticket("restriction", BOB, details={"lift": str(restriction)}))
    line.run()
    assert "fulfilled" == line.ticket(lift)["outcome"]
    holds.lift(line.office, line.nudges.extend, hold, by="ines", reason="settled")
    assert [erasure] == end(line.office).tickets
    later(line, days=7 * 366)
    ended = end(line.office)
    assert ({consent, restriction, withdrawal, lift}, {}) == (set(ended.tickets), dict(ended.kept))
    with line.office.store.read() as session:
        row = session.get_one(HoldRow, hold)
        assert (1, b"", b"", 0) == (ended.holds, row.sealed, row.wrapped_key, number(session, HoldPersonRow))
    assert "deny" == asked(line, BOB, "newsletter")
    assert "waiting" == line.ticket(unestablished)["state"]
    assert row_of(line, unestablished).sealed


def test_a_hold_that_comes_meanwhile_keeps_the_package(opened):
    """A run takes its time: what it has listed is looked at again before anything of it goes."""
    line, _ = opened()
    ident = line.submit(ticket("access"))
    line.run()
    later(line, days=3 * 366)
    office, now = line.office, line.office.now()
    listed = list(retention._Look(office, now, 200, dry_run=False)._over("ticket"))
    holds.place(office, holds.Placing("acme", None, {"email": [ADA]}, "a dispute", now.date() + timedelta(9), "ines"))
    assert [False] == [retention._end(office, "ticket", *one, now) for one in listed]
    assert folder(line, ident).exists()


def test_a_crash_after_the_package_leaves_nothing_half(opened):
    """The next run ends it; a package that is there after it was deleted keeps its key, and holds up no other."""
    line, _ = opened()
    crashed, stuck = (line.submit(ticket("access", person)) for person in (ADA, BOB))
    line.run()
    later(line, days=3 * 366)
    real = line.office.packages
    real.remove(crashed)
    fsspec.register_implementation("deaf", Deaf, clobber=True)
    line.office.packages = PackageStore(f"deaf://{line.office.settings.root}/packages")
    ended = end(line.office)
    assert ([crashed], [stuck]) == (ended.tickets, ended.failed)
    assert row_of(line, stuck).wrapped_key
    line.office.packages = real
    assert [stuck] == end(line.office).tickets
    assert not folder(line, stuck).exists()


def test_dead_letters_have_a_retention_of_their_own(opened):
    """Their content goes, that they came and why stays; nobody is called for them any more."""
    line, _ = opened()
    line.intake.broker.lpush("rightsdesk:intake", b"no ticket")
    line.intake.round()
    later(line, days=80)
    assert 0 == end(line.office).dead_letters
    later(line, days=100)
    assert [1, 1, 0] == [end(line.office, dry_run=dry).dead_letters for dry in (True, False, False)]
    with line.office.store.read() as session:
        assert [] == views.dead_letters(session)
        row = session.scalars(select(DeadLetterRow)).one()
        assert (b"", True) == (row.entry, bool(row.reason))
    with pytest.raises(UsageError, match="retention has ended"):
        replay(line.office, row.id)


def test_beat_does_it_too(opened):
    """Without anybody's command."""
    line, _ = opened()
    ident = line.submit(ticket("access"))
    line.run()
    later(line, days=3 * 366)
    with beating(line.office, lambda _: None, every=3600):
        until(lambda: row_of(line, ident).destroyed_at)


def test_the_certificate_names_backups_of_wrapped_keys(opened):
    """Where our own backups hold them: from the end of retention on, as long as those live."""
    line, world = opened("retention = 'P1Y'\n")
    text = world.systems.read_text() + "\n[retention]\nbackups = 'P14D'\n"
    world.systems.write_text(text)
    with closing(open_line(line.office.settings.root, world.systems, broker=line.office.settings.broker)) as again:
        ident = again.submit(ticket("access"))
        again.run()
        (residual,) = again.certificate(ident)["certificate"]["residual"]
        days = (datetime.fromisoformat(residual["until"]).replace(tzinfo=UTC) - datetime.now(UTC)).days
        assert 365 + 13 <= days <= 365 + 22


def test_what_the_commands_say(opened, run, monkeypatch):
    """`retention run`, `ticket`, `package open`: in one line, and for machines."""
    line, world = opened("retention = 'PT9H'\npackage_retention = 'PT1H'\n")
    ident = line.submit(ticket("access"))
    line.run()
    settings = line.office.settings
    for name, value in {"HOME": settings.root, "SYSTEMS": world.systems, "BROKER_URL": settings.broker}.items():
        monkeypatch.setenv(f"RIGHTSDESK_{name}", str(value))
    closed_before(line, ident, hours=3)
    assert "would end: 0 tickets, 1 packages, 0 dead letters" in run("retention", "run", "--dry-run").out
    assert "ended: 0 tickets, 1 packages" in run("retention", "run").out
    opening = run("package", "open", ident, "--out", world.folder / "out")
    assert wrong(opening, 1).startswith("the package was deleted at ")
    closed_before(line, ident, hours=9)
    ended = {"tickets": [str(ident)], "packages": [], "failed": [], "dead_letters": 0, "holds": 0, "kept": {}}
    assert {"dry_run": False} | ended == run("retention", "run", "--json").json()
    assert "personal data and key were destroyed" in run("ticket", ident).out
    opening = run("package", "open", ident, "--out", world.folder / "out")
    assert "the ticket's retention has ended and its key was destroyed" == wrong(opening, 1)


def closed_before(line, ident, **delta):
    """Let a ticket have closed earlier than it did."""
    with line.office.store.write() as session:
        session.get_one(TicketRow, ident).closed_at -= timedelta(**delta)
