"""From the queue to the certificate, over mailboxes on a real IMAP server."""

import pytest

from tests.line import open_line
from tests.mail_servers import PASSWORD, pymap_server
from tests.small import CLIENT, ticket
from tests.workers.connectors.imap_store import Store, fill, strangers
from tests.workers.connectors.mails import STANDS, said


@pytest.fixture
def store():
    """Two mailboxes on a server of their own."""
    with pymap_server() as server, Store(server) as fresh:
        fill(fresh)
        yield fresh


@pytest.fixture
def line(tmp_path, store, valkey, valkey_url, monkeypatch):
    """A line over them, set up as the inventory's example has it."""
    monkeypatch.setenv("RD_TEST_IMAP_PASSWORD", PASSWORD)
    (tmp_path / "systems.toml").write_text(f"""{CLIENT}
[[systems]]
id = "mail"
client = "acme"
channel = "email"
connector = "imap"
region = "country:FI"
host = "127.0.0.1"
port = {store.server.port}
tls = "none"
username = "{store.server.username}"
password = "env:RD_TEST_IMAP_PASSWORD"
mailboxes = {list(store.boxes.values())}
own_domains = ["acme.example"]
restricted_folder = "Restricted"
shared_messages = {{ sender = "redact", many = "keep" }}
""")
    made = open_line(tmp_path / "home", tmp_path / "systems.toml", broker=valkey_url)
    yield made
    made.close()


@pytest.mark.processes
def test_an_erasure_ends_fulfilled_and_proven(line, store):
    """Her messages go, shared ones lose her, other people's stay, the second look agrees."""
    before = strangers(store)
    ident = line.submit(ticket("erasure"))
    line.run()
    told = line.ticket(ident)
    assert ("closed", "fulfilled") == (told["state"], told["outcome"])
    assert before == strangers(store)
    assert set() == {found for raw in store.raws() for found in STANDS.findall(said(raw)) if "@" in found}
    assert [] == [one["error"] for one in told["steps"] if one["error"]]


@pytest.mark.processes
def test_a_restriction_is_lifted_by_a_ticket_of_its_own(line, store):
    """What a restriction moved out of use, the ticket that ends it brings back to where it was."""
    before = {place: {one.raw for one in entries} for place, entries in store.everything().items()}
    first = line.submit(ticket("restriction"))
    line.run()
    assert "partial" == line.ticket(first)["outcome"]  # a message of Bob's too stays in use for him
    assert any(folder.startswith("Restricted") for _, folder in store.everything())
    second = line.submit(ticket("restriction", details={"lift": str(first)}))
    line.run()
    assert "fulfilled" == line.ticket(second)["outcome"]
    assert before == {place: {one.raw for one in entries} for place, entries in store.everything().items()}
