"""Art. 18."""

import pytest
from pydantic import ValidationError

from tests.workflows.cases import FOUND, RIGHTS, asked, case_of, done
from workflows.restriction import Details

FORMER = "6f8f0a52-0000-4000-8000-000000000009"
HELD = [done("locate", "chat", FOUND), done("locate", "mail")]


def gates(**details):
    """Return what the gate is to answer."""
    return RIGHTS["restriction"].gates(case_of("restriction", details=details).ticket)


def test_every_purpose_is_denied_unless_some_are_named():
    """All but storage; or those that the person names."""
    assert [("*", "restriction", False)] == [(one.purpose, one.kind, one.allow) for one in gates()]
    assert ["a", "b"] == [one.purpose for one in gates(purposes=["a", "b"])]


def test_an_exception_leaves_a_purpose_open():
    """Art. 18(2) names the grounds."""
    assert ("claims", "consent") == gates(exceptions={"consent": "given", "claims": "a lawsuit"})[0].exempt


def test_a_restriction_marks_and_looks():
    """In the systems that hold something."""
    case = case_of("restriction", *HELD)
    asks = [key for stage in ("tell_person", "restrict", "look_again", "lift_gate") for key in asked(case, stage)]
    assert ["chat.restrict", "chat.absent.1"] == asks


def test_lifting_tells_the_person_first_and_opens_the_gate_last():
    """Art. 18(3); and no gate is closed by a ticket that lifts."""
    assert () == gates(lift=FORMER)
    case = case_of("restriction", *HELD, details={"lift": FORMER})
    stages = [name for name in case.right.names if name in ("tell_person", "restrict", "look_again", "lift_gate")]
    asks = [step for stage in stages for step in case.right.stage(stage)(case)]
    assert ["desk.tell-person", "chat.lift", "chat.absent.1", "desk.lift-gate"] == [step.key for step in asks]
    assert [{"of": FORMER}, {"of": FORMER}, {"act": "lift", "of": FORMER}, {"of": FORMER}] == [
        dict(step.args) for step in asks
    ]


@pytest.mark.parametrize("details", [{"ground": "whim"}, {"lift": "yesterday"}, {"purposes": ["a b"]}, {"x": 1}])
def test_wrong_details_are_refused(details):
    """A ground is one of the four of 18(1)."""
    with pytest.raises(ValidationError):
        Details.model_validate(details)
