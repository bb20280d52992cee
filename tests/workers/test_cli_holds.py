"""The commands about legal holds: what they print, refuse and never show."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from uuid import UUID, uuid4

import pytest

from tests import small
from tests.line import open_line
from tests.small import ADA, ticket
from tests.workers.test_cli import process, wrong

GROUND = "Art. 17(3)(e) GDPR: litigation, file 2026-17"
REVIEW = (datetime.now(UTC) + timedelta(days=30)).date().isoformat()
PLACE = ("hold", "place", "--client", "acme", "--ground", GROUND, "--review", REVIEW, "--as", "ines")
BY = ("--as", "ines", "--reason", "as the test says")


@pytest.fixture(scope="module")
def desk(tmp_path_factory, valkey_url):
    """A home in which nothing has happened, and its line."""
    folder = tmp_path_factory.mktemp("holds")
    world = small.build(folder / "world")
    line = open_line(folder / "home", world.systems, broker=valkey_url)
    environment = {
        "RIGHTSDESK_HOME": str(folder / "home"), "RIGHTSDESK_SYSTEMS": str(world.systems),
        "RIGHTSDESK_BROKER_URL": valkey_url, "COLUMNS": "250",
    }  # fmt: skip
    yield SimpleNamespace(line=line, world=world, environment=environment)
    line.close()


def several(desk, *many):
    """Run commands one after the other; return what each said."""
    return process(desk, *((words, {}) for words in many))


def test_a_hold_from_its_placing_to_its_lifting(desk):
    """Placed, listed, renewed, lifted: what it kept goes on as a ticket that is named."""
    placed, listed, table = several(
        desk, (*PLACE, "--system", "chat", "--email", ADA, "--phone", "030 231250001"), ("holds", "--json"), ("holds",)
    )
    assert (0, "") == (placed.code, placed.error)
    ident = str(UUID(placed.out.strip()))
    (shown,) = listed.json()
    expected = {
        "id": ident, "client": "acme", "system": "chat", "everyone": False, "identifiers": 2, "ground": GROUND,
        "review_on": REVIEW, "state": "in force", "keeps": 0, "placed_by": "ines", "lifted_by": None,
    }  # fmt: skip
    assert expected == {name: shown[name] for name in expected}
    assert "one person (identifiers: 2)" in table.out
    assert ADA not in listed.out + table.out
    erasure = desk.line.submit(ticket("erasure"))
    desk.line.run()
    assert "partial" == desk.line.ticket(erasure)["outcome"]
    renewed, kept, lifted, again, others, none, every = several(
        desk,
        ("hold", "renew", ident, "--review", "2099-01-31", *BY),
        ("holds", "--client", "acme", "--json"),
        ("hold", "lift", ident, *BY),
        ("hold", "lift", ident, *BY),
        ("hold", "renew", ident, "--review", "2099-01-31", *BY),
        ("holds", "--json"),
        ("holds", "--all", "--json"),
    )
    assert "renew: recorded\n" == renewed.out
    assert [("2099-01-31", "ines", 1)] == [(one["review_on"], one["renewed_by"], one["keeps"]) for one in kept.json()]
    first, follow_up = lifted.out.splitlines()
    assert "lift: recorded" == first
    assert follow_up.endswith(f" takes up the erasure of {erasure} again")
    assert {"the hold has been lifted already"} == {wrong(again), wrong(others)}
    assert [] == none.json()
    assert [("lifted", "ines")] == [(one["state"], one["lifted_by"]) for one in every.json()]
    assert str(erasure) != (other := follow_up.split()[1])
    assert "open" == desk.line.ticket(UUID(other))["state"]


WRONG = {
    (): "say whose data: --email, --phone or --other KIND=V of one person, or --everyone",
    ("--everyone", "--email", ADA): "say whose data",
    ("--everyone", "--system", "fax"): "the client has no such system",
    ("--everyone", "--client", "nobody"): "no such client",
    ("--everyone", "--review", "soon"): "--review is a date",
    ("--everyone", "--review", "2001-01-01"): "--review lies in the past",
    ("--everyone", "--as", " "): "a decision needs --as NAME",
    ("--everyone", "--ground", " "): "a hold needs --ground TEXT",
    ("--everyone", "--ground", f"claim of {ADA}"): "it must not hold an address or a number",
    ("--email", "nonsense"): "subject.email.0: not an e-mail address",
    ("--phone", "x1x"): "subject.phone_number.0: cannot be read",
    ("--other", "v-17"): "--other: write KIND=VALUE",
    ("--other", f"{ADA}=1"): "subject.other.?",
}


def test_what_is_no_hold_is_refused_by_one_line(desk):
    """It says what to do, and quotes nobody's identifier; nothing is placed."""
    before, *refused, after = several(
        desk, ("holds", "--all", "--json"), *((*PLACE, *words) for words in WRONG), ("holds", "--all", "--json")
    )
    for said, expected in zip(map(wrong, refused), WRONG.values(), strict=True):
        assert expected in said
        assert ADA not in said
        assert "nonsense" not in said
    assert before.json() == after.json()


def test_a_hold_is_named_by_its_id(desk):
    """One that is none, or that nobody placed, is wrong use."""
    no_id, unknown, empty = several(
        desk, ("hold", "lift", "7", *BY), ("hold", "lift", uuid4(), *BY), ("hold", "lift", uuid4(), *BY[:3], " ")
    )
    assert "a hold's id is a UUID" in wrong(no_id)
    assert "no such hold" in wrong(unknown)
    assert "--reason TEXT" in wrong(empty)


def test_everyone_is_shown_as_everyone(desk):
    """With the number of nobody's identifiers."""
    placed, listed, table = several(desk, (*PLACE, "--everyone"), ("holds", "--json"), ("holds",))
    (shown,) = [one for one in listed.json() if one["id"] == placed.out.strip()]
    assert (True, None, 0) == (shown["everyone"], shown["system"], shown["identifiers"])
    assert "everyone" in table.out
