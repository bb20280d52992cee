"""Walks where people come in: a mandate, a code, a mailed link, recipients, data that rest, and what comes between."""

import io
import json
import re
import sqlite3
import threading
import zipfile
from contextlib import closing, contextmanager
from datetime import timedelta
from itertools import pairwise
from types import SimpleNamespace

import httpx
import pytest
import uvicorn
from sqlalchemy import select

from shared.domain.errors import UsageError
from shared.domain.identifier import Identifier
from shared.store.tables import DeliveryRow
from shared.testing import MemorySystem
from tests import small
from tests.small import ADA, BOB, ticket
from tests.waiting import until
from tests.walks.test_rights import INCIDENT, breach, closed, package
from tests.workers.desk.jobs import mail_server, web_server
from workers.cli import main
from workers.console.app import make_console

ON_BOTH = pytest.mark.parametrize("any_database_url", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def any_database_url(request, tmp_path):
    """SQLite; PostgreSQL too where rows are counted in a way of their own. The engine walks on both elsewhere."""
    if getattr(request, "param", "sqlite") == "postgresql":
        return request.getfixturevalue("database")
    return f"sqlite:///{tmp_path / 'rightsdesk.sqlite3'}"


@pytest.fixture
def web():
    """A real web server, which keeps what it hears."""
    with web_server() as found:
        yield found


@contextmanager
def console(line):
    """Serve the page behind links; yield its URL."""
    app = make_console(line.office.settings, line.office.store, line.office.vault)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", access_log=False, lifespan="off", ws="none"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        until(lambda: server.started)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture
def command(capsys, monkeypatch):
    """Run a command over a line's home; return what it printed."""

    def run(line, *words):
        settings = line.office.settings
        for name, value in {
            "HOME": settings.home,
            "SYSTEMS": settings.systems,
            "DATABASE_URL": settings.database,
        }.items():
            monkeypatch.setenv(f"RIGHTSDESK_{name}", str(value))
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(word) for word in words])
        assert 0 == ended.value.code
        return capsys.readouterr().out

    return run


def waits(line, ident):
    """Return the decision that a ticket waits for."""
    found = line.ticket(ident)
    return found["waiting_for"] and found["waiting_for"]["decision"]


def done(line, ident, verb):
    """Return the steps of a verb."""
    return [one for one in line.ticket(ident)["steps"] if one["verb"] == verb]


def mandated(**more):
    """Return an access in Ada's name by somebody else."""
    by = {"name": "Eve Example", "mandate": "a power of attorney of 2026-01-02"}
    return ticket("access", subject={"email": [ADA], "represented_by": by}, **more)


def test_a_mandate_is_looked_at_before_anything_is_searched(line):
    """Who asks in another's name waits for a person; it can be refused, and cannot be waived."""
    ident = line.submit(mandated())
    line.run()
    assert "mandate" == waits(line, ident)
    assert [] == done(line, ident, "locate")
    with pytest.raises(UsageError, match="mandate cannot be waived"):
        line.decide(ident, "waive")
    line.decide(ident, "approve")
    closed(line, ident)
    refused = line.submit(mandated())
    line.run()
    line.decide(refused, "refuse")
    closed(line, refused, "refused")
    assert [] == done(line, refused, "locate")


def test_a_mandate_and_an_identity_are_two_decisions(line):
    """With both open a decision names its step."""
    ident = line.submit(mandated(identity=None))
    line.run()
    with pytest.raises(UsageError, match=r"several steps wait: .*identity.*mandate.*; name one with --step"):
        line.decide(ident, "approve")
    for step in [one["id"] for one in line.ticket(ident)["steps"]]:
        assert [] == done(line, ident, "locate")
        line.decide(ident, "approve", step=step)
    closed(line, ident)


@pytest.fixture
def coded(opened, tmp_path, post):
    """A line whose client wants a code, and the mails that were sent."""
    url, mails = post
    world = small.build(tmp_path / "world", head='identity = "code"\n')
    return opened(world, smtp_url=url), mails


def code_in(mail):
    """Return the code in a mail."""
    return re.search(r"\b\d{6}\b", mail.get_payload(decode=True).decode()).group()


def test_the_person_says_the_code_that_was_mailed(coded):
    """Nothing is handed out before; wrong and missing codes are refused, the right one is good with blanks in it."""
    line, mails = coded
    ident = line.submit(ticket("access", identity=None))
    line.run()
    assert ([ADA], "identity") == ([mail["To"] for mail in mails], waits(line, ident))
    assert [] == done(line, ident, "export")
    code = code_in(mails[0])
    wrong = f"{(int(code) + 1) % 10**6:06}"
    for said in (None, wrong, ""):
        with pytest.raises(UsageError, match="the code is not right"):
            line.decide(ident, "approve", code=said)
    assert code not in json.dumps(line.ticket(ident))
    line.decide(ident, "approve", code=f" {code[:3]} {code[3:]} ")
    closed(line, ident)
    assert 1 == len(mails)


