"""Evidence: the chain shows each kind of tampering."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.evidence import GENESIS, Entry, canonical, first_broken, link


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


def flipped(value, place):
    """Return a value with one byte changed; of a number, with one more."""
    if isinstance(value, int):
        return value + 1
    raw = bytearray(value.encode() if isinstance(value, str) else value)
    raw[place % len(raw)] ^= 1  # still ASCII
    return bytes(raw).decode() if isinstance(value, str) else bytes(raw)


@settings(max_examples=100)
@given(st.integers(0, 4), st.sampled_from(["seq", "kind", "payload", "sealed", "hash"]), st.integers(0, 1000))
def test_any_byte_that_is_flipped_is_found(which, field, place):
    """Whichever byte of whichever field of whichever entry: that entry is the first broken."""
    entries = chain()
    if (value := getattr(entries[which], field)) is None:
        return
    entries[which] = replace(entries[which], **{field: flipped(value, place)})
    assert which + 1 == first_broken(entries)


def test_a_chain_is_followed_from_a_known_place():
    """From an entry that is known to be good on; another one there is found."""
    entries = chain()
    assert first_broken(entries[2:], after=2, head=entries[1].hash) is None
    assert 3 == first_broken(entries[2:], after=2, head=entries[0].hash)
    assert 4 == first_broken(entries[2:], after=3, head=entries[1].hash)
