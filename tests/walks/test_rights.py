"""Walks from the door to the close, for every right, on SQLite and on PostgreSQL."""

import json
import zipfile
from pathlib import Path

import pytest

from shared.envelope import public_pem, read_public_pem
from shared.evidence import verify
from tests import small
from tests.evidence import broken
from tests.shared.test_audio import wav
from tests.small import ADA, BOB, ticket
from workers import gate
from workers.package import extract, package_files


def closed(line, ident, outcome="fulfilled"):
    """Return a ticket that is closed as it should, its certificate and evidence verified."""
    found = line.ticket(ident)
    assert ("closed", outcome) == (found["state"], found["outcome"]), [
        (one["verb"], one["system"], one["state"], one["error"]) for one in found["steps"] if one["state"] != "done"
    ]
    pem = line.office.settings.root / "public.pem"
    pem.write_bytes(public_pem(line.office.vault.signer))
    assert verify(line.certificate(ident), read_public_pem(pem)) is None
    with line.office.store.read() as session:
        assert [] == broken(line.office, session)
    return found


def package(line, ident, out: Path):
    """Open a package and return its folder."""
    with line.office.store.read() as session:
        key, _ = line.office.ticket(session.get_one(__import__("shared.store.tables").store.tables.TicketRow, ident))
        files = package_files(session, key, ident)
    extract(line.office.packages, ident, key, files, out)
    return out


def test_a_recording_that_has_to_stay_is_silenced(line, world):
    """The ticket says when Ada speaks: silence stands there, the ticket is partial, and the times are its reason."""
    key = "calls/conference.wav"
    path = world.folder / "documents" / key
    path.parent.mkdir()
    path.write_bytes(wav(b"\x01\x02" * 8000))
    path.with_suffix(".json").write_text(json.dumps({"email": ADA}))
    spans = [{"system": "documents", "file": key, "from": 0.25, "to": 0.5}]
    ident = line.submit(ticket("erasure", details={"silence": spans}))
    line.run()
    found = closed(line, ident, "partial")
    assert wav(b"\x01\x02" * 2000 + bytes(4000) + b"\x01\x02" * 4000) == path.read_bytes()
    assert {"masked": 1, "retained": 1} == counts(found, "delete", "documents")["calls"]
    grounds = {one["ground"] for step in found["steps"] for one in step["reasons"]}
    assert {"silenced 0.25-0.5 s", "its object is retained"} <= grounds
    assert {"clean"} == {one["second_look"] for one in line.certificate(ident)["certificate"]["systems"]}


def asked(line, purpose, email=ADA):
    """Return what the gate answers."""
    return gate.check(client="acme", purpose=purpose, email=email, settings=line.office.settings)[0]


def counts(found, verb, system):
    """Return the counts of the last step of a verb on a system."""
    return [one["counts"] for one in found["steps"] if (one["verb"], one["system"]) == (verb, system)][-1]


def test_erasure(line, world):
    """Ada is gone from every system, Bob is as he was, and the certificate says so."""
    bob = world.of(BOB)
    ident = line.submit(ticket("erasure"))
    assert "deny" == asked(line, "anything")
    line.run()
    found = closed(line, ident)
    assert set() == world.of(ADA)
    assert bob == world.of(BOB)
    assert {"contacts": {"erased": 1}, "messages": {"erased": 2}} == counts(found, "delete", "chat")
    assert {"clean"} == {one["second_look"] for one in line.certificate(ident)["certificate"]["systems"]}
    assert "allow" == asked(line, "anything")


def test_an_erasure_of_nobody_is_fulfilled(line):
    """Someone who was never known is answered: nothing was found."""
    ident = line.submit(ticket("erasure", "nobody@never.example"))
    line.run()
    found = closed(line, ident)
    assert not [one for one in found["steps"] if one["verb"] == "delete"]


def test_an_erasure_twice_is_fulfilled_twice(line, world):
    """Someone already erased is erased again without a failure."""
    for _ in range(2):
        ident = line.submit(ticket("erasure"))
        line.run()
        closed(line, ident)
    assert set() == world.of(ADA)


