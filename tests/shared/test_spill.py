"""What outgrows memory reads back as it was, and says nothing on disk."""

import os

from hypothesis import given, settings
from hypothesis import strategies as st

from shared import spill
from shared.domain.outcome import Found
from shared.spill import CHUNK, RECENT, Labels, Ledger, Spilled, digest_of

SECRET = "ada@example.org"


@settings(max_examples=20)
@given(st.integers(0, 3 * CHUNK + 1))
def test_a_list_reads_in_both_directions(length):
    """Forwards, backwards and its length, as a list has them, however often."""
    expected = list(range(length))
    made = Spilled(expected)
    assert length == len(made)
    assert [expected, expected] == [list(made), list(made)]
    assert expected[::-1] == list(reversed(made))


def test_a_list_goes_on_growing_after_it_was_read():
    """What is added later stands behind."""
    made = Spilled(range(CHUNK + 5))
    assert CHUNK + 5 == len(list(made))
    for one in range(CHUNK + 5, 2 * CHUNK + 1):
        made.append(one)
    assert list(range(2 * CHUNK + 1)) == list(made)


def test_a_list_on_disk_is_sealed():
    """The file has no name, and holds no value in the clear."""
    made = Spilled(Found("contacts", SECRET) for _ in range(CHUNK))
    made._file.seek(0)
    written = made._file.read()
    assert len(written) > CHUNK
    assert SECRET.encode() not in written
    assert 0 == os.fstat(made._file.fileno()).st_nlink
    assert [Found("contacts", SECRET)] == list(made)[-1:]


@settings(max_examples=50)
@given(st.lists(st.tuples(st.binary(max_size=4), st.integers(0, 9))), st.integers(1, 8))
def test_a_ledger_is_a_map(entries, most):
    """The last number of each digest, the digests once and in order, whatever of it is on disk."""
    before, spill.RECENT = spill.RECENT, most
    try:
        made = Ledger()
        for digest, number in entries:
            made[digest] = number
        expected = dict(entries)
        assert expected == {digest: made.get(digest) for digest in expected}
        assert sorted(expected) == list(made)
        assert made.get(b"never written") is None
        assert b"never written" not in made
    finally:
        spill.RECENT = before


def test_labels_keep_the_latest_value():
    """A place has the value that it was given last; another place has none."""
    made = Labels()
    for number in range(RECENT + 1):
        made["contacts", str(number)] = "sure"
    made["contacts", "1"] = "masked"
    assert ("masked", "sure", None, "other") == (
        made["contacts", "1"], made.get(("contacts", "0")), made.get(("contacts", "x")), made.get(("x", "1"), "other"),
    )  # fmt: skip
    assert ("contacts", "2") in made
    assert ("contacts", "-1") not in made


def test_a_digest_says_nothing_outside_of_the_process():
    """It is keyed, and parts do not run into one another."""
    assert digest_of("a", "bc") != digest_of("ab", "c")
    assert SECRET.encode() not in digest_of("contacts", SECRET)
