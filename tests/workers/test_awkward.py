"""What was found by trying to break the line: each a walk that once went wrong."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from shared.domain.errors import UsageError
from shared.store import steps
from shared.store.tables import StepRow, TicketRow
from tests.line import open_line
from tests.small import ADA, BOB, ticket
from tests.walks.test_rights import INCIDENT, asked, breach
from workers.conductor import accept
from workers.decisions import Decision, decide
from workers.submit import check
from workers.sweep import MOST_LOST, sweep


def later(line, **delta):
    """Let the office's clock stand later."""
    moment = datetime.now(UTC) + timedelta(**delta)
    line.office.now = lambda: moment


def test_an_acceptance_that_was_rolled_back_leaves_no_key_behind(opened):
    """The same intake stores the ticket again, under another key, and its steps open."""
    line, _ = opened()
    raw = ticket("erasure")
    (ident,) = line.submitter.queue([check(raw, inventory=line.office.inventory)])
    taken = list(line.intake._take(0))
    (judged,) = line.intake.judge(taken)
    with line.office.store.write() as session:
        accept(line.office, session, judged.ticket, judged.fingerprint, line.office.now())
        session.rollback()
    line.intake.round()
    line.run()
    assert "fulfilled" == line.ticket(ident)["outcome"]


def test_a_system_that_left_the_inventory_is_not_forgotten(opened):
    """What was located in it is not silently left: its steps fail, visibly."""
    line, world = opened(head="approvals = 1\n")
    ident = line.submit(ticket("erasure"))
    line.run()
    text = world.systems.read_text()
    before, _, rest = text.partition('[[systems]]\nid = "mail"')
    world.systems.write_text(before + rest[rest.index("[[systems]]") :])
    without = open_line(line.office.settings.root, world.systems, broker=line.office.settings.broker)
    without.decide(ident, "approve")
    failed = next(one for one in without.ticket(ident)["steps"] if one["state"] == "failed")
    assert ("mail", "delete") == (failed["system"], failed["verb"])
    assert "no longer in the inventory" in failed["error"]
    without.close()


def test_an_approved_match_covers_what_stood_then(opened):
    """A doubtful record that appears after a person's approval is nobody's to delete unseen."""
    line, world = opened(head="approvals = 1\n")
    with closing(sqlite3.connect(world.folder / "chat.db")) as database, database:
        database.execute(
            "INSERT INTO contacts VALUES (7, 'Carl Flat', 'carl@example.org', '+4930231250001', 0, '2026-01-05')"
        )
    ident = line.submit(ticket("erasure"))
    line.run()
    assert "match" == line.ticket(ident)["waiting_for"]["decision"]
    line.decide(ident, "approve")
    with closing(sqlite3.connect(world.folder / "chat.db")) as database, database:
        database.execute(
            "INSERT INTO contacts VALUES (8, 'Dora Flat', 'dora@example.org', '+4930231250001', 0, '2026-01-05')"
        )
        database.execute(f"INSERT INTO contacts VALUES (9, 'Ada Example', '{ADA}', '+4930231250001', 0, '2026-01-05')")
    line.decide(ident, "approve")
    assert [(2,), (8,)] == world.rows("SELECT id FROM contacts ORDER BY id")


def test_a_back_dated_ticket_does_not_run_into_one_that_acts(opened):
    """Whoever was received first, an acting ticket that is under way ends first."""
    line, _ = opened(head="approvals = 1\n")
    first = line.submit(ticket("erasure", received_at="2026-02-02T10:00:00+01:00"))
    line.run()
    details = {"changes": {"user.contact.email": "ada@new.example"}}
    second = line.submit(ticket("rectification", details=details, received_at="2026-02-01T10:00:00+01:00"))
    line.run()
    assert "wait_turn" == line.ticket(second)["stage"]
    line.decide(first, "approve")
    assert ["closed", "closed"] == [line.ticket(one)["state"] for one in (first, second)]


def test_a_lost_wake_up_is_found_by_the_sweep(opened):
    """A ticket that waits for a turn that has come goes on at the next sweep."""
    line, _ = opened(head="approvals = 1\n")
    first = line.submit(ticket("erasure"))
    line.run()
    more = {"email": [ADA], "other": {"visitor_id": "v-17"}}
    second = line.submit(ticket("erasure", received_at="2026-02-01T10:00:00+01:00", subject=more))
    line.run()
    with line.office.store.write() as session:  # as if whoever closed it died before it told the next one
        values = {"closed_at": line.office.now(), "state": "closed", "outcome": "fulfilled"}
        session.execute(update(TicketRow).where(TicketRow.id == first).values(values))
    sweep(line.office, line.nudges.extend)
    assert "halt" == line.ticket(second)["stage"]