def test_access(line, world, tmp_path):
    """The package holds a readable page, the data as JSON and CSV, the mails and the documents."""
    ident = line.submit(ticket("access"))
    line.run()
    closed(line, ident)
    out = package(line, ident, tmp_path / "out")
    rows = json.loads((out / "data" / "chat" / "contacts.json").read_text())
    assert [ADA] == [row["email"] for row in rows]
    assert ADA in (out / "data" / "chat" / "contacts.csv").read_text()
    assert "<html" in (out / "index.html").read_text()
    assert (out / "letter.txt").exists()
    assert list((out / "files" / "mail").rglob("*.eml"))
    assert list((out / "files" / "documents").rglob("*.txt"))
    listed = {one["name"] for one in json.loads((out / "manifest.json").read_text())["files"]}
    there = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    assert there - {"manifest.json"} == listed
    assert not [path for path in out.rglob("*") if path.is_file() and BOB in path.read_text(errors="ignore")]


def test_portability_to_another_vendor(line, tmp_path):
    """What the person provided is handed to the other vendor as a zip."""
    target = tmp_path / "there" / "ada.zip"
    target.parent.mkdir()
    ident = line.submit(ticket("portability", details={"transfer_to": f"file://{target}"}))
    line.run()
    closed(line, ident)
    with zipfile.ZipFile(target) as archive:
        names = archive.namelist()
    assert "data/chat/contacts.json" in names


def test_rectification(line, world):
    """The new address stands where the old one stood, and the second look agrees."""
    ident = line.submit(ticket("rectification", details={"changes": {"user.contact.email": "ada@new.example"}}))
    line.run()
    found = closed(line, ident, "partial")
    assert [{"retained": 1}] == list(counts(found, "rectify", "mail").values())  # correspondence stays as it was sent
    assert [("ada@new.example",), (BOB,)] == world.rows("SELECT email FROM contacts ORDER BY id")


def test_restriction_and_its_end(opened, world, post):
    """Restricted data are marked and the gate denies; lifting tells the person first and takes both back."""
    url, mails = post
    line = opened(world, smtp_url=url)
    first = line.submit(ticket("restriction", details={"exceptions": {"claims": "Art. 18(2): a lawsuit"}}))
    assert ["deny", "allow", "allow"] == [asked(line, one) for one in ("newsletter", "claims", "storage")]
    line.run()
    found = closed(line, first, "partial")
    assert {"contacts": {"restricted": 1}, "messages": {"residual": 2}} == counts(found, "restrict", "chat")
    assert [(1, 1), (2, 0)] == world.rows("SELECT id, blocked FROM contacts ORDER BY id")
    second = line.submit(ticket("restriction", details={"lift": str(first)}))
    line.run()
    closed(line, second)
    assert [(1, 0), (2, 0)] == world.rows("SELECT id, blocked FROM contacts ORDER BY id")
    assert "allow" == asked(line, "newsletter")
    assert [ADA] == [mail["To"] for mail in mails]


def test_an_objection_to_marketing_acts_at_once(line):
    """Direct marketing is denied from the accepting transaction on, and stays denied after an erasure."""
    ident = line.submit(ticket("objection", details={"purposes": ["direct-marketing"]}))
    assert ["deny", "allow"] == [asked(line, one) for one in ("direct-marketing", "support")]
    line.run()
    closed(line, ident)
    line.submit(ticket("erasure"))
    line.run()
    assert "deny" == asked(line, "direct-marketing")


