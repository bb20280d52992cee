"""Commitments: a record is shown to who knows it, guessed by nobody, and nothing of the others is said."""

import copy
import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.outcome import Found
from shared.evidence import commitment, leaf, record_proof, verify_record
from shared.spill import Ledger

KEY = b"k" * 32
FOUND = [Found("contacts", f"[{number}]", digest=f"{number:064}") for number in range(5)]


def committed(key, *found):
    """Return what a locate that found these commits to."""
    leaves = Ledger()
    for record in found:
        leaves[leaf(key, record).hash] = 1
    return commitment(leaves)


def proved(found, among=FOUND, key=KEY):
    """Return a record's proof and the certificate that commits to it."""
    hashes = sorted(leaf(key, one).hash for one in among)
    proof = record_proof(key, found, hashes)
    before = [{"step": 7, "commitment": commitment(hashes)}]
    certificate = {"ticket": "t-1", "systems": [{"id": "chat", "found_before": before}]}
    return {"ticket": "t-1", "system": "chat", "step": 7} | proof, certificate


def test_a_commitment_is_of_a_set_and_a_key():
    """Neither order nor repetition matters; every record, digest and the key do."""
    one, two = Found("contacts", "1", digest="aa"), Found("messages", "1")
    made = committed(KEY, one, two)
    assert made == committed(KEY, two, one, two)
    others = [
        committed(b"o" * 32, one, two), committed(KEY, one), committed(KEY),
        committed(KEY, replace(one, digest="ab"), two), committed(KEY, replace(one, key="2"), two),
    ]  # fmt: skip
    assert 6 == len({made, *others})


@settings(max_examples=50)
@given(st.lists(st.tuples(st.text(max_size=5), st.text(max_size=5)), min_size=1, max_size=9, unique=True), st.data())
def test_every_record_is_shown(places, data):
    """Whatever its names, alone or among others, after a way through a file."""
    among = [Found(*place) for place in places]
    proof, certificate = proved(data.draw(st.sampled_from(among)), among)
    assert verify_record(json.loads(json.dumps(proof)), certificate) is None


def test_a_file_name_that_is_no_text_is_shown():
    """What stands in a name in place of bytes that are no UTF-8 goes through the proof's file."""
    odd = Found("inbox", "cur/\udcff")
    proof, certificate = proved(odd, [odd, *FOUND])
    assert verify_record(json.loads(json.dumps(proof)), certificate) is None


def test_what_was_not_found_has_no_proof():
    """Another record, and the same record under another key."""
    hashes = sorted(leaf(KEY, one).hash for one in FOUND)
    assert record_proof(KEY, Found("contacts", "[9]"), hashes) is None
    assert record_proof(b"o" * 32, FOUND[0], hashes) is None


def test_nobody_guesses_without_the_key():
    """Who has a certificate, another record's proof and the very record still cannot make its leaf: the salt lacks."""
    proof, _ = proved(FOUND[0])
    known = bytes.fromhex(proof["salt"])
    secret, path = leaf(KEY, FOUND[1]), {bytes.fromhex(one) for one in proof["path"]}
    assert known != secret.salt
    guesses = {leaf(guess, FOUND[1]).hash for guess in (b"", known, bytes(32), *path)}
    assert secret.hash not in guesses


CHANGES = [
    ("ticket", "t-2"), ("system", "mail"), ("step", 8), ("salt", "00" * 32), ("salt", 5), ("index", 0), ("index", "0"),
    ("index", -1), ("size", 4), ("size", 10**4000), ("path", []), ("path", ["00" * 32] * 3), ("path", None),
    ("record", None), ("record", {}), ("record", {"collection": "contacts", "key": "[4]", "digest": 5}),
    ("record", {"collection": "contacts", "key": "[5]", "digest": "aa"}), ("format", "other"), ("more", 1),
]  # fmt: skip


@pytest.mark.parametrize(("part", "value"), CHANGES)
def test_a_changed_proof_shows(part, value):
    """Each of its parts counts."""
    proof, certificate = proved(FOUND[2])
    assert proof["index"] != 0
    changed = copy.deepcopy(proof)
    changed[part] = value
    assert isinstance(verify_record(changed, certificate), str)


@pytest.mark.parametrize("proof", [None, 5, [], {}])
def test_what_is_no_proof_is_said(proof):
    """A sentence, never an exception."""
    assert "this is not the proof of a record" == verify_record(proof, proved(FOUND[0])[1])
