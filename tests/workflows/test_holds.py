"""Legal holds in an erasure: kept or deleted, decided once and from the case alone."""

from datetime import date, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.hold import Hold
from shared.domain.outcome import Outcome
from tests.workflows.cases import FOUND, HIT, NOW, RIGHTS, SYSTEMS, asked, case_of, done, waits
from workflows import holds

GROUND = "Art. 17(3)(e) GDPR: litigation, file 2026-17"
ID, TODAY = UUID(int=1), NOW.date()
HELD = [done("locate", "chat", FOUND), done("locate", "mail", FOUND), done("locate", "documents")]
STOPPED = {"state": "waived", "decision": "hold", "by": "ines"}
KEPT = done("restrict", "chat", part="hold")


def hold(system=None, *, number=1, review=TODAY):
    """Return a hold on a system, or on all."""
    return Hold(UUID(int=number), system, GROUND, review, "ines")


def erased(*steps, over=(), **more):
    """Return an erasure's case after these steps."""
    return case_of("erasure", *HELD, *steps, legal_holds=tuple(over), **more)


def test_only_the_held_system_is_kept():
    """The other one is deleted."""
    assert ["chat.restrict.hold", "mail.delete"] == asked(erased(over=[hold("chat")]), "erase")


def test_a_hold_on_every_system_keeps_all():
    """Where nothing was found nothing is kept."""
    assert ["chat.restrict.hold", "mail.restrict.hold"] == asked(erased(over=[hold()]), "erase")


def test_what_is_kept_says_why_and_until_when():
    """The holds with their grounds and review dates, and the numbers of what was found."""
    step = next(iter(holds.erase_or_keep(erased(over=[hold("chat"), hold(number=2)]))))
    assert [str(ID), str(UUID(int=2))] == [one["id"] for one in step.args["holds"]]
    assert {(GROUND, "2026-02-01")} == {(one["ground"], one["until"]) for one in step.args["holds"]}
    assert {"contacts": 1} == step.args["kept"]


def test_ambiguous_records_are_kept_once_a_person_took_them():
    """What a person did not take is not the subject's, and is not counted."""
    counts = {"contacts": {"found": 1, "ambiguous": 2, "mention": 4}}
    for decision, number in (("approve", 7), ("waive", 5)):
        steps = done("locate", "chat", counts), done("match", waits="match", decision=decision)
        step = next(iter(holds.erase_or_keep(case_of("erasure", *steps, legal_holds=(hold(),)))))
        assert {"contacts": number} == step.args["kept"]


def test_an_act_that_a_hold_stopped_becomes_a_restriction():
    """A hold placed since the delete was planned keeps the data."""
    case = erased(done("delete", "chat", **STOPPED), done("delete", "mail"), over=[hold("chat")])
    assert ["chat.restrict.hold"] == asked(case, "erase")


def test_a_hold_that_is_gone_again_is_deleted_after_all():
    """Lifted between the stop and the next look: nothing is forgotten."""
    case = erased(done("delete", "chat", **STOPPED), done("delete", "mail"))
    assert ["chat.delete.1"] == asked(case, "erase")
    assert [] == asked(erased(*(done("delete", one) for one in ("chat", "mail"))), "erase")


def test_what_was_kept_stays_kept_in_this_ticket():
    """A hold that is lifted while other systems are erased: the follow-up deletes, this ticket's answer stays true."""
    case = erased(KEPT, done("delete", "mail"))
    assert [] == asked(case, "erase")
    assert ["chat.absent.1", "mail.absent.1", "documents.absent.1"] == asked(case, "look_again")


def test_a_hold_that_comes_after_the_delete_changes_nothing():
    """What is gone is proved to be gone."""
    case = erased(done("delete", "chat"), done("delete", "mail"), over=[hold()])
    assert [] == asked(case, "erase")
    assert {"delete"} == {step.args["act"] for step in case.right.stage("look_again")(case)}


def test_the_second_look_at_a_held_system_proves_the_restriction():
    """The others are proved to be empty."""
    case = erased(KEPT, done("delete", "mail"), over=[hold("chat")])
    acts = {step.system: step.args["act"] for step in case.right.stage("look_again")(case)}
    assert {"chat": "restrict", "mail": "delete", "documents": "delete"} == acts


def test_a_restriction_that_does_not_stand_is_put_back():
    """As a delete would be; the holds' terms go with it."""
    again = [done("absent", "chat", HIT, part="1"), done("locate", "chat", FOUND, part="again1")]
    case = erased(KEPT, done("delete", "mail"), *again, over=[hold("chat")])
    step = next(iter(case.right.stage("look_again")(case)))
    assert "chat.restrict.again1" == step.key
    assert [str(ID)] == [one["id"] for one in step.args["holds"]]


