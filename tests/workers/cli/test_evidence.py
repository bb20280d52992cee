"""Certificates and evidence by the command, and by the script that an auditor has in place of us."""

import json
import os
import runpy
import shutil
import string
import subprocess
import sys
from base64 import b64decode
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import select, update

from shared.envelope import public_pem
from shared.settings import read
from shared.store.checkpoints import certified
from shared.store.tables import AlertRow, CertificateRow, CheckpointRow, EvidenceRow, TicketRow
from tests.command import ROOT, process, wrong
from workers.certificate_page import page
from workers.certificate_schema import Document
from workers.checkpoints import keep
from workers.desk.plain import plain
from workers.office import open_office

SCRIPT = """
import sys, runpy
sys.path.append(sys.argv.pop(1))
try:
    import shared
    raise SystemExit("not isolated")
except ImportError:
    pass
sys.argv.pop(0)
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.fixture
def key(run, desk, tmp_path):
    """The vendor's public key, as the command shows it."""
    path = tmp_path / "public.pem"
    said = run("keys", "show", "--public")
    assert said.out.endswith(public_pem(desk.line.office.vault.signer).decode())
    path.write_text(said.out)
    return path


@pytest.fixture
def other_key(tmp_path):
    """The public key of somebody else."""
    path = tmp_path / "other.pem"
    path.write_bytes(public_pem(Ed25519PrivateKey.generate()))
    return path


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """Run the script with the standard library and `cryptography` alone; return what it says."""
    site = tmp_path_factory.mktemp("site")
    for name in ("cryptography", "cffi", "_cffi_backend"):
        found = find_spec(name)
        source = Path(found.submodule_search_locations[0]) if found.submodule_search_locations else Path(found.origin)
        (site / source.name).symlink_to(source)

    def run_script(*words):
        command = [sys.executable, "-I", "-S", "-c", SCRIPT, site, ROOT / "docs/verify_certificate.py", *words]
        return subprocess.run(list(map(str, command)), cwd=site, capture_output=True, text=True, check=False)

    return run_script


def test_a_certificate_is_shown_and_verified_offline(run, desk, key, alone, tmp_path, monkeypatch):
    """Pending at first, with its proof after the next checkpoint; `verify` and the script say which they saw."""
    ident, path = desk.ids["access"], tmp_path / "certificate.json"
    assert (0, "", "") == run("certificate", "show", ident, "--out", path)
    assert json.loads(path.read_text()) == run("certificate", "show", ident, "--json").json()
    said = run("certificate", "verify", path, "--key", key)
    assert (0, f"valid: ticket {ident}, access, fulfilled; proof pending\n", "") == said
    pending = {"valid": True, "reason": None, "proof": "pending"}
    assert pending == run("certificate", "verify", path, "--key", key, "--json").json()
    assert "proof: pending (signed, not yet in a checkpoint)" == alone(path, key).stdout.splitlines()[1]

    made, nothing, again = process(
        desk, *((["evidence", "checkpoint", *more], {}) for more in ((), (), ["--json"]))
    )  # fmt: skip
    assert "1 checkpoints made\n" == made.out
    assert "nothing has changed since the last checkpoint\n" == nothing.out
    assert {"checkpoints": 0} == again.json()
    run("certificate", "show", ident, "--out", path)
    monkeypatch.setenv("RIGHTSDESK_HOME", str(tmp_path / "nowhere"))
    checkpoint = json.loads(path.read_text())["proof"]["checkpoint"]
    said = run("certificate", "verify", path, "--key", key)
    proof = f"in checkpoint 1 of {checkpoint['at']}"
    assert (0, f"valid: ticket {ident}, access, fulfilled; proof {proof}\n", "") == said
    known = {name: checkpoint[name] for name in ("at", "root")}
    assert {"checkpoint": 1} | known == run("certificate", "verify", path, "--key", key, "--json").json()["proof"]
    published = tmp_path / "published.json"
    published.write_text(json.dumps(checkpoint))
    done = alone(path, key, "--checkpoint", published)
    assert (0, "", f"proof: {proof}, root {checkpoint['root']}") == (
        done.returncode, done.stderr, done.stdout.splitlines()[1]
    )  # fmt: skip
    assert not (tmp_path / "nowhere").exists()


