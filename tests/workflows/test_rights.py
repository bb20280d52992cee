"""What every right keeps to, read from the folder."""

import pytest

from shared.deadlines import period
from tests.workflows.cases import RIGHTS, case_of

DETAILS = {
    "rectification": {"changes": {"user.name": "Ada"}},
    "consent": {"consent": {"action": "withdraw", "purposes": ["x"], "channel": "web", "act": "clicked"}},
    "breach": {"incident": {"nature": "x", "consequences": "x", "measures": "x", "people": [{"email": "a@b.example"}]}},
}


@pytest.mark.parametrize("right", RIGHTS.values(), ids=lambda right: right.name)
def test_every_right_ends_with_its_answer(right):
    """Answer, delivery and callbacks are the last stages, and each stage has a name of its own."""
    assert {"answer", "deliver", "call_back"} <= set(right.names)
    assert "call_back" == right.names[-1]
    assert len(right.names) == len(set(right.names))
    assert right.names.index("answer") < right.names.index("deliver")
    assert right.eager <= set(right.names)


@pytest.mark.parametrize("right", RIGHTS.values(), ids=lambda right: right.name)
def test_every_rights_clock_is_a_period(right):
    """A month, and seventy-two hours for a breach."""
    assert period(right.clock)
    assert ("PT72H" if right.name == "breach" else "P1M") == right.clock


@pytest.mark.parametrize("right", RIGHTS.values(), ids=lambda right: right.name)
def test_every_stage_answers_a_fresh_case(right):
    """Each asks without an error, and asks the same when asked again, each step once."""
    case = case_of(right.name, details=DETAILS.get(right.name))
    for stage in right.stages:
        keys = [step.key for step in stage(case)]
        assert keys == [step.key for step in stage(case)]
        assert len(keys) == len(set(keys))


@pytest.mark.parametrize("right", RIGHTS.values(), ids=lambda right: right.name)
def test_acting_rights_take_turns(right):
    """Who changes data waits for a turn, and lifts again what was restricted for a ticket that was refused."""
    acting = {"erasure", "rectification", "restriction", "objection"}
    assert (right.name in acting) == right.acting
    assert (right.name in acting) == ("wait_turn" in right.names) == ("undo" in right.names)


def test_the_articles_are_the_laws():
    """By their numbers."""
    assert {
        "access": "15", "portability": "20", "rectification": "16", "erasure": "17", "restriction": "18",
        "objection": "21", "consent": "7", "breach": "33",
    } == {name: right.article for name, right in RIGHTS.items()}  # fmt: skip


def test_a_breach_goes_first():
    """Then what acts at once."""
    assert ["breach", "consent", "objection"] == sorted(RIGHTS, key=lambda name: (RIGHTS[name].priority, name))[:3]
