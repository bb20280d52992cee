"""Art. 16."""

import pytest
from pydantic import ValidationError

from tests.workflows.cases import FOUND, RIGHTS, asked, case_of, done, waits
from workflows.rectification import Details, unwritten

CHANGES = {"user.contact.email": "ada@new.example"}
HELD = [done("locate", "chat", FOUND), done("locate", "mail")]


def test_the_new_values_are_written_where_the_old_ones_stand():
    """With the statement that completes the record; then they are read back in the same systems."""
    case = case_of("rectification", *HELD, details={"changes": CHANGES, "statement": "I moved."})
    (write,) = case.right.stage("rectify")(case)
    assert ("chat.rectify", {"changes": CHANGES, "statement": "I moved."}) == (write.key, write.args)
    (look,) = case.right.stage("look_again")(case)
    assert ("chat.absent.1", {"act": "rectify", "changes": CHANGES, "statement": "I moved."}) == (look.key, look.args)


def test_the_data_rest_while_they_are_checked_if_the_person_asks():
    """Art. 18(1)(a): restricted, checked by a person, released."""
    details = {"changes": CHANGES, "restrict": True}
    assert [] == asked(case_of("rectification", *HELD, details={"changes": CHANGES}), "check")
    case = case_of("rectification", *HELD, details=details)
    assert ["chat.restrict", "desk.accuracy"] == asked(case, "check")
    assert ["accuracy"] == waits(case, "check")
    rested = case_of("rectification", *HELD, done("restrict", "chat"), details=details)
    assert ["chat.lift"] == asked(rested, "release")
    assert [] == asked(case, "release")


def wrote(*said, **more):
    """Return a step that wrote what it says."""
    reasons = tuple({"collection": "contacts", "outcome": "rectified", "ground": one} for one in said)
    return done("rectify", "chat", {"contacts": {"rectified": 1}}, reasons=reasons, **more)


@pytest.mark.parametrize(
    ("steps", "left"),
    [
        ([*HELD, wrote("user.contact.email", "user.name", "statement")], ()),
        ([*HELD, wrote("user.contact.email"), wrote("user.name")], ("statement",)),
        ([*HELD, wrote("user.contact.email")], ("user.name", "statement")),
        (
            [*HELD, wrote("user.contact.email", "user.name", "statement", state="waived")],
            (*CHANGES, "user.name", "statement"),
        ),
        (HELD[1:], (*CHANGES, "user.name", "statement")),
    ],
)
def test_what_was_written_nowhere_is_accounted_for(steps, left):
    """Per category, and the statement; also where the person was found nowhere."""
    details = {"changes": CHANGES | {"user.name": "Ada B."}, "statement": "I moved."}
    case = case_of("rectification", *steps, details=details)
    assert left == unwritten(case)
    assert [{"missing": list(left)}] * bool(left) == [step.args for step in case.right.stage("sum_up")(case)]


@pytest.mark.parametrize(
    "details",
    [
        {}, {"restrict": True}, {"changes": {}}, {"changes": {"email": "x"}}, {"changes": {"user.Name": "x"}},
        {"changes": {"user.name": ""}}, {"changes": {"user.name": "x" * 1001}}, {"statement": " "}, {"x": 1},
    ],
)  # fmt: skip
def test_details_that_say_nothing_are_refused(details):
    """A change has a category of the person's data and a value; or there is a statement."""
    with pytest.raises(ValidationError):
        Details.model_validate(details)


def test_a_statement_alone_completes_the_record():
    """Art. 16, second sentence."""
    assert "I moved." == Details(statement=" I moved. ").statement
    assert () == RIGHTS["rectification"].gates(case_of("rectification", details={"statement": "x"}).ticket)
