"""The stages that rights share: pure functions from a case to steps."""

from dataclasses import replace

import pytest

from shared.domain.identifier import Identifier
from tests.workflows.cases import FOUND, HIT, LATER, NOTHING, NOW, asked, case_of, done, waits
from workflows import stages

PHONE = Identifier("phone_number", "+4930231250001")


def prove(case, verb="delete"):
    """Return the keys of what a second look asks for in the chat."""
    return [step.key for step in stages.prove(case, verb, case.systems[:1])]


def test_a_vouched_person_is_not_asked_for():
    """The client's word suffices, unless somebody else asks in the person's name."""
    assert [] == waits(case_of("access"), "identify")
    assert ["identity"] == waits(case_of("access", ticket={"identity": None}), "identify")
    mandated = {"subject": {"email": ["a@example.org"], "represented_by": {"name": "Eve", "mandate": "a letter"}}}
    assert ["mandate"] == waits(case_of("access", ticket=mandated), "identify")
    assert ["identity", "mandate"] == waits(case_of("access", ticket=mandated | {"identity": None}), "identify")


def test_a_code_stands_in_for_a_vouched_person():
    """Where the client asks for a code nobody vouches first; a mandate is looked at all the same."""
    client = {"identity": "code"}
    assert [] == waits(case_of("access", client=client, ticket={"identity": None}), "identify")


def test_everything_is_located_everywhere():
    """One step a system, numbered by its round."""
    assert ["chat.locate.1", "mail.locate.1", "documents.locate.1"] == asked(case_of("access"), "locate")


def test_what_was_found_widens_the_search():
    """A new identifier is looked for where it was not known; where it was found it is known."""
    rounds = [
        done("locate", "chat", FOUND, identifiers=frozenset({PHONE})), done("locate", "mail"),
        done("locate", "documents"),
    ]  # fmt: skip
    case = case_of("access", *rounds, widened={PHONE})
    assert ["mail.locate.2", "documents.locate.2"] == asked(case, "locate")


def test_the_search_ends_when_nothing_new_is_found():
    """After a round that knew all identifiers nobody is asked again."""
    first = [
        done("locate", "chat", identifiers=frozenset({PHONE})), done("locate", "mail"), done("locate", "documents"),
    ]  # fmt: skip
    second = [done("locate", name, part="2", created_at=LATER) for name in ("mail", "documents")]
    assert [] == asked(case_of("access", *first, *second, widened={PHONE}), "locate")


def test_a_search_without_an_end_asks_a_person_once():
    """After eight rounds one question is asked, however many systems it concerns."""
    rounds = [done("locate", name, part=str(n)) for n in range(1, 9) for name in ("chat", "mail", "documents")]
    case = case_of("access", *rounds, widened={PHONE})
    assert ["desk.match.widening"] == asked(case, "locate")
    assert ["match"] == waits(case, "locate")


def test_what_is_ambiguous_asks_a_person():
    """Only the last locate of each system counts."""
    doubt = {"contacts": {"ambiguous": 1}}
    assert ["match"] == waits(case_of("access", done("locate", "chat", doubt)), "resolve")
    assert [] == waits(case_of("access", done("locate", "chat", doubt), done("locate", "chat", FOUND)), "resolve")
    assert [] == waits(case_of("access"), "resolve")


def test_a_code_goes_out_before_it_is_asked_for():
    """First the mail, then the person's answer."""
    client = {"identity": "code"}
    assert [] == asked(case_of("access"), "confirm")
    assert ["desk.code"] == asked(case_of("access", client=client), "confirm")
    assert ["desk.code"] == asked(case_of("access", done("code", state="failed"), client=client), "confirm")
    case = case_of("access", done("code"), client=client)
    assert ["desk.code", "desk.identity.code"] == asked(case, "confirm")


def test_where_no_code_could_be_sent_a_person_decides_without_one():
    """A waived code leaves an identity that can be approved by other means."""
    case = case_of("access", done("code", state="waived"), client={"identity": "code"})
    assert ["desk.code", "desk.identity"] == asked(case, "confirm")


def test_a_later_ticket_waits_its_turn():
    """Only while another one is ahead."""
    assert ["turn"] == waits(case_of("erasure", ahead=True), "wait_turn")
    assert [] == waits(case_of("erasure"), "wait_turn")


def test_an_act_is_asked_of_the_systems_that_hold_something():
    """A system in which nothing was found is not written to."""
    case = case_of("access", done("locate", "chat", FOUND), done("locate", "mail", NOTHING))
    assert ["chat.export"] == asked(case, "export")


