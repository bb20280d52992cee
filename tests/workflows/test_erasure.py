"""Art. 17."""

import pytest
from pydantic import ValidationError

from tests.workflows.cases import FOUND, RIGHTS, SYSTEMS, asked, case_of, done, waits

HELD = [done("locate", "chat", FOUND), done("locate", "mail"), done("locate", "documents")]


def test_all_processing_halts_at_once():
    """The gate denies every purpose until the ticket ends."""
    (gate,) = RIGHTS["erasure"].gates(case_of().ticket)
    assert ("*", "halt", False, ()) == (gate.purpose, gate.kind, gate.allow, gate.exempt)


@pytest.mark.parametrize("number", [0, 1, 3])
def test_as_many_people_approve_as_the_client_asks_for(number):
    """Where something was found; the systems rest the data meanwhile."""
    client = {"approvals": number}
    case = case_of("erasure", *HELD, client=client)
    assert ["approval"] * number == waits(case, "approve")
    assert (["chat.restrict"] if number else []) == asked(case, "halt")
    assert [] == waits(case_of("erasure", client=client), "approve")


def test_a_system_that_cannot_restrict_is_not_asked_to():
    """The gate already denies."""
    chat = type(SYSTEMS[0])("chat", "chat", frozenset({"locate", "delete"}))
    assert [] == asked(case_of("erasure", *HELD, client={"approvals": 1}, systems=(chat,)), "halt")


def test_only_what_was_found_is_deleted_and_every_system_is_looked_at_again():
    """The second look asks systems in which nothing had been found, too."""
    case = case_of("erasure", *HELD)
    assert ["chat.delete"] == asked(case, "erase")
    assert ["chat.absent.1", "mail.absent.1", "documents.absent.1"] == asked(case, "look_again")
    assert {"act": "delete"} == next(iter(case.right.stage("look_again")(case))).args


def test_nobody_known_is_nothing_to_delete():
    """An erasure of nobody asks for no act."""
    case = case_of("erasure", *(done("locate", name) for name in ("chat", "mail", "documents")))
    assert [] == asked(case, "erase")


def test_the_persons_access_goes_first():
    """What is to be erased can still be shown."""
    assert ("access", "portability") == RIGHTS["erasure"].waits_for


SPAN = {"system": "chat", "file": "a.wav", "from": 1.5, "to": 3.25}


def test_recordings_that_have_to_stay_are_silenced():
    """The times that a ticket names go to their system, with the act and with the look that may put it back."""
    case = case_of("erasure", *HELD, details={"silence": [SPAN]})
    sent = {"silence": [{"file": "a.wav", "from": 1.5, "to": 3.25}]}
    assert [sent] == [step.args for step in case.right.stage("erase")(case)]
    assert [sent | {"act": "delete"}, {"act": "delete"}, {"act": "delete"}] == [
        step.args for step in case.right.stage("look_again")(case)
    ]


@pytest.mark.parametrize("system", ["mail", "no-such-system"])
def test_times_that_no_system_can_silence_wait_for_a_person(system):
    """Nothing of a ticket is passed over in silence: not what names a system without recordings, or none at all."""
    case = case_of("erasure", *HELD, details={"silence": [SPAN | {"system": system}]})
    assert ["silence by hand"] == waits(case, "erase")
    assert [] == waits(case_of("erasure", *HELD, details={"silence": [SPAN]}), "erase")


@pytest.mark.parametrize(
    "wrong", [{"to": 1.5}, {"from": -1}, {"to": float("inf")}, {"file": ""}, {"system": ""}, {"reason": "x"}]
)
def test_times_are_checked_at_the_door(wrong):
    """A span that ends before it starts, or that says nothing, is refused."""
    model = RIGHTS["erasure"].details
    model.model_validate({"silence": [SPAN]})
    with pytest.raises(ValidationError):
        model.model_validate({"silence": [SPAN | wrong]})
