"""What comes from outside, made to be nasty: texts, values, and changes to what is right. `EXAMPLES` says how many."""

import os
import re
from contextlib import contextmanager

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

EXAMPLES = int(os.environ.get("EXAMPLES") or 5)  # the short form; `make fuzz` is the long one
SURROGATE, OVERRIDE = "\ud800", "\u202e"
TEXTS = (
    "", " ", "\0", "a\0b", SURROGATE, "a\udcffb", OVERRIDE + "gpj.exe", "\r\n\r\nX: y", "\u2028", "../../etc/passwd",
    "..", "/", "\\..\\", "~", "a/../../b", "con", "x" * 5000, "é" * 300, "🙂" * 80, "<script>alert(1)</script>",
    '"><img src=x>', "javascript:alert(1)", "{{ 7*7 }}", "{0.__class__}", "%s%n", "${x}", "'; DROP TABLE contacts; --",
    '"', "`", "]", "$1", "=1+1", "@SUM(1)", "-1", "1e999", "9" * 400, "NaN", "null", "true", "İ", "ß", "\ufeff", "a@b",
    "+", "0", "*", "(a+)+$",
)  # fmt: skip
text = st.one_of(st.sampled_from(TEXTS), st.text(st.characters(), max_size=40))
scalars = st.one_of(
    text,
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from((10**400, -(2**63) - 1, 2**64)),
    st.floats(),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(text, inner, max_size=3)),
    max_leaves=6,
)


def fuzz(times: float = 1.0, **more):
    """Run a test as often as is asked for; the slow ones a part of it."""
    held = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]
    return settings(max_examples=max(2, int(EXAMPLES * times)), deadline=None, suppress_health_check=held, **more)


def thought_of(said):
    """Say whether an error is one line that somebody has written, and not the name of one that nobody foresaw."""
    return said.isprintable() and len(said) > 3 and not re.search(r"\bunexpected [A-Z]", said)


@contextmanager
def refusals(*families):
    """Let errors of these families end a block, each of which says in one line what is wrong."""
    try:
        yield
    except families as error:
        if not thought_of(str(error)):
            raise AssertionError(repr(str(error))) from error


@st.composite
def changed(draw, originals, wrong=values, most=3):
    """Draw one of some JSON-like values with a few places of it replaced, taken out, repeated or added to."""
    value = draw(st.sampled_from(originals))
    for _ in range(draw(st.integers(1, most))):
        places = list(_places(value))
        value = _with(value, draw(st.sampled_from(places)), draw(st.sampled_from(_CHANGES)), draw(wrong), draw(text))
    return value


_CHANGES = ("replace", "replace", "replace", "remove", "add", "repeat", "wrap")


def _places(value, path=()):
    yield path
    if isinstance(value, dict | list):
        for key, one in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _places(one, (*path, key))


def _with(value, path, how, wrong, name):
    """Return a copy of a value that is changed at a place."""
    if not path:
        if how == "add" and isinstance(value, dict):
            return {**value, name: wrong}
        if how in ("add", "repeat") and isinstance(value, list):
            return [*value, wrong] if how == "add" else value * 2
        return [value] if how == "wrap" else wrong
    head, *rest = path
    copy = dict(value) if isinstance(value, dict) else list(value)
    if how == "remove" and not rest:
        del copy[head]
    else:
        copy[head] = _with(value[head], tuple(rest), how, wrong, name)
    return copy


@st.composite
def spoilt(draw, originals, pieces=()):
    """Draw one of some byte strings with a few places cut out, overwritten, doubled or filled with pieces."""
    data = bytearray(draw(st.sampled_from(originals)))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.integers(0, 12)))
        filling = st.binary(max_size=8)
        data[start:end] = draw(st.one_of(filling, st.sampled_from(pieces)) if pieces else filling)
    return bytes(data)
