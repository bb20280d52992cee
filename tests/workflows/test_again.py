"""Erasures again: behind a fence everything at once, after a look only what a person has approved."""

from tests.workflows.cases import FOUND, HIT, NOW, asked, case_of, done, waits

NAME = "erasure-again"
SPAN = {"system": "documents", "file": "a.wav", "from": 1, "to": 2}


def again(*steps, systems=("chat", "mail"), ask=False, cause="restored", silence=(), **more):
    """Return a case in some of the systems."""
    details = {
        "of": "6f8f0a52-0000-4000-8000-000000000009", "systems": systems, "cause": cause, "ask": ask,
        "known": [["email", "ada@example.org"]], "silence": silence,
    }  # fmt: skip
    ticket = {"subject": None, "identity": None, "received_at": NOW}
    return case_of(NAME, *steps, details=details, ticket=ticket, **more)


def looked(**found):
    """Return the steps of a look: by locate and by the scan."""
    located = [done("locate", system, counts) for system, counts in found.items()]
    return [*located, *(done("absent", system, part="1") for system in found)]


def test_a_restored_system_is_erased_in_at_once():
    """Only there; nobody is asked, nobody waited for, nobody told again; the gate is closed meanwhile."""
    case = again(done("locate", "chat", FOUND), done("locate", "mail"), ahead=True)
    assert ["chat.locate.1", "mail.locate.1"] == asked(again(), "locate")
    asks = {stage.__name__: asked(case, stage.__name__) for stage in case.right.stages[1:]}
    assert ["chat.delete"] == asks.pop("erase")
    assert ["chat.absent.1", "mail.absent.1"] == asks.pop("look_again")
    assert {()} == {tuple(keys) for keys in asks.values()}
    assert ["halt"] == [gate.kind for gate in case.right.gates(case.ticket)]


def test_a_look_scans_and_asks_a_person_first():
    """As many as approve an erasure; the gate stays open for who may have come back by themselves."""
    case = again(ask=True, cause="look")
    assert {"chat.locate.1", "chat.absent.1", "mail.locate.1", "mail.absent.1"} == set(asked(case, "locate"))
    assert () == case.right.gates(case.ticket)
    found = again(*looked(chat=FOUND, mail={}), ask=True, cause="look", client={"approvals": 2}, ahead=True)
    assert ["approval"] * 2 == waits(found, "ask")
    assert ["turn"] == waits(found, "wait_turn")
    assert ["chat.delete"] == asked(found, "erase")
    assert ["chat.absent.1"] == asked(found, "look_again"), "by itself, after the delete"


def test_a_look_that_finds_nobody_asks_for_nothing_more():
    """It was the second look already."""
    case = again(*looked(chat={}, mail={}), ask=True, cause="look")
    assert [] == [key for stage in case.right.stages[1:] for key in asked(case, stage.__name__)]


def test_what_only_the_scan_sees_is_asked_about_too():
    """An orphan that no map leads to is put away like any hit of a second look."""
    steps = [done("locate", "chat"), done("absent", "chat", HIT, part="1")]
    case = again(*steps, systems=("chat",), ask=True, cause="look")
    assert ["approval"] == waits(case, "ask")
    assert ["chat.locate.again1"] == asked(case, "look_again")


def test_what_was_silenced_is_silenced_again():
    """In the systems where it stands; nobody is asked about one that is out of scope."""
    case = again(done("locate", "documents", FOUND), systems=("documents",), silence=[SPAN])
    (step,) = case.right.stage("erase")(case)
    assert [{"file": "a.wav", "from": 1.0, "to": 2.0}] == step.args["silence"]
    assert [] == waits(again(done("locate", "chat", FOUND), silence=[SPAN]), "erase")
