"""The commands about keys."""

import json

import pytest
from joserfc.jwk import OKPKey

from shared.message import kid_of
from tests.command import wrong
from tests.small import ticket


@pytest.fixture
def key(tmp_path):
    """A submitter's pair, as files."""
    made = OKPKey.generate_key("Ed25519")
    (tmp_path / "mine.jwk").write_text(json.dumps(made.as_dict(private=True)))
    (tmp_path / "mine.pem").write_bytes(made.as_pem(private=True))
    (tmp_path / "public.pem").write_bytes(made.as_pem(private=False))
    return tmp_path


def test_a_key_is_added_used_and_revoked(run, desk, key, monkeypatch):
    """From the public key's file to a ticket submitted with the private one, and its end."""
    kid = kid_of(json.loads((key / "mine.jwk").read_text()))
    add = "keys", "add", "--client", "acme", "--key", key / "public.pem"
    assert f"{kid}\n" == run(*add).out
    assert {"id": kid, "client": "acme", "state": "valid", "until": "2099-01-01T00:00:00+00:00"} == {
        name: value for name, value in run(*add, "--until", "2099-01-01", "--json").json().items()
        if name in ("id", "client", "state", "until")
    }  # fmt: skip
    own, mine = run("keys", "list", "--json").json()
    assert (None, "installation", kid) == (own["client"], own["state"], mine["id"])
    assert kid in run("keys", "list").out
    (key / "intake.jwk").write_text(run("keys", "show", "--intake").out)
    assert '"d"' not in (key / "intake.jwk").read_text()
    monkeypatch.setenv("RIGHTSDESK_SUBMITTER_KEY", str(key / "mine.pem"))
    monkeypatch.setenv("RIGHTSDESK_INTAKE_KEY", str(key / "intake.jwk"))
    with desk.taking():
        raw = ticket("access")
        assert f"{raw['id']}\n" == run("submit", stdin=json.dumps(raw)).out
        assert {"revoked_for": ["acme"]} == run("keys", "revoke", kid[:12], "--json").json()
        said = run("submit", stdin=json.dumps(ticket("access")))
    assert 1 == said.code
    assert "signed by a key that was revoked" in said.error
    assert "revoked" == run("keys", "list", "--json").json()[1]["state"]
    assert "has been revoked already" in wrong(run("keys", "revoke", kid))


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["add", "--client", "nobody", "--key", "public.pem"], "client: no such client in the inventory"),
        (["add", "--client", "acme", "--key", "mine.pem"], "mine.pem holds a private key"),
        (["add", "--client", "acme", "--key", "nowhere"], "cannot read the key nowhere"),
        (["add", "--client", "acme", "--key", "public.pem", "--until", "soon"], "--until is a date (2027-01-01"),
        (["add", "--client", "acme", "--key", "public.pem", "--from", "2026-01-01T00:00"], "--from is a date"),
        (
            ["add", "--client", "acme", "--key", "public.pem", "--until", "2020-01-01"],
            "--until lies before the key's beginning",
        ),
        (["revoke", "short"], "give at least 8 characters of the key's id"),
        (["revoke", "nosuchkey"], "no such key; `rightsdesk keys list` lists them"),
        (["show", "--public", "--intake"], "--public or --intake: show one at a time"),
    ],
)
def test_what_is_wrong_is_one_line(run, desk, key, words, line):
    """It says what to do."""
    words = [key / word if word.endswith((".pem", "nowhere")) else word for word in words]
    assert wrong(run("keys", *words)).startswith(line)
