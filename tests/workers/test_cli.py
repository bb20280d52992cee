"""The command: help, exit codes, one-line errors, and the shapes of design section 9, to the letter."""

import json
import re
import subprocess
import sys
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
import redis
from sqlalchemy import delete, insert

from shared.domain.ticket import Ticket
from shared.store.tables import CircuitRow
from tests import small
from tests.command import CONSENT, ROOT, commands, process, wrong
from tests.small import ADA, ticket
from workers.broker import INTAKE
from workers.office import all_rights


def test_help_names_every_command(run):
    """Bare or asked for; asked for is no error."""
    said = run("--help")
    assert 0 == said.code
    for first in {words[0] for words in commands()}:
        assert re.search(rf"^  {first} ", said.out, re.MULTILINE), first
    bare = run()
    assert (2, "") == (bare.code, bare.out)
    assert "Commands:" in bare.error


def test_the_designs_commands_are_there(run):
    """Those of section 9 that this version has."""
    run("--version")
    assert {
        "demo", "up", "migrate", "intake", "worker", "beat", "status", "tick", "submit", "tickets", "ticket", "approve",
        "refuse", "extend", "pause", "resume", "withdraw", "waive", "retry", "deadline", "gate check", "dead replay",
        "systems check", "package open", "certificate show", "certificate verify", "keys show", "evidence verify",
        "schema ticket", "hold place", "hold renew", "hold lift", "holds", "replay", "systems restored", "gate filter",
        "gate serve", "keys add", "keys list", "keys revoke",
    } <= {" ".join(words) for words in commands()}  # fmt: skip


def test_every_command_explains_itself(run):
    """Each has a sentence; each that needs words shows an example."""
    for words in list(commands()):
        said = run(*words, "--help")
        assert 0 == said.code, words
        text = said.out.partition("Options:")[0].partition("Arguments:")[0]
        assert len(text.splitlines()) > 2, words
        if re.search(r"\{\w+\}|\[\w+\]", said.out.splitlines()[0].replace("[OPTIONS]", "")) and words != ("dead",):
            assert "Example" in said.out, words


def test_help_loads_nothing_heavy():
    """Celery, SQLAlchemy, pydantic and the like come with the command that needs them."""
    heavy = "celery", "kombu", "redis", "sqlalchemy", "pydantic", "rich", "holidays", "phonenumbers", "cryptography"
    script = (
        "import sys, workers.cli.evidence, workers.cli.holds, workers.cli.proofs, workers.cli.stack\n"
        "import workers.cli.tickets\n"
        f"print([one for one in {heavy} if one in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "[]\n" == done.stdout


def test_the_version(run):
    """By its name."""
    assert (0, "") == (run("--version").code, run("--version").error)
    assert re.fullmatch(r"rightsdesk \d+\.\d+\.\d+\n", run("--version").out)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["levitate"], "No such command 'levitate'"),
        (["--colour"], "No such option: --colour"),
        (["deadline", "P1M"], "Missing argument"),
        (["deadline", "P1M", "2026-01-31", "--colour", "red"], "No such option: --colour"),
        (["gate", "check"], "Missing option '--client'"),
        (["gate", "open"], "No such command 'open'"),
        (["dead", "replay", "x"], "Invalid value for 'ID'"),
        (["worker", "--concurrency", "0"], "Invalid value for '--concurrency'"),
        (["worker", "--queues", "fax"], "no such queue: fax; there are chat, email, call, data-center"),
        (["approve", "x", "--as", "ines"], "Missing option '--reason'"),
        (["keys", "show"], "only the public key can be shown: add --public"),
        (["demo", "--replace", "sql"], "--replace sql: write KIND=OTHER"),
    ],
)
def test_wrong_use_is_one_line_and_exit_code_2(run, desk, words, said):
    """Nothing on standard output, one line on standard error."""
    assert said in wrong(run(*words))


