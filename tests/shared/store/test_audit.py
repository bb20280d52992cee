"""The look at all evidence: what is whole verifies, and each way to tamper is found, with its place."""

import json
import shutil
import sqlite3
from contextlib import closing

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select, text

from shared.evidence import (
    GENESIS,
    canonical,
    certificate_digest,
    checkpoint_leaf,
    link,
    root_of,
    sign,
    sign_checkpoint,
    verify,
)
from shared.store.audit import Audit
from shared.store.checkpoints import Leaf, certified
from shared.store.tables import AlertRow, CertificateRow, CheckpointLeafRow, CheckpointRow, EvidenceRow
from tests.evidence import CLOSED, FRESH, OPEN, OTHER, TICKETS, append, begin, broken, fill, opened
from workers import checkpoints
from workers.published import Published


@pytest.fixture(scope="module")
def office(tmp_path_factory):
    """An office with evidence of every kind, whose checkpoints are published."""
    folder = tmp_path_factory.mktemp("evidence")
    made = opened(folder, checkpoints=f"file://{folder / 'published'}")
    fill(made)
    yield made
    made.close()


@pytest.fixture
def session(office):
    """A writing session in which anything goes, and of which nothing is kept."""
    with office.store.write() as session:
        session.execute(text("PRAGMA defer_foreign_keys = ON"))
        yield session
        session.rollback()


def test_untouched_evidence_verifies(any_database_url, tmp_path):
    """On each database; with what is counted, and certificates with their proofs."""
    office = opened(tmp_path, any_database_url)
    fill(office)
    with office.store.read(snapshot=True) as session:
        audit = Audit(session, office.vault.signer.public_key())
        assert [] == list(audit.broken())
        assert (18, 4, 3, 2, 4) == (
            audit.entries, audit.chains, audit.checkpoints, audit.certificates, audit.uncovered
        )  # fmt: skip
        for ticket in (CLOSED, OTHER):
            document = json.loads(json.dumps(certified(session, ticket)))
            assert verify(document, office.vault.signer.public_key()) is None
            assert 2 == document["proof"]["checkpoint"]["number"]
        assert certified(session, OPEN) is None
    assert 1 == checkpoints.keep(office)
    assert 0 == checkpoints.keep(office)
    office.close()


ID = {f"t{number}": ticket.hex for number, ticket in enumerate(TICKETS, 1)}


def sql(*statements):
    """Return a tampering: what somebody does who owns the database."""

    def tamper(session, office):
        for statement in statements:
            session.execute(text(statement), {name: ID[name] for name in ID if f":{name}" in statement})

    return tamper


def relink(session, ticket, start):
    """Make a chain's hashes fit again from an entry on, as a forger would."""
    before = GENESIS
    for row in session.scalars(select(EvidenceRow).where(EvidenceRow.ticket_id == ticket).order_by(EvidenceRow.seq)):
        if row.seq >= start:
            row.hash = link(before, row.seq, row.kind, row.payload, row.sealed)
        before = row.hash
    session.flush()


def rewrite(session, office):
    """Change what was found, and make the rest of the chain fit."""
    session.get_one(EvidenceRow, (CLOSED, 2)).payload = canonical({"counts": {}})
    session.flush()
    relink(session, CLOSED, 2)


def rewrite_with_leaves(session, office):
    """The same, with the leaves that checkpoints hold."""
    rewrite(session, office)
    for leaf in session.scalars(select(CheckpointLeafRow).where(CheckpointLeafRow.seq > 0)):
        leaf.hash = session.get_one(EvidenceRow, (leaf.ticket_id, leaf.seq)).hash
    session.flush()


def recompute(session, signer=None):
    """Make the checkpoints fit their leaves again; unsigned, or signed by a key."""
    before = GENESIS
    for row in session.scalars(select(CheckpointRow).order_by(CheckpointRow.number)):
        leaves = session.execute(
            select(CheckpointLeafRow.ticket_id, CheckpointLeafRow.seq, CheckpointLeafRow.hash)
            .where(CheckpointLeafRow.checkpoint == row.number)
            .order_by(CheckpointLeafRow.place)
        )
        hashes = [checkpoint_leaf(row.number - 1, before), *(Leaf(*leaf).hash for leaf in leaves)]
        if signer is None:
            row.document = row.document | {"root": root_of(hashes).hex(), "before": before.hex()}
        else:
            row.document = sign_checkpoint(row.number, row.at, before, hashes, signer)
        row.root = before = root_of(hashes)
    session.flush()


