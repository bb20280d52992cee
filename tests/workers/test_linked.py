"""Tickets that ask for what another one does already rest on its acts; each keeps its clock, answer and certificate."""

import json
import threading
from typing import Any

import pytest
from sqlalchemy import func, select

from shared.domain.errors import UsageError
from shared.message import seal_message
from shared.store.tables import ErasureRow, TicketRow
from tests import small
from tests.evidence import broken
from tests.line import open_line
from tests.small import ADA, BOB, ticket
from workers import views
from workers.certificate_schema import Document
from workers.doctor import examine
from workers.intake import Intake
from workers.package import extract, package_files
from workers.submit import check, content_of
from workers.sweep import sweep

BOTH: dict[str, Any] = {"subject": {"email": [ADA], "phone_number": ["+4930231250001"], "name": "Ada Example"}}


@pytest.fixture
def line(tmp_path, valkey, valkey_url, any_database_url):
    """A line over a small world, on each kind of database."""
    made = open_line(
        tmp_path / "home", small.build(tmp_path / "world").systems, broker=valkey_url, database=any_database_url
    )
    yield made
    made.close()


def worked(found):
    """Return the systems on which a ticket did something itself."""
    return {step["system"] for step in found["steps"]} - {"desk"}


def test_the_second_rests_on_the_first(line, tmp_path):
    """It does no work on a system, waits, and has its own answer with the data, its own clock and certificate."""
    first = line.submit(ticket("access", received_at="2026-01-31T10:00:00+01:00", **BOTH))
    second = line.submit(ticket("access", received_at="2026-02-10T10:00:00+01:00"))
    assert str(first) == line.ticket(second)["rests_on"]
    assert ["turn"] == [step["waits"] for step in line.ticket(second)["steps"]]
    line.run()
    one, other = line.ticket(first), line.ticket(second)
    assert [("closed", "fulfilled")] * 2 == [(found["state"], found["outcome"]) for found in (one, other)]
    assert ({"chat", "mail", "documents"}, set()) == (worked(one), worked(other))
    assert one["due_at"] < other["due_at"]
    bodies = [line.certificate(ident)["certificate"] for ident in (first, second)]
    assert [None, str(first)] == [body["rests_on"] for body in bodies]
    assert bodies[0]["systems"] == bodies[1]["systems"]
    Document.model_validate(line.certificate(second))
    copies = [_opened(line, ident, tmp_path / str(ident)) for ident in (first, second)]
    assert copies[0] == copies[1]
    assert any(name.startswith("data/chat/contacts") for name in copies[1])
    assert [] == list(examine(line.office))


def _opened(line, ident, folder):
    with line.office.store.read() as session:
        row = session.get_one(TicketRow, ident)
        key, _ = line.office.ticket(row)
        files = package_files(session, key, ident)
    extract(line.office.packages, ident, key, files, folder)
    assert (folder / "letter.html").exists()
    return {one.name: one.sha256 for one in files if one.name.startswith(("data/", "files/"))}


def test_a_linked_erasure_says_what_the_first_erased(line):
    """Its certificate tells the counts and the second look, and a restore erases the person once, not twice."""
    first, second = (line.submit(ticket("erasure")) for _ in range(2))
    line.run()
    body = line.certificate(second)["certificate"]
    assert ("fulfilled", str(first)) == (body["outcome"], body["rests_on"])
    assert {"clean"} == {system["second_look"] for system in body["systems"]}
    with line.office.store.read() as session:
        assert 3 == session.scalar(select(func.count()).select_from(ErasureRow))
        assert [] == broken(line.office, session)


@pytest.mark.parametrize("end", ["withdraw", "refuse", "pause"])
def test_it_runs_by_itself_when_the_first_does_not(opened, end):
    """A first that is withdrawn, refused or paused is waited for no longer."""
    line, world = opened("approvals = 1\n")
    first, second = (line.submit(ticket("erasure")) for _ in range(2))
    line.run()
    assert (str(first), "waiting", "open") == (
        line.ticket(second)["rests_on"],
        line.ticket(first)["state"],
        line.ticket(second)["state"],
    )
    line.decide(first, end)
    sweep(line.office, line.nudges.extend)
    line.run()
    if end == "pause":
        assert {"turn"} == {s["waits"] for s in line.ticket(second)["steps"] if s["state"] == "waiting"}
        line.decide(first, "withdraw")
    found = line.ticket(second)
    assert (None, "approve", "waiting") == (found["rests_on"], found["stage"], found["state"])
    line.decide(second, "approve")
    assert ("closed", "fulfilled") == (line.ticket(second)["state"], line.ticket(second)["outcome"])
    assert set() == world.of(ADA)


