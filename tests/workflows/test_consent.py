"""Art. 7."""

import pytest
from pydantic import ValidationError

from tests.workflows.cases import RIGHTS, case_of
from workflows.consent import Details

GIVEN = {
    "action": "give",
    "purposes": ["newsletter", "calls"],
    "channel": "web",
    "wording": "v1",
    "act": "ticked a box",
}


def test_a_consent_allows_with_its_proof():
    """Who, when, by which channel, under which wording, by which act."""
    gates = RIGHTS["consent"].gates(case_of("consent", details={"consent": GIVEN}).ticket)
    assert [("newsletter", "consent", True), ("calls", "consent", True)] == [
        (one.purpose, one.kind, one.allow) for one in gates
    ]
    assert {"action", "purposes", "channel", "wording", "act", "at", "via"} == set(gates[0].proof)


def test_a_withdrawal_denies_as_easily():
    """It needs no wording."""
    withdrawn = {name: value for name, value in GIVEN.items() if name != "wording"} | {"action": "withdraw"}
    gates = RIGHTS["consent"].gates(case_of("consent", details={"consent": withdrawn}).ticket)
    assert [("withdrawal", False)] * 2 == [(one.kind, one.allow) for one in gates]


@pytest.mark.parametrize(
    "act",
    [
        "implied by use", "silence", "pre-ticked box", "pre ticked box", "preselected", "scrolled on",
        "continued to browse",
        "did not opt out", "by default", "inactivity",
    ],
)  # fmt: skip
def test_implied_consent_is_none(act):
    """Art. 4(11), Recital 32: a free and explicit act."""
    with pytest.raises(ValidationError, match="implied consent is no consent"):
        Details.model_validate({"consent": GIVEN | {"act": act}})


@pytest.mark.parametrize("act", ["clicked the opt-out link", "opted out by mail", "wrote: I do not want to continue"])
def test_any_act_withdraws(act):
    """What would be no consent is a withdrawal all the same (7(3))."""
    assert act == Details.model_validate({"consent": GIVEN | {"action": "withdraw", "act": act}}).consent.act


@pytest.mark.parametrize("change", [{"wording": ""}, {"purposes": []}, {"action": "assume"}, {"act": ""}, {"x": 1}])
def test_a_consent_without_its_proof_is_refused(change):
    """Purposes, wording and act belong to it."""
    with pytest.raises(ValidationError):
        Details.model_validate({"consent": GIVEN | change})