def test_a_deadline_for_people_and_machines(run):
    """What is due when, and why."""
    words = "deadline", "P1M", "2026-01-31", "--country", "DE", "--subdivision", "BE", "--tz", "Europe/Berlin"
    said = run(*words)
    assert (0, "") == (said.code, said.error)
    assert said.out.startswith("due 2026-03-02 (expired at 2026-03-03 00:00:00+01:00")
    found = run(*words, "--json").json()
    assert {"on", "at", "strict_at", "trace"} == set(found)
    assert ("2026-03-02", "2026-03-03T00:00:00+01:00") == (found["on"], found["at"])
    assert [f"- {line}" for line in found["trace"]] == said.out.splitlines()[1:]
    hours = run("deadline", "PT72H", "2026-03-27T10:00:00+01:00", "--tz", "Europe/Berlin", "--json").json()
    assert (None, "2026-03-30T12:00:00+02:00") == (hours["on"], hours["at"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["P1X", "2026-01-31"], "'P1X' is no period"),
        (["P1M", "soon"], "start is a date"),
        (["P1M", "2026-01-31T10:00:00"], "a start time needs its offset"),
        (["P1M", "2026-01-31", "--country", "QQ"], "no public holidays known for country 'QQ'"),
        (["P1M", "2026-01-31", "--tz", "Mars"], "no time zone 'Mars'"),
    ],
)
def test_a_wrong_deadline_is_one_line(run, words, said):
    """Each wrong word has its own."""
    assert said in wrong(run("deadline", *words))


def places(schema):
    """Yield every reference of a schema."""
    if isinstance(schema, dict):
        if "$ref" in schema:
            yield schema["$ref"]
        for one in schema.values():
            yield from places(one)
    elif isinstance(schema, list):
        for one in schema:
            yield from places(one)


def test_the_tickets_schema(run):
    """Its keys are the ticket's, its references lead somewhere, and each right has its details."""
    schema = run("schema", "ticket").json()
    assert "https://json-schema.org/draft/2020-12/schema" == schema["$schema"]
    assert set(Ticket.model_fields) == set(schema["properties"])
    assert {"client", "right", "received_at"} == set(schema["required"])
    assert schema["additionalProperties"] is False
    assert sorted(all_rights()) == schema["properties"]["right"]["enum"]
    assert {one.removeprefix("#/$defs/") for one in places(schema)} <= set(schema["$defs"])
    details = {one["if"]["properties"]["right"]["const"]: one["then"] for one in schema["allOf"]}
    assert set(all_rights()) == set(details)
    assert ["details"] == details["breach"]["required"]
    assert ["subject"] == details["erasure"]["required"]
    assert {"changes", "statement", "restrict"} == set(schema["$defs"]["rectification-details"]["properties"])


@pytest.mark.parametrize(
    ("words", "code", "answer"),
    [
        (["--purpose", "newsletter", "--email", ADA], 3, "deny"),  # the restriction is not lifted, and waits
        (["--purpose", "newsletter", "--email", "carl@example.org"], 0, "allow"),
        (["--purpose", "storage", "--email", ADA], 0, "allow"),
        (["--purpose", "newsletter", "--email", "nonsense"], 4, "unknown"),
        (["--purpose", "newsletter", "--phone", "x"], 4, "unknown"),
        (["--purpose", "profiling", "--email", small.BOB], 0, "allow"),
    ],
)
def test_the_gate_answers_by_its_exit_code(run, desk, words, code, answer):
    """0 allow, 3 deny, 4 unknown; the same in JSON."""
    if (words[1], words[3]) == ("newsletter", ADA):
        raw = ticket("consent", details={"consent": CONSENT | {"action": "withdraw"}})
        desk.line.submit(raw)
    said = run("gate", "check", "--client", "acme", *words)
    assert (code, "") == (said.code, said.error)
    assert said.out.startswith(f"{answer}: ")
    found = run("gate", "check", "--client", "acme", *words, "--json")
    assert (code, answer) == (found.code, found.json()["answer"])
    assert {"answer", "reason"} == set(found.json())


