"""Walks under a legal hold, from the door to the close, on SQLite and on PostgreSQL."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select
from structlog.testing import capture_logs

from shared.domain.errors import UsageError
from shared.domain.identifier import Identifier
from shared.store import steps
from shared.store.chain import entries
from shared.store.tables import HoldKeepRow, HoldRow
from shared.testing import MemorySystem
from tests import small
from tests.small import ADA, BOB, ticket
from tests.walks.test_rights import asked, closed, counts, package
from workers import holds
from workers.sweep import sweep

GROUND = "Art. 17(3)(e) GDPR: litigation, file 2026-17"
PHONE = "030 231250001"  # Ada's, and only the chat knows it
GLOBEX = """
[clients.globex]
name = "Globex"
country = "FR"
contact = "privacy@globex.example"
"""


def place(line, system=None, *, client="acme", days=30, **subject):
    """Place a hold on someone's data, or on everyone's; return its id."""
    review = line.office.now().date() + timedelta(days=days)
    asked_for = holds.Placing(client, system, subject or None, GROUND, review, "ines")
    return holds.place(line.office, asked_for)[0]


def lift(line, hold):
    """Lift a hold; return the ids of the tickets that go on."""
    found = holds.lift(line.office, line.nudges.extend, hold, by="ines", reason="the claim was settled")
    return [one.ticket for one in found]


def erase(line, **more):
    """Erase Ada; return the ticket's id."""
    ident = line.submit(ticket("erasure", **more))
    line.run()
    return ident


def acts(line, ident):
    """Return what was done on which system to erase, or to keep."""
    steps = line.ticket(ident)["steps"]
    return {one["system"]: one["verb"] for one in steps if one["verb"] in ("delete", "restrict")}


ALL_DELETED = {"chat": "delete", "mail": "delete", "documents": "delete"}


def looks(line, ident):
    """Return what the certificate says of each second look."""
    return {one["id"]: one["second_look"] for one in line.certificate(ident)["certificate"]["systems"]}


def letter_of(line, ident, folder):
    """Return the letter's text, on one line."""
    return " ".join((package(line, ident, folder / "out") / "letter.txt").read_text().split())


def test_a_hold_on_one_of_the_systems_keeps_it(line, world, tmp_path):
    """It is kept and restricted, the others are erased; ticket, letter, certificate and evidence say so."""
    before, bob = world.of(ADA), world.of(BOB)
    hold = place(line, "chat", email=[ADA])
    ident = erase(line)
    found = closed(line, ident, "partial")
    assert {one for one in before if one.startswith(("contacts", "messages"))} == world.of(ADA)
    assert bob == world.of(BOB)
    assert [(1, 1), (2, 0)] == world.rows("SELECT id, blocked FROM contacts ORDER BY id")
    assert {"chat": "restrict", "mail": "delete", "documents": "delete"} == acts(line, ident)
    assert {"restricted": 1, "retained": 1} == counts(found, "restrict", "chat")["contacts"]
    assert 2 == counts(found, "restrict", "chat")["messages"]["retained"]
    review = (line.office.now().date() + timedelta(days=30)).isoformat()
    kept = [one for one in line.certificate(ident)["certificate"]["kept"] if one.get("hold")]
    assert {(GROUND, review, str(hold))} == {(one["ground"], one["until"], one["hold"]) for one in kept}
    assert {"contacts", "messages"} == {one["collection"] for one in kept}
    assert {"chat": "restricted", "mail": "clean", "documents": "clean"} == looks(line, ident)
    with line.office.store.read() as session:
        assert [one for one in entries(session, ident) if one.kind == "step" and str(hold) in one.payload]
    letter = letter_of(line, ident, tmp_path)
    assert GROUND in letter
    assert "Wir haben die Daten zu Ihrer Person gelöscht, soweit unten nichts anderes steht." in letter
    assert "vorerst nicht gelöscht werden dürfen (Art. 17 Abs. 3 DSGVO)" in letter


def test_what_is_kept_is_used_for_nothing_else(line):
    """The gate denies beyond the end of the ticket, until the data are gone; that it is stored is allowed."""
    hold = place(line, "chat", email=[ADA])
    erase(line)
    assert ("deny", "allow") == (asked(line, "anything"), asked(line, "storage"))
    (again,) = lift(line, hold)
    line.run()
    closed(line, again)
    assert "allow" == asked(line, "anything")


