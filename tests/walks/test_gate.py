"""The gate, with real processes: from the transaction that accepts a ticket on it denies."""

import os
import sys
from contextlib import contextmanager

import httpx
import pytest

from shared.settings import Settings
from shared.store.session import Store
from tests import small
from tests.command import ROOT
from tests.schema import to_head
from tests.servers import must_live, running
from tests.small import BOB, ticket
from tests.waiting import until
from workers.embedded.flower import free_port
from workers.gate import Gate
from workers.submit import Submitter, check

TOKEN = "t" * 40


@pytest.fixture
def settings(tmp_path, valkey, valkey_url):
    """An installation whose intake and gate run as processes of their own."""
    world = small.build(tmp_path / "world", head='gate_tokens = ["env:ACME_GATE"]\n')
    made = Settings(home=tmp_path / "home", systems=world.systems, broker_url=valkey_url, gate_port=free_port())
    store = Store(made.database)
    to_head(store)
    store.close()
    with process(made, "intake"), process(made, "gate", "serve"):
        yield made


@contextmanager
def process(settings, *words):
    """Run a part of the stack until the block ends."""
    names = {name: getattr(settings, name) for name in ("home", "systems", "broker_url", "gate_port")}
    environment = os.environ | {f"RIGHTSDESK_{name.upper()}": str(value) for name, value in names.items()}
    settings.root.mkdir(exist_ok=True)
    log, ready = settings.root / f"{words[0]}.log", settings.run / f"{words[0]}.ready"
    command = [sys.executable, "-m", "workers.cli", *words]
    with running(command, log=log, env=environment | {"ACME_GATE": TOKEN}, cwd=ROOT) as server:
        until(lambda: must_live(server, log) or ready.exists(), timeout=30)
        yield


def over_http(settings, person):
    """Return what the service answers."""
    question, token = {"purpose": "direct-marketing", "email": person}, {"Authorization": f"Bearer {TOKEN}"}
    url = f"http://127.0.0.1:{settings.gate_port}/v1/check"
    return httpx.post(url, json=question, headers=token).json()["answer"]


def test_it_denies_as_soon_as_the_receipt_is_there(settings):
    """Not a moment later, for each right that closes it; and nobody else is denied."""
    with Gate(settings) as gate:
        submitter = Submitter(settings)
        for right, details in (("objection", {"purposes": ["direct-marketing"]}), ("erasure", {}), ("restriction", {})):
            person = f"{right}@example.org"
            assert "allow" == gate.check(client="acme", purpose="direct-marketing", email=person)[0]
            raw = ticket(right, person, details=details)
            ids = submitter.queue([check(raw, inventory=submitter.inventory)])
            assert ids == list(submitter.accepted(ids, timeout=30))
            assert "deny" == gate.check(client="acme", purpose="direct-marketing", email=person)[0]
            assert "deny" == over_http(settings, person)
        assert "allow" == over_http(settings, BOB)
        assert "allow" == gate.check(client="acme", purpose="direct-marketing", email=BOB)[0]
        submitter.broker.close()
