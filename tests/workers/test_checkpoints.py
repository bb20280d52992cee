"""Checkpoints: what they cover, that several at once are harmless, and how they are published."""

import threading
from datetime import timedelta

from sqlalchemy import select, text, update

from shared.evidence import verify
from shared.store.checkpoints import certified
from shared.store.tables import AlertRow, CheckpointRow, EvidenceRow, PublicationRow, UncoveredRow
from tests.evidence import AT, CLOSED, OPEN, OTHER, TICKETS, append, begin, broken, opened
from workers import alarms, checkpoints
from workers.published import Published


def test_a_certificate_is_pending_until_the_next_checkpoint(tmp_path):
    """Then the proof stands beside the same signature; entries that come later change nothing of it."""
    office = opened(tmp_path)
    begin(office, CLOSED)
    append(office, CLOSED, 2, close=True)
    append(office, CLOSED)
    with office.store.read() as session:
        before = certified(session, CLOSED)
    checkpoints.keep(office)
    append(office, CLOSED)
    checkpoints.keep(office)
    with office.store.read() as session:
        after = certified(session, CLOSED)
        assert [] == broken(office, session)
    assert "pending" == before["proof"]
    assert before == after | {"proof": "pending"}
    assert verify(after, office.vault.signer.public_key()) is None
    office.close()


def test_a_row_that_cannot_be_read_calls_somebody_at_once(tmp_path):
    """No checkpoint can be made over it; the night is not waited for."""
    office = opened(tmp_path)
    begin(office, CLOSED)
    append(office, CLOSED, 2, close=True)
    for document in ("[]", "{", '{"format": "\\ud800", "certificate": 1}'):
        with office.store.write() as session:
            session.execute(update(AlertRow).values(state="over"))
            session.execute(text("UPDATE certificates SET document = :text"), {"text": document})
        assert 0 == checkpoints.keep(office)
        with office.store.read() as session:
            assert (alarms.EVIDENCE, "open") in {(one.kind, one.state) for one in session.scalars(select(AlertRow))}
    office.close()


def test_several_at_once_are_harmless(any_database_url, tmp_path):
    """Tickets append while two make checkpoints: nothing is lost, and nobody waits for a lock that all share."""
    office, ended = opened(tmp_path, any_database_url), threading.Event()
    for ticket in TICKETS[:2]:
        begin(office, ticket)

    def keep():
        while not ended.is_set():
            checkpoints.keep(office)

    def work(ticket):
        for _ in range(8):
            append(office, ticket)

    keepers = [threading.Thread(target=keep) for _ in range(2)]
    workers = [threading.Thread(target=work, args=(ticket,)) for ticket in TICKETS[:2]]
    for one in keepers + workers:
        one.start()
    for one in workers:
        one.join()
    ended.set()
    for one in keepers:
        one.join()
    checkpoints.keep(office)
    with office.store.read() as session:
        assert [] == broken(office, session)
        assert [] == session.scalars(select(UncoveredRow.id)).all()
        numbers = session.scalars(select(CheckpointRow.number).order_by(CheckpointRow.number)).all()
        assert list(range(1, len(numbers) + 1)) == numbers
    office.close()


def published_numbers(office):
    """Return the checkpoints that are known to be published."""
    with office.store.read() as session:
        return session.scalars(select(PublicationRow.checkpoint).order_by(PublicationRow.checkpoint)).all()


def alerts(office):
    """Return the alerts that stand, by key."""
    with office.store.read() as session:
        query = select(AlertRow.dedup, AlertRow.ticket_id).where(AlertRow.kind == "evidence", AlertRow.state == "open")
        return dict(session.execute(query).all())


def test_publishing_goes_on_when_it_can(tmp_path):
    """What could not be published is later; somebody is told after a while; what broke off is finished."""
    place = tmp_path / "published"
    office, clock = opened(tmp_path, checkpoints=f"file://{place}"), [AT]
    office.now = lambda: clock[0]
    place.write_text("a file lies in the folder's place")
    begin(office, OPEN)
    append(office, OPEN)
    assert 1 == checkpoints.keep(office)
    assert ([], {}) == (published_numbers(office), alerts(office))
    clock[0] += timedelta(hours=1)
    append(office, OPEN)
    assert 1 == checkpoints.keep(office)
    assert {"evidence:published": None} == alerts(office)
    assert [] == checkpoints.audit(office)  # that nothing is wrong does not publish it
    assert {"evidence:published": None} == alerts(office)
    place.unlink()
    place.mkdir()
    (place / "000000000001.json").write_text("{")
    assert 0 == checkpoints.keep(office)
    assert ([1, 2], {}) == (published_numbers(office), alerts(office))
    assert [1, 2] == [number for number, _ in Published(office.settings.checkpoints)]
    with office.store.write() as session:
        alarms.broken(session, None, OPEN, AT)
    (place / "000000000003.json").mkdir()  # cannot be read: so nothing is known to be over
    assert [] == checkpoints.audit(office)
    assert {f"evidence:{OPEN}": None} == alerts(office)
    (place / "000000000003.json").rmdir()
    assert [] == checkpoints.audit(office)
    assert {} == alerts(office)
    office.close()


def test_a_chain_that_does_not_follow_is_in_no_checkpoint(tmp_path):
    """Somebody is called, the other chains go on, and all is well once it was put right."""
    office = opened(tmp_path)
    for ticket in (OPEN, OTHER):
        begin(office, ticket)
        append(office, ticket, 3)
    with office.store.write() as session:
        whole = session.get_one(EvidenceRow, (OPEN, 2)).payload
        session.get_one(EvidenceRow, (OPEN, 2)).payload = "{}"
        session.flush()
    assert 1 == checkpoints.keep(office)
    assert {f"evidence:{OPEN}": OPEN} == alerts(office)
    assert [f"ticket {OPEN}: broken from entry 2"] == [str(one) for one in checkpoints.audit(office)]
    with office.store.write() as session:
        session.get_one(EvidenceRow, (OPEN, 2)).payload = whole
        session.flush()
    assert 1 == checkpoints.keep(office)
    assert [] == checkpoints.audit(office)
    assert {} == alerts(office)
    office.close()


def test_many_entries_take_several_checkpoints(tmp_path):
    """So that none takes long; the next goes on where it ended."""
    office = opened(tmp_path)
    for ticket in TICKETS:
        begin(office, ticket)
        append(office, ticket, 2)
    assert 3 == checkpoints.keep(office, most=3)
    with office.store.read() as session:
        assert [] == broken(office, session)
    office.close()