def test_a_hold_on_everyone_and_everything_erases_nothing(line, world, tmp_path):
    """The letter does not say otherwise."""
    before = world.of(ADA)
    place(line)
    ident = erase(line)
    found = closed(line, ident, "partial")
    assert before == world.of(ADA)
    assert not [one for one in found["steps"] if one["verb"] == "delete"]
    letter = letter_of(line, ident, tmp_path)
    assert "Die Daten zu Ihrer Person dürfen wir vorerst nicht löschen." in letter
    assert "gelöscht, soweit" not in letter
    assert {"restricted"} == set(looks(line, ident).values())


def test_a_hold_placed_between_locate_and_delete_stops_it(line, world):
    """The delete that was planned and sent finds the hold when it runs; the certificate names whose decision it was."""
    before = world.of(ADA)
    ident = line.submit(ticket("erasure"))
    line.run(stop=lambda nudge: nudge.verb == "delete")
    assert {"delete"} == {nudge.verb for nudge in line.nudges}
    hold = place(line, "chat", email=[ADA])
    line.run()
    found = closed(line, ident, "partial")
    assert {one for one in before if one.startswith(("contacts", "messages"))} == world.of(ADA)
    (stopped,) = [one for one in found["steps"] if (one["verb"], one["system"]) == ("delete", "chat")]
    assert ("waived", "hold", "ines") == (stopped["state"], stopped["decision"], stopped["by"])
    assert {} == stopped["counts"]
    assert str(hold) in stopped["error"]
    decisions = line.certificate(ident)["certificate"]["decisions"]
    assert [("chat.delete", "hold", "ines")] == [(one["about"], one["decision"], one["by"]) for one in decisions]
    assert "restricted" == looks(line, ident)["chat"]


def test_who_places_a_hold_hears_what_is_being_erased(line):
    """A step that a worker has already goes on; one that only waits for a worker is stopped."""
    ident = line.submit(ticket("erasure"))
    line.run(stop=lambda nudge: nudge.verb == "delete")
    (step,) = [nudge.id for nudge in line.nudges if nudge.channel == "email"]
    with line.office.store.write() as session:
        steps.claim(session, step, now=line.office.now(), lease=15)
    asked_for = holds.Placing("acme", None, {"email": [ADA]}, GROUND, line.office.now().date(), "ines")
    _, acting = holds.place(line.office, asked_for)
    assert [(ident, "mail")] == acting


@pytest.mark.parametrize(
    ("client", "subject"),
    [("acme", {"email": [BOB]}), ("globex", {"email": [ADA]}), ("globex", {}), ("acme", {"other": {"visitor": ADA}})],
)
def test_another_persons_and_another_clients_hold_keeps_nothing(opened, tmp_path, client, subject):
    """Nor does an address that is no address but another id."""
    world = small.build(tmp_path / "world", head=GLOBEX)
    line = opened(world)
    place(line, client=client, **subject)
    ident = erase(line)
    closed(line, ident)
    assert set() == world.of(ADA)
    assert ALL_DELETED == acts(line, ident)


def test_a_hold_on_another_system_keeps_nothing_here(line, world):
    """It keeps what it names."""
    place(line, "mail", email=[ADA])
    assert {"chat": "delete", "mail": "restrict", "documents": "delete"} == acts(line, erase(line))
    assert {"mail"} == world.of(ADA)


def test_a_hold_by_a_phone_that_only_a_search_finds(line, world):
    """The ticket knows the address, the hold the number: the chat tells that they are one person's."""
    before = world.of(ADA)
    place(line, phone_number=[PHONE])
    ident = erase(line)
    closed(line, ident, "partial")
    assert before == world.of(ADA)
    assert dict.fromkeys(ALL_DELETED, "restrict") == acts(line, ident)