def changed(document):
    """Yield certificates that were changed: a value, the signature, the proof's path, the checkpoint."""
    for place in ("certificate", "signature", "proof", "checkpoint"):
        made = json.loads(json.dumps(document))
        if place == "certificate":
            made["certificate"]["outcome"] = "partial"
        elif place == "signature":
            made["signature"]["value"] = made["proof"]["checkpoint"]["signature"]["value"]
        elif place == "proof":
            made["proof"]["path"][0] = "00" * 32
        else:
            made["proof"]["checkpoint"]["number"] = 9
        yield made


def test_a_changed_certificate_or_another_key_is_refused(run, desk, key, other_key, alone, tmp_path):
    """Exit code 1 and the reason; the same in JSON, and by the script."""
    keep(desk.line.office)
    path = tmp_path / "certificate.json"
    document = run("certificate", "show", desk.ids["access"]).json()
    path.write_text(json.dumps(document))
    assert "the signature does not fit" in wrong(run("certificate", "verify", path, "--key", other_key), 1)
    assert (1, "NOT VALID: the signature does not fit\n") == (
        (done := alone(path, other_key)).returncode, done.stderr,
    )  # fmt: skip
    for made in changed(document):
        path.write_text(json.dumps(made))
        assert wrong(run("certificate", "verify", path, "--key", key), 1)
        assert {"valid": False, "proof": None}.items() <= run(
            "certificate", "verify", path, "--key", key, "--json"
        ).json().items()
        assert alone(path, key).stderr.startswith("NOT VALID: ")
    for words in ("nonsense", "[]", "{}", "5"):
        path.write_text(words)
        assert "this is not a Rightsdesk certificate" == wrong(run("certificate", "verify", path, "--key", key), 1)
    assert "NOT VALID: this cannot be read as what it is said to be\n" == alone(path, key).stderr
    assert "cannot read" in wrong(run("certificate", "verify", tmp_path / "nowhere", "--key", key))
    assert "cannot read the public key" in wrong(run("certificate", "verify", path, "--key", tmp_path / "nowhere"))
    assert alone(tmp_path / "nowhere", key).stderr.startswith("cannot read ")


def varied(document):
    """Yield the certificate with what nobody signed added, or what was signed written in another way."""
    for change in (
        lambda made: made["signature"].update(by="An Authority"),
        lambda made: made["proof"].update(note="reviewed"),
        lambda made: made["proof"]["checkpoint"]["signature"].update(by="An Authority"),
        lambda made: made["proof"].update(index=float(made["proof"]["index"])),
        lambda made: made["proof"].update(path=[one.upper() for one in made["proof"]["path"]]),
        lambda made: made["proof"].update(path=[f" {one}" for one in made["proof"]["path"]]),
        lambda made: made["signature"].update(value=other_bits(made["signature"]["value"])),
    ):
        made = json.loads(json.dumps(document))
        change(made)
        yield made


def other_bits(value):
    """Return another Base64 text of the same 64 bytes: its last sign before the padding has four bits to spare."""
    made = next(f"{value[:-3]}{sign}==" for sign in string.ascii_letters if sign != value[-3]
                and b64decode(f"{value[:-3]}{sign}==") == b64decode(value))  # fmt: skip
    assert made != value
    return made


def test_what_nobody_signed_is_no_part_of_a_certificate(run, desk, key, tmp_path):
    """The script is as strict as the command: an addition is refused, and so is another spelling."""
    keep(desk.line.office)
    path = tmp_path / "certificate.json"
    script = runpy.run_path(str(ROOT / "docs/verify_certificate.py"))
    keys = script["read_keys"](key, [])
    document = run("certificate", "show", desk.ids["access"]).json()
    script["check_certificate"](document, keys)
    script["check_proof"](document, keys, None)
    for made in varied(document):
        path.write_text(json.dumps(made))
        assert wrong(run("certificate", "verify", path, "--key", key), 1)
        with pytest.raises(SystemExit, match="NOT VALID"):
            script["check_certificate"](made, keys), script["check_proof"](made, keys, None)


