"""YAML whose keys stand once each."""

import pytest

from shared.domain.errors import UsageError
from shared.strict_yaml import read


@pytest.mark.parametrize(
    "text", ["a: 1\nb: {c: 1}\na: 2\n", "b:\n  c: 1\n  a: 3\n  a: 4\n", "- {x: 1,\n   y: 2,\n   a: 1, a: 1}"]
)
def test_a_key_that_stands_twice_is_named_with_its_line(text):
    """The loader would take the last one in silence."""
    with pytest.raises(UsageError, match=r"^line [34]: the key a stands twice; keep one$"):
        read(text)


def test_keys_of_different_mappings_and_merges_are_no_twins():
    """What is merged in may be written anew."""
    expected = {"one": {"a": 1, "b": 2}, "two": {"a": 1, "b": 3}, "list": [{"a": 1}, {"a": 1}]}
    assert expected == read("one: &one {a: 1, b: 2}\ntwo: {<<: *one, b: 3}\nlist: [{a: 1}, {a: 1}]\n")