def test_a_first_look():
    """It is asked for once; while it runs and when it is clean nothing new is."""
    assert ["chat.absent.1"] == prove(case_of("erasure"))
    for state in ("running", "failed", "waived", "done"):
        assert ["chat.absent.1"] == prove(case_of("erasure", done("absent", "chat", part="1", state=state)))


def test_a_hit_puts_the_act_back_once():
    """Locate, act, look: one after the other."""
    steps = [done("absent", "chat", HIT, part="1")]
    for expected in ("chat.locate.again1", "chat.delete.again1", "chat.absent.2"):
        assert [expected] == prove(case_of("erasure", *steps))
        _, verb, part = expected.split(".")
        assert [expected] == prove(case_of("erasure", *steps, done(verb, "chat", part=part, state="running")))
        steps.append(done(verb, "chat", part=part))
    assert ["chat.absent.2"] == prove(case_of("erasure", *steps))


def test_a_second_hit_waits_and_a_retry_puts_the_act_back_again():
    """A failed look holds; ended by a person's retry it starts the next round."""
    steps = [
        done("absent", "chat", HIT, part="1"), done("locate", "chat", part="again1"),
        done("delete", "chat", part="again1"),
    ]  # fmt: skip
    failed = done("absent", "chat", HIT, part="2", state="failed")
    assert ["chat.absent.2"] == prove(case_of("erasure", *steps, failed))
    retried = replace(failed, state="done", decision="retry")
    assert ["chat.locate.again2"] == prove(case_of("erasure", *steps, retried))
    again = [done("locate", "chat", part="again2"), done("delete", "chat", part="again2")]
    assert ["chat.absent.3"] == prove(case_of("erasure", *steps, retried, *again))


def test_a_waived_act_goes_on_to_the_look():
    """A person may go on without the repetition."""
    steps = [done("absent", "chat", HIT, part="1"), done("locate", "chat", part="again1", state="waived")]
    assert ["chat.delete.again1"] == prove(case_of("erasure", *steps))


def test_one_systems_hit_does_not_hold_the_others():
    """Each system has its own rounds."""
    case = case_of("erasure", done("absent", "chat", HIT, part="1"), done("absent", "mail", part="1"))
    assert ["chat.locate.again1", "mail.absent.1", "documents.absent.1"] == asked(case, "look_again")


def test_a_look_knows_what_it_proves():
    """The act and its arguments come with each look and each repetition."""
    (step,) = stages.prove(
        case_of("rectification"), "rectify", case_of("access").systems[:1], changes={"user.name": "A"}
    )
    assert {"act": "rectify", "changes": {"user.name": "A"}} == step.args
    hit = case_of("rectification", done("absent", "chat", HIT, part="1"), done("locate", "chat", part="again1"))
    (step,) = stages.prove(hit, "rectify", hit.systems[:1], changes={"user.name": "A"})
    assert ("rectify", {"changes": {"user.name": "A"}}) == (step.verb, step.args)


def test_recipients_are_told_where_something_was_held():
    """Each of the client's recipients, by Art. 19; nobody where nothing was found."""
    client = {"callbacks": ("https://one.example", "https://two.example")}
    case = case_of("erasure", done("locate", "chat", FOUND), client=client)
    assert ["desk.notify.0", "desk.notify.1"] == asked(case, "tell")
    assert ["https://one.example", "https://two.example"] == [step.args["url"] for step in stages.tell(case)]
    assert [] == asked(case_of("erasure", client=client), "tell")


def test_only_a_verdict_undoes():
    """What was restricted for a ticket is lifted where the ticket was refused or withdrawn."""
    steps = [done("restrict", "chat"), done("restrict", "mail", state="waived")]
    assert [] == asked(case_of("erasure", *steps), "undo")
    assert ["chat.lift"] == asked(case_of("erasure", *steps, verdict="refused"), "undo")


def test_every_ticket_ends_alike():
    """An answer, its delivery, and the submitter's own addresses."""
    case = case_of("access", ticket={"callback_urls": ["https://one.example/x", "https://two.example/y"]})
    ends = [step for stage in ("answer", "deliver", "call_back") for step in asked(case, stage)]
    assert ["desk.answer", "desk.deliver", "desk.callback.0", "desk.callback.1"] == ends
    assert "https://one.example/x" == next(iter(stages.call_back(case))).args["url"]


@pytest.mark.parametrize("verb", ["absent", "delete"])
def test_is_over_looks_at_state_and_part(verb):
    """Done or waived, of this part or of any."""
    case = case_of("erasure", done(verb, "chat", part="1", state="waived"), done(verb, "mail", state="running"))
    assert stages.is_over(case, verb, "chat")
    assert stages.is_over(case, verb, "chat", "1")
    assert not stages.is_over(case, verb, "chat", "2")
    assert not stages.is_over(case, verb, "mail")
    assert NOW == case.now
