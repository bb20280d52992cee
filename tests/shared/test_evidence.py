"""Evidence: the chain shows each kind of tampering, the certificate each changed field."""

import copy
import json
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.outcome import Found
from shared.evidence import GENESIS, Entry, canonical, commitment, first_broken, leaf, link, sign, verify
from shared.spill import Ledger

KEY = Ed25519PrivateKey.generate()
BODY = {"ticket": "t-1", "outcome": "fulfilled", "systems": [{"id": "chat", "counts": {"erased": 2}}], "in_time": True}


def chain(number=5):
    """Return a chain of entries, every other with a sealed part."""
    entries, before = [], GENESIS
    for seq in range(1, number + 1):
        text, sealed = canonical({"n": seq}), b"sealed" if seq % 2 else None
        before = link(before, seq, "step", text, sealed)
        entries.append(Entry(seq, "step", text, sealed, before))
    return entries


def relinked(entries, start):
    """Return the entries with their hashes made to fit again from a place on, as a forger would."""
    kept, before = entries[:start], entries[start - 1].hash if start else GENESIS
    for one in entries[start:]:
        before = link(before, one.seq, one.kind, one.payload, one.sealed)
        kept.append(replace(one, hash=before))
    return kept


def test_a_whole_chain_verifies():
    """Nothing is broken in an untouched chain, nor in an empty one, nor in its beginning."""
    assert first_broken(chain()) is None
    assert first_broken([]) is None
    assert first_broken(chain()[:3]) is None


@pytest.mark.parametrize(
    "change",
    [
        {"payload": '{"n":9}'}, {"payload": '{"n": 3}'}, {"kind": "decision"}, {"sealed": b"other"}, {"sealed": None},
        {"hash": bytes(32)}, {"seq": 9},
    ],
)  # fmt: skip
def test_a_changed_entry_is_the_first_broken(change):
    """Its content, kind, sealed part, number and hash are each covered."""
    entries = chain()
    entries[2] = replace(entries[2], **change)
    assert 3 == first_broken(entries)


def test_an_entry_changed_with_its_hash_breaks_the_next():
    """Who makes an entry's hash fit again breaks what follows."""
    entries = chain()
    forged = relinked([*entries[:2], replace(entries[2], payload='{"n":9}')], 2)
    assert 4 == first_broken([*forged, *entries[3:]])


def test_dropped_put_in_and_swapped_entries_are_found():
    """Deletion at the start and in the middle, insertion, another order, and a doubled entry."""
    entries = chain()
    assert 1 == first_broken(entries[1:])
    assert 3 == first_broken(entries[:2] + entries[3:])
    assert 3 == first_broken([*entries[:2], entries[3], entries[2], entries[4]])
    assert 3 == first_broken([*entries[:2], entries[1], *entries[2:]])
    assert 3 == first_broken([*entries[:2], *(replace(one, seq=one.seq - 1) for one in entries[3:])])


def test_the_end_of_a_chain_stands_on_the_certificate():
    """A chain cut at its end verifies by itself; its head is no longer the one that was signed."""
    entries = chain()
    assert first_broken(entries[:-1]) is None
    assert entries[-2].hash != entries[-1].hash


def test_parts_do_not_run_into_each_other():
    """What moves from one part into the next makes another hash."""
    assert link(GENESIS, 1, "ab", "c") != link(GENESIS, 1, "a", "bc")
    assert link(GENESIS, 1, "a", "b", b"c") != link(GENESIS, 1, "a", "bc", b"")
    assert link(GENESIS, 11, "a", "") != link(GENESIS, 1, "1a", "")


@settings(max_examples=50)
@given(st.dictionaries(st.text(), st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.text())))
def test_canonical_is_one_text(value):
    """The text reads back as the value, and the value read back has the same text."""
    assert canonical(value) == canonical(json.loads(canonical(value)))


def test_a_commitment_is_of_a_set_and_a_key():
    """Neither order nor repetition matters; every record, digest and the key do."""

    def committed(key, *found):
        leaves = Ledger()
        for record in found:
            leaves[leaf(key, record)] = 1
        return commitment(key, leaves)

    one, two = Found("contacts", "1", digest="aa"), Found("messages", "1")
    made = committed(b"k" * 32, one, two)
    assert made == committed(b"k" * 32, two, one, two)
    others = [
        committed(b"o" * 32, one, two), committed(b"k" * 32, one), committed(b"k" * 32),
        committed(b"k" * 32, replace(one, digest="ab"), two), committed(b"k" * 32, replace(one, key="2"), two),
    ]  # fmt: skip
    assert 6 == len({made, *others})


def test_a_certificate_verifies_offline():
    """What was signed verifies with the public key, after a way through a file too."""
    document = json.loads(json.dumps(sign(BODY, KEY), indent=2))
    assert verify(document, KEY.public_key()) is None
    assert ("rightsdesk-certificate/1", "pending", "Ed25519") == (
        document["format"], document["proof"], document["signature"]["alg"],
    )  # fmt: skip


def places(value, path=()):
    """Yield the way to every value inside a document."""
    if isinstance(value, dict | list):
        for key, one in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(one, (*path, key))
    else:
        yield path


DOCUMENT = sign(BODY, KEY)


@pytest.mark.parametrize("path", list(places(DOCUMENT)), ids=lambda path: ".".join(map(str, path)))
def test_every_changed_field_shows(path):
    """Whichever value is changed or dropped, verification says so."""
    for drop in (False, True):
        document = copy.deepcopy(DOCUMENT)
        at = document
        for key in path[:-1]:
            at = at[key]
        if drop:
            del at[path[-1]]
        else:
            at[path[-1]] = "changed"
        assert verify(document, KEY.public_key()) is not None


@pytest.mark.parametrize("where", [(), ("certificate",), ("signature",)])
def test_every_added_field_shows(where):
    """Nothing can be added unseen, in the signature neither."""
    document = copy.deepcopy(DOCUMENT)
    at = document
    for key in where:
        at = at[key]
    at["note"] = "approved"
    assert verify(document, KEY.public_key()) is not None


def test_another_key_does_not_verify():
    """A certificate signed by somebody else says so."""
    said = "the signature does not fit: the certificate was changed, or signed by another key"
    assert said == verify(sign(BODY, Ed25519PrivateKey.generate()), KEY.public_key())


@pytest.mark.parametrize(
    "document",
    [None, 5, "x", [], {}, {"format": "other"}, {"format": "rightsdesk-certificate/1"}, DOCUMENT["certificate"]]
    + [
        DOCUMENT | {"signature": one} for one in (None, 5, "x", [], {}, {"value": 5}, {"value": "é"}, {"value": "AAAA"})
    ],
)
def test_what_is_no_certificate_is_said(document):
    """Anything else gets a sentence, never an exception."""
    assert isinstance(verify(document, KEY.public_key()), str)