def rewrite_all(session, office, signer=None):
    """The same, with the checkpoints over it."""
    rewrite_with_leaves(session, office)
    recompute(session, signer)


def forge(session, office):
    """The same, signed by a key that is not ours."""
    rewrite_all(session, office, Ed25519PrivateKey.generate())


def keep_out(session, office):
    """Take a certificate out of the checkpoints, and sign these again with our own key."""
    session.execute(delete(CheckpointLeafRow).where(CheckpointLeafRow.ticket_id == CLOSED, CheckpointLeafRow.seq == 0))
    recompute(session, office.vault.signer)


def swap_signatures(session, office):
    """Give a checkpoint the signature of another."""
    one, two = session.get_one(CheckpointRow, 1), session.get_one(CheckpointRow, 2)
    one.document = one.document | {"signature": two.document["signature"]}
    session.flush()


def swap_certificate_signatures(session, office):
    """Give a certificate the signature of another."""
    one, two = session.get_one(CertificateRow, CLOSED), session.get_one(CertificateRow, OTHER)
    one.document = one.document | {"signature": two.document["signature"]}
    session.flush()


def swap_certificates(session, office):
    """Give a ticket another's certificate."""
    session.get_one(CertificateRow, CLOSED).document = session.get_one(CertificateRow, OTHER).document
    session.flush()


def sign_again(session, office):
    """Change a certificate and sign it again, with our own key."""
    row = session.get_one(CertificateRow, CLOSED)
    row.document = sign(row.document["certificate"] | {"outcome": "refused"}, office.vault.signer)
    session.flush()


CHAIN = f"ticket {CLOSED}: "


def entry(change, seq):
    """Return the change of an entry of the first ticket."""
    return sql(f"UPDATE evidence SET {change} WHERE ticket_id = :t1 AND seq = {seq}")


