"""The commands about restored systems, as people run them."""

from datetime import UTC, datetime, timedelta

import pytest

from tests import small
from tests.command import process, wrong
from tests.line import open_line
from tests.small import BOB, ticket

HOUR_AGO = (datetime.now(UTC) - timedelta(hours=1)).isoformat()


class Home:
    """A home in which Bob was erased."""

    def __init__(self, folder, broker):
        systems = small.build(folder / "world").systems
        self.line = open_line(folder / "home", systems, broker=broker)
        names = {"HOME": folder / "home", "SYSTEMS": systems, "BROKER_URL": broker}
        self.environment = {f"RIGHTSDESK_{name}": str(value) for name, value in names.items()}
        self.line.submit(ticket("erasure", BOB))
        self.line.run()


@pytest.fixture
def home(tmp_path, valkey, valkey_url, monkeypatch):
    """Such a home, named by the environment."""
    made = Home(tmp_path, valkey_url)
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    yield made
    made.line.close()


def test_a_system_is_marked_shown_and_replayed(run, home):
    """`status` and `ticket` show what waits; the replay prints its tickets a line, and what nothing does again."""
    marked, replayed, unknown = process(
        home,
        (("systems", "restored", "chat", "--at", HOUR_AGO), {}),
        (("replay", "chat", "--json"), {}),
        (("replay", "crm"), {}),
    )
    assert "no such system in the inventory; there are chat, mail, documents" in wrong(unknown)
    assert (0, "") == (marked.code, marked.error)
    assert "1 erasures since" in marked.out
    (ident,) = replayed.json()["tickets"]
    waiting = home.line.submit(ticket("access", BOB))
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
def test_wrong_use_is_one_line(run, words, said):
    """It says what to write."""
    assert said in wrong(run(*words))
