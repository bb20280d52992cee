"""Real workers beside servers that do not answer, and behind a flood: what belongs to others goes on at once."""

import os
import signal
import socket
import sys
from functools import partial

import pytest
from sqlalchemy import func, select

from shared.store.tables import StepRow, TicketRow
from tests import small
from tests.line import open_line
from tests.servers import children, running
from tests.small import ticket
from tests.waiting import until
from workers.queues import make_app, publish
from workers.submit import check

pytestmark = pytest.mark.processes
FLOOD = 500
CHAT = """
[[systems]]
id = "{client}-chat"
client = "{client}"
channel = "chat"
connector = "sql"
region = "country:DE"
url = "sqlite:///chat.db"
datamap = "map.yaml"
"""
MAIL = """
[[systems]]
id = "{id}"
client = "{client}"
channel = "email"
connector = "imap"
region = "country:DE"
host = "127.0.0.1"
port = {port}
tls = "none"
password = "env:RD_TEST_SILENT"
mailboxes = ["support@acme.example"]
"""
WORKER = """
from imapclient import SocketTimeout
from workers import delivery, places
from workers.cli import main
from workers.connectors.imap import session
places.KEPT = 1.0
delivery._TIMEOUT = 600.0  # on a busy machine, too, they hang for as long as the test lasts
session._TIMEOUT = SocketTimeout(connect=600, read=600)
main()
"""
SILENT = {"two": 2, "three": 3}  # clients, and how many mail servers of theirs take connections and say nothing


@pytest.fixture(scope="module")
def silent():
    """Listen, and never answer."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        yield server


@pytest.fixture(scope="module")
def line(tmp_path_factory, valkey_url, silent):
    """A line whose steps go to the broker; of its clients two have a chat, and two silent mail servers."""
    folder = tmp_path_factory.mktemp("slow")
    world = small.build(folder / "world")
    text = small.CLIENT.replace("acme", "flooding")  # without a system: all that it has waits at the desk
    for client in ("other", "handing"):
        text += small.CLIENT.replace("acme", client) + CHAT.format(client=client)
    port = silent.getsockname()[1]
    for client, number in SILENT.items():
        text += small.CLIENT.replace("acme", client)
        text += "".join(MAIL.format(id=f"{client}-{one}", client=client, port=port) for one in range(number))
    world.systems.write_text(text)
    made = open_line(folder / "home", world.systems, broker=valkey_url)
    app = make_app(made.office.settings)
    made.intake.publish = lambda nudges: publish(app, nudges)
    yield made
    app.close()
    made.close()


@pytest.fixture(scope="module")
def worker(line):
    """Run a worker, a pool of three and the process for breaches, killed in the end; yield its pid."""
    settings = line.office.settings
    environment = {key: value for key, value in os.environ.items() if not key.startswith("RIGHTSDESK_")}
    environment |= {
        "RIGHTSDESK_HOME": str(settings.home), "RIGHTSDESK_SYSTEMS": str(settings.systems),
        "RIGHTSDESK_BROKER_URL": settings.broker, "RD_TEST_SILENT": "x",
    }  # fmt: skip
    log, ready = settings.root / "worker.log", settings.run / "worker.ready"
    command = [sys.executable, "-c", WORKER, "worker"]
    with running(command, log=log, sig=signal.SIGKILL, env=environment) as process:
        until(lambda: ready.exists() or process.poll() is not None, timeout=60)
        assert process.poll() is None, log.read_text()
        yield process.pid


def held(line, lane):
    """Count the steps of lanes that begin so and are being worked."""
    with line.office.store.read() as session:
        return session.scalar(
            select(func.count()).where(StepRow.state == "running", StepRow.lane.startswith(lane, autoescape=True))
        )


def all_held(line, client, systems):
    """Say whether steps of each system hang, as many as it may have."""
    return held(line, f"{client}-") == 2 * systems


def done(line, client):
    """Count a client's steps that are done."""
    mine = select(TicketRow.id).where(TicketRow.client == client)
    with line.office.store.read() as session:
        return session.scalar(select(func.count()).where(StepRow.state == "done", StepRow.ticket_id.in_(mine)))


def goes_on(line, client, right="access", **more):
    """Submit a ticket that is due after all others; wait until it is answered."""
    ident = line.submit(ticket(right, client=client, received_at="2026-02-05T10:00:00+01:00", **more))
    until(lambda: line.ticket(ident)["state"] == "closed", timeout=60)
    assert "fulfilled" == line.ticket(ident)["outcome"]


def test_what_hangs_holds_up_nobody_else(line, silent, worker):
    """Two, then three more mail servers and a transfer's target hold all the places that they may; until they end."""
    usual = len(children(worker))
    for client, systems in SILENT.items():
        for one in range(3):
            line.submit(ticket("access", f"p{one}@example.org", client=client))  # the same person's would be linked
        goes_on(line, "other")
        until(partial(all_held, line, client, systems))
    target = f"http://127.0.0.1:{silent.getsockname()[1]}/in"
    for one in range(3):
        line.submit(ticket("portability", client="handing", details={"transfer_to": f"{target}/{one}"}))
    until(lambda: held(line, "desk:handing:transfer") == 2, timeout=30)
    for client in ("other", "handing"):
        goes_on(line, client)
    assert 2 == held(line, "desk:handing:transfer")
    assert all(all_held(line, client, systems) for client, systems in SILENT.items())
    until(lambda: len(children(worker)) >= usual + 12)
    silent.close()
    until(lambda: len(children(worker)) == usual, timeout=30)
    goes_on(line, "other")


@pytest.mark.usefixtures("worker")
def test_a_clients_flood_does_not_delay_another_client(line):
    """Behind five hundred consents of one client, another's consent and its access are answered; most still wait."""
    consent = {"purposes": ["news"], "channel": "web", "wording": "v1", "act": "ticked a box", "action": "give"}
    given = {"details": {"consent": consent}}
    flood = [ticket("consent", f"nobody{one}@never.example", client="flooding", **given) for one in range(FLOOD)]
    line.submitter.queue(check(one, inventory=line.office.inventory) for one in flood)
    until(lambda: line.intake.round() == 0, timeout=60)
    before = done(line, "flooding")
    goes_on(line, "other", "consent", **given)
    goes_on(line, "other")
    assert FLOOD / 2 > done(line, "flooding") - before