@ON_BOTH
def test_five_wrong_codes_are_enough(coded):
    """Each try is counted though its decision fails; after five the right code is dead, too."""
    line, mails = coded
    ident = line.submit(ticket("access", identity=None))
    line.run()
    code = code_in(mails[0])
    for number in range(1, 6):
        with pytest.raises(UsageError, match="the code is not right"):
            line.decide(ident, "approve", code=f"{(int(code) + number) % 10**6:06}")
        with line.office.store.read() as session:
            assert [number] == list(session.scalars(select(DeliveryRow.tries).where(DeliveryRow.kind == "code")))
    with pytest.raises(UsageError):
        line.decide(ident, "approve", code=code)
    assert [] == done(line, ident, "export")
    line.decide(ident, "refuse")
    closed(line, ident, "refused")


def test_where_no_code_can_be_sent_a_person_decides(coded):
    """Known by phone alone: the code is waived, and the identity is established by other means."""
    line, mails = coded
    ident = line.submit(ticket("access", identity=None, subject={"phone_number": ["+4930231250001"]}))
    line.run()
    (code,) = done(line, ident, "code")
    assert ("failed", []) == (code["state"], mails)
    line.decide(ident, "waive")
    assert "identity" == waits(line, ident)
    line.decide(ident, "approve")
    assert "closed" == line.ticket(ident)["state"]
    assert done(line, ident, "export")


@ON_BOTH
def test_a_package_is_fetched_by_its_link_and_code(opened, tmp_path, post, command):
    """The mail has the link, the agent has the code; together they open the package, once."""
    url, mails = post
    world = small.build(tmp_path / "world", head='deliver = "link"\n')
    line = opened(world, smtp_url=url, public_url="https://rights.vendor.example")
    ident = line.submit(ticket("access"))
    line.run()
    closed(line, ident)
    text = mails[0].get_payload(decode=True).decode()
    code = command(line, "package", "code", ident).strip()
    assert ADA == mails[0]["To"]
    assert re.fullmatch(r"\d{8}", code)
    assert code not in text
    path = "/p/" + text.partition("/p/")[2].split()[0]
    with console(line) as here:
        assert 403 == httpx.post(here + path, data={"code": "00000000" if code != "00000000" else "1"}).status_code
        answer = httpx.post(here + path, data={"code": code})
        assert 200 == answer.status_code
        assert 410 == httpx.post(here + path, data={"code": code}).status_code
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert {"index.html", "data/chat/contacts.json", "manifest.json"} <= set(archive.namelist())


@ON_BOTH
def test_a_refused_access_hands_out_nothing_that_was_exported(opened, tmp_path, command):
    """What one system gave before the refusal is not in the package."""
    world = small.build(tmp_path / "world")
    line = opened(world)
    ident = line.submit(ticket("access"))
    line.run(stop=lambda nudge: (nudge.channel, nudge.verb) == ("data-center", "export"))
    assert ["done"] == [one["state"] for one in done(line, ident, "export") if one["system"] == "chat"]
    line.decide(ident, "refuse")
    closed(line, ident, "refused")
    out = tmp_path / "out"
    command(line, "package", "open", ident, "--out", out)
    assert not (out / "data").exists()
    assert not [path for path in out.rglob("*") if path.is_file() and "Ada Example" in path.read_text(errors="ignore")]


def test_a_refused_transfer_goes_nowhere(line, tmp_path):
    """The other vendor gets nothing of a portability that was withdrawn."""
    target = tmp_path / "ada.zip"
    ident = line.submit(ticket("portability", identity=None, details={"transfer_to": f"file://{target}"}))
    line.run()
    line.decide(ident, "withdraw")
    closed(line, ident, "withdrawn")
    assert not target.exists()


def test_a_transfer_that_was_not_taken_is_not_told_as_done(line, web, tmp_path):
    """The answer comes after the transfer: waived, the letter says that it did not go; refusing it is too late."""
    web.statuses = [404]
    ident = line.submit(ticket("portability", details={"transfer_to": web.url}))
    line.run()
    assert "transfer" == line.ticket(ident)["stage"]
    with pytest.raises(UsageError, match="too late: transfer was begun"):
        line.decide(ident, "refuse")
    line.decide(ident, "waive")
    closed(line, ident, "partial")
    text = " ".join((package(line, ident, tmp_path / "out") / "letter.txt").read_text().split())
    assert "nicht unmittelbar an 127.0.0.1 übermitteln" in text