def test_a_certificate_that_was_changed_in_the_database_is_not_shown(run, desk, tmp_path):
    """What does not verify is no certificate, as a page still less than as a file."""
    keep(desk.line.office)
    ident = UUID(str(desk.ids["access"]))
    with desk.line.office.store.write() as session:
        row = session.get_one(CertificateRow, ident)
        before = row.document
        row.document = before | {"certificate": before["certificate"] | {"outcome": "refused"}}
    try:
        for more in ((), ("--html",), ("--out", tmp_path / "certificate.json")):
            said = wrong(run("certificate", "show", ident, *more), 1)
            assert said.startswith("the signature does not fit")
        assert [] == list(tmp_path.iterdir())
    finally:
        with desk.line.office.store.write() as session:
            session.get_one(CertificateRow, ident).document = before


RECORD = ("--system", "chat", "--collection", "contacts")


def test_a_record_that_was_found_is_proved_to_who_knows_it(run, desk, key, alone, tmp_path):
    """By the command and by the script; another record is not, and none once the ticket's key is gone."""
    ident, path, record = desk.ids["access"], tmp_path / "certificate.json", tmp_path / "record.json"
    run("certificate", "show", ident, "--out", path)
    assert (0, "", "") == run("certificate", "prove", ident, *RECORD, "--key", "[1]", "--out", record)
    said = run("certificate", "verify", path, "--key", key, "--record", record)
    assert "the record is among those that were found" == said.out.splitlines()[-1]
    done = alone(path, key, "--record", record)
    assert (0, "record: found in chat, contacts, before anything was done") == (
        done.returncode, done.stdout.splitlines()[-1],
    )  # fmt: skip
    record.write_text(record.read_text().replace('"[1]"', '"[2]"'))
    refused = wrong(run("certificate", "verify", path, "--key", key, "--record", record), 1)
    assert "the certificate does not commit to this record" == refused
    assert f"NOT VALID: {refused}\n" == alone(path, key, "--record", record).stderr
    assert "no search of this ticket found such a record there" in wrong(
        run("certificate", "prove", ident, *RECORD, "--key", "[2]")
    )
    with desk.line.office.store.write() as session:
        wrapped = session.get_one(TicketRow, ident).wrapped_key
        session.execute(update(TicketRow).where(TicketRow.id == ident).values(wrapped_key=None))
    assert "key was destroyed" in wrong(run("certificate", "prove", ident, *RECORD, "--key", "[1]"), 1)
    with desk.line.office.store.write() as session:
        session.execute(update(TicketRow).where(TicketRow.id == ident).values(wrapped_key=wrapped))


def test_a_certificate_has_its_documented_form(run, desk):
    """Each of them, with and without a proof; `schema certificate` prints the form."""
    schema = run("schema", "certificate").json()
    assert {"Certificate", "Proof", "Checkpoint"} <= set(schema["$defs"])
    keep(desk.line.office)
    for name in ("access", "refused", "consent"):
        document = run("certificate", "show", desk.ids[name]).json()
        Document.model_validate(document)
        Document.model_validate(document | {"proof": "pending"})


