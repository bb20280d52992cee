"""JSON has one meaning, or is none."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.strict_json import deeper, read_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(VALUES)
def test_what_json_can_say_is_read(value):
    """As it was written."""
    assert value == read_json(json.dumps(value))


@pytest.mark.parametrize(
    "text", ["", "{", "NaN", "[Infinity]", "-Infinity", '{"a": 1, "a": 1}', '[{"a": {"b": 1, "b": 2}}]', "[" * 100_000]
)
def test_what_has_no_one_meaning_is_refused(text):
    """A key twice, a number that is none, a depth that no parser takes."""
    with pytest.raises(ValueError, match=r".+"):
        read_json(text)


@pytest.mark.parametrize("depth", [0, 1, 2, 31, 32, 33, 300])
def test_depth_is_told(depth):
    """Of arrays, objects and both."""
    for begin, end in (("[", "]"), ('{"a":', "}"), ('[{"a":', "}]")):
        value = read_json(begin * depth + "1" + end * depth)
        deep = depth * begin.count("[") + depth * begin.count("{")
        assert (deep > 32) == deeper(value, 32)
