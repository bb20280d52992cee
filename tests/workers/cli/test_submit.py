"""`rightsdesk submit` loses no id: what was accepted, refused, or spooled is named, in the file's order."""

import json
import os
import re
import signal
import subprocess
import sys
from uuid import UUID

import pytest

from tests.command import ROOT, wrong
from tests.small import ticket
from tests.waiting import until
from workers.broker import INTAKE

NOBODY = "nobody@never.example"


def lines(raws):
    """Return JSON Lines."""
    return "\n".join(json.dumps(one) for one in raws)


def reused(desk):
    """Return a ticket that intake refuses: its id is known with other content."""
    return desk.raw["access"] | {"instruction": "another one"}


def several(number=12):
    """Return tickets in another order than their ids'."""
    return sorted((ticket("access", NOBODY) for _ in range(number)), key=lambda one: one["id"][::-1])


def test_ids_are_printed_in_the_files_order(run, desk):
    """Whether or not it waits."""
    raws = several()
    assert [one["id"] for one in raws] == run("submit", "--no-wait", stdin=lines(raws)).out.split()
    with desk.taking():
        assert [one["id"] for one in raws] == run("submit", stdin=lines(raws)).out.split()


@pytest.mark.parametrize("place", [0, 3, 6])
def test_a_refused_ticket_hides_no_other(run, desk, place):
    """All that were accepted are printed; the refused one is named on the error line, and the code is 1."""
    raws = several(6)
    with desk.taking():
        said = run("submit", stdin=lines([*raws[:place], reused(desk), *raws[place:]]))
    assert (1, [one["id"] for one in raws]) == (said.code, said.out.split())
    (line,) = (one for one in said.error.splitlines() if not one.startswith("{"))  # but the intake's log beside it
    assert f"{desk.ids['access']}: id reused; see `rightsdesk dead`" in line


def test_the_end_of_the_others_is_awaited(run, desk):
    """With --wait a refused ticket is a failure, after all have ended."""
    with desk.taking():
        said = run("submit", "--wait", "--timeout", "20", stdin=lines([reused(desk), desk.raw["refused"]]))
    assert (1, [desk.raw["refused"]["id"]]) == (said.code, said.out.split())
    assert "id reused; see `rightsdesk dead`" in said.error.splitlines()[-1]


def test_spooled_tickets_are_named(run, bare, monkeypatch):
    """With the broker down their ids are on the error line: submitted again with them they are the same tickets."""
    monkeypatch.setenv("RIGHTSDESK_BROKER_URL", "redis+socket:///nowhere.sock?virtual_host=0")
    raws = [{name: value for name, value in one.items() if name != "id"} for one in several(2)]
    line = wrong(run("submit", stdin=lines(raws)), 1)
    spooled = {path.name.partition(":")[0] for path in (bare / "spool").iterdir()}
    assert spooled == set(re.findall(r"[0-9a-f-]{36}", line))
    assert 2 == len(spooled)
    many = wrong(run("submit", "--no-wait", stdin=lines(several(40))), 1)
    assert "and 20 more, named by the files in " in many


def test_without_a_receipt_the_ids_are_named(run, desk):
    """Those that were accepted are printed, those that were not are named."""
    raw = {name: value for name, value in ticket("access", NOBODY).items() if name != "id"}
    known = desk.raw["waiting"]
    desk.line.intake.round()
    line = wrong(run("submit", "--timeout", "0.1", stdin=json.dumps(raw)), 1)
    (ident,) = re.findall(r"[0-9a-f-]{36}", line)
    said = run("submit", "--wait", "--timeout", "0.1", stdin=json.dumps(raw | {"id": ident}))
    assert (5, "") == (said.code, said.out)
    assert ident in said.error.splitlines()[-1]
    desk.line.intake.round()
    assert ident == str(UUID(ident))
    with desk.taking():
        assert [ident, known["id"]] == run("submit", stdin=lines([raw | {"id": ident}, known])).out.split()


def test_an_id_twice_in_a_file(run, desk):
    """The same ticket is one; the id with other content is refused before anything is queued."""
    (raw,) = several(1)
    before = desk.line.intake.broker.llen(INTAKE)
    assert f"ticket 2 has the id of another one in the file, {raw['id']}" in wrong(
        run("submit", "--no-wait", stdin=lines([raw, raw | {"instruction": "another"}]))
    )
    assert before == desk.line.intake.broker.llen(INTAKE)
    with desk.taking():
        assert [raw["id"]] == run("submit", stdin=lines([raw, raw])).out.split()


def test_ctrl_c_names_what_is_queued(desk):
    """Whoever stops waiting for the receipt keeps the id, which was made here."""
    raw = {name: value for name, value in ticket("access", NOBODY).items() if name != "id"}
    broker = desk.line.intake.broker
    desk.line.intake.round()
    command = [sys.executable, "-m", "workers.cli", "submit", "-"]
    with subprocess.Popen(
        command, env=os.environ | desk.environment, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        process.stdin.write(json.dumps(raw))
        process.stdin.close()
        until(lambda: broker.llen(INTAKE))
        process.send_signal(signal.SIGINT)
        assert 130 == process.wait(10)
        (line,) = process.stderr.read().splitlines()
        assert "" == process.stdout.read()
    (ident,) = re.findall(r"[0-9a-f-]{36}", line)
    desk.line.intake.round()
    assert str(desk.line.ticket(UUID(ident))["id"]) == ident


@pytest.mark.parametrize("inside", ["\u0085", "\u2028", "\u2029", "\x1c", "\x0b", "\x0c"])
def test_a_line_ends_with_a_newline_and_nothing_else(run, desk, inside):
    """What else Python takes for the end of a line may stand in a string, as it is or escaped (RFC 8259)."""
    raws = [one | {"instruction": f"a{inside}b"} for one in several(2)]
    text = "\r\n".join(json.dumps(one, ensure_ascii=inside < " ") for one in raws)
    assert [one["id"] for one in raws] == run("submit", "--no-wait", stdin=text).out.split()


@pytest.mark.parametrize("number", [1, 2])
def test_a_byte_order_mark_is_accepted(run, desk, tmp_path, number):
    """In a file and on standard input, whether a ticket or lines of them."""
    text, path = b"\xef\xbb\xbf" + lines(raws := several(number)).encode(), tmp_path / "x.jsonl"
    path.write_bytes(text)
    for words, stdin in ((["-"], text), ([path], b"")):
        assert [one["id"] for one in raws] == run("submit", "--no-wait", *words, stdin=stdin).out.split()


def test_what_is_no_text_is_said(run, desk):
    """On standard input, too; and half a surrogate pair is no JSON text."""
    assert "standard input is not UTF-8 text" == wrong(run("submit", stdin=b"\xff\xfe"))
    raw = json.dumps(several(1)[0] | {"instruction": "\ud800"})
    assert wrong(run("submit", stdin=raw)).startswith("instruction: ")
    changes = {"user.name": "\ud800"}
    raw = json.dumps(ticket("rectification", NOBODY, details={"changes": changes}))
    assert wrong(run("submit", stdin=raw)).startswith("details.")