def test_recipients_are_told_and_the_submitter_is_called_back(opened, tmp_path, web):
    """Art. 19: over real HTTP, each with a stable key; a recipient that is away is told later, with the same key."""
    world = small.build(tmp_path / "world", head=f'callbacks = ["{web.url}/partner"]\n')
    line = opened(world)
    web.statuses = [503]
    ident = line.submit(ticket("erasure", callback_urls=[f"{web.url}/dsr"]))
    line.run()
    (step,) = done(line, ident, "notify")
    assert ("ready", "the recipient answered 503") == (step["state"], step["error"])
    moment = line.office.now()
    line.office.now = lambda: moment.replace(year=moment.year + 1)
    line.performer.perform(step["id"])
    line.run()
    closed(line, ident)
    first, again, last = web.heard
    assert ["/partner", "/partner", "/dsr"] == [one.path for one in web.heard]
    assert first.headers["Idempotency-Key"] == again.headers["Idempotency-Key"] != last.headers["Idempotency-Key"]
    assert first.json() == again.json()
    assert ("erasure", "17") == (again.json()["right"], again.json()["article"])
    assert [ADA] == again.json()["subject"]["email"]
    assert ("closed", "fulfilled", str(ident)) == tuple(last.json()[name] for name in ("state", "outcome", "ticket"))
    assert ADA not in last.body.decode()


def test_nobody_is_told_about_nobody(opened, tmp_path, web):
    """Where nothing was found no recipient learns of the request."""
    world = small.build(tmp_path / "world", head=f'callbacks = ["{web.url}/partner"]\n')
    line = opened(world)
    ident = line.submit(ticket("erasure", "nobody@never.example"))
    line.run()
    closed(line, ident)
    assert [] == web.heard


def test_data_rest_while_their_accuracy_is_checked(line, world):
    """Art. 18(1)(a): restricted until a person has looked, then corrected and released."""
    ident = line.submit(ticket("rectification", details={"changes": {"user.name": "Ada Lovelace"}, "restrict": True}))
    line.run()
    assert "accuracy" == waits(line, ident)
    assert [("Ada Example", 1), ("Bob Other", 0)] == world.rows("SELECT name, blocked FROM contacts ORDER BY id")
    waiting = {one["system"] for one in line.ticket(ident)["steps"] if one["state"] == "failed"}
    assert set() == waiting
    line.decide(ident, "approve")
    assert "closed" == line.ticket(ident)["state"]
    assert [("Ada Lovelace", 0), ("Bob Other", 0)] == world.rows("SELECT name, blocked FROM contacts ORDER BY id")


def test_a_row_that_came_between_is_found_and_erased(line, world):
    """What was written after the search is seen by the second look; the act is put back, and the next look is clean."""
    ident = line.submit(ticket("erasure"))
    line.run(stop=lambda nudge: nudge.verb == "absent")
    with closing(sqlite3.connect(world.folder / "chat.db")) as database, database:
        database.execute("INSERT INTO contacts VALUES (9, 'Ada Example', ?, NULL, 0, '2026-02-05 10:00:00')", [ADA])
    line.run()
    found = closed(line, ident)
    assert set() == world.of(ADA)
    assert world.of(BOB)
    chat = [(one["verb"], one["counts"]) for one in found["steps"] if one["system"] == "chat"]
    assert ["locate", "delete", "absent", "locate", "delete", "absent"] == [verb for verb, _ in chat]
    assert {"contacts": {"erased": 1}} == chat[4][1]
    assert {} == chat[5][1]
    proved = {one["id"]: one["second_look"] for one in line.certificate(ident)["certificate"]["systems"]}
    assert {"chat": "clean", "mail": "clean", "documents": "clean"} == proved


def test_a_breach_does_not_reach_into_another_clients_system(opened, tmp_path, post):
    """A system that an incident names by mistake fails its step, visibly; nobody of another client is told."""
    url, mails = post
    world = small.build(tmp_path / "world")
    text = world.systems.read_text()
    client = text.partition("[[systems]]")[0].replace("clients.acme", "clients.globex").replace("acme", "globex")
    chat = text.split("[[systems]]")[1].replace('"acme"', '"globex"').replace('"chat"', '"globex-chat"', 1)
    world.systems.write_text(f"{text}{client}[[systems]]{chat}")
    line = opened(world, smtp_url=url)
    ident = line.submit(breach(details={"incident": INCIDENT | {"systems": ["globex-chat"]}}))
    line.run()
    (step,) = done(line, ident, "subjects")
    assert ("failed", "the system is another client's") == (step["state"], step["error"].partition(";")[0])
    assert [] == mails


