"""HTML as it is read, and changed where it stands."""

import re
from html import escape, unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.markup import readings, replaced, view


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("<p>a@<b>x</b>.org</p>", "<p>#<b></b></p>"),
        ("a&#64;x&period;org!", "#!"),
        ("a@x.org", "#"),
        ("<td>a@x.org</td><td>b</td>", "<td>#</td><td>b</td>"),
        ("a@x<!-- c -->.org", "#<!-- c -->"),
        ("<td>a@x</td><td>.org</td>", "<td>a@x</td><td>.org</td>"),
        ("1 < 2 > a@x.org &amp; &nosuch;", "1 < 2 > # &amp; &nosuch;"),
    ],
)
def test_what_is_read_is_replaced_where_it_stands(raw, expected):
    """What stands across tags or as entities is replaced; the tags stay."""
    assert expected == replaced(raw, lambda text: [m.span() for m in re.finditer(r"a@x\.org", text)], "#", "html")


@given(st.lists(st.tuples(st.text("abc&@. "), st.sampled_from(["", "<b>", "</b>", "<br>", "<!--x-->", "&#64;"]))))
def test_the_way_back_is_exact(pieces):
    """Each character of the reading stands in the markup where `back` says."""
    raw = "".join(escape(text) + tag for text, tag in pieces)
    seen = view(raw, "html")
    assert [raw, seen.text] == list(readings(raw, "html"))
    for at, char in enumerate(seen.text):
        places = list(seen.back(at, at + 1))
        assert char == "\n" or [char] == [unescape(raw[start:end]) for start, end in places]