def test_whom_nobody_has_heard_of_is_allowed_unless_consent_is_needed(run, desk):
    """Nothing stands against a purpose until a person says so; one that rests on consent needs it on record."""
    words = "gate", "check", "--client", "acme", "--purpose", "sms-offers", "--email"
    assert (0, "allow: nothing stands against it\n", "") == run(*words, "never@heard.example")
    said = run(*words, "never@heard.example", "--needs-consent")
    assert (4, "unknown: no consent is on record\n", "") == said
    consent = CONSENT | {"purposes": ["sms-offers"]}
    for action, code, answer in (("give", 0, "allow: consent"), ("withdraw", 3, "deny: withdrawal")):
        raw = ticket("consent", small.BOB, details={"consent": consent | {"action": action}})
        desk.line.submit(raw)
        assert (code, f"{answer}\n", "") == run(*words, small.BOB, "--needs-consent")
    assert 3 == run(*words, small.BOB).code


def test_the_gate_fails_closed(run, bare):
    """Without a database nobody is allowed anything."""
    said = run("gate", "check", "--client", "acme", "--purpose", "x", "--email", ADA)
    assert (4, "unknown: the store cannot be reached\n") == (said.code, said.out)


def test_the_gate_needs_one_identifier_and_a_client(run, desk):
    """Neither none nor two, and a client of the inventory."""
    words = "gate", "check", "--purpose", "x", "--client"
    assert "give --email or --phone, one of them" == wrong(run(*words, "acme"))
    assert "give --email or --phone, one of them" == wrong(run(*words, "acme", "--email", ADA, "--phone", "1"))
    assert "no such client in the inventory" == wrong(run(*words, "nobody", "--email", ADA))


TICKET = {
    "id", "client", "right", "state", "outcome", "received_at", "due_at", "due_on", "stage", "waiting_for", "clocks",
}  # fmt: skip
STEP = {"system", "channel", "verb", "state", "attempts", "error", "counts", "reasons"}


def test_a_tickets_json_is_the_designs(run, desk):
    """At least its keys, with its types."""
    found = run("ticket", desk.ids["access"], "--json").json()
    assert TICKET | {"steps"} <= set(found)
    assert ("closed", "fulfilled", None) == (found["state"], found["outcome"], found["waiting_for"])
    for step in found["steps"]:
        assert STEP <= set(step)
        assert isinstance(step["reasons"], list)
        assert all(isinstance(number, int) for of in step["counts"].values() for number in of.values())
    (clock,) = found["clocks"]
    assert {"name", "due_at", "strict_at", "state"} == set(clock)
    assert ("statutory", "missed") == (clock["name"], clock["state"])
    assert datetime.fromisoformat(found["due_at"]) == datetime.fromisoformat(clock["due_at"])
    waiting = run("ticket", desk.ids["waiting"], "--json").json()
    assert {"decision", "step"} == set(waiting["waiting_for"])
    assert ("waiting", None, "identity") == (waiting["state"], waiting["outcome"], waiting["waiting_for"]["decision"])
    assert waiting["waiting_for"]["step"] in [step["id"] for step in waiting["steps"]]
    failed = run("ticket", desk.ids["failed"], "--json").json()
    assert "retry or waive" == failed["waiting_for"]["decision"]


def test_the_list_is_the_same_without_steps(run, desk):
    """The earliest due first; by state if asked."""
    found = run("tickets", "--json").json()
    assert {str(one) for one in desk.ids.values()} <= {one["id"] for one in found}
    for one in found:
        assert TICKET <= set(one)
        assert "steps" not in one
        assert one["state"] in ("open", "waiting", "closed")
        assert one["outcome"] in (None, "fulfilled", "partial", "refused", "withdrawn")
    assert [one["due_at"] for one in found] == sorted(one["due_at"] for one in found)
    assert {"waiting"} == {one["state"] for one in run("tickets", "--json", "--state", "waiting").json()}


