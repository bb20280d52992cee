"""Submitting: several processes share a home and its spool; what is no JSON reaches nobody, or the dead letters."""

import threading

import pytest

from shared.domain.errors import UsageError
from shared.message import seal_message
from tests import small
from tests.line import open_line
from tests.small import ticket
from workers import views
from workers.broker import INTAKE
from workers.submit import NoReceipt, Submitter, check, read_tickets


@pytest.fixture
def line(tmp_path, valkey, valkey_url):
    """A line over a small world."""
    made = open_line(tmp_path / "home", small.build(tmp_path / "world").systems, broker=valkey_url)
    yield made
    made.close()


def submitter(line):
    """Return another process's submitter, of the same home."""
    office = line.office
    return Submitter(office.settings, inventory=office.inventory, vault=office.vault)


def checked(line, **more):
    """Return a ticket that passed the door."""
    return check(ticket("access", **more), inventory=line.office.inventory)


def test_a_receipt_that_another_process_has_seen_counts(line):
    """Whoever sees a receipt first clears the spool; who waits for it still learns of it."""
    mine, other = submitter(line), submitter(line)
    (ident,) = mine.queue([checked(line)])
    line.intake.round()
    assert 0 == other.resend()
    assert [] == list(mine.spool.iterdir())
    assert [ident] == list(mine.accepted([ident], timeout=5))


def test_many_submit_at_once(line):
    """Threads that submit, wait and send again over one spool each get all of their receipts."""
    over, failed, number = threading.Event(), [], 4

    def submit():
        try:
            one = submitter(line)
            for _ in range(3):
                ids = one.queue([checked(line), checked(line)])
                one.resend()
                assert set(ids) == set(one.accepted(ids, timeout=30))
        except Exception as error:  # noqa: BLE001 - it is shown by the test
            failed.append(error)

    def take():
        while not over.is_set():
            line.intake.round(wait=0.05)

    taking = threading.Thread(target=take)
    submitting = [threading.Thread(target=submit) for _ in range(number)]
    for one in (taking, *submitting):
        one.start()
    for one in submitting:
        one.join()
    over.set()
    taking.join()
    assert [] == failed
    with line.office.store.read() as session:
        assert number * 6 == len(views.tickets(session, now=line.office.now()))
    assert [] == list(line.submitter.spool.iterdir())


def test_no_receipt_is_told_from_a_queue_that_is_down(line):
    """Time that ran out is an error of its own, and the ticket stays spooled."""
    mine = submitter(line)
    ids = mine.queue([checked(line)])
    with pytest.raises(NoReceipt, match=f"no receipt yet for {ids[0]}"):
        list(mine.accepted(ids, timeout=0))
    assert 1 == len(list(mine.spool.iterdir()))


@pytest.mark.parametrize("content", [b'{"id": ' + b"1" * 5000 + b"}", b'{"id": NaN}', b"\xff", b"[" * 9000, b""])
def test_what_no_parser_takes_is_a_dead_letter(line, content):
    """A number of thousands of digits, too, must not stop the intake: what follows is stored."""
    vault = line.office.vault
    entry = seal_message(content, intake=vault.intake, submitter=vault.submitter)
    line.intake.broker.lpush(INTAKE, entry)
    ident = line.submit(ticket("access"))
    with line.office.store.read() as session:
        assert ["not valid JSON"] == [one["reason"] for one in views.dead_letters(session)]
        assert [str(ident)] == [one["id"] for one in views.tickets(session, now=line.office.now())]


@pytest.mark.parametrize("text", ["1" * 5000, '{"id": ' + "1" * 5000 + "}", "[" * 100_000, "{", "nonsense"])
def test_what_no_parser_takes_is_one_line(text):
    """At the door it is wrong use, with its line."""
    with pytest.raises(UsageError, match="line 1: not valid JSON"):
        read_tickets(text, lambda raw: raw)
