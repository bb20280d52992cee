"""An HTTP system in the straight line: a whole erasure, a wait that is no failure, a verb that it lacks, its log."""

import json
import subprocess
import sys
from datetime import timedelta

import pytest

from shared.domain.errors import Retryable
from shared.inventory import load
from shared.store.tables import TicketRow
from tests.line import open_line
from tests.small import CLIENT, ticket
from tests.waiting import until
from tests.webs import serving
from tests.workers.connectors.chatwoot import Chatwoot
from tests.workers.connectors.test_http_chatwoot import ADA, SHIPPED, populate
from workers import connectors
from workers.package import extract, package_files
from workers.perform import MOST_ATTEMPTS
from workers.sweep import sweep

SYSTEM = """
[[systems]]
id = "chat"
client = "acme"
channel = "chat"
connector = "http"
region = "country:DE"
url = "{url}"
definition = "chatwoot.yaml"
credentials = {{ token = "env:TEST_CHATWOOT_TOKEN" }}
parameters = {{ account_id = "1" }}
"""


@pytest.fixture
def chat():
    """A Chatwoot."""
    made = Chatwoot()
    with serving(made.app) as made.url:
        yield made


def inventory(folder, chat, change=lambda text: text):
    """Write an inventory with one HTTP system, its definition changed."""
    folder.joinpath("chatwoot.yaml").write_text(change(SHIPPED.read_text()))
    path = folder / "systems.toml"
    path.write_text(CLIENT + SYSTEM.format(url=chat.url))
    return path


@pytest.fixture
def open_on(tmp_path, chat, valkey, valkey_url, monkeypatch):
    """Open a line over one HTTP system."""
    monkeypatch.setenv("TEST_CHATWOOT_TOKEN", "token-1")
    made = []

    def make(change=lambda text: text):
        made.append(open_line(tmp_path / "home", inventory(tmp_path, chat, change), broker=valkey_url))
        return made[-1]

    yield make
    for one in made:
        one.close()


def step(line, ident, verb):
    """Return the last step of a verb."""
    return [one for one in line.ticket(ident)["steps"] if one["verb"] == verb][-1]


def later(line, seconds):
    """Let that many seconds pass, and the sweep send what is due."""
    moment = line.office.now() + timedelta(seconds=seconds)
    line.office.now = lambda: moment
    sweep(line.office, line.nudges.extend)
    line.run()


def test_an_erasure_through_the_api(open_on, chat):
    """From the sealed ticket to the certificate: everything of hers goes, the second look waits for the jobs."""
    populate(chat)
    line = open_on()
    ident = line.submit(ticket("erasure"))
    line.run()
    assert "fulfilled" == line.ticket(ident)["outcome"]
    assert 2 == step(line, ident, "delete")["counts"]["contacts"]["erased"]
    until(chat.run_jobs)
    assert {"Bob", "Jada", "Far"} == {one["name"] for one in chat.contacts.values() if one["account"] == 1}
    assert ["I am Bob", f"{ADA} to another client"] == [one["content"] for one in chat.messages.values()]


def test_a_copy_through_the_api(open_on, chat, tmp_path):
    """An access ticket's package has what the API gives, told with purposes from the data map beside it."""
    populate(chat)
    line = open_on()
    path = tmp_path / "systems.toml"
    path.write_text(path.read_text() + f'datamap = "{SHIPPED.parents[1] / "datamaps" / "chatwoot.yaml"}"\n')
    line.office.inventory = load(path)
    ident = line.submit(ticket("access"))
    line.run()
    assert "fulfilled" == line.ticket(ident)["outcome"]
    with line.office.store.read() as session:
        key, _ = line.office.ticket(session.get_one(TicketRow, ident))
        files = package_files(session, key, ident)
    extract(line.office.packages, ident, key, files, tmp_path / "out")
    rows = json.loads((tmp_path / "out" / "data" / "chat" / "contacts.json").read_text())
    assert {"Ada@Example.org", None} == {row["email"] for row in rows}
    page = (tmp_path / "out" / "index.html").read_text()
    assert "Answering customers" in page
    assert "C-17" in page