def test_no_state_but_the_three(run, desk):
    """What no ticket can be in is wrong use, not an empty list."""
    for state in ("bogus", "fulfilled", "", "OPEN"):
        line = wrong(run("tickets", "--json", "--state", state))
        assert line.startswith(f"Invalid value for '--state': {state!r} is not one of 'open', 'waiting', 'closed'")


def test_every_read_command_has_json(run, desk, tmp_path):
    """Design section 9: all but those that start parts, decide, submit, or write what they are told to write."""
    run("--version")
    acting = {
        ("demo",), ("up",), ("migrate",), ("intake",), ("worker",), ("beat",), ("console",), ("submit",), ("approve",),
        ("refuse",), ("unlink",), ("extend",), ("pause",), ("resume",), ("withdraw",), ("waive",), ("retry",),
        ("dead", "replay"),
        ("hold", "place"), ("hold", "renew"), ("hold", "lift"), ("alerts", "ack"), ("alerts", "test"),
        ("gate", "filter"), ("gate", "serve"), ("vault", "init"), ("vault", "unlock"), ("vault", "lock"),
        ("vault", "rekey"), ("vault", "set"), ("vault", "unset"),
    }  # fmt: skip
    assert acting <= set(commands())
    for words in set(commands()) - acting:
        assert "--json" in run(*words, "--help").out, words


def test_what_is_shown_is_json_if_asked(run, desk, tmp_path):
    """Keys, certificates, schemas and codes; what is wrong about a certificate, too."""
    ident = desk.ids["access"]
    assert run("schema", "ticket").json() == run("schema", "ticket", "--json").json()
    assert run("certificate", "show", ident).json() == run("certificate", "show", ident, "--json").json()
    shown = run("keys", "show", "--public", "--json").json()
    assert run("keys", "show", "--public").out.endswith(shown["public"])
    assert [shown["public"]] == [one["public"] for one in shown["keys"]]
    public, path = tmp_path / "public.pem", tmp_path / "certificate.json"
    public.write_text(run("keys", "show", "--public").out)
    for text in ("nonsense", "[]", "{}", "5", "\ufeff", "[" * 100_000, '{"certificate": {}, "certificate": {}}'):
        path.write_text(text)
        said = run("certificate", "verify", path, "--key", public, "--json")
        assert (1, "", False) == (said.code, said.error, said.json()["valid"])
        assert ("this is not a Rightsdesk certificate", None) == (said.json()["reason"], said.json()["proof"])


def test_tables_are_for_people(run, desk):
    """The same without JSON, and no personal data in either."""
    texts = [run("tickets").out, run("ticket", desk.ids["access"]).out, run("dead").out]
    assert str(desk.ids["waiting"]) in texts[0]
    assert "clock    statutory: due " in texts[1]
    assert "no such client in the inventory" in texts[2]
    assert ADA not in "".join(texts)


def test_a_row_of_a_table_is_a_line_where_there_is_no_terminal(run, desk, monkeypatch):
    """So a log reads well, and words and ids can be searched in it."""
    monkeypatch.setenv("COLUMNS", "30")
    lines = run("tickets").out.splitlines()
    assert {str(one) for one in desk.ids.values()} <= {line.split()[0] for line in lines if line.strip()}
    assert len(run("tickets", "--json").json()) == sum(" acme " in line for line in lines)


def test_no_such_ticket(run, desk):
    """A UUID that nobody knows, and what is no UUID."""
    for words in (["ticket"], ["package", "open"], ["certificate", "show"], ["package", "code"]):
        more = ["--out", str(desk.home / "nowhere")] if words == ["package", "open"] else []
        assert "no such ticket" == wrong(run(*words, uuid4(), *more))
        assert "a ticket's id is a UUID; `rightsdesk tickets` lists them" == wrong(run(*words, "x", *more))


