"""Art. 21."""

import pytest
from pydantic import ValidationError

from tests.workflows.cases import FOUND, RIGHTS, asked, case_of, done, waits
from workflows.objection import Details


def test_direct_marketing_stops_without_an_act_or_a_question():
    """21(3) knows no exemption; it is what is meant where no purpose is named."""
    case = case_of("objection", done("locate", "chat", FOUND))
    (gate,) = RIGHTS["objection"].gates(case.ticket)
    assert ("direct-marketing", "objection", False, ()) == (gate.purpose, gate.kind, gate.allow, gate.exempt)
    assert [] == asked(case, "rest")
    assert [] == waits(case, "weigh")


def test_other_purposes_rest_until_a_person_has_weighed_them():
    """Found, restricted, weighed; each purpose is denied meanwhile."""
    case = case_of("objection", done("locate", "chat", FOUND), details={"purposes": ["profiling", "direct-marketing"]})
    gates = [(one.purpose, one.firm) for one in RIGHTS["objection"].gates(case.ticket)]
    assert [("profiling", False), ("direct-marketing", True)] == gates
    assert ["mail.locate.1", "documents.locate.1"] == asked(case, "find")
    assert ["chat.restrict"] == asked(case, "rest")
    assert ["grounds"] == waits(case, "weigh")


def test_the_person_is_found_whatever_is_objected_to():
    """The gate then knows all of their identifiers; doubtful records matter only where they are restricted."""
    doubt = done("locate", "chat", {"contacts": {"ambiguous": 1}})
    for purpose, asks in (("direct-marketing", []), ("profiling", ["match"])):
        case = case_of("objection", doubt, details={"purposes": [purpose]})
        assert ["mail.locate.1", "documents.locate.1"] == asked(case, "find")
        assert asks == waits(case, "doubts")


def test_a_purpose_has_one_spelling():
    """Direct marketing is denied however it is written."""
    assert ("direct-marketing", "x") == Details(purposes=["Direct-Marketing", "X"]).purposes


@pytest.mark.parametrize("details", [{"purposes": []}, {"purposes": ["a b"]}, {"grounds": ""}])
def test_wrong_details_are_refused(details):
    """An objection is to something."""
    with pytest.raises(ValidationError):
        Details.model_validate(details)