TAMPERINGS = {
    "a payload": (entry("payload = '{}'", 2), CHAIN + "broken from entry 2"),
    "a kind": (entry("kind = 'x'", 2), CHAIN + "broken from entry 2"),
    "a sealed part": (entry("sealed = x'00'", 2), CHAIN + "broken from entry 2"),
    "a sealed part taken": (entry("sealed = NULL", 2), CHAIN + "broken from entry 2"),
    "a link": (entry("hash = zeroblob(32)", 3), CHAIN + "broken from entry 3"),
    "the order": (
        sql(
            "UPDATE evidence SET seq = -seq WHERE ticket_id = :t1 AND seq IN (2, 3)",
            "UPDATE evidence SET seq = 5 + seq WHERE ticket_id = :t1 AND seq < 0",
        ),
        CHAIN + "broken from entry 2",
    ),
    "an entry moved to another ticket": (
        sql(
            "DELETE FROM evidence WHERE ticket_id = :t2 AND seq = 1",
            "UPDATE evidence SET ticket_id = :t2 WHERE ticket_id = :t1 AND seq = 1",
        ),
        CHAIN + "broken from entry 1",
    ),
    "an entry deleted": (sql("DELETE FROM evidence WHERE ticket_id = :t1 AND seq = 2"), CHAIN + "broken from entry 2"),
    "a tail cut off": (
        sql("DELETE FROM evidence WHERE ticket_id = :t3 AND seq > 3"), f"ticket {OPEN}: cut off after entry 3",
    ),
    "a tail cut off that no checkpoint covers": (
        sql("DELETE FROM evidence WHERE ticket_id = :t4 AND seq = 2"), f"ticket {FRESH}: cut off after entry 1",
    ),
    "a tail cut off with its marks": (
        sql("DELETE FROM evidence WHERE ticket_id = :t1 AND seq > 4", "DELETE FROM uncovered"),
        CHAIN + "cut off after entry 4",
    ),
    "a whole chain": (sql("DELETE FROM evidence WHERE ticket_id = :t1"), CHAIN + "the whole chain is gone"),
    "a whole chain that no checkpoint covers": (
        sql("DELETE FROM evidence WHERE ticket_id = :t4", "DELETE FROM uncovered WHERE ticket_id = :t4"),
        f"ticket {FRESH}: the whole chain is gone",
    ),
    "a whole ticket": (
        sql(
            "DELETE FROM evidence WHERE ticket_id = :t1", "DELETE FROM certificates WHERE ticket_id = :t1",
            "DELETE FROM tickets WHERE id = :t1",
        ),
        CHAIN + "the whole chain is gone",
    ),
    "a whole ticket with its leaves": (
        sql(
            "DELETE FROM evidence WHERE ticket_id = :t1", "DELETE FROM certificates WHERE ticket_id = :t1",
            "DELETE FROM tickets WHERE id = :t1", "DELETE FROM checkpoint_leaves WHERE ticket_id = :t1",
        ),
        "checkpoint 1: its leaves were changed",
    ),
    "a chain rewritten": (rewrite, CHAIN + "entry 3 is not the one that a checkpoint holds"),
    "a chain rewritten with its leaves": (rewrite_with_leaves, "checkpoint 1: its leaves were changed"),
    "a chain rewritten with its checkpoints": (rewrite_all, "checkpoint 1: the signature does not fit"),
    "a forged checkpoint": (forge, "checkpoint 1: the signature does not fit"),
    "a swapped signature": (swap_signatures, "checkpoint 1: the signature does not fit"),
    "the first checkpoint": (
        sql("DELETE FROM checkpoint_leaves WHERE checkpoint = 1", "DELETE FROM checkpoints WHERE number = 1"),
        "checkpoint 2: the checkpoints before it are gone, from 1 on",
    ),
    "the last checkpoint": (
        sql(
            "DELETE FROM checkpoint_leaves WHERE checkpoint = 3", "DELETE FROM checkpoints WHERE number = 3",
            "DELETE FROM uncovered",
        ),
        f"ticket {OPEN}: the entries from 3 on are kept from the checkpoints",
    ),
    "checkpoints without their leaves": (
        sql("DELETE FROM checkpoints WHERE number > 1"), "checkpoint 2: it is gone, and its leaves are not",
    ),
    "all checkpoints without their leaves": (
        sql("DELETE FROM checkpoints"), "checkpoint 1: it is gone, and its leaves are not",
    ),
    "leaves of a checkpoint that never was": (
        sql("INSERT INTO checkpoint_leaves SELECT 0, 1, ticket_id, seq, hash FROM evidence WHERE ticket_id = :t4"
            " AND seq = 2"),
        "checkpoint 0: it is gone, and its leaves are not",
    ),
    "a ticket without its chain's": (
        sql("DELETE FROM tickets WHERE id = :t4"), f"ticket {FRESH}: the ticket is gone, and its chain is not",
    ),
    "a leaf": (
        sql("DELETE FROM checkpoint_leaves WHERE checkpoint = 2 AND place = 1"),
        "checkpoint 2: its leaves were changed",
    ),
    "the order of leaves": (
        sql(
            "UPDATE checkpoint_leaves SET place = -place WHERE checkpoint = 2 AND place < 3",
            "UPDATE checkpoint_leaves SET place = 3 + place WHERE place < 0",
        ),
        "checkpoint 2: its leaves were changed",
    ),
    "a root": (sql("UPDATE checkpoints SET root = zeroblob(32) WHERE number = 2"), "checkpoint 2: it does not follow"),
    "marks": (
        sql("DELETE FROM uncovered WHERE ticket_id = :t4"),
        f"ticket {FRESH}: the entries from 1 on are kept from the checkpoints",
    ),
    "a certificate": (
        sql("UPDATE certificates SET document = replace(document, 'pending', 'Pending') WHERE ticket_id = :t1"),
        CHAIN + "the certificate's proof cannot be read",
    ),
    "a certificate's signature": (swap_certificate_signatures, CHAIN + "the signature does not fit"),
    "another's certificate": (swap_certificates, CHAIN + "its certificate is another ticket's"),
    "a certificate signed again": (sign_again, CHAIN + "its certificate is not the one that a checkpoint holds"),
    "a certificate kept out": (keep_out, CHAIN + "its certificate is kept from the checkpoints"),
    "a certificate deleted": (
        sql("DELETE FROM certificates WHERE ticket_id = :t1"), CHAIN + "its certificate is gone",
    ),
}  # fmt: skip