def test_a_certificate_is_a_page_to_read_and_print(run, desk, tmp_path):
    """In the client's language; in English for a client that left; nothing in it is taken for markup."""
    path = tmp_path / "certificate.html"
    assert (0, "", "") == run("certificate", "show", desk.ids["access"], "--html", "--out", path)
    german = plain(path.read_text())
    assert "Nachweis: Auskunft (Art. 15 DSGVO)" in german
    assert str(desk.ids["access"]) in german
    assert "Chat (chat)" in german
    office = desk.line.office
    with office.store.read() as session:
        document = certified(session, desk.ids["access"])
    document["certificate"]["client"] = {"id": "gone", "name": "<b>Gone</b> & Co"}
    document["certificate"]["instruction"] = "<script>alert(1)</script>"
    english = page(office, document | {"proof": "pending"})
    assert "<script>" not in english
    assert "&lt;b&gt;Gone&lt;/b&gt; &amp; Co" in english
    assert "pending: this certificate is signed and not yet in a checkpoint" in plain(english)
    assert "give --html or --json, one of them" == wrong(
        run("certificate", "show", desk.ids["access"], "--html", "--json")
    )


def test_evidence_is_verified(run, desk, key, tmp_path):
    """What is broken is named with its first broken place, and somebody is called until it verifies again."""
    said = run("evidence", "verify")
    assert (0, "") == (said.code, said.error)
    assert said.out.startswith("every chain, checkpoint and certificate verifies: ")
    assert (0, []) == (run("evidence", "verify", "--json").code, run("evidence", "verify", "--json").json())
    where = EvidenceRow.ticket_id == desk.ids["consent"], EvidenceRow.seq == 2
    with desk.line.office.store.write() as session:
        former = session.scalars(select(EvidenceRow.hash).where(*where)).one()
        session.execute(update(EvidenceRow).where(*where).values(hash=bytes(32)))
    assert 1 == run("evidence", "verify", "--key", key).code
    standing = select(AlertRow.dedup).where(AlertRow.kind == "evidence", AlertRow.state == "open")
    with desk.line.office.store.read() as session:
        assert [] == session.scalars(standing).all()  # an auditor writes nothing
    found = run("evidence", "verify", "--json")
    place = {"ticket": str(desk.ids["consent"]), "entry": 2, "reason": "broken from entry 2"}
    assert (1, [place]) == (found.code, found.json())
    assert f"ticket {desk.ids['consent']}: broken from entry 2\n" == run("evidence", "verify").out
    with desk.line.office.store.read() as session:
        assert [f"evidence:{desk.ids['consent']}"] == session.scalars(standing).all()
    with desk.line.office.store.write() as session:
        session.execute(update(EvidenceRow).where(*where).values(hash=former))
    assert 0 == run("evidence", "verify").code
    with desk.line.office.store.read() as session:
        assert [] == session.scalars(standing).all()


def test_evidence_is_compared_with_what_was_published(run, desk, tmp_path, monkeypatch):
    """At the place of the settings or at one that is named; where nothing lies, nothing is proved."""
    place = tmp_path / "published"
    assert "nothing is published there" == wrong(run("evidence", "verify", "--published", f"file://{place}"))
    (place / "000000000001.json").mkdir(parents=True)
    refused = "what was published cannot be read (IsADirectoryError); check its URL"
    assert refused == wrong(run("evidence", "verify", "--published", f"file://{place}"), 1)
    shutil.rmtree(place)
    assert "no storage driver" in wrong(run("evidence", "verify", "--published", "nosuch://bucket"))
    monkeypatch.setenv("RIGHTSDESK_CHECKPOINTS", f"file://{place}")
    with closing(open_office(read())) as office:
        keep(office)
    assert 0 == run("evidence", "verify").code
    newer = json.loads(max(place.iterdir()).read_text())["number"] + 1
    with desk.line.office.store.read() as session:
        assert newer - 1 == session.scalars(select(CheckpointRow.number).order_by(CheckpointRow.number.desc())).first()
    shutil.move(place / f"{newer - 1:012}.json", place / f"{newer:012}.json")
    monkeypatch.delenv("RIGHTSDESK_CHECKPOINTS")
    found = run("evidence", "verify", "--published", f"file://{place}", "--json")
    assert 1 == found.code
    assert "published, but not here: this database was put back to an older state" in [
        one["reason"] for one in found.json()
    ]
    assert os.fspath(place) not in found.out