def test_a_breach_tells_everyone_by_mail_or_at_last_by_letter(opened, world, tmp_path):
    """One mailbox that stays full holds nobody up, and the last attempt writes its letter."""
    with mail_server() as (url, box):
        box.refused[ADA] = "452 full"
        line = opened(world, smtp_url=url)
        ident = line.submit(breach())
        line.run()
        (step,) = done(line, ident, "tell")
        assert ("ready", [BOB]) == (step["state"], [mail["To"] for mail in box.mails if mail["To"] in (ADA, BOB)])
        moment = line.office.now()
        for number in range(1, 8):
            line.office.now = lambda: moment + timedelta(minutes=10 * number)  # noqa: B023 - asked within this round
            line.performer.perform(step["id"])
            line.run()
    closed(line, ident)
    assert 1 == sum(mail["To"] == BOB for mail in box.mails)
    letters = [path.read_text() for path in (package(line, ident, tmp_path / "out") / "breach/letters").iterdir()]
    assert 1 == sum(ADA in text for text in letters)


UDO = ("udo@bücher.example", "udo@xn--bcher-kva.example")


@pytest.mark.parametrize("asked_for", UDO)
def test_an_internationalised_address_is_found_in_both_of_its_forms(line, world, asked_for):
    """As people write it and as mail servers do: contacts, messages, mails and documents all go."""
    for number, one in enumerate((*UDO, "Udo@BÜCHER.example")):
        with closing(sqlite3.connect(world.folder / "chat.db")) as database, database:
            database.execute("INSERT INTO contacts VALUES (?, 'Udo', ?, NULL, 0, NULL)", [10 + number, one])
            database.execute("INSERT INTO messages VALUES (?, NULL, ?)", [10 + number, f"ask {one} again"])
        small._mail(world.folder, one)
        document = world.folder / "documents" / f"{number}.txt"
        document.write_text("a contract")
        document.with_name(document.name + ".json").write_text(json.dumps({"email": one}))
    ident = line.submit(ticket("erasure", asked_for))
    line.run()
    found = closed(line, ident)
    deleted = {one["system"]: one["counts"] for one in found["steps"] if one["verb"] == "delete"}
    assert {"contacts": {"erased": 3}, "messages": {"redacted": 3}} == deleted["chat"]
    assert [3] == [of["erased"] for of in deleted["mail"].values()]
    assert 6 == sum(of["erased"] for of in deleted["documents"].values())
    assert not [row for row in world.rows("SELECT content FROM messages") if "cher" in row[0]]
    assert world.of(ADA)


def test_a_mail_goes_to_an_internationalised_domain(opened, world, post):
    """No mail server needs SMTPUTF8 for it."""
    url, mails = post
    line = opened(world, smtp_url=url)
    people = [{"email": "udo@bücher.example"}]
    incident = {name: value for name, value in INCIDENT.items() if name not in ("from", "to")}
    ident = line.submit(breach(details={"incident": incident | {"people": people}}))
    line.run()
    closed(line, ident)
    assert UDO[1] == mails[0]["To"]


@pytest.fixture
def chained(opened, tmp_path):
    """A world where one system's address leads to the other's next, and a number is shared with somebody else."""
    world = small.build(tmp_path / "world", mail="memory", documents="memory")
    text = world.systems.read_text().replace('path = "mail/"', "")
    head, _, tail = text.partition('url = "documents"')
    world.systems.write_text(head + tail.partition("}")[2])
    with closing(sqlite3.connect(world.folder / "chat.db")) as database, database:
        database.execute(
            "INSERT INTO contacts VALUES (3, 'Carl Other', 'carl@example.org', '+4930231250001', 0, '2026-01-05')"
        )
    links = [Identifier("email", address) for address in (ADA, *(f"ada{n}@example.org" for n in range(1, 40)))]
    for number, pair in enumerate(pairwise(links)):
        MemorySystem.records.setdefault(("mail", "documents")[number % 2], {})[f"{number:02}"] = frozenset(pair)
    yield SimpleNamespace(line=opened(world), world=world)
    MemorySystem.records.clear()


def test_a_search_without_an_end_asks_once_and_decides_nothing_else(chained):
    """After eight rounds a person looks at the chain; that is no consent to take what is ambiguous."""
    line, world = chained.line, chained.world
    ident = line.submit(ticket("erasure", subject={"email": [ADA], "phone_number": ["+4930231250001"]}))
    line.run()
    (question,) = done(line, ident, "match")
    assert ("waiting", "locate") == (question["state"], question["stage"])
    line.decide(ident, "approve")
    assert ["locate", "resolve"] == [one["stage"] for one in done(line, ident, "match")]
    line.decide(ident, "waive")
    assert [(2,), (3,)] == world.rows("SELECT id FROM contacts ORDER BY id")
