"""A system that refuses: the field is failed, the stage is held, and no ticket ends as fulfilled over it."""

import sqlite3
from contextlib import closing

import pytest

from tests import small
from tests.small import ADA, ticket

KEEPS = "CREATE TRIGGER t BEFORE DELETE ON contacts WHEN OLD.id = 1 BEGIN SELECT RAISE({how}); END"


def do(world, statement):
    """Run a statement on the chat database."""
    with closing(sqlite3.connect(world.folder / "chat.db")) as database, database:
        database.execute(statement)


@pytest.mark.parametrize("how", ["IGNORE", "ABORT, 'no'"])
def test_a_row_that_stays_holds_the_stage(opened, tmp_path, how):
    """The deletion is tried once more, then a person waives it, and the outcome says partial."""
    world = small.build(tmp_path / "world")
    do(world, KEEPS.format(how=how))
    line = opened(world)
    ident = line.submit(ticket("erasure"))
    line.run()
    found = line.ticket(ident)
    deletes = [one for one in found["steps"] if (one["verb"], one["system"]) == ("delete", "chat")]
    assert [1, 1] == [one["counts"]["contacts"]["failed"] for one in deletes]
    assert all(one["reasons"][0]["ground"].startswith("contacts: ") for one in deletes)
    assert "waiting" == found["state"]
    line.decide(ident, "waive")
    assert "partial" == line.ticket(ident)["outcome"]
    assert ADA in str(world.rows("SELECT * FROM contacts"))


def test_an_obstacle_that_was_taken_away_is_made_good(opened, tmp_path):
    """A person's retry deletes again, and what failed before does not count any more."""
    world = small.build(tmp_path / "world")
    do(world, KEEPS.format(how="IGNORE"))
    line = opened(world)
    ident = line.submit(ticket("erasure"))
    line.run()
    do(world, "DROP TRIGGER t")
    line.decide(ident, "retry")
    assert ("closed", "fulfilled") == (line.ticket(ident)["state"], line.ticket(ident)["outcome"])
    assert set() == world.of(ADA)


def test_a_field_that_is_put_back_is_not_rectified(opened, tmp_path):
    """The new name that a trigger undoes is failed on its field, and the second look waits for a person."""
    world = small.build(tmp_path / "world")
    do(
        world,
        "CREATE TRIGGER t AFTER UPDATE OF name ON contacts WHEN NEW.name IS NOT OLD.name"
        " BEGIN UPDATE contacts SET name = OLD.name WHERE id = NEW.id; END",
    )
    line = opened(world)
    ident = line.submit(ticket("rectification", details={"changes": {"user.name": "Ada Newname"}}))
    line.run()
    found = line.ticket(ident)
    assert "closed" != found["state"] or "fulfilled" != found["outcome"]
    (first, *_) = [one for one in found["steps"] if (one["verb"], one["system"]) == ("rectify", "chat")]
    assert {"contacts": {"failed": 1}} == first["counts"]
    assert first["reasons"][0]["ground"].startswith("contacts.name: the old value stands again")
