"""Art. 16."""

import pytest
from pydantic import ValidationError

from tests.workflows.cases import FOUND, RIGHTS, asked, case_of, done, waits
from workflows.rectification import Details

CHANGES = {"user.contact.email": "ada@new.example"}
HELD = [done("locate", "chat", FOUND), done("locate", "mail")]


def test_the_new_values_are_written_where_the_old_ones_stand():
    """With the statement that completes the record; then they are read back in the same systems."""
    case = case_of("rectification", *HELD, details={"changes": CHANGES, "statement": "I moved."})
    (write,) = case.right.stage("rectify")(case)
    assert ("chat.rectify", {"changes": CHANGES, "statement": "I moved."}) == (write.key, write.args)
    (look,) = case.right.stage("look_again")(case)
    assert ("chat.absent.1", {"act": "rectify", "changes": CHANGES}) == (look.key, look.args)


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