@pytest.mark.parametrize(
    ("verb", "outcome", "answer"), [("approve", "partial", "deny"), ("refuse", "refused", "allow")]
)
def test_an_objection_to_other_purposes_waits_for_a_person(line, world, verb, outcome, answer):
    """Processing rests until a person has weighed it; a refusal lifts what rested."""
    ident = line.submit(ticket("objection", details={"purposes": ["profiling"]}))
    line.run()
    assert {"decision": "grounds", "step": line.ticket(ident)["waiting_for"]["step"]} == line.ticket(ident)[
        "waiting_for"
    ]
    assert [(1, 1), (2, 0)] == world.rows("SELECT id, blocked FROM contacts ORDER BY id")
    line.decide(ident, verb)
    closed(line, ident, outcome)
    assert answer == asked(line, "profiling")
    assert [(1, int(verb == "approve"))] == world.rows("SELECT id, blocked FROM contacts WHERE id = 1")


def test_consent_given_and_withdrawn(line):
    """A consent is recorded with its proof; a withdrawal acts at once."""
    consent = {"purposes": ["newsletter"], "channel": "web", "wording": "v1", "act": "ticked an empty box"}
    given = line.submit(ticket("consent", details={"consent": consent | {"action": "give"}}))
    assert "allow" == asked(line, "newsletter")
    line.run()
    closed(line, given)
    withdrawn = line.submit(ticket("consent", details={"consent": consent | {"action": "withdraw"}}))
    assert "deny" == asked(line, "newsletter")
    line.run()
    closed(line, withdrawn)


def test_a_withdrawal_denies_however_its_purpose_is_written(line):
    """Consents and restrictions close the gate for a purpose with a capital letter, too."""
    consent = {"purposes": ["Newsletter"], "channel": "web", "act": "clicked unsubscribe", "action": "withdraw"}
    line.submit(ticket("consent", details={"consent": consent}))
    line.submit(ticket("restriction", details={"purposes": ["Profiling"]}))
    assert ["deny"] * 3 == [asked(line, one) for one in ("Newsletter", "newsletter", "profiling")]


INCIDENT = {
    "nature": "A token was stolen.",
    "consequences": "Phishing.",
    "measures": "The token was revoked.",
    "from": "2026-01-01T00:00:00+00:00",
    "to": "2026-02-01T00:00:00+00:00",
}


def breach(**more):
    """Return a breach ticket."""
    made = ticket("breach", details={"incident": INCIDENT}) | more
    return {name: value for name, value in made.items() if name not in ("subject", "identity")}


def test_a_breach_tells_people_first(opened, world, post):
    """Everyone in the window is told, then the client, then the authority's form is ready, and it is registered."""
    url, mails = post
    line = opened(world, smtp_url=url)
    ident = line.submit(breach())
    line.run()
    found = closed(line, ident)
    assert {ADA, BOB} <= {mail["To"] for mail in mails}
    assert "privacy@acme.example" == mails[-1]["To"]
    notices = [one["verb"] for one in found["steps"] if one["stage"] == "notify"]
    assert ["tell", "tell-client", "authority"] == notices[3:]
    assert found["due_on"] is None


def test_a_breach_where_the_client_tells_people(opened, tmp_path, post):
    """Where the agreement keeps telling people to the client, it is told first and asked."""
    url, mails = post
    world = small.build(tmp_path / "world", head='tells_people = "client"\n')
    line = opened(world, smtp_url=url)
    ident = line.submit(breach())
    line.run()
    assert ["privacy@acme.example"] == [mail["To"] for mail in mails]
    assert "people" == line.ticket(ident)["waiting_for"]["decision"]
    line.decide(ident, "approve")
    closed(line, ident)
    assert {ADA, BOB} <= {mail["To"] for mail in mails}


def test_a_breach_by_a_list_of_people(opened, world, post, tmp_path):
    """A list of people, as a file, tells who is affected."""
    url, mails = post
    listed = tmp_path / "people.csv"
    listed.write_text("email,name\ncarl@example.org,Carl\n")
    line = opened(world, smtp_url=url)
    incident = {name: value for name, value in INCIDENT.items() if name not in ("from", "to")}
    ident = line.submit(breach(details={"incident": incident | {"people_file": f"file://{listed}"}}))
    line.run()
    closed(line, ident)
    assert "carl@example.org" == mails[0]["To"]