KINDS = {
    "a payload that is no text": (
        "UPDATE evidence SET payload = CAST(payload AS BLOB) WHERE ticket_id = :t1 AND seq = 2",
        CHAIN + "broken from entry 2",
    ),
    "a kind that is no text": (
        "UPDATE evidence SET kind = x'ff' WHERE ticket_id = :t1 AND seq = 2", CHAIN + "broken from entry 2",
    ),
    "a sealed part that is one": (
        "UPDATE evidence SET sealed = 'x' WHERE ticket_id = :t1 AND seq = 3", CHAIN + "broken from entry 3",
    ),
    "a hash that is one": (
        "UPDATE evidence SET hash = 'x' WHERE ticket_id = :t1 AND seq = 3", CHAIN + "broken from entry 3",
    ),
    "a leaf that is one": (
        "UPDATE checkpoint_leaves SET hash = 'x' WHERE checkpoint = 2 AND place = 1",
        "checkpoint 2: its leaves were changed",
    ),
    "a root that is one": (
        "UPDATE checkpoints SET root = 'x' WHERE number = 2", "checkpoint 2: it does not follow",
    ),
    "a mark that is no number": (
        "UPDATE uncovered SET seq = 'x' WHERE ticket_id = :t4",
        f"ticket {FRESH}: its mark for the next checkpoint is no number",
    ),
    "a ticket's id that is none": (
        "UPDATE evidence SET ticket_id = 'x' WHERE ticket_id = :t4", "the chains cannot be read to their end",
    ),
    "a text that is no UTF-8": (
        "UPDATE evidence SET payload = CAST(x'ff' AS TEXT) WHERE ticket_id = :t4",
        "the chains cannot be read to their end",
    ),
    "a leaf's ticket that is none": (
        "UPDATE checkpoint_leaves SET ticket_id = 'x' WHERE checkpoint = 2 AND place = 1",
        "the checkpoints cannot be read to their end",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", KINDS)
def test_a_value_of_another_kind_is_found_and_hides_nothing(office, session, what):
    """SQLite keeps in each column what it is given; what else was done is found beside it."""
    statement, said = KINDS[what]
    sql(statement, "UPDATE certificates SET document = '[]' WHERE ticket_id = :t2")(session, office)
    found = broken(office, session)
    assert any(one.startswith(said) for one in found), found
    assert f"ticket {OTHER}: this is not a Rightsdesk certificate" in found


@pytest.mark.parametrize("what", TAMPERINGS)
def test_each_tampering_is_found(office, session, what):
    """The first broken place is named."""
    tamper, said = TAMPERINGS[what]
    assert [] == broken(office, session)
    tamper(session, office)
    found = broken(office, session)
    assert any(one.startswith(said) for one in found), found


BYTES = {
    "evidence": ("payload", "sealed", "hash", "kind"), "checkpoints": ("document", "root"),
    "checkpoint_leaves": ("hash",), "certificates": ("document",),
}  # fmt: skip


def same(one, other):
    """Say whether two texts are the same JSON."""
    try:
        return json.loads(one) == json.loads(other)
    except ValueError:
        return False


@settings(max_examples=80)
@given(st.sampled_from([(table, column) for table, columns in BYTES.items() for column in columns]), st.data())
def test_any_byte_that_is_flipped_in_the_database_is_found(office, column, data):
    """Of entries, leaves, checkpoints and certificates: whichever row, column and place."""
    table, name = column
    with office.store.write() as session:
        rows = session.execute(text(f"SELECT rowid, {name} FROM {table} WHERE {name} IS NOT NULL")).all()
        rowid, value = data.draw(st.sampled_from(sorted(rows)))
        raw = bytearray(value.encode() if isinstance(value, str) else value)
        raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1
        flipped = raw.decode() if isinstance(value, str) else bytes(raw)
        if name == "document" and same(flipped, value):  # a blank that became another
            session.rollback()
            return
        session.execute(
            text(f"UPDATE {table} SET {name} = :value WHERE rowid = :row"), {"value": flipped, "row": rowid}
        )
        assert broken(office, session)
        session.rollback()


def test_who_has_the_key_is_found_by_what_was_published(office, session):
    """All rewritten and signed with our own key: it verifies by itself, and is not what was published."""
    rewrite_all(session, office, office.vault.signer)
    row = session.get_one(CertificateRow, CLOSED)
    evidence = row.document["certificate"]["evidence"]
    head = session.get_one(EvidenceRow, (CLOSED, evidence["entries"])).hash.hex()
    row.document = sign(row.document["certificate"] | {"evidence": evidence | {"head": head}}, office.vault.signer)
    session.flush()
    leaf = session.scalars(
        select(CheckpointLeafRow).where(CheckpointLeafRow.ticket_id == CLOSED, CheckpointLeafRow.seq == 0)
    ).one()
    leaf.hash = certificate_digest(row.document)
    session.flush()
    recompute(session, office.vault.signer)
    assert [] == broken(office, session)
    found = broken(office, session, Published(office.settings.checkpoints))
    assert "checkpoint 1: it is not the one that was published" == found[0]


def test_a_replayed_older_database_is_found(tmp_path):
    """It verifies by itself; compared with what was published it is older, be it that it went on since."""
    office = opened(tmp_path, checkpoints=f"file://{tmp_path / 'published'}")
    begin(office, OPEN)
    append(office, OPEN, 2)
    checkpoints.keep(office)
    older = tmp_path / "older.sqlite3"
    copy(office, older)
    append(office, OPEN, 2)
    checkpoints.keep(office)
    office.close()
    back = opened(tmp_path, f"sqlite:///{older}", checkpoints=f"file://{tmp_path / 'published'}")
    published = Published(back.settings.checkpoints)
    with back.store.read() as session:
        assert [] == broken(back, session)
        said = "checkpoint 2: published, but not here: this database was put back to an older state"
        assert [said] == broken(back, session, published)
    append(back, OPEN, 1)
    checkpoints.keep(back)  # goes on, and would publish its own number 2
    with back.store.read() as session:
        assert ["checkpoint 2: it is not the one that was published"] == broken(back, session, published)
        assert [("evidence", "open")] == session.execute(select(AlertRow.kind, AlertRow.state)).all()
    back.close()


def copy(office, target):
    """Copy a SQLite database as a backup would."""
    with closing(sqlite3.connect(office.store.url.database)) as source, closing(sqlite3.connect(target)) as other:
        source.backup(other)


def altered(path):
    """Change a published checkpoint."""
    path.write_text(path.read_text().replace("2026", "2027"))


def replaced(path):
    """Put another checkpoint in its place."""
    path.write_text(path.with_name("000000000001.json").read_text())


PUBLISHED = {
    "deleted": (lambda path: path.unlink(), "it was published, and what was published is gone"),
    "changed": (altered, "as it was published: the signature does not fit"),
    "no JSON": (lambda path: path.write_text("{"), "as it was published: this is not a Rightsdesk checkpoint"),
    "another's": (replaced, "it is not the one that was published"),
}


@pytest.mark.parametrize("what", PUBLISHED)
def test_what_was_published_is_looked_at_too(office, session, tmp_path, what):
    """A file of it that was deleted, changed or put in another's place."""
    change, said = PUBLISHED[what]
    place = tmp_path / "copy"
    shutil.copytree(office.settings.checkpoints.removeprefix("file://"), place)
    assert [] == broken(office, session, Published(f"file://{place}"))
    change(place / "000000000002.json")
    (found,) = broken(office, session, Published(f"file://{place}"))
    assert found.startswith(f"checkpoint 2: {said}")
