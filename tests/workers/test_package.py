"""Packages: registered per step, streamed as an archive, changed by nobody."""

import csv
import hashlib
import io
import json
import zipfile
from contextlib import nullcontext
from uuid import uuid4

import pytest

from shared.envelope import SealError, unseal_json
from shared.store.tables import PackagePartRow
from tests.workers.desk.jobs import Desk
from workers.package import PackageFile, PartWriter, package_files, save_part, zipped
from workers.table import PIECE


@pytest.fixture
def desk(tmp_path):
    """A desk with a ticket."""
    made = Desk(tmp_path)
    yield made
    made.store.close()


def test_a_step_that_runs_again_replaces_its_part(desk):
    """Of a step's files the last registration counts; of two steps' files with one name the later step's."""
    for step, stored in ((1, "a"), (2, "b"), (1, "c")):
        with desk.store.write() as session:
            save_part(
                session,
                desk.key,
                desk.ticket,
                step,
                [PackageFile("x", stored, 1, ""), PackageFile(stored, stored, 1, "")],
            )
    with desk.store.read() as session:
        listed = {one.name: one.stored for one in package_files(session, desk.key, desk.ticket)}
        besides = {one.name for one in package_files(session, desk.key, desk.ticket, besides=2)}
        row = session.get_one(PackagePartRow, 1)
        opened = unseal_json(desk.key, row.sealed, aad=b"package:" + desk.ticket.bytes)
    assert {"x": "b", "b": "b", "c": "c"} == listed
    assert {"x", "c"} == besides
    assert {"name", "stored", "size", "sha256", "system"} == set(opened[0])


@pytest.mark.parametrize("kept", [0, 1, 2])
def test_a_table_goes_on_where_it_stopped(desk, kept):
    """However many pieces were finished before the crash, every row stands in the files once, and the digests fit."""
    rows, states = [{"id": number, "text": f"row {number}"} for number in range(2 * PIECE + 3)], [""]

    def batches(start):
        for at in range(start, len(rows), 1000):
            yield 1000, rows[at : at + 1000]

    def keep(state):
        if len(states) > kept:
            raise KeyboardInterrupt
        states.append(state)

    first = PartWriter(desk.packages, desk.ticket, desk.key, "chat", keep=keep)
    first.rows("contacts", ["id"], [{"id": 1}])
    with pytest.raises(KeyboardInterrupt) if kept < 2 else nullcontext():
        first.batches("messages", ["id", "text"], batches(0))
    second = PartWriter(desk.packages, desk.ticket, desk.key, "chat", kept=states[-1], keep=states.append)
    assert kept * PIECE == second.passed("messages")
    assert 1 == second.rows("contacts", ["id"], [{"id": 1}])
    assert len(rows) == second.batches("messages", ["id", "text"], batches(second.passed("messages")))
    content = {one.name: b"".join(desk.packages.read(desk.ticket, desk.key, one)) for one in second.files}
    assert rows == json.loads(content["data/chat/messages.json"])
    assert rows == [{**row, "id": int(row["id"])} for row in _csv(content["data/chat/messages.csv"])]
    assert [{"id": "1"}] == _csv(content["data/chat/contacts.csv"])
    assert {
        one.name: (len(content[one.name]), hashlib.sha256(content[one.name]).hexdigest()) for one in second.files
    } == {one.name: (one.size, one.sha256) for one in second.files}


def _csv(content):
    return list(csv.DictReader(io.StringIO(content.decode(), newline="")))


def test_another_ticket_has_another_package(desk):
    """A ticket's list holds nothing of another's."""
    desk.do("answer")
    with desk.store.read() as session:
        assert [] == package_files(session, desk.key, uuid4())


def test_an_archive_streams(desk):
    """A large file comes in pieces, and the archive is whole."""
    part = PartWriter(desk.packages, desk.ticket, desk.key)
    content = bytes(range(256)) * 40_000
    part.put("größe/x.bin", content)
    pieces = list(zipped(desk.packages, desk.ticket, desk.key, part.files))
    archive = zipfile.ZipFile(io.BytesIO(b"".join(pieces)))
    assert len(pieces) > 3
    assert content == archive.read("größe/x.bin")
    assert archive.testzip() is None


def test_an_empty_package_is_an_archive(desk):
    """No files, no error."""
    pieces = zipped(desk.packages, desk.ticket, desk.key, [])
    assert [] == zipfile.ZipFile(io.BytesIO(b"".join(pieces))).namelist()


def test_a_file_in_anothers_place_does_not_open(desk):
    """A stored file is bound to its ticket and place."""
    part = PartWriter(desk.packages, desk.ticket, desk.key)
    part.put("a", b"one")
    part.put("b", b"two")
    first, second = (desk.packages.path(desk.ticket, one.stored) for one in part.files)
    desk.packages.fs.copy(first, second)
    with pytest.raises(SealError):
        list(zipped(desk.packages, desk.ticket, desk.key, part.files))