def test_a_delete_that_is_put_back_is_stopped_too():
    """What turned up since the first delete is kept, when a hold was placed in between."""
    again = [
        done("absent", "chat", HIT, part="1"), done("locate", "chat", FOUND, part="again1"),
        done("delete", "chat", part="again1", **STOPPED),
    ]  # fmt: skip
    case = erased(done("delete", "chat"), done("delete", "mail"), *again, over=[hold("chat")])
    assert "chat.restrict.hold" == asked(case, "look_again")[0]


def test_a_system_that_cannot_restrict_keeps_all_the_same():
    """It is not looked at again: there is nothing that could be seen. The gate denies."""
    chat = type(SYSTEMS[0])("chat", "chat", frozenset({"locate", "delete", "absent"}))
    case = case_of("erasure", HELD[0], systems=(chat,), legal_holds=(hold(),))
    assert ["chat.restrict.hold"] == asked(case, "erase")
    kept = case_of("erasure", HELD[0], KEPT, systems=(chat,), legal_holds=(hold(),))
    assert [] == asked(kept, "look_again")
    assert [] == asked(case_of("erasure", HELD[0], KEPT, systems=(chat,), verdict="withdrawn"), "undo")


def test_an_overdue_review_is_a_question_first():
    """The hold stands; a person says whether it still has to."""
    late = hold("chat", review=TODAY - timedelta(days=1))
    case = erased(over=[late])
    assert [f"desk.review.{ID}", "mail.delete"] == asked(case, "erase")
    assert ["hold review"] == waits(case, "erase")
    answered = done("review", part=str(ID), waits="hold review", decision="approve")
    step = next(iter(holds.erase_or_keep(erased(answered, over=[late]))))
    assert ("chat.restrict.hold", None) == (step.key, step.args["holds"][0]["until"])
    assert ["chat.delete", "mail.delete"] == asked(erased(answered), "erase")


def test_the_review_day_is_the_controllers():
    """Half past midnight in Berlin is the next day."""
    half_past = NOW.replace(hour=23, minute=30)
    case = erased(over=[hold("chat")], client={"timezone": "Europe/Berlin"}, now=half_past)
    assert f"desk.review.{ID}" == asked(case, "erase")[0]
    assert "chat.restrict.hold" == asked(erased(over=[hold("chat")], now=half_past), "erase")[0]


def test_recipients_are_told_unless_everything_is_kept():
    """Art. 19 tells of an erasure."""
    client = {"callbacks": ["https://crm.example/gdpr"]}
    kept = [KEPT, done("restrict", "mail", part="hold")]
    assert [] == asked(erased(*kept, client=client), "tell")
    assert ["desk.notify.0"] == asked(erased(KEPT, done("delete", "mail"), client=client), "tell")


def test_only_an_erasure_heeds_holds():
    """Access, portability and rectification go on."""
    assert {"erasure"} == {right.name for right in RIGHTS.values() if right.heeds}
    for right in ("access", "portability"):
        case = case_of(right, *HELD, legal_holds=(hold(),))
        assert ["chat.export", "mail.export"] == asked(case, "export")


def test_what_is_kept_is_counted_once():
    """A connector may have counted a shared record as retained, too; each hold has its reason."""
    outcome = Outcome({"contacts": {"restricted": 2, "retained": 1}})
    terms = {"id": str(ID), "ground": GROUND, "until": "2027-01-31"}
    holds.retain(outcome, {"kept": {"contacts": 3}, "holds": [terms]})
    assert {"contacts": {"restricted": 2, "retained": 3}} == outcome.counts
    (reason,) = outcome.reasons
    expected = {"collection": "contacts", "outcome": "retained", "ground": GROUND, "until": "2027-01-31"}
    assert expected | {"hold": str(ID)} == reason.as_json()
    assert date(2027, 1, 31) == reason.until


SOME_HOLDS = st.lists(
    st.builds(hold, st.sampled_from([None, "chat", "mail", "documents", "crm"]), number=st.integers(1, 9)), max_size=4
)


@given(over=SOME_HOLDS, stopped=st.sets(st.sampled_from(["chat", "mail"])))
def test_each_system_is_kept_or_deleted_and_never_both(over, stopped):
    """Whatever holds there are, and whatever was stopped before: exactly one act a system that holds something."""
    case = erased(*(done("delete", one, **STOPPED) for one in sorted(stopped)), over=over)
    acts = {step.system: step.verb for step in holds.erase_or_keep(case)}
    held = {one for one in ("chat", "mail") if any(hold.system in (None, one) for hold in over)}
    assert {one: "restrict" if one in held else "delete" for one in ("chat", "mail")} == acts


@pytest.mark.parametrize(("system", "covered"), [(None, True), ("chat", True), ("mail", False)])
def test_a_hold_covers_its_system(system, covered):
    """Or every one."""
    assert covered == hold(system).covers("chat")
