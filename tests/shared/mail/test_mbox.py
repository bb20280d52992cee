"""An mbox from which every message comes back as it was."""

import io
import mailbox
from contextlib import closing
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from shared.mail.mbox import Stream, entry

AT = datetime(2026, 5, 4, 8, tzinfo=UTC)
LINES = st.sampled_from([b"From here", b">From there", b">>From", b"from", b"", b" From", b"From: x", b"\xff"])


def bodies_of(box: bytes, tmp_path_factory):
    """Read an mbox by the standard library; its quoting taken back as mboxrd has it."""
    path = tmp_path_factory.mktemp("mbox") / "box"
    path.write_bytes(box)
    with closing(mailbox.mbox(path, create=False)) as read:
        for key in read.keys():  # noqa: SIM118 - a mailbox yields messages
            lines = read.get_bytes(key).split(b"\n\n", 1)[1].removesuffix(b"\n").split(b"\n")
            yield [line[1:] if line.lstrip(b">").startswith(b"From ") and line[:1] == b">" else line for line in lines]


@given(st.lists(st.lists(LINES, min_size=1, max_size=6), max_size=4))
def test_each_message_comes_back(tmp_path_factory, texts):
    """Whatever lines stand in messages, an mbox has as many messages, with the same lines."""
    raws = [b"Subject: x\r\n\r\n" + b"\r\n".join(lines) + b"\r\n" for lines in texts]
    box = io.BufferedReader(Stream(entry(raw, AT) for raw in raws)).read()
    assert texts == list(bodies_of(box, tmp_path_factory))


def test_an_entry_says_nobody_and_the_date():
    """The line before a message names no one; a message without a date has the first of all days."""
    assert b"From MAILER-DAEMON Mon May 04 08:00:00 2026\nTo: x\n\ny\n\n" == entry(b"To: x\n\ny", AT)
    assert entry(b"", None).startswith(b"From MAILER-DAEMON Thu Jan 01 00:00:00 1970\n")


@given(st.lists(st.binary(max_size=40), max_size=6), st.integers(1, 50))
def test_a_stream_is_what_was_put_in(pieces, size):
    """However little is read at a time, all of it comes, in order."""
    stream = Stream(pieces)
    assert b"".join(pieces) == b"".join(iter(lambda: stream.read(size), b""))