def test_dead_letters_are_listed_and_tried_again(run, desk):
    """By id, reason, time and ticket; a replay puts one on the queue and takes it off the list."""
    found = run("dead", "--json").json()
    assert [{"id", "reason", "received_at", "ticket_id"}] * len(found) == [set(one) for one in found]
    (letter,) = [one for one in found if one["ticket_id"] == str(desk.dead)]
    assert "client: no such client in the inventory" == letter["reason"]
    assert "not sealed to this intake" in [one["reason"] for one in found]
    assert "queued again\n" == run("dead", "replay", letter["id"]).out
    assert letter["id"] not in [one["id"] for one in run("dead", "--json").json()]
    assert "no such dead letter; `rightsdesk dead` lists them" == wrong(run("dead", "replay", letter["id"]))
    desk.line.intake.round()
    again = run("dead", "--json").json()
    assert [str(desk.dead)] == [one["ticket_id"] for one in again if one["ticket_id"]]


def test_a_package_is_opened_into_a_new_folder(run, desk, tmp_path):
    """The files of design section 9, private; a folder that holds something is refused."""
    out = tmp_path / "ada"
    said = run("package", "open", desk.ids["access"], "--out", out)
    assert 0 == said.code
    there = {one.relative_to(out).as_posix() for one in out.rglob("*") if one.is_file()}
    assert f"{len(there)} files in {out}\n" == said.out
    assert {"index.html", "manifest.json", "data/chat/contacts.json", "data/chat/contacts.csv"} <= there
    assert [ADA] == [row["email"] for row in json.loads((out / "data/chat/contacts.json").read_text())]
    assert {0o600} == {one.stat().st_mode & 0o777 for one in out.rglob("*") if one.is_file()}
    assert "is not an empty folder" in wrong(run("package", "open", desk.ids["access"], "--out", out))


def test_a_ticket_without_a_package_says_so(run, desk, tmp_path):
    """Nothing was written yet, no link was mailed, no certificate was signed."""
    waiting = desk.ids["waiting"]
    line = wrong(run("package", "open", waiting, "--out", tmp_path / "x"), 1)
    assert "this ticket has no package yet" == line
    assert "no link was mailed for this ticket" == wrong(run("package", "code", waiting), 1)
    assert "its certificate is signed when it closes" in wrong(run("certificate", "show", waiting), 1)


@pytest.mark.parametrize("moment", ["", "soon", "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00"])
def test_a_tick_is_at_a_time_that_there_is(run, desk, monkeypatch, moment):
    """An empty one is none, too, and none is taken where the clock is real."""
    assert "--at is only for tests" in wrong(run("tick", "--at", moment))
    monkeypatch.setenv("RIGHTSDESK_TEST", "1")
    assert "a time l" in wrong(run("tick", "--at", moment))


def test_clocks_are_counted_anew(run, desk):
    """What has not changed does not move; a client that is not there is wrong use."""
    assert (0, "the dates of 0 tickets moved, and of 0 only the milestones\n", "") == process(desk, (("recount",), {}))[
        0
    ]
    assert "no such client; there are acme" == wrong(run("recount", "--client", "nobody"))


def test_systems_are_checked(run, desk, monkeypatch, tmp_path):
    """Each is looked at; what is wrong is said beside it, with exit code 1."""
    found = run("systems", "check", "--json")
    assert (0, ["chat", "mail", "documents"]) == (found.code, [one["system"] for one in found.json()])
    text = desk.world.systems.read_text().replace('"map.yaml"', '"gone.yaml"')
    other = tmp_path / "systems.toml"
    other.write_text(text)
    monkeypatch.setenv("RIGHTSDESK_SYSTEMS", str(other))
    said = run("systems", "check", "--json")
    assert (1, [False, False, False]) == (said.code, [one["ok"] for one in said.json()])
    for one, why in zip(
        said.json(), ("no data map at gone.yaml", "folder of mailboxes", "named by `url`"), strict=True
    ):
        assert why in one["note"]
    monkeypatch.setenv("RIGHTSDESK_SYSTEMS", str(tmp_path / "gone.toml"))
    assert "no inventory at" in wrong(run("systems", "check"))