def test_waiting_is_no_failed_attempt(open_on, chat):
    """A contact that stays online all day is asked for again and again, and the step never gives up for it."""
    first, _, _ = populate(chat)
    chat.online.add(first)
    line = open_on()
    ident = line.submit(ticket("erasure"))
    line.run()
    for _ in range(MOST_ATTEMPTS + 2):
        found = step(line, ident, "delete")
        assert ("ready", "contacts: the contact is online in the chat") == (found["state"], found["error"])
        assert found["attempts"] == 0
        later(line, 301)
    chat.online.clear()
    later(line, 901)
    assert "fulfilled" == line.ticket(ident)["outcome"]


def test_a_wait_longer_than_ours_is_kept(open_on, chat):
    """When a system says how long to stay away, the step does, however often it was tried."""
    line = open_on()
    ident = line.submit(ticket("erasure"))

    class Busy:
        def locate(self, work):
            raise Retryable("answered 429", after=3600)

        def close(self):
            pass

    line.performer._connectors["chat"] = Busy()
    line.run()
    chat.heard.clear()
    later(line, 3500)
    assert [] == chat.heard
    later(line, 200)
    assert chat.heard
    assert "fulfilled" == line.ticket(ident)["outcome"]


def test_a_definition_without_a_call_asks_a_person(open_on, chat):
    """A system whose definition cannot delete fails the step for good, with what to do; others would go on."""
    populate(chat)

    def without_delete(text):
        kept, dropping = [], False
        for row in text.splitlines():
            indent = len(row) - len(row.lstrip())
            dropping = row.startswith("    delete:") or (dropping and indent > 4)
            kept += [] if dropping else [row]
        return "\n".join(kept)

    line = open_on(without_delete)
    (view,) = line.office.systems("acme")
    assert "delete" not in view.verbs
    assert "restrict" in view.verbs
    ident = line.submit(ticket("erasure"))
    line.run()
    found = step(line, ident, "delete")
    assert ("failed", 1) == (found["state"], found["attempts"])
    assert "http systems cannot delete; do it by hand and waive" in found["error"]
    assert ADA in str(chat.contacts).lower()


def test_what_a_system_can_do_needs_no_secret(tmp_path, chat, monkeypatch):
    """Processes that only decide read no credential of any system."""
    monkeypatch.delenv("TEST_CHATWOOT_TOKEN", raising=False)
    (system,) = load(inventory(tmp_path, chat)).systems
    assert {"locate", "export", "delete", "mask", "rectify", "restrict", "lift", "subjects", "absent"} == (
        connectors.verbs(system)
    )
    (tmp_path / "chatwoot.yaml").unlink()
    with pytest.raises(Exception, match=r"no definition at chatwoot\.yaml"):
        connectors.verbs(system)


def test_request_lines_stay_out_of_our_log(chat):
    """Httpx names each URL at INFO: not even a root logger set to it lets that out of a process of ours."""
    script = f"""
import logging
from shared import log
log.configure("worker")
logging.getLogger().setLevel(logging.DEBUG)
import httpx
httpx.get("{chat.url}/?q={ADA}")
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "ada" not in done.stderr + done.stdout
    assert [f"GET /?q={ADA}".replace("@", "%40")] == [one.replace("@", "%40") for one in chat.heard]


def test_no_secret_and_no_identifier_in_what_is_shown(open_on, chat):
    """Neither a ticket's view nor its certificate holds the token, or an address."""
    populate(chat)
    line = open_on()
    ident = line.submit(ticket("erasure"))
    line.run()
    shown = json.dumps([line.ticket(ident), line.certificate(ident)], default=str)
    assert "token-1" not in shown
    assert ADA not in shown
