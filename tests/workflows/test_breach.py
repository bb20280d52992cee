"""Art. 33 and 34."""

from datetime import timedelta

import pytest
from pydantic import ValidationError

from tests.workflows.cases import NOW, asked, case_of, done
from workflows.breach import Details

INCIDENT = {
    "nature": "A token was stolen.", "consequences": "Phishing.", "measures": "It was revoked.",
    "from": "2026-01-01T00:00:00+00:00", "to": "2026-02-01T00:00:00+00:00",
}  # fmt: skip
LISTED = {name: value for name, value in INCIDENT.items() if name not in ("from", "to")}
LISTED |= {"people": [{"email": "a@b.example"}]}


def breach(*steps, incident=LISTED, tells="vendor", waited=timedelta()):
    """Return a breach's case, its notices having begun a while ago."""
    return case_of(
        "breach", *steps, ticket={"subject": None, "identity": None}, details={"incident": incident},
        client={"tells_people": tells}, stage_since=NOW - waited,
    )  # fmt: skip


def test_the_window_is_searched_in_the_systems_concerned():
    """In all systems, or in those that the incident names; one that is not there is asked too, and fails visibly."""
    case = breach(incident=INCIDENT)
    assert ["chat.subjects", "mail.subjects", "documents.subjects"] == asked(case, "notify")
    step = next(iter(case.right.stage("notify")(case)))
    assert {"from": INCIDENT["from"], "to": INCIDENT["to"]} == step.args
    assert ["mail.subjects"] == asked(breach(incident=INCIDENT | {"systems": ["mail"]}), "notify")
    assert ["maill.subjects"] == asked(breach(incident=INCIDENT | {"systems": ["maill"]}), "notify")


def test_a_search_that_fails_holds_nobody_back_by_more_than_an_hour():
    """People are told when all are found; the client is told after an hour whatever is found by then."""
    found = [done("subjects", system) for system in ("chat", "mail")]
    waiting = breach(*found, done("subjects", "documents", state="failed"), incident=INCIDENT)
    assert "desk.tell" not in asked(waiting, "notify")
    late = breach(
        *found, done("subjects", "documents", state="failed"), incident=INCIDENT, waited=timedelta(minutes=60)
    )
    assert "desk.tell-client" in asked(late, "notify")
    ready = breach(*found, done("subjects", "documents", state="waived"), incident=INCIDENT)
    assert "desk.tell" in asked(ready, "notify")


def test_a_list_of_people_needs_no_search():
    """Without a window nobody is looked for."""
    assert ["desk.tell"] == asked(breach(), "notify")


def test_people_are_told_first():
    """Then the client, then the form is written."""
    assert ["desk.tell"] == asked(breach(), "notify")
    assert ["desk.tell"] == asked(breach(done("tell", state="running")), "notify")
    assert ["desk.tell", "desk.tell-client"] == asked(breach(done("tell")), "notify")
    told = breach(done("tell"), done("tell-client"))
    assert ["desk.tell", "desk.tell-client", "desk.authority"] == asked(told, "notify")


@pytest.mark.parametrize(
    ("minutes", "expected"),
    [
        (0, ["desk.tell"]),
        (59, ["desk.tell"]),
        (60, ["desk.tell", "desk.tell-client"]),
        (119, ["desk.tell", "desk.tell-client"]),
        (120, ["desk.tell", "desk.tell-client", "desk.authority"]),
    ],
)
def test_no_notice_is_held_back_by_more_than_an_hour(minutes, expected):
    """Where telling people takes long or fails, the client is told after an hour, and the form is ready after two."""
    for state in ("running", "failed", "ready"):
        case = breach(done("tell", state=state), waited=timedelta(minutes=minutes))
        assert expected == asked(case, "notify")


def test_a_waived_notice_lets_the_next_go():
    """A person may go on without it."""
    assert ["desk.tell", "desk.tell-client"] == asked(breach(done("tell", state="waived")), "notify")


def test_where_the_client_tells_people_it_is_told_first_and_asked():
    """Only its yes lets the vendor tell them; the form does not wait for it."""
    assert ["desk.tell-client"] == asked(breach(tells="client"), "notify")
    told = done("tell-client")
    assert ["desk.tell-client", "desk.people", "desk.authority"] == asked(breach(told, tells="client"), "notify")
    yes = done("people", decision="approve", waits="people")
    assert "desk.tell" in asked(breach(told, yes, tells="client"), "notify")
    no = done("people", decision="waive", state="waived", waits="people")
    assert "desk.tell" not in asked(breach(told, no, tells="client"), "notify")


def test_notices_are_asked_for_eagerly_and_then_registered():
    """The stage is asked again before its steps are over; the register comes after it."""
    case = breach()
    assert frozenset({"notify"}) == case.right.eager
    assert ["desk.register"] == asked(case, "register")
    assert case.right.names.index("notify") < case.right.names.index("register")
    assert not case.right.needs_subject


@pytest.mark.parametrize(
    "change",
    [
        {"from": None}, {"to": "2025-01-01T00:00:00+00:00"}, {"from": "2026-01-01T00:00:00"}, {"nature": ""},
        {"from": "0001-01-01T00:00:00+01:00"}, {"to": "9999-12-31T23:59:59-01:00"},
        {"people": [{"email": "nobody"}]}, {"people": [{"phone": "1"}]}, {"systems": ["a b"]}, {"x": 1},
    ],
)  # fmt: skip
def test_wrong_incidents_are_refused(change):
    """A window that makes sense, or people; each fact that 33(3) asks for."""
    with pytest.raises(ValidationError):
        Details.model_validate({"incident": INCIDENT | change})