@pytest.mark.parametrize("words", [("up",), ("worker",), ("systems", "check")])
def test_a_package_store_that_is_nowhere_is_refused_at_start(run, desk, monkeypatch, words):
    """Nothing starts before its region is declared, and its URL is not shown."""
    monkeypatch.setenv("RIGHTSDESK_PACKAGES", "s3://key:canary@packages")
    assert "set RIGHTSDESK_PACKAGES_REGION" in (said := wrong(run(*words)))
    assert "canary" not in said
    monkeypatch.setenv("RIGHTSDESK_PACKAGES_REGION", "aws:us-east-1")
    assert "the package store is in US, outside EU/EEA" in wrong(run(*words))


@pytest.mark.parametrize("words", [("up",), ("worker",), ("evidence", "verify")])
def test_a_place_for_checkpoints_that_no_driver_knows_is_refused_at_start(run, desk, monkeypatch, words):
    """And not when the first is to be published; its URL is not shown."""
    monkeypatch.setenv("RIGHTSDESK_CHECKPOINTS", "nosuch://key:canary@ledger")
    said = "the checkpoints' URL fits no storage driver installed here; see the README"
    assert said == wrong(run(*words))


def test_migrate_says_what_it_did(run, bare):
    """Once to head, then nothing; before that a read says what to do."""
    assert "run `rightsdesk migrate`" in wrong(run("tickets"), 1)
    assert re.fullmatch(r"migrated to \d{4}\n", run("migrate").out)
    assert re.fullmatch(r"the schema is at head \(\d{4}\)\n", run("migrate").out)
    assert [] == run("tickets", "--json").json()


def test_no_stack_is_exit_code_1(run, bare):
    """For people and for machines."""
    said = run("status")
    assert (1, "") == (said.code, said.error)
    assert "no stack is running" in said.out
    found = run("status", "--json")
    assert (1, {"ready": False, "stack": None, "alerts": None}) == (found.code, found.json())


def test_a_wrong_setting_is_one_line(run, desk, monkeypatch):
    """The variable is named, its value is not."""
    monkeypatch.setenv("RIGHTSDESK_DATABASE_URL", "no url")
    assert "RIGHTSDESK_DATABASE_URL is not a SQLAlchemy URL" in wrong(run("tickets"))
    monkeypatch.setenv("RIGHTSDESK_LEASE_SECONDS", "soon")
    assert "RIGHTSDESK_LEASE_SECONDS is not valid; see the README" == wrong(run("tickets"))


def test_tickets_come_from_a_file_from_standard_input_and_as_lines(run, desk, tmp_path):
    """An id a line in their order; with --no-wait once they are queued."""
    raws = [ticket("access", "nobody@never.example") for _ in range(3)]
    path = tmp_path / "ticket.json"
    path.write_text(json.dumps(raws[0], indent=2))
    assert (0, f"{raws[0]['id']}\n", "") == run("submit", path, "--no-wait")
    lines = "\n".join(json.dumps(one) for one in raws[1:]) + "\n\n"
    assert [one["id"] for one in raws[1:]] == run("submit", "-", "--no-wait", stdin=lines).out.split()
    anonymous = {name: value for name, value in raws[0].items() if name != "id"}
    made = run("submit", "--no-wait", stdin=json.dumps(anonymous)).out.strip()
    desk.line.intake.round()
    listed = {one["id"] for one in run("tickets", "--json").json()}
    assert {str(UUID(made)), *(one["id"] for one in raws)} <= listed


def test_a_ticket_is_pushed_once(run, desk):
    """What is spooled from before is sent again, what is queued now is not sent twice."""
    broker = desk.line.intake.broker
    desk.line.intake.round()
    left = len(desk.line.submitter.left())
    run("submit", "--no-wait", stdin=json.dumps(ticket("access", "nobody@never.example")))
    assert 1 + left >= broker.llen(INTAKE)
    run("submit", "--no-wait", stdin=json.dumps(ticket("access", "nobody@never.example")))
    pushed = broker.lrange(INTAKE, 0, -1)
    assert len(set(pushed)) + 1 == len(pushed)
    desk.line.intake.round()


