"""The commands about restored systems, as people run them."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.command import process, wrong
from tests.small import BOB, ticket

HOUR_AGO = (datetime.now(UTC) - timedelta(hours=1)).isoformat()


def test_a_system_is_marked_shown_and_replayed(run, desk):
    """`status` and `ticket` show what waits; the replay prints its tickets a line, and what nothing does again."""
    erased = desk.line.submit(ticket("erasure", BOB))
    desk.line.run()
    marked, replayed, unknown = process(
        desk,
        (("systems", "restored", "chat", "--at", HOUR_AGO), {}),
        (("replay", "chat", "--json"), {}),
        (("replay", "crm"), {}),
    )
    assert "no such system in the inventory; there are chat, mail, documents" in wrong(unknown)
    assert (0, "") == (marked.code, marked.error)
    assert "1 erasures since" in marked.out
    (ident,) = replayed.json()["tickets"]
    assert "closed" == desk.line.ticket(erased)["state"]
    waiting = desk.line.submit(ticket("access", BOB))
    shown = run("ticket", waiting).out
    assert "the system was restored; it waits for `rightsdesk replay chat`" in " ".join(shown.split())
    assert ["chat"] == [one["system"] for one in run("status", "--json").json()["fenced"]]
    assert "fenced   chat: restored to" in run("status").out
    assert ident in run("tickets").out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["systems", "restored", "chat", "--at", "soon"], "--at is a time such as"),
        (["systems", "restored", "chat", "--at", "2026-03-01T09:00:00"], "--at needs its offset"),
        (["replay", "chat", "--since", "2026-03-01"], "--since needs its offset"),
    ],
)
def test_wrong_use_is_one_line(run, desk, words, said):
    """It says what to write."""
    assert said in wrong(run(*words))