def test_a_hold_blocks_no_other_right(line, tmp_path):
    """Access hands out, rectification writes."""
    place(line)
    for right, details in (
        ("access", {}),
        ("portability", {}),
        ("rectification", {"changes": {"user.name": "Ada B."}}),
    ):
        ident = line.submit(ticket(right, details=details))
        line.run()
        assert "closed" == line.ticket(ident)["state"]
        assert not [one for one in line.ticket(ident)["steps"] if one["decision"] == "hold"]


def test_a_lifted_hold_lets_the_erasure_go_on(line, world, tmp_path):
    """A new ticket, accepted in the same commit, deletes what was kept; the person hears why it comes only now."""
    hold = place(line, "chat", email=[ADA])
    ident = erase(line)
    (again,) = lift(line, hold)
    assert again != ident
    line.run()
    closed(line, again)
    assert set() == world.of(ADA)
    with line.office.store.read() as session:
        (said,) = [json.loads(one.payload) for one in entries(session, again) if one.kind == "resumed"]
        assert [] == list(session.scalars(select(HoldKeepRow)))
    assert (str(ident), str(hold), "ines") == (said["of"], said["hold"], said["by"])
    letter = letter_of(line, again, tmp_path)
    assert "mussten wir Daten über Sie aufbewahren" in letter
    with pytest.raises(UsageError, match="lifted already"):
        lift(line, hold)


def test_of_two_holds_the_last_lifted_lets_go(line, world):
    """While another one still keeps the same system, there is nothing to take up."""
    one, other = place(line, "chat", email=[ADA]), place(line, phone_number=[PHONE])
    ident = erase(line)
    grounds = [reason["hold"] for reason in line.certificate(ident)["certificate"]["kept"] if reason.get("hold")]
    assert {str(one), str(other)} == set(grounds)
    assert [] == lift(line, one)
    (again,) = lift(line, other)
    line.run()
    closed(line, again)
    assert set() == world.of(ADA)


def test_of_two_holds_on_two_systems_each_lets_go_of_its_own(line, world):
    """The follow-up of the first is kept by the second; its own lifting ends it."""
    chat, mail = place(line, "chat", email=[ADA]), place(line, "mail", email=[ADA])
    erase(line)
    (again,) = lift(line, chat)
    line.run()
    closed(line, again, "partial")
    assert {"mail"} == world.of(ADA)
    (last,) = lift(line, mail)
    line.run()
    closed(line, last)
    assert set() == world.of(ADA)


def test_a_hold_lifted_before_it_kept_anything_starts_nothing(line, world):
    """And keeps nothing afterwards."""
    assert [] == lift(line, place(line, email=[ADA]))
    closed(line, erase(line))
    assert set() == world.of(ADA)


def test_what_rested_for_its_approval_rests_on(opened, tmp_path):
    """Where people approve, the hold takes over from the halt; what is taken up again is approved again."""
    world = small.build(tmp_path / "world", head="approvals = 1\n")
    line = opened(world)
    hold = place(line, "chat", email=[ADA])
    ident = erase(line)
    assert ("approval", [(1,), (0,)]) == (waits(line, ident), world.rows("SELECT blocked FROM contacts ORDER BY id"))
    line.decide(ident, "approve")
    found = closed(line, ident, "partial")
    assert {"restricted": 1, "retained": 1} == counts(found, "restrict", "chat")["contacts"]
    assert [(1,), (0,)] == world.rows("SELECT blocked FROM contacts ORDER BY id")
    (again,) = lift(line, hold)
    line.run()
    assert "approval" == waits(line, again)
    line.decide(again, "approve")
    closed(line, again)
    assert set() == world.of(ADA)


def test_an_erasure_that_was_withdrawn_is_not_taken_up(line, world):
    """What rested for it is released, and stays when the hold is lifted; the others' erasures go on."""
    bob, hold = world.of(BOB), place(line)
    ident = erase(line)
    other = line.submit(ticket("erasure", BOB))
    line.run(stop=lambda nudge: nudge.verb == "absent")
    assert [(1,), (1,)] == world.rows("SELECT blocked FROM contacts")
    line.decide(other, "withdraw")
    closed(line, other, "withdrawn")
    assert [(1,), (0,)] == world.rows("SELECT blocked FROM contacts ORDER BY id")
    lifted = holds.lift(line.office, line.nudges.extend, hold, by="ines", reason="the claim was settled")
    assert [ident] == [one.of for one in lifted]
    line.run()
    assert (set(), bob) == (world.of(ADA), world.of(BOB))


