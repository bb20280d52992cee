"""The final table reads well in a log and on a narrow terminal."""

import io

import pytest
from rich.console import Console

from shared.domain.step import CHANNELS
from workers.demo.summary import Ended, show

MOST = {"erased": 1234, "redacted": 12, "restricted": 13, "retained": 7}
ENDED = [
    Ended(
        {
            "id": f"{right}-11111111-2222-3333-4444-555555555555", "right": right, "due_on": due,
            "due_at": "2026-11-27T22:00:00+00:00", "outcome": "withdrawn",
            "steps": [{"channel": one, "verb": "delete", "counts": {"rows": MOST}} for one in CHANNELS]
            + [{"channel": "chat", "verb": "locate", "counts": {"rows": {"erased": 99}}}],
        },
        "a title of some words that is long", 48,
    )
    for right, due in (("rectification", "2026-12-24"), ("breach", None))
]  # fmt: skip


def shown(**how):
    """Return the lines that are printed on a console."""
    console = Console(file=io.StringIO(), highlight=False, **how)
    show(console, ENDED)
    return console.file.getvalue().splitlines()


@pytest.mark.parametrize("width", [None, 80, 20])
def test_in_a_log_a_ticket_is_a_line(width):
    """However wide somebody says that it is."""
    lines = [line.split() for line in shown(width=width) if line.strip()]
    counts = ["erased", "1234", "redacted", "12", "restricted", "13", "retained", "7"]
    title = ["a", "title", "of", "some", "words", "that", "is", "long"]
    for line, due in ((lines[-2], ["2026-12-24"]), (lines[-1], ["2026-11-27", "22:00"])):
        right = "rectification" if len(due) == 1 else "breach"
        assert [f"{right}-11111111"[:8], right, *due, "withdrawn", *title, *counts * 4, "48"] == line
    assert ["ticket", "right", "due", "outcome", "what", *CHANNELS, "files"] == lines[0]


def test_on_a_narrow_terminal_the_counts_stand_below():
    """No line is longer than the terminal, and no word is broken."""
    lines = shown(width=80, force_terminal=True, color_system=None)
    assert max(map(len, lines)) <= 80
    assert "rectific  rectification  2026-12-24        withdrawn  48 files" == lines[0].rstrip()
    words = " ".join(lines).split()
    for word in ("erased", "1234", "redacted", "restricted", "retained"):
        assert 8 == words.count(word)
    for channel in CHANNELS:
        assert 2 == words.count(f"{channel}:")


def test_on_a_wide_terminal_it_is_the_table():
    """As in a log."""
    assert shown(width=400, force_terminal=True, color_system=None)[1].lstrip().startswith("ticket")
