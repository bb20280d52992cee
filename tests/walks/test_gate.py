"""The gate, with real processes: from the transaction that accepts a ticket on it denies."""

import os
import sys

import pytest

from shared.settings import Settings
from shared.store.migrate import migrate
from shared.store.session import Store
from tests import small
from tests.command import ROOT
from tests.servers import must_live, running
from tests.small import BOB, ticket
from tests.waiting import until
from workers.gate import Gate
from workers.submit import Submitter, check


@pytest.fixture
def settings(tmp_path, valkey, valkey_url):
    """An installation whose intake runs as a process of its own."""
    world = small.build(tmp_path / "world")
    made = Settings(home=tmp_path / "home", systems=world.systems, broker_url=valkey_url)
    store = Store(made.database)
    migrate(store)
    store.close()
    names = {"HOME": made.home, "SYSTEMS": made.systems, "BROKER_URL": valkey_url}
    environment = os.environ | {f"RIGHTSDESK_{name}": str(value) for name, value in names.items()}
    log = tmp_path / "intake.log"
    command = [sys.executable, "-m", "workers.cli", "intake"]
    with running(command, log=log, env=environment, cwd=ROOT) as server:
        until(lambda: must_live(server, log) or (made.run / "intake.ready").exists(), timeout=30)
        yield made


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
        assert "allow" == gate.check(client="acme", purpose="direct-marketing", email=BOB)[0]
        submitter.broker.close()
