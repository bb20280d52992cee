"""The `[alerts]` section: what is wrong is one line, what is not said has a careful default."""

from datetime import timedelta

import pytest

from shared.domain.errors import UsageError
from shared.inventory import load
from shared.on_call.settings import Alerts

PEOPLE = '[alerts.people]\nines = ["json://localhost/ines"]\nomar = ["json://localhost/1", "json://localhost/2"]\n'
ROTA = '[[alerts.rota]]\nstarts = "2026-01-05T09:00"\npeople = ["ines", "omar"]\n'


def read(folder, text):
    """Read an inventory with this text."""
    (folder / "systems.toml").write_text(text)
    return load(folder / "systems.toml").alerts


def test_defaults(tmp_path):
    """Half an hour for the next, an hour between repetitions, a digest after five messages in five minutes."""
    found = read(tmp_path, PEOPLE + ROTA)
    waits = (found.escalate_after, found.repeat_after, found.gather)
    assert (timedelta(minutes=30), timedelta(hours=1), timedelta(minutes=5)) == waits
    assert (5, 10.0, None) == (found.burst, found.timeout, found.rota[0].quiet)
    assert Alerts() == read(tmp_path, "")


def test_channels_have_names(tmp_path):
    """A person's only channel bears their name; several are numbered in the order in which they are tried."""
    found = read(tmp_path, PEOPLE)
    assert ["ines", "omar.1", "omar.2"] == list(found.channels)
    assert ("omar", "json://localhost/2") == found.channels["omar.2"]
    assert ("omar.1", "omar.2") == found.channels_of("omar")


WRONG = [
    ('[alerts]\nescalate_after = "30 minutes"\n', "alerts.escalate_after: "),
    ('[alerts]\nescalate_after = "PT0S"\n', "alerts.escalate_after: "),
    ("[alerts]\ntimeout = 0\n", "alerts.timeout: "),
    ("[alerts]\nmilestones = [50, 75, 90]\n", "50 is no part of the time: write one between 0 and 1, such as 0.5"),
    ("[alerts]\nmilestones = [0.5, nan]\n", "nan is no part of the time"),
    ("[alerts]\nmilestones = [1e300]\n", "1e+300 is no part of the time"),
    ("[alerts]\nmilestones = [-0.5]\n", "-0.5 is no part of the time"),
    ("[alerts]\nmilestones = [0.5, 0.9, 1]\n", "1 is no part of the time"),
    ("[alerts]\nmilestones = [0.5, 0.5000001]\n", "alerts.milestones: 50% stands twice"),
    ("[alerts]\ncolour = 1\n", "alerts.colour: unknown key"),
    ("[alerts.people]\nines = []\n", "alerts: ines has no channel"),
    (PEOPLE + '"omar.1" = ["json://localhost/3"]\n', "alerts: omar.1 is a person, and the name of a channel of omar"),
    (PEOPLE + ROTA.replace('"omar"', '"nobody"'), "the rota of on-call names nobody, who is not in [alerts.people]"),
    (PEOPLE + ROTA + ROTA, "two rotas are for the team on-call"),
    (PEOPLE + ROTA + 'timezone = "Mars/Olympus"\n', "alerts.rota.0.timezone: not an IANA time zone"),
    (PEOPLE + ROTA.replace("09:00", "09:00+01:00"), "alerts.rota.0.starts: a local time, without an offset"),
    (PEOPLE + ROTA.replace('["ines", "omar"]', "[]"), "alerts.rota.0.people: "),
    (PEOPLE + ROTA + 'quiet = { from = "22:00", until = "22:00" }\n', "begin and end at the same time"),
    (PEOPLE + ROTA + 'quiet = { from = "25:00", until = "07:00" }\n', "alerts.rota.0.quiet.from: "),
    (PEOPLE + ROTA + 'overrides = [{ from = "2026-01-06T09:00", until = "2026-01-05T09:00", person = "omar" }]\n',
     "an override ends after it begins"),
    (PEOPLE + ROTA + 'overrides = [{ from = "2026-01-05T09:00", until = "2026-01-06T09:00", person = "eve" }]\n',
     "the rota of on-call names eve"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "said"), WRONG)
def test_what_is_wrong_is_one_line(tmp_path, text, said):
    """The line names the file, the place and the rule."""
    with pytest.raises(UsageError) as caught:
        read(tmp_path, text)
    line = str(caught.value)
    assert said in line
    assert line.startswith("systems.toml: ")
    assert "\n" not in line


def test_teams():
    """Breaches have their own team if there is one; all else goes to on-call, or to the first rota that there is."""
    people = {"ines": ("json://localhost",)}
    rotas = {
        team: {"team": team, "starts": "2026-01-05T09:00", "people": ["ines"]} for team in ("breach", "a", "on-call")
    }

    def team(right, *teams):
        found = Alerts(people=people, rota=[rotas[one] for one in teams]).team(right)
        return found.team if found else None

    assert "breach" == team("breach", "on-call", "breach")
    assert "on-call" == team("breach", "a", "on-call")
    assert ["on-call", "a", "breach"] == [
        team("access", *of) for of in (("breach", "a", "on-call"), ("breach", "a"), ("breach",))
    ]
    assert team("access") is None
