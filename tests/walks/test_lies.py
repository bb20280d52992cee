"""Systems that lie: report a deletion and leave something. The second look and the certificate catch each."""

import pytest

from tests import small
from tests.small import ADA, ticket

LIES = [
    ("chat", "lying-sql"),
    ("chat", "orphaning-sql"),
    ("mail", "lying-maildir"),
    ("documents", "lying-objects"),
]


@pytest.mark.parametrize(("system", "kind"), LIES)
def test_a_lie_is_caught(opened, tmp_path, system, kind):
    """The act is put back once, then the ticket waits; waived by a person, its certificate says what is not proved."""
    world = small.build(tmp_path / "world", **{system: kind})
    line = opened(world)
    ident = line.submit(ticket("erasure"))
    line.run()
    found = line.ticket(ident)
    looks = [one for one in found["steps"] if (one["verb"], one["system"]) == ("absent", system)]
    assert ["done", "failed"] == [one["state"] for one in looks]
    assert 2 == len([one for one in found["steps"] if (one["verb"], one["system"]) == ("delete", system)])
    assert "waiting" == found["state"]
    assert "the second look still finds the person" in looks[-1]["error"]
    line.decide(ident, "waive")
    assert "partial" == line.ticket(ident)["outcome"]
    proved = {one["id"]: one["second_look"] for one in line.certificate(ident)["certificate"]["systems"]}
    assert "not proved" == proved.pop(system)
    assert {"clean"} == set(proved.values())


def test_a_retry_puts_the_act_back_again(opened, tmp_path):
    """When the system has been mended, a person's retry deletes again and looks again."""
    world = small.build(tmp_path / "world", chat="lying-sql")
    line = opened(world)
    ident = line.submit(ticket("erasure"))
    line.run()
    text = world.systems.read_text()
    world.systems.write_text(text.replace("lying-sql", "sql"))
    mended = opened(world)
    mended.decide(ident, "retry")
    assert ("closed", "fulfilled") == (mended.ticket(ident)["state"], mended.ticket(ident)["outcome"])
    assert set() == world.of(ADA)