def test_it_runs_by_itself_when_the_first_fails(opened):
    """Its own search is made at once, whatever becomes of the first."""
    line, world = opened()
    (world.folder / "chat.db").rename(world.folder / "away.db")
    first, second = (line.submit(ticket("access")) for _ in range(2))
    line.run()
    while line.ticket(first)["state"] == "open":
        later = line.office.now()
        line.office.now = lambda later=later: later.replace(year=later.year + 1)
        sweep(line.office, line.nudges.extend)
        line.run()
    (world.folder / "away.db").rename(world.folder / "chat.db")
    assert line.ticket(second)["rests_on"] is None
    assert {"chat", "mail", "documents"} == worked(line.ticket(second))


def test_a_person_can_unlink(opened):
    """By `unlink`, or by letting it go before its turn; afterwards there is nothing to unlink."""
    line, _ = opened("approvals = 1\n")
    line.submit(ticket("erasure"))
    for verb in ("unlink", "approve"):
        other = line.submit(ticket("erasure"))
        line.decide(other, verb)
        assert line.ticket(other)["rests_on"] is None
        assert {"chat", "mail", "documents"} == worked(line.ticket(other))
        line.decide(other, "withdraw")
    with pytest.raises(UsageError, match="waits for no other"):
        line.decide(line.submit(ticket("access")), "unlink")


ASKED: list[tuple[dict[str, Any], dict[str, Any], bool]] = [
    ({}, {}, True),
    (BOTH, {}, True),
    ({}, {"subject": {"email": ["ADA@Example.org"]}}, True),
    ({}, BOTH, False),  # a number and a name more
    (BOTH, {"subject": {"phone_number": ["+4930231250001"]}}, False),  # may be somebody else's of the household
    ({}, {"subject": {"email": [BOB]}}, False),
    ({}, {"right": "erasure"}, False),
    ({}, {"subject": {"email": [ADA], "represented_by": {"name": "Eve", "mandate": "a letter"}}}, False),
    ({}, {"right": "portability", "details": {"transfer_to": "https://other.example/in"}}, False),
    ({"identity": None}, {}, False),  # whoever that is must hold up nobody
]


def test_what_is_linked(opened):
    """Only what adds nothing: neither an identifier, nor a name, nor a detail."""
    line, _ = opened()
    for number, (*pair, linked) in enumerate(ASKED):
        one, other = (line.submit(_of_another(number, ticket(**{"right": "access"} | asked))) for asked in pair)
        assert (number, str(one) if linked else None) == (number, line.ticket(other)["rests_on"])


def _of_another(number, raw):
    """Return a ticket about a person of its own."""
    text = json.dumps(raw).replace("@", f"{number}@").replace("31250001", f"3125000{number}")
    return json.loads(text)


def test_what_came_too_late_is_not_linked(opened):
    """Received after the first has begun to search, or once it writes its copy or has ended, it is worked by itself."""
    line, _ = opened()
    first = line.submit(ticket("access"))
    line.run(stop=lambda _: bool(line.worked))
    now = line.office.now().isoformat()
    found = [line.submit(ticket("access", **more)) for more in ({"received_at": now}, {})]
    assert [None, str(first)] == [line.ticket(one)["rests_on"] for one in found]
    line.run(stop=lambda nudge: nudge.verb == "export")
    later = line.submit(ticket("access"))
    assert line.ticket(later)["rests_on"] is None
    line.run()
    assert line.ticket(line.submit(ticket("access")))["rests_on"] is None


def test_of_two_that_are_accepted_at_once_one_is_linked(line):
    """Two intakes store the same askings at the same moment, in another order: nobody waits in a circle."""
    line.submit(ticket("objection"))  # the store has seen the index key: intakes do not wait for each other over it
    people, keys = [f"person{number}@example.org" for number in range(8)], line.submitter.keys
    batches = [[check(ticket("access", person), inventory=None) for person in some] for some in (people, people[::-1])]
    entries = [
        [seal_message(content_of(one), intake=keys.intake, submitter=keys.submitter) for one in batch]
        for batch in batches
    ]
    start = threading.Barrier(2)
    intakes = [Intake(line.office, lambda _: None) for _ in batches]

    def store(intake, batch):
        start.wait()
        intake.store(batch)

    threads = [threading.Thread(target=store, args=pair) for pair in zip(intakes, entries, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with line.office.store.read() as session:
        found = views.tickets(session, now=line.office.now())
    rests = {one["id"]: one["rests_on"] for one in found if one["right"] == "access"}
    assert 16 == len(rests)
    assert 8 == sum(one is not None for one in rests.values())
    assert all(rests[first] is None for first in rests.values() if first)
    for intake in intakes:
        intake.broker.close()
