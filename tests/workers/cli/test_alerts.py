"""The commands about alerts: list, acknowledge, try a channel; status and metrics say what could not be delivered."""

import getpass

from prometheus_client import generate_latest

from tests.command import wrong
from tests.workers.alerts.duty import Duty, inbox, section
from workers.stack import registry


def test_the_list(duty, run):
    """Breaches first, with who was told, or why nobody was; for machines with each delivery."""
    lines = run("alerts").out.splitlines()
    first, second = (line for line in lines if duty.told in line or duty.untold in line)
    assert duty.untold in first
    assert "URGENT" in first
    assert "UNDELIVERED, tried 2 times: omar HTTP 500" in first
    assert "told ines" in second
    found = {one["id"]: one for one in run("alerts", "--json").json()}
    told = found[duty.told]
    shown = {"kind": "milestone", "milestone": "90%", "late": False, "state": "open", "ticket": None, "client": "acme"}
    assert shown == {name: told[name] for name in shown}
    assert ["delivered"] == [one["state"] for one in told["deliveries"]]
    assert {"channel", "person", "message", "attempt", "state", "answer", "at"} == told["deliveries"][0].keys()
    assert ["HTTP 500", "HTTP 500"] == [one["answer"] for one in found[duty.untold]["deliveries"]]


def test_acknowledging(duty, run):
    """By an alert's id or a message's; it stays in the list for a day, and in --all."""
    said = run("alerts", "ack", duty.told, "--as", "omar")
    assert (0, f"{duty.told} acknowledged by omar\n") == (said.code, said.out)
    (message,) = {one["message"] for one in _listed(run, duty.untold)["deliveries"]}
    assert f"{duty.untold} acknowledged by {getpass.getuser()}\n" == run("alerts", "ack", message).out
    assert f"{duty.told} acknowledged by omar\n" == run("alerts", "ack", duty.told, "--as", "ines").out
    assert ("acknowledged", "omar") == (_listed(run, duty.told)["state"], _listed(run, duty.told)["acknowledged_by"])
    assert 2 == len(run("alerts", "--all", "--json").json())
    assert "acknowledged by omar" in run("alerts").out


def _listed(run, ident):
    return next(one for one in run("alerts", "--json").json() if one["id"] == ident)


def test_wrong_use(duty, run):
    """One line says what to do."""
    assert "no such alert or message" in wrong(run("alerts", "ack", "nothing", "--as", "ines"))
    assert "--as: say who sees to it" == wrong(run("alerts", "ack", duty.told, "--as", " "))
    assert "no such channel: uma; there are ines, omar" == wrong(run("alerts", "test", "uma"))
    assert "leave them out before `ack`" in wrong(run("alerts", "--json", "ack", duty.told))


def test_a_channel_can_be_tried(duty, run, web, tmp_path, monkeypatch):
    """Each of a person's channels gets a test message; one that fails is exit code 1, after the others were tried."""
    web.heard.clear()
    said = run("alerts", "test", "ines")
    assert (0, "ines: delivered, HTTP 204\n") == (said.code, said.out)
    assert "[rightsdesk] test of the channel ines" == web.heard[0].json()["title"]
    duty.office.settings.systems.write_text(
        section({"ines": ["json://127.0.0.1:1/canary", inbox(web, "second")]}, rota="")
    )
    said = run("alerts", "test", "ines")
    assert (1, "ines.2: delivered, HTTP 204\n") == (said.code, said.out)
    assert "rightsdesk: ines.1: not reached (ConnectError)\n" == said.error
    assert (0, "ines.2: delivered, HTTP 204\n") == run("alerts", "test", "ines.2")[:2]


def test_status_says_what_could_not_be_delivered(duty, run):
    """Even while no stack runs; a home without a database has nothing to say."""
    said = run("status")
    assert (1, True) == (said.code, "alerts   2 open, 1 that nobody was told of" in said.out)
    assert "channel  omar fails, 1 times in a row: HTTP 500" in said.out
    found = run("status", "--json").json()["alerts"]
    assert (2, 1, {"ines", "omar"}) == (found["open"], found["undelivered"], set(found["channels_failing"]))


def test_status_without_a_database(run, tmp_path, monkeypatch):
    """Nothing is made by asking."""
    monkeypatch.setenv("RIGHTSDESK_HOME", str(tmp_path / "home"))
    assert {"ready": False, "stack": None, "alerts": None} == run("status", "--json").json()
    assert not (tmp_path / "home").exists()


def test_metrics_say_what_could_not_be_delivered(duty: Duty):
    """Counts only: neither people nor channels are named."""
    text = generate_latest(registry(duty.office.settings)).decode()
    assert "rightsdesk_alerts_open 2.0" in text
    assert "rightsdesk_alerts_undelivered 1.0" in text
    assert "rightsdesk_alert_channels_failing 2.0" in text
    assert "ines" not in text