def overdue(line, hold):
    """Let a hold's review date pass."""
    with line.office.store.write() as session:
        session.get_one(HoldRow, hold).review_on = datetime.now(UTC).date() - timedelta(days=2)


def waits(line, ident):
    """Return the decision that a ticket waits for."""
    found = line.ticket(ident)["waiting_for"]
    return found and found["decision"]


def test_a_review_date_that_passes_asks_a_person(line, world):
    """The hold stands meanwhile; renewed, it keeps on, until the new date."""
    before = world.of(ADA)
    hold = place(line, "chat", email=[ADA])
    overdue(line, hold)
    ident = erase(line)
    assert "hold review" == waits(line, ident)
    assert {one for one in before if one.startswith(("contacts", "messages"))} == world.of(ADA)
    review = line.office.now().date() + timedelta(days=90)
    holds.renew(line.office, line.nudges.extend, hold, review=review, by="ines", reason="an appeal is pending")
    line.run()
    closed(line, ident, "partial")
    kept = [one for one in line.certificate(ident)["certificate"]["kept"] if one.get("hold")]
    assert {review.isoformat()} == {one["until"] for one in kept}


def test_a_review_that_ends_the_hold_lets_the_waiting_ticket_delete(line, world):
    """The same ticket goes on: nothing had been kept from it yet."""
    hold = place(line, "chat", email=[ADA])
    overdue(line, hold)
    ident = erase(line)
    assert "hold review" == waits(line, ident)
    assert [] == lift(line, hold)
    line.run()
    closed(line, ident)
    assert set() == world.of(ADA)


def test_the_sweep_calls_for_an_overdue_review_once_a_day(line):
    """However often it runs; a hold that is not due, or was lifted, is not called out."""
    late, gone = place(line, email=[ADA]), place(line)
    place(line, email=[BOB])
    for hold in (late, gone):
        overdue(line, hold)
    lift(line, gone)
    with capture_logs() as logs:
        for _ in range(3):
            sweep(line.office, line.nudges.extend)
        now = line.office.now()
        line.office.now = lambda: now + timedelta(days=1)
        sweep(line.office, line.nudges.extend)
    assert [str(late)] * 2 == [one["hold"] for one in logs if one["event"] == "hold.review"]


def test_a_system_that_cannot_restrict_is_kept_and_closed_by_the_gate(opened, tmp_path):
    """It has no mark, so nothing is proved there, and nothing is claimed."""
    world = small.build(tmp_path / "world", chat="memory")
    text = world.systems.read_text()
    world.systems.write_text(text.replace('url = "sqlite:///chat.db"\ndatamap = "map.yaml"\n', ""))
    records = {"1": frozenset({Identifier("email", ADA)}), "2": frozenset({Identifier("email", BOB)})}
    MemorySystem.records["chat"] = dict(records)
    line = opened(world)
    hold = place(line, "chat", email=[ADA])
    ident = erase(line)
    found = closed(line, ident, "partial")
    assert records == MemorySystem.records["chat"]
    assert {"records": {"retained": 1}} == counts(found, "restrict", "chat")
    assert {"chat": "none", "mail": "clean", "documents": "clean"} == looks(line, ident)
    assert "deny" == asked(line, "anything")
    (again,) = lift(line, hold)
    line.run()
    closed(line, again)
    assert {"2": records["2"]} == MemorySystem.records["chat"]


def test_nobodys_identifier_stands_in_the_database_or_in_the_list(line):
    """Placed, kept and lifted: what is written of a hold is sealed."""
    hold = place(line, "chat", email=[ADA], other={"visitor_id": "v-17"})
    erase(line)
    with line.office.store.read() as session:
        shown = json.dumps(holds.listed(session, today=line.office.now().date()))
        rows = [*session.execute(select(HoldRow.__table__)), *session.execute(select(HoldKeepRow.__table__))]
        assert 1 == len(list(session.scalars(select(HoldKeepRow))))
    assert ADA not in shown + repr(rows)
    assert "v-17" not in shown + repr(rows)
    assert str(hold) in shown
