"""The case: what it counts and knows, and how a ticket ends."""

from dataclasses import replace

import pytest

from shared.domain.case import Gate, Right, closing
from shared.domain.identifier import Identifier
from shared.domain.outcome import Outcome
from shared.domain.step import Step
from tests.workflows.cases import LATER, NOW, case_of, done

FOUND, ERASED = {"contacts": {"found": 1}}, {"contacts": {"erased": 1}}
NEW = Identifier("phone_number", "+4930231250001")


def test_steps_are_taken_by_verb_and_system():
    """Oldest first, of one system or of all."""
    case = case_of("erasure", done("locate", "chat"), done("locate", "mail"), done("locate", "chat", part="2"))
    assert ["", "2"] == [one.part for one in case.taken("locate", "chat")]
    assert 3 == len(case.taken("locate"))
    assert () == case.taken("delete")


def test_only_what_is_done_is_counted():
    """Failed and waived steps count nothing; verb and system narrow it."""
    case = case_of(
        "erasure", done("delete", "chat", ERASED), done("delete", "mail", ERASED), done("locate", "chat", FOUND),
        done("delete", "documents", ERASED, state="failed"),
    )  # fmt: skip
    assert 2 == case.total("erased")
    assert 3 == case.total("erased", "found")
    assert 1 == case.total("erased", verb="delete", system="chat")


@pytest.mark.parametrize(
    ("counts", "holds"),
    [({}, False), (FOUND, True), ({"m": {"mention": 1}}, True), ({"m": {"ambiguous": 1}}, True), (ERASED, False)],
)
def test_a_system_holds_what_its_last_locate_found(counts, holds):
    """Findings, mentions and doubtful records count."""
    assert holds == case_of("erasure", done("locate", "chat", counts)).holds("chat")


def test_the_last_locate_counts():
    """What a later round no longer finds is not held; a failed round says nothing."""
    rounds = [done("locate", "chat", FOUND), done("locate", "chat", {}, part="2")]
    assert not case_of("erasure", *rounds).holds("chat")
    assert case_of("erasure", rounds[0], replace(rounds[1], state="failed")).holds("chat")
    assert not case_of("erasure").holds("chat")


def test_a_locate_knows_what_was_found_before_it_was_planned():
    """What it found itself counts, too; what came while it ran does not."""
    first = done("locate", "chat", identifiers=frozenset({NEW}), id=1)
    other = done("locate", "mail", id=2, created_at=first.created_at)
    case = case_of("erasure", first, other)
    assert NEW in case.known_to(first)
    assert NEW not in case.known_to(other)
    later = replace(other, id=3, created_at=LATER)
    assert NEW in case_of("erasure", first, other, later).known_to(later)
    unfinished = replace(first, finished_at=None)
    assert NEW not in case_of("erasure", unfinished, later).known_to(later)


@pytest.mark.parametrize("verdict", ["refused", "withdrawn"])
def test_a_persons_verdict_is_the_outcome(verdict):
    """Whatever the steps did before."""
    assert verdict == closing(case_of("erasure", done("delete", "chat", ERASED), verdict=verdict))


def test_what_could_not_be_refused_makes_a_refusal_partial():
    """An objection to direct marketing stands, whatever else of it was refused."""
    assert "partial" == closing(case_of("objection", verdict="refused in part"))


@pytest.mark.parametrize(
    ("counts", "ending"),
    [
        ({}, "fulfilled"),
        (ERASED, "fulfilled"),
        ({"m": {"redacted": 3, "restricted": 1}}, "fulfilled"),
        ({"m": {"erased": 3, "retained": 1}}, "partial"),
        ({"m": {"residual": 1}}, "partial"),
        ({"m": {"failed": 1}}, "partial"),
        ({"m": {"masked": 1}}, "partial"),
    ],
)
def test_what_is_left_makes_an_erasure_partial(counts, ending):
    """Anything retained, residual, failed or only masked."""
    assert ending == closing(case_of("erasure", done("delete", "chat", counts)))


def test_what_a_rest_left_counts_while_it_rests():
    """A restriction that stands leaves what bears no mark; the halt of an erasure, or a lifted one, has passed."""
    left = {"orders": {"residual": 2}, "contacts": {"restricted": 1}}
    rest = done("restrict", "chat", left)
    assert "partial" == closing(case_of("restriction", rest))
    assert "fulfilled" == closing(case_of("erasure", rest, done("delete", "chat", ERASED)))
    assert "fulfilled" == closing(case_of("rectification", rest, done("lift", "chat")))
    assert "partial" == closing(case_of("rectification", rest, done("lift", "mail")))


def test_a_mask_counts_where_the_client_instructed_it():
    """By documented instruction masked is fulfilled; a mask that no erasure made never is in question."""
    masked = {"m": {"masked": 1}}
    assert "fulfilled" == closing(case_of("erasure", done("delete", "chat", masked), client={"accept_masking": True}))
    assert "fulfilled" == closing(case_of("access", done("mask", "chat", masked)))
    retained = {"m": {"retained": 1}}
    assert "partial" == closing(case_of("erasure", done("delete", "chat", retained), client={"accept_masking": True}))


def test_a_waived_act_is_partial_and_a_waived_decision_is_not():
    """Going on without a system's step leaves something; a turn that was given does not."""
    assert "partial" == closing(case_of("erasure", done("absent", "chat", state="waived")))
    assert "fulfilled" == closing(
        case_of("erasure", done("turn", state="waived", waits="turn"), done("match", state="waived", waits="match"))
    )
    assert "partial" == closing(case_of("breach", done("tell", state="waived")))


def one(_):
    """Ask for nothing."""
    return ()


def two(_):
    """Ask for nothing."""
    return ()


def test_a_rights_stages_have_names():
    """A stage is found by its function's name, in order; a name that is none is an error."""
    right = Right("x", "1", "P1M", stages=(one, two))
    assert ("one", "two") == right.names
    assert two is right.stage("two")
    with pytest.raises(StopIteration):
        right.stage("three")
    assert () == right.gates(case_of("access").ticket)
    assert not Gate("*", "halt").allow


def test_details_are_the_rights_own():
    """The ticket's details come as the model that the right names."""
    case = case_of("rectification", details={"changes": {"user.name": "Ada"}})
    assert {"user.name": "Ada"} == case.detail(case.right.details).changes


def test_a_steps_key_tells_it_apart():
    """System or channel, verb and part; arguments do not matter."""
    assert ["chat.locate.2", "chat.locate", "desk.answer", "desk.approval.1"] == [
        Step("locate", "chat", "chat", "2").key, Step("locate", "chat", "chat").key, Step("answer").key,
        Step("approval", part="1", waits="approval").key,
    ]  # fmt: skip
    assert Step("locate", args={"a": 1}) == Step("locate", args={"a": 2})


def test_an_outcome_counts_known_kinds():
    """A number of zero leaves no trace, a kind that is none is an error, a reason stands once."""
    outcome = Outcome()
    outcome.count("m", "erased", 2)
    outcome.count("m", "erased")
    outcome.count("n", "erased", 0)
    assert {"m": {"erased": 3}} == outcome.counts
    assert (3, 0) == (outcome.total("erased"), outcome.total("found"))
    with pytest.raises(ValueError, match="no such outcome: vanished"):
        outcome.count("m", "vanished")
    for _ in range(2):
        outcome.because("m", "retained", "§ 257 HGB", NOW.date())
    assert [{"collection": "m", "outcome": "retained", "ground": "§ 257 HGB", "until": "2026-02-01"}] == [
        reason.as_json() for reason in outcome.reasons
    ]