def test_many_that_wait_for_their_turn_hold_up_no_other(opened, monkeypatch):
    """However many of them there are, what the sweep has to look at for others it looks at."""
    monkeypatch.setattr("workers.sweep._MOST", 1)
    monkeypatch.setattr("workers.sweep._TURNS", 1)
    line, _ = opened(head="approvals = 1\n")
    for day in (1, 2, 3):
        line.submit(ticket("erasure", received_at=f"2026-02-0{day}T10:00:00+01:00"))
        line.run()
    stuck = line.submit(ticket("erasure", BOB, id="ffffffff-ffff-4fff-bfff-ffffffffffff"))
    line.nudges.clear()
    with line.office.store.write() as session:  # as if whoever did them died before it moved the ticket on
        session.execute(update(StepRow).where(StepRow.ticket_id == stuck).values(state="done"))
    sweep(line.office, line.nudges.extend)
    assert "locate" != line.ticket(stuck)["stage"]


def test_what_was_erased_cannot_be_refused(opened):
    """Once data are gone a refusal would be a lie: what is left is waived."""
    line, _ = opened(documents="lying-objects")
    ident = line.submit(ticket("erasure"))
    line.run()
    for verb in ("refuse", "withdraw"):
        with pytest.raises(UsageError, match="delete was begun"):
            line.decide(ident, verb)


def test_people_who_share_a_phone_are_all_told(opened):
    """A number may be a household's; a name alone is reached by a letter; a system that is not there fails."""
    line, _ = opened()
    people = [
        {"email": ADA, "phone_number": "+4930231250001"},
        {"email": BOB, "phone_number": "+4930231250001"},
        {"name": "Carl Without"},
    ]
    incident = {name: value for name, value in INCIDENT.items() if name not in ("from", "to")} | {"people": people}
    ident = line.submit(breach(details={"incident": incident}))
    line.run()
    tell = next(one for one in line.ticket(ident)["steps"] if one["verb"] == "tell")
    assert {"letters": {"exported": 3}} == tell["counts"]
    typo = line.submit(breach(details={"incident": INCIDENT | {"systems": ["chatt"]}}))
    line.run()
    assert {("subjects", "failed")} == {(one["verb"], one["state"]) for one in line.ticket(typo)["steps"]}


def test_a_waived_notice_makes_a_breach_partial(opened):
    """People who were not told are not a breach fulfilled."""
    line, _ = opened()
    ident = line.submit(breach())
    line.run()
    while line.ticket(ident)["state"] == "waiting":
        line.decide(ident, "waive")
    assert "partial" == line.ticket(ident)["outcome"]


def test_a_breach_cannot_be_paused(opened):
    """The 72 hours run on."""
    line, _ = opened()
    ident = line.submit(breach())
    with pytest.raises(UsageError, match="cannot be paused"):
        decide(line.office, line.nudges.extend, ident, Decision("pause", "ines", "doubt"))


def test_one_person_cannot_approve_under_two_spellings(opened):
    """A blank or another case make no other person."""
    line, _ = opened(head="approvals = 2\n")
    ident = line.submit(ticket("erasure"))
    line.run()
    line.decide(ident, "approve", by="ines")
    with pytest.raises(UsageError, match="approved already"):
        line.decide(ident, "approve", by=" Ines ")


def test_a_consent_in_anothers_name_waits_for_the_mandate(opened):
    """The gate opens once a person has looked at the mandate, not before."""
    line, _ = opened()
    subject = {"email": [ADA], "represented_by": {"name": "Mallory", "mandate": "says so"}}
    consent = {"action": "give", "purposes": ["sms"], "channel": "web", "wording": "v1", "act": "ticked a box"}
    line.submit(ticket("consent", details={"consent": consent | {"action": "withdraw"}}))
    ident = line.submit(
        ticket("consent", subject=subject, details={"consent": consent}, received_at="2026-02-01T10:00:00+01:00")
    )
    line.run()
    assert "mandate" == line.ticket(ident)["waiting_for"]["decision"]
    assert "deny" == asked(line, "sms")
    line.decide(ident, "approve")
    assert "allow" == asked(line, "sms")


def test_the_later_declaration_counts(opened):
    """A withdrawal stands against an older consent that came in after it."""
    line, _ = opened()
    consent = {"purposes": ["sms"], "channel": "web", "wording": "v1", "act": "ticked a box"}
    line.submit(
        ticket(
            "consent", details={"consent": consent | {"action": "withdraw"}}, received_at="2026-03-02T10:00:00+01:00"
        )
    )
    line.submit(
        ticket("consent", details={"consent": consent | {"action": "give"}}, received_at="2026-02-01T10:00:00+01:00")
    )
    assert "deny" == asked(line, "sms")


