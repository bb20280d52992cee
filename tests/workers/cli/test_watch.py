"""The board: tickets by the time left in three colours, alerts unacknowledged, systems down."""

import os
import pty
import signal
import subprocess
import sys
from datetime import timedelta
from uuid import uuid4

from shared.store import circuits
from shared.store.tables import TicketRow
from tests.waiting import until


def received(duty, days, **more):
    """Store a ticket of thirty days, received some days ago."""
    at = duty.at - timedelta(days=days)
    common = {
        "client": "acme",
        "right": "erasure",
        "stage": "locate",
        "stage_since": at,
        "priority": 5,
        "accepted_at": at,
    }
    due = {
        "received_at": at,
        "due_at": at + timedelta(days=31),
        "strict_at": at + timedelta(days=30),
        "fingerprint": b"",
    }
    row = TicketRow(id=uuid4(), **common | due | more)
    with duty.office.store.write() as session:
        session.add(row)
    return str(row.id)


def test_the_board_once(duty, run):
    """The most pressing first; what is closed is not there."""
    green, amber, red, over = (received(duty, days) for days in (14, 15, 27, 31))
    waiting = received(duty, 28, state="waiting")
    paused = received(duty, 1, paused_at=duty.at)
    received(duty, 40, state="closed")
    with duty.office.store.write() as session:
        later = [circuits.failed(session, "chat", now=duty.at, after=60) for _ in range(circuits.TRIES)][-1]
    found = run("watch", "--json").json()
    lights = [(one["id"], one["light"], one["state"]) for one in found["tickets"]]
    assert [
        (over, "red", "open"), (waiting, "red", "waiting"), (red, "red", "open"), (amber, "amber", "open"),
        (green, "green", "open"), (paused, "green", "paused"),
    ] == lights  # fmt: skip
    assert [duty.untold, duty.told] == [one["id"] for one in found["alerts"]]
    assert ["chat"] == found["systems_down"]
    text = run("watch").out
    assert text.index(over) < text.index(red) < text.index(green)
    assert "1 d 0 h over" in text
    assert "alerts: 2 unacknowledged, 1 undelivered" in text
    assert f"systems down: chat (tried again at {later.isoformat()[:16]})" in text
    assert "alert channels failing: ines (HTTP 500), omar (HTTP 500)" in text
    assert text.splitlines()[1:] == run("watch", "--once").out.splitlines()[1:]


def test_the_board_lives_in_a_terminal(duty):
    """It shows what comes while it is looked at, and ends with Ctrl-C without a word."""
    shown, ours = bytearray(), pty.openpty()
    command = [sys.executable, "-m", "workers.cli", "watch", "--every", "0.5"]
    how = {"stdin": ours[1], "stdout": ours[1], "stderr": subprocess.PIPE, "env": os.environ | {"TERM": "xterm"}}
    with subprocess.Popen(command, start_new_session=True, **how) as board:
        os.close(ours[1])

        def shows(text):
            shown.extend(os.read(ours[0], 65536))
            return text.encode() in shown

        until(lambda: shows("2 unacknowledged"))
        ident = received(duty, 29)
        until(lambda: shows(ident))
        board.send_signal(signal.SIGINT)
        os.set_blocking(ours[0], False)
        assert b"" == board.stderr.read()
        assert 0 == board.wait(10)
    os.close(ours[0])