def test_an_accepted_ticket_is_printed(run, desk):
    """Without options it waits for intake's receipt, and clears the spool."""
    raw = ticket("access", "nobody@never.example")
    with desk.taking():
        said = run("submit", stdin=json.dumps(raw))
    assert (0, f"{raw['id']}\n", "") == said
    assert not [path for path in (desk.home / "spool").iterdir() if path.name.startswith(raw["id"])]


@pytest.mark.parametrize(
    ("stdin", "said"),
    [
        ("", "no ticket: give a JSON object or JSON Lines"),
        ("{", "line 1: not valid JSON"),
        ("[" * 100_000, "line 1: not valid JSON"),
        ('{"id": ' + "1" * 5000 + "}", "line 1: not valid JSON"),
        ("5", "a ticket is a JSON object"),
        ("[]", "a ticket is a JSON object"),
        (json.dumps(ticket("levitation")), "right: there is no such right"),
        (json.dumps(ticket("access", colour=1)), "?: unknown key"),
        (json.dumps(ticket("access", client="nobody")), "client: no such client in the inventory"),
        (json.dumps(ticket("access")) + "\n" + json.dumps(ticket("x")), "line 2: right: there is no such right"),
        (json.dumps(ticket("rectification", details={"changes": {"user." + "a" * 90 + str(n): "x" for n in range(1)}})),
         "details."),
    ],
)  # fmt: skip
def test_a_wrong_ticket_is_refused_by_one_line(run, desk, stdin, said):
    """Nothing is queued, and no address is quoted."""
    before = desk.line.intake.broker.llen(INTAKE)
    line = wrong(run("submit", stdin=stdin))
    assert line.startswith(said)
    assert ADA not in line
    assert before == desk.line.intake.broker.llen(INTAKE)


def test_a_ticket_too_large_is_refused(run, desk):
    """At most 32 KiB; lists of people go as a file."""
    changes = {f"user.x{chr(97 + n // 26)}{chr(97 + n % 26)}": "v" * 1000 for n in range(40)}
    line = wrong(run("submit", stdin=json.dumps(ticket("rectification", details={"changes": changes}))))
    assert "32 KiB; lists of people go as a file" in line


def test_a_file_that_cannot_be_read(run, desk, tmp_path):
    """Missing, or not text."""
    assert "cannot read /nowhere/x: No such file or directory" == wrong(run("submit", "/nowhere/x"))
    (tmp_path / "x").write_bytes(b"\xff\xfe")
    assert "is not UTF-8 text" in wrong(run("submit", tmp_path / "x"))


@pytest.mark.parametrize(("name", "code"), [("access", 0), ("failed", 1), ("waiting", 3), ("refused", 4)])
def test_waiting_for_the_end_has_its_exit_codes(run, desk, name, code):
    """0 fulfilled, 1 failed, 3 waiting for a person, 4 partial, refused or withdrawn."""
    with desk.taking():
        said = run("submit", "--wait", "--timeout", "20", stdin=json.dumps(desk.raw[name]))
    assert (code, f"{desk.ids[name]}\n") == (said.code, said.out)


def test_of_several_tickets_the_worst_counts(run, desk):
    """A failure before a question before a refusal."""
    for names, code in ((("access", "refused"), 4), (("access", "refused", "waiting"), 3), (desk.raw, 1)):
        lines = "\n".join(json.dumps(desk.raw[name]) for name in names)
        with desk.taking():
            assert code == run("submit", "--wait", "--timeout", "20", stdin=lines).code