def test_an_objection_covers_all_identifiers_that_are_found(opened):
    """Asked by e-mail, the phone number in the chat is denied too, in any spelling of the purpose."""
    line, _ = opened()
    line.submit(ticket("objection", details={"purposes": ["Direct-Marketing"]}))
    line.run()
    from workers import gate

    number = "+4930231250001"
    settings = line.office.settings
    assert "deny" == gate.check(client="acme", purpose="direct-marketing", phone=number, settings=settings)[0]


def test_a_paused_delete_does_not_run_by_another_way(opened):
    """Neither an ended lease nor a retry starts a step of a paused ticket; it cannot be waived either."""
    line, world = opened()
    ident = line.submit(ticket("erasure"))
    line.run(stop=lambda nudge: nudge.verb == "delete")
    step = line.nudges[0].id
    with line.office.store.write() as session:
        steps.claim(session, step, now=line.office.now(), lease=15)
    decide(line.office, line.nudges.extend, ident, Decision("pause", "ines", "doubt"))
    line.nudges.clear()
    later(line, seconds=60)
    assert 1 == sweep(line.office, line.nudges.extend).reclaimed
    assert [] == line.nudges
    with pytest.raises(UsageError, match="nothing to waive"):
        line.decide(ident, "waive", step=step)
    assert world.of(ADA)
    line.decide(ident, "resume")
    assert "fulfilled" == line.ticket(ident)["outcome"]


def test_a_step_that_kills_its_worker_fails_at_last(opened):
    """After so many lost workers a person is asked."""
    line, _ = opened()
    ident = line.submit(ticket("erasure"))
    step = line.nudges[0].id
    for number in range(1, MOST_LOST + 1):
        with line.office.store.write() as session:
            assert steps.claim(session, step, now=line.office.now(), lease=15)
        later(line, minutes=number)
        sweep(line.office, line.nudges.extend)
    found = next(one for one in line.ticket(ident)["steps"] if one["id"] == step)
    assert ("failed", MOST_LOST) == (found["state"], found["attempts"])
    assert found["error"].startswith("quarantined: it took its worker with it each time")


def test_one_ticket_that_cannot_move_does_not_stop_the_sweep(opened):
    """The others are advanced all the same."""
    line, _ = opened()
    broken, fine = (line.submit(ticket("erasure", person)) for person in (ADA, BOB))
    line.nudges.clear()
    with line.office.store.write() as session:
        session.execute(update(StepRow).values(state="done"))
        session.execute(update(TicketRow).where(TicketRow.id == broken).values(stage="nowhere"))
    assert 1 == sweep(line.office, line.nudges.extend).advanced
    assert "locate" != line.ticket(fine)["stage"]


def test_a_client_without_systems_is_searched_by_hand(opened):
    """Nothing in the inventory to search is no proof that there is nothing."""
    line, world = opened()
    world.systems.write_text(world.systems.read_text().partition("[[systems]]")[0])
    empty = open_line(line.office.settings.root, world.systems, broker=line.office.settings.broker)
    ident = empty.submit(ticket("erasure"))
    empty.run()
    assert "search by hand" == empty.ticket(ident)["waiting_for"]["decision"]
    empty.close()


def kept(line, ident):
    """Return what a certificate says was kept or left."""
    return {(one["collection"], one["outcome"]) for one in line.certificate(ident)["certificate"]["kept"]}


def test_a_rectification_says_what_was_written_nowhere(opened):
    """One category stands where it should, the other and the statement nowhere: partial, with the reasons."""
    line, world = opened()
    changes = {"user.name": "Ada B.", "user.contact.address": "Street 2"}
    ident = line.submit(ticket("rectification", details={"changes": changes, "statement": "I moved."}))
    line.run()
    assert [("Ada B.",)] == world.rows("SELECT name FROM contacts WHERE id = 1")
    assert "partial" == line.ticket(ident)["outcome"]
    assert {("user.contact.address", "failed"), ("statement", "residual")} <= kept(line, ident)
    assert not [one for one in kept(line, ident) if one[1] == "rectified"]


def test_a_rectification_of_nobody_is_partial(opened):
    """Nothing was found that could be rectified, so nothing was."""
    line, _ = opened()
    changes = {"user.name": "Nobody New"}
    ident = line.submit(ticket("rectification", "nobody@never.example", details={"changes": changes}))
    line.run()
    assert "partial" == line.ticket(ident)["outcome"]
    assert {("user.name", "failed")} == kept(line, ident)


def test_a_rectification_that_changed_nothing_is_partial(opened):
    """A category that no map holds was rectified nowhere."""
    line, _ = opened()
    ident = line.submit(ticket("rectification", details={"changes": {"user.job_title": "Captain"}}))
    line.run()
    while line.ticket(ident)["state"] == "waiting":
        line.decide(ident, "waive")
    assert "partial" == line.ticket(ident)["outcome"]
