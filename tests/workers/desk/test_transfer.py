"""Art. 20(2): the data go straight to another controller, streamed, with their schemas and nothing else."""

import io
import json
import zipfile
from pathlib import Path

import fsspec
import pytest

from shared.domain.errors import Final, Retryable
from tests.workers.desk.jobs import taken


def portable(desk, rows=2, **how):
    """A desk whose package has data, files, schemas and letters."""
    here = desk("portability", **how)
    chat = here.exported("chat")
    chat.rows("contacts", ["id", "text"], ({"id": number, "text": f"Grüße {number}"} for number in range(rows)))
    chat.file("voice/1.wav", b"RIFF" + bytes(2_500_000))
    here.register(chat, 15)
    here.do("describe", step=2)
    here.do("answer", step=3)
    return here


EXPECTED = {
    "data/chat/contacts.json", "data/chat/contacts.csv", "data/chat/contacts.schema.json", "files/chat/voice/1.wav",
}  # fmt: skip


def check(archive: zipfile.ZipFile):
    """The archive holds the data, whole, and no letter."""
    assert set(archive.namelist()) == EXPECTED
    assert archive.testzip() is None
    assert {"id": 1, "text": "Grüße 1"} == json.loads(archive.read("data/chat/contacts.json"))[1]
    assert 2_500_004 == archive.getinfo("files/chat/voice/1.wav").file_size


def test_put_to_another_vendor(desk, web):
    """An HTTP PUT has the whole archive and a key by which a repetition is recognised."""
    here = portable(desk)
    assert {"transfer": {"sent": 1}} == here.do("transfer", url=web.url + "/in").counts
    (heard,) = web.heard
    assert ("PUT", "application/zip", "chunked") == (
        heard.method, heard.headers["Content-Type"], heard.headers["Transfer-Encoding"],
    )  # fmt: skip
    assert heard.headers["Idempotency-Key"].endswith(".1@rightsdesk")
    check(zipfile.ZipFile(io.BytesIO(heard.body)))


def test_a_put_that_fails_is_repeated_with_its_key(desk, web):
    """The other vendor can tell a repetition."""
    here = portable(desk)
    web.statuses.append(503)
    with pytest.raises(Retryable):
        here.do("transfer", url=web.url)
    here.do("transfer", url=web.url)
    assert 1 == len({heard.headers["Idempotency-Key"] for heard in web.heard})
    check(zipfile.ZipFile(io.BytesIO(web.heard[1].body)))


def test_write_to_a_folder(desk, tmp_path):
    """A URL with a slash at its end names a folder; a repetition writes nothing new, and nothing lies about."""
    here, place = portable(desk), tmp_path / "out"
    place.mkdir()
    for _ in range(2):
        here.do("transfer", url=f"file://{place}/")
    assert [f"{here.ticket}.zip"] == [path.name for path in place.iterdir()]
    check(zipfile.ZipFile(place / f"{here.ticket}.zip"))


def test_what_stands_there_is_not_overwritten(desk, tmp_path):
    """A transfer never replaces a file that was there before it, also not on a retry."""
    here, place = portable(desk), tmp_path / "precious.txt"
    place.write_text("mine")
    for _ in range(2):
        with pytest.raises(Final, match="stands already"):
            here.do("transfer", url=f"file://{place}")
    assert "mine" == place.read_text()


@pytest.mark.parametrize(
    "url", ["http://ada.example/in", "ftp://ada.example/in", "memory://ada", "zip::file:///ada.zip"]
)
def test_only_ways_that_are_encrypted(desk, url):
    """Data do not go over the network in clear; the error does not repeat the URL."""
    with pytest.raises(Final) as error:
        portable(desk).do("transfer", url=url)
    assert "ada" not in str(error.value)


def test_a_target_that_is_not_there(desk, tmp_path):
    """A folder that does not exist is final, and says no path."""
    with pytest.raises(Final, match="refused") as error:
        portable(desk).do("transfer", url=f"file://{tmp_path}/ada/no/x.zip")
    assert "ada" not in str(error.value)


def test_a_file_that_was_changed_is_not_sent(desk, tmp_path):
    """A package file that does not open stops the transfer, and half an archive is not left."""
    here, place = portable(desk), tmp_path / "out.zip"
    (wave,) = [one for one in here.files() if one.name.endswith(".wav")]
    stored = Path(here.packages.path(here.ticket, wave.stored))
    sealed = stored.read_bytes()
    stored.write_bytes(sealed[:-1] + bytes([sealed[-1] ^ 1]))
    with pytest.raises(Exception, match="does not open"):
        here.do("transfer", url=f"file://{place}")
    assert [] == list(tmp_path.rglob("*out.zip*"))


def test_an_object_store_gets_all_or_nothing(desk):
    """Where a store has no rename, its transaction completes the upload, or drops it."""
    from workers.desk import transfer

    here, memory = portable(desk), fsspec.filesystem("memory")
    job = here.job()
    target = transfer._Target.__new__(transfer._Target)
    target._fs, target._path, target._scheme = memory, "/desk/x.zip", "s3"
    with memory.transaction:
        target._write_at(target._path, job, [one for one in job.files() if one.name in EXPECTED])
        assert not memory.exists("/desk/x.zip")
    check(zipfile.ZipFile(io.BytesIO(memory.cat("/desk/x.zip"))))
    memory.rm("/desk", recursive=True)


def test_the_letter_does_not_count_the_transfer_as_an_export(desk):
    """What is told of the systems is what was done on them."""
    here = desk("portability", steps=[taken("export", counts={"contacts": {"exported": 2}})])
    here.do("answer")
    assert "contacts: 2 records handed out" in here.content("letter.txt")
