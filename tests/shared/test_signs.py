"""Signs read alike however they are written, with the way back to where they stand."""

import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.identifier import normalise
from shared.signs import plain, readable


@given(st.text(st.characters(exclude_categories=["Cs"], max_codepoint=0x24FF, exclude_characters="\\%&\u00ad")))
def test_what_is_escaped_is_read(text):
    """A text written by a JSON writer or into a URL reads as the text itself does."""
    seen = readable(text).text
    assert seen == readable(quote(text, safe="")).text
    assert [sign for sign in seen if sign.isalnum()] == [
        sign for sign in readable(json.dumps(text)[1:-1].replace("\\b", "").replace("\\f", "")).text if sign.isalnum()
    ]


@given(st.lists(st.sampled_from(["a", " ", "ä", "%41", "%C3%A4", "\\u0041", "\\n", "&amp;", "\u200b", "%", "\\", "&"])))
def test_the_way_back_is_exact(pieces):
    """Each sign of a reading stands where `back` says, and reads there as it does."""
    raw = "".join(pieces)
    seen = readable(raw)
    for at, sign in enumerate(seen.text):
        assert sign == readable(raw[slice(*seen.span(at, at + 1))]).text


@pytest.mark.parametrize("written", ["100 %", "50%ad", "%E4", "C:\\dir", "a & b", "&nosuch;", "\\", "%2"])
def test_what_is_no_escape_stays(written):
    """A percent sign, a backslash or an ampersand of a text is itself."""
    assert plain(written) == readable(written).text


def test_an_identifier_is_what_is_seen_of_it():
    """An address that was copied with marks nobody sees is the address."""
    assert normalise("email", "ada@acme.test") == normalise("email", "\u202aAda@ac\u200bme.test\u202c")
    assert normalise("phone_number", "+4930123456") == normalise("phone_number", "\u202a0049\u2060 30\u202f123456")