def test_time_runs_out_with_exit_code_5(run, desk):
    """While its steps are not worked, and when no intake takes it, too."""
    raw = json.dumps(ticket("access", "nobody@never.example"))
    assert (5, "") == run("submit", "--wait", "--timeout", "0.1", stdin=raw)[:2]
    with desk.taking():
        assert 5 == run("submit", "--wait", "--timeout", "0.5", stdin=raw).code
    raw = ticket("access", "nobody@never.example")
    line = wrong(run("submit", "--timeout", "0.1", stdin=json.dumps(raw)), 1)
    assert f"no receipt yet for {raw['id']}; " in line
    desk.line.intake.round()


def test_an_id_that_is_reused_is_a_failure(run, desk):
    """Intake's receipt says why."""
    with desk.taking():
        said = run("submit", stdin=json.dumps(desk.raw["access"] | {"instruction": "another"}))
    assert "id reused; see `rightsdesk dead`" in wrong(said, 1)


def test_a_broker_that_is_down_is_said(run, bare, monkeypatch):
    """The ticket is spooled, and sent by a later submit."""
    monkeypatch.setenv("RIGHTSDESK_BROKER_URL", "redis+socket:///nowhere.sock?virtual_host=0")
    assert "the queue is down" in wrong(run("submit", stdin=json.dumps(ticket("access"))), 1)
    assert 1 == len(list((bare / "spool").iterdir()))
    monkeypatch.setenv("RIGHTSDESK_BROKER_URL", "amqp://x")
    assert "RIGHTSDESK_BROKER_URL must start with" in wrong(run("submit", stdin=json.dumps(ticket("access"))))


def test_a_person_decides_and_a_tick_sweeps(desk):
    """A decision is recorded and its next steps are sent; one about a closed ticket, or a time in earnest, is wrong."""
    ident = desk.line.submit(ticket("access", "no-other@never.example", identity=None))
    reason = "--as", "ines", "--reason", "knows her"
    at = "tick", "--at", "2026-01-01T00:00:00+00:00", "--json"
    approved, closed, unknown, earnest, swept = process(
        desk, (("approve", ident, *reason), {"RIGHTSDESK_CONCURRENCY": "16"}),
        (("pause", desk.ids["access"], *reason), {}), (("refuse", uuid4(), *reason), {}), (at, {}),
        (at, {"RIGHTSDESK_TEST": "1"}),
    )  # fmt: skip
    assert (0, "approve: recorded\n", "") == approved
    steps = desk.line.ticket(ident)["steps"]
    assert [("approve", "ines")] == [(one["decision"], one["by"]) for one in steps if one["waits"] == "identity"]
    path = desk.environment["RIGHTSDESK_BROKER_URL"].removeprefix("redis+socket://").partition("?")[0]
    with redis.Redis(unix_socket_path=path) as broker:
        assert all(broker.llen(queue) for queue in ("chat#2", "email#2", "data-center#2"))
        broker.delete("chat#2", "email#2", "data-center#2")
    assert "the ticket is closed; submit a new one" == wrong(closed)
    assert "no such ticket" == wrong(unknown)
    assert "--at is only for tests: set RIGHTSDESK_TEST=1" == wrong(earnest)
    assert 0 == swept.code
    told = {"fired", "late", "delivered", "undelivered", "checkpoints"}
    assert {"reclaimed", "sent", "advanced"} | told == set(swept.json())


def test_a_system_that_is_down_is_shown(run, desk):
    """`status` says which, since when, and when it is tried again; a step that waits for it, too."""
    at = datetime(2026, 3, 2, 9, tzinfo=UTC)
    shown = {"system": "chat", "failures": 4, "since": at.isoformat(), "next_at": at.isoformat()}
    with desk.line.office.store.write() as session:
        session.execute(insert(CircuitRow).values(system="chat", failures=4, since=at, next_at=at))
    try:
        said = run("status")
        assert f"down     chat: 4 failures since {at.isoformat()}; next try {at.isoformat()}" in said.out.splitlines()
        assert [shown] == run("status", "--json").json()["down"]
    finally:
        with desk.line.office.store.write() as session:
            session.execute(delete(CircuitRow))
    assert "down" not in run("status", "--json").json()
