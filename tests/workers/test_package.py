"""Packages: registered per step, streamed as an archive, changed by nobody."""

import io
import zipfile
from uuid import uuid4

import pytest

from shared.envelope import SealError, unseal_json
from shared.store.tables import PackagePartRow
from tests.workers.desk.jobs import Desk
from workers.package import PackageFile, PartWriter, package_files, save_part, zipped


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
