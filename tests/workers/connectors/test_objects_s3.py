"""The connector of objects on S3, by moto's server over real HTTP: versions, markers, locks, unfinished uploads."""

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import ClassVar
from uuid import uuid4

import boto3
import pytest
from aiobotocore.session import AioSession

from shared.domain.errors import Final, Retryable
from shared.testing import Desk
from tests.servers import s3_server
from tests.shared.test_audio import wav
from tests.workers.connectors.objects_store import (
    ADA,
    IN_PATH,
    SCAN,
    SIDECAR,
    STANDS,
    Disk,
    SidecarWorld,
    subject,
)

KEYS = {"key": "test", "secret": "test"}
PLAIN = {"verify": False}  # HTTP: else each client reads all certificates first
CALL = "calls/+4930123456/one.wav"


@pytest.fixture(scope="module")
def endpoint():
    """A server's URL."""
    with s3_server() as url:
        yield url


@cache
def client(endpoint):
    """Return a client that reads S3 without the connector."""
    words = {"endpoint_url": endpoint, "region_name": "eu-central-1"}
    return boto3.client("s3", aws_access_key_id="test", aws_secret_access_key="test", **words)


class Bucket(Disk):
    """A bucket, and what stands in it, versions and all, read by boto3 alone."""

    driver: ClassVar = {"session": AioSession()}  # S3's API is read once

    def __init__(self, endpoint, folder, *, versioned, lock=False):
        self.name = f"docs-{uuid4().hex}"
        self.s3 = client(endpoint)
        place = {"LocationConstraint": "eu-central-1"}
        self.s3.create_bucket(Bucket=self.name, CreateBucketConfiguration=place, ObjectLockEnabledForBucket=lock)
        if versioned:
            self.s3.put_bucket_versioning(Bucket=self.name, VersioningConfiguration={"Status": "Enabled"})
        super().__init__(f"s3://{self.name}/kept", folder, endpoint_url=endpoint, client_kwargs=PLAIN, **KEYS)

    def versions(self):
        """Return [(key, content)] of every version, and of every marker (None)."""
        pages = list(self.s3.get_paginator("list_object_versions").paginate(Bucket=self.name))
        read = [
            (
                one["Key"],
                self.s3.get_object(Bucket=self.name, Key=one["Key"], VersionId=one["VersionId"])["Body"].read(),
            )
            for page in pages
            for one in page.get("Versions", ())
        ]
        return read + [(one["Key"], None) for page in pages for one in page.get("DeleteMarkers", ())]

    def uploads(self):
        """Return the keys of unfinished uploads."""
        return sorted(one["Key"] for one in self.s3.list_multipart_uploads(Bucket=self.name).get("Uploads", ()))

    def begin(self, key):
        """Begin an upload and leave it."""
        made = self.s3.create_multipart_upload(Bucket=self.name, Key=f"kept/{key}")
        self.s3.upload_part(
            Bucket=self.name, Key=f"kept/{key}", UploadId=made["UploadId"], PartNumber=1, Body=ADA.encode()
        )

    def lock(self, key, days=30, **which):
        """Lock an object until a date."""
        until = datetime.now(UTC) + timedelta(days=days)
        self.s3.put_object_retention(
            Bucket=self.name, Key=f"kept/{key}", Retention={"Mode": "COMPLIANCE", "RetainUntilDate": until}, **which
        )
        return until.date()

    def present(self):
        """Return Ada's values in keys and contents of all versions."""
        return {
            found
            for key, raw in self.versions()
            for found in STANDS.findall(key + "\n" + (raw or b"").decode("utf-8", "replace"))
        }


@pytest.fixture
def bucket(endpoint, tmp_path):
    """A bucket with versions."""
    return Bucket(endpoint, tmp_path, versioned=True)


@pytest.fixture
def disk(bucket):
    """Where the contract's worlds lie."""
    return bucket


@pytest.fixture
def locked(endpoint, tmp_path):
    """A bucket with versions and Object Lock."""
    return Bucket(endpoint, tmp_path, versioned=True, lock=True)


class TestSidecar(SidecarWorld):
    """Owners beside the objects."""


def test_a_bucket_without_versions(endpoint, tmp_path):
    """It is searched, restricted, lifted, emptied and proved; nobody else's object changes."""
    bucket = Bucket(endpoint, tmp_path, versioned=False)
    other = "calls/+49301234567/x.wav"
    for key in (CALL, "calls/030 12 34 56/deep/er/two.wav", other):
        bucket.put(key, b"RIFF")
    desk = Desk(subject())
    assert 2 == bucket.run(desk, "locate", IN_PATH).total("found")
    assert 2 == bucket.run(desk, "restrict", IN_PATH).total("restricted")
    assert {other, f".restricted/{CALL}"} < set(bucket.all())
    assert 2 == bucket.run(desk, "lift", IN_PATH).total("lifted")
    assert 2 == bucket.run(desk, "absent", IN_PATH, act="delete").total("hit")
    assert 2 == bucket.run(desk, "delete", IN_PATH).total("erased")
    assert 0 == bucket.run(desk, "absent", IN_PATH, act="delete").total("hit")
    assert {other: b"RIFF"} == bucket.all()


ODD = ["calls/+4930123456//x.wav", "calls/+4930123456/", "calls/+4930123456/../z.wav", "/calls/+4930123456/l.wav",
       "calls/+4930123456/./y.wav", "calls/+4930123456/a?versionId=b", "calls/+4930123456/[1]*.wav"]  # fmt: skip


@pytest.mark.parametrize("versioned", [True, False])
def test_keys_are_taken_to_the_letter(endpoint, tmp_path, versioned):
    """S3 keeps doubled slashes, folders' own objects and `..`: all are found, read, moved, deleted and proved gone."""
    bucket = Bucket(endpoint, tmp_path, versioned=versioned)
    others = ["calls/+4930555555/", "calls/x/../+4930555555/z", "//", "a//b"]
    for key in ODD + others:
        bucket.s3.put_object(Bucket=bucket.name, Key=f"kept/{key}", Body=key.encode())
    desk = Desk(subject(), take_ambiguous=True)  # the one at the top is only named by its path
    outcome = bucket.run(desk, "locate", IN_PATH)
    assert [len(ODD) - 1, 1] == [outcome.total("found"), outcome.total("ambiguous")]
    assert len(ODD) == bucket.run(desk, "absent", IN_PATH, act="delete").total("hit")
    bucket.run(desk, "export", IN_PATH)
    assert {key: key.encode() for key in ODD} == desk.package.files
    bucket.run(desk, "restrict", IN_PATH)
    assert len(ODD) == bucket.run(desk, "lift", IN_PATH).total("lifted")
    assert len(ODD) == bucket.run(desk, "delete", IN_PATH).total("erased")
    assert 0 == bucket.run(desk, "absent", IN_PATH, act="delete").total("hit")
    assert {(f"kept/{key}", key.encode()) for key in others} == set(bucket.versions())


def test_every_version_and_marker_goes(bucket):
    """What was overwritten, deleted and written again is gone with all of its past, and Bob's past is as it was."""
    bucket.put("calls/+4930555555/two.wav", b"Bob 1")
    bucket.put("calls/+4930555555/two.wav", b"Bob 2")
    bucket.fs.rm_file(f"{bucket.root}/calls/+4930555555/two.wav")
    before = bucket.versions()
    for content in (b"one", b"two"):
        bucket.put(CALL, content)
    bucket.fs.rm_file(f"{bucket.root}/{CALL}")
    bucket.put(CALL, b"three")
    desk = Desk(subject())
    assert {"calls": {"found": 1}} == bucket.run(desk, "locate", IN_PATH).counts
    assert {"calls": {"erased": 1}} == bucket.run(desk, "delete", IN_PATH).counts
    assert before == bucket.versions()
    assert 0 == bucket.run(desk, "absent", IN_PATH, act="delete").total("hit")


@pytest.mark.parametrize("owner", [IN_PATH, {"sidecar": ".json", "field": "phone"}])
def test_a_deleted_object_is_found_behind_its_marker(bucket, owner):
    """A delete that only laid a marker over the object is no erasure; it is exported, erased, and proved."""
    bucket.put(CALL, b"RIFF of Ada")
    bucket.put(f"{CALL}.json", {"phone": "+4930123456"})
    if owner == IN_PATH:
        bucket.s3.delete_object(Bucket=bucket.name, Key=f"kept/{CALL}.json")
    bucket.fs.rm_file(f"{bucket.root}/{CALL}")
    desk = Desk(subject())
    assert 2 == bucket.run(desk, "locate", owner).total("found")
    assert bucket.run(desk, "absent", owner, act="delete").total("hit")
    bucket.run(desk, "export", owner)
    assert b"RIFF of Ada" == desk.package.files[CALL]
    assert 2 == bucket.run(desk, "delete", owner).total("erased")
    assert [] == bucket.versions()
    assert 0 == bucket.run(desk, "absent", owner, act="delete").total("hit")


def test_a_restored_version_is_a_hit(bucket):
    """A system that lies by keeping a version under a marker is caught."""
    bucket.put(CALL, b"RIFF")
    desk = Desk(subject())
    bucket.run(desk, "locate", IN_PATH)
    bucket.run(desk, "delete", IN_PATH)
    bucket.put(CALL, b"RIFF")
    bucket.fs.rm_file(f"{bucket.root}/{CALL}")
    assert {"calls": {"hit": 1}} == bucket.run(desk, "absent", IN_PATH, act="delete").counts


def test_a_locked_version_is_retained_until_its_date(locked):
    """What Object Lock keeps is retained with its date, out of sight, with what says whose it is; the rest goes."""
    locked.put("a.pdf", b"%PDF 1")
    until = locked.lock("a.pdf")
    locked.put("a.pdf", b"%PDF 2")
    locked.put("a.pdf.json", {"email": ADA})
    desk = Desk(subject())
    locked.run(desk, "locate", SIDECAR)
    for _ in range(2):
        outcome = locked.run(desk, "delete", SIDECAR)
        assert {"objects": {"retained": 2}} == outcome.counts
        assert {until} == {one.until for one in outcome.reasons}
        assert [("kept/a.pdf", b"%PDF 1"), ("kept/a.pdf", None)] == [
            one for one in locked.versions() if one[0] == "kept/a.pdf"
        ]
    assert 0 == locked.run(desk, "absent", SIDECAR, act="delete").total("hit")


def test_a_legal_hold_has_no_date(locked):
    """A hold lasts until somebody ends it; then the retry erases."""
    locked.put(CALL, b"RIFF")
    hold = {"Bucket": locked.name, "Key": f"kept/{CALL}"}
    locked.s3.put_object_legal_hold(**hold, LegalHold={"Status": "ON"})
    desk = Desk(subject())
    locked.run(desk, "locate", IN_PATH)
    outcome = locked.run(desk, "delete", IN_PATH)
    assert [("retained", None)] == [(one.outcome, one.until) for one in outcome.reasons]
    (version,) = locked.s3.list_object_versions(Bucket=locked.name)["Versions"]
    locked.s3.put_object_legal_hold(**hold, VersionId=version["VersionId"], LegalHold={"Status": "OFF"})
    again = Desk(subject())
    locked.run(again, "locate", IN_PATH)
    assert {"calls": {"erased": 1}} == locked.run(again, "delete", IN_PATH).counts
    assert [] == locked.versions()


def test_a_redaction_leaves_no_older_version(bucket):
    """The text that named the person stands in no version; its headers, metadata and tags are as they were."""
    text = b"bob@example.org and ada@example.org"
    words = {"ContentType": "text/x-list", "Metadata": {"made-by": "crm"}, "Tagging": "class=list&year=2026"}
    bucket.s3.put_object(Bucket=bucket.name, Key="kept/all.txt", Body=text, **words)
    bucket.s3.put_object(Bucket=bucket.name, Key="kept/all.txt", Body=b"bob@example.org", **words)
    bucket.s3.put_object(Bucket=bucket.name, Key="kept/all.txt", Body=text + b", " + text, **words)
    desk = Desk(subject())
    assert {"objects": {"mention": 1}} == bucket.run(desk, "locate", SCAN).counts
    assert {"objects": {"redacted": 1}} == bucket.run(desk, "delete", SCAN).counts
    after = b"bob@example.org and [redacted], bob@example.org and [redacted]"
    bob = b"bob@example.org"
    assert {("kept/all.txt", after), ("kept/all.txt", bob)} == set(bucket.versions())
    head = bucket.s3.head_object(Bucket=bucket.name, Key="kept/all.txt")
    assert ("text/x-list", {"made-by": "crm"}) == (head["ContentType"], head["Metadata"])
    tags = bucket.s3.get_object_tagging(Bucket=bucket.name, Key="kept/all.txt")["TagSet"]
    assert {"class": "list", "year": "2026"} == {one["Key"]: one["Value"] for one in tags}
    assert 0 == bucket.run(desk, "absent", SCAN, act="delete").total("hit")
    assert [] == bucket.uploads()


def test_a_text_that_named_the_person_once_is_a_mention(bucket):
    """Only the version that names the person goes; what everybody sees is not touched."""
    bucket.put("all.txt", b"bob@example.org and ada@example.org")
    bucket.put("all.txt", b"bob@example.org")
    desk = Desk(subject())
    assert 1 == bucket.run(desk, "absent", SCAN, act="delete").total("hit")
    assert {"objects": {"mention": 1}} == bucket.run(desk, "locate", SCAN).counts
    bucket.run(desk, "delete", SCAN)
    assert [("kept/all.txt", b"bob@example.org")] == bucket.versions()


def test_a_locked_mention_is_retained(locked):
    """The redacted text is what everybody sees; the version under lock is told with its date."""
    locked.put("all.txt", b"bob@example.org and ada@example.org")
    until = locked.lock("all.txt")
    desk = Desk(subject())
    locked.run(desk, "locate", SCAN)
    outcome = locked.run(desk, "delete", SCAN)
    assert [("retained", until)] == [(one.outcome, one.until) for one in outcome.reasons]
    assert b"bob@example.org and [redacted]" == locked.all()["all.txt"]
    assert 0 == locked.run(desk, "absent", SCAN, act="delete").total("hit")


@pytest.mark.parametrize("owner", [IN_PATH, SIDECAR])
def test_unfinished_uploads_are_aborted(bucket, owner):
    """An upload to where the person's objects lie goes and is counted; everybody else's goes on."""
    bucket.put(f"{CALL}.json", {"email": ADA})
    bucket.begin(CALL)
    bucket.begin(CALL)
    bucket.begin("calls/+4930555555/two.wav")
    desk = Desk(subject())
    assert {"unfinished uploads": {"found": 1}} == {
        name: of for name, of in bucket.run(desk, "locate", owner).counts.items() if name != "calls"
    }
    assert 1 == bucket.run(desk, "absent", owner, act="delete").counts["unfinished uploads"]["hit"]
    assert 1 == bucket.run(desk, "export", owner).total("residual")
    assert 2 == bucket.run(desk, "delete", owner).counts["unfinished uploads"]["erased"]
    assert ["kept/calls/+4930555555/two.wav"] == bucket.uploads()
    assert 0 == bucket.run(desk, "absent", owner, act="delete").total("hit")


def test_a_page_is_not_the_whole(bucket):
    """More versions and folders than one answer holds are all found and deleted (the server gives seven a page)."""
    for number in range(9):
        bucket.put(f"calls/+4930123456/{number % 5}/{number}.wav", b"RIFF")
        bucket.put(CALL, b"RIFF")
        bucket.put(f"calls/+49305555{number}/x.wav", b"RIFF")
    desk = Desk(subject())
    assert 10 == bucket.run(desk, "locate", IN_PATH).total("found")
    bucket.run(desk, "delete", IN_PATH)
    assert 9 == len(bucket.all())
    assert set() == bucket.present()


def test_a_bucket_that_is_not_there_is_no_empty_one(bucket):
    """A wrong URL is told, without naming it, and nothing is reported as searched."""
    bucket.url = "s3://no-such-bucket-here/x"
    with pytest.raises(Final, match="does not exist"):
        bucket.run(Desk(subject()), "locate", SCAN)


def test_a_server_that_is_away_is_asked_again(bucket):
    """What cannot be reached is retried, and its address stays out of the error."""
    bucket.options = KEYS | {"endpoint_url": "http://127.0.0.1:1", "config_kwargs": {"retries": {"max_attempts": 0}}}
    with pytest.raises(Retryable) as caught:
        bucket.run(Desk(subject()), "locate", SCAN)
    assert "the storage of the objects cannot be reached" == str(caught.value)


@pytest.mark.parametrize(
    ("owner", "hers", "his"),
    [
        ({"metadata": "Owner"}, {"Metadata": {"owner": "ADA@example.org"}}, {"Metadata": {"owner": "bob@example.org"}}),
        ({"metadata": "phone"}, {"Metadata": {"phone": "030 123456"}}, {"Metadata": {"phone": "030 1234567"}}),
        ({"tag": "email"}, {"Tagging": "email=ada@example.org"}, {"Tagging": "email=jada@example.org"}),
    ],
)
def test_metadata_and_tags_name_the_owner(bucket, owner, hers, his):
    """What S3 keeps with an object says whose it is, behind a marker too; an object without is nobody's."""
    for key, words in (("a.pdf", hers), ("old.pdf", hers), ("b.pdf", his), ("c.pdf", {})):
        bucket.s3.put_object(Bucket=bucket.name, Key=f"kept/{key}", Body=b"%PDF", **words)
    bucket.fs.rm_file(f"{bucket.root}/old.pdf")
    desk = Desk(subject())
    assert 2 == bucket.run(desk, "locate", owner).total("found")
    assert 2 == bucket.run(desk, "delete", owner).total("erased")
    assert ["kept/b.pdf", "kept/c.pdf"] == [key for key, _ in bucket.versions()]
    assert 0 == bucket.run(desk, "absent", owner, act="delete").total("hit")


def test_metadata_is_only_on_s3(tmp_path):
    """A rule that the storage cannot answer is told, and nothing is reported as searched."""
    disk = Disk("docs", tmp_path)
    disk.put("a.pdf", b"%PDF")
    with pytest.raises(Final, match="only S3"):
        disk.run(Desk(subject()), "locate", {"metadata": "owner"})


def test_what_was_silenced_sounds_in_no_older_version(bucket):
    """The recording stays for the other caller; the version with the person's words does not."""
    bucket.put(CALL, wav(b"\x01\x02" * 8000))
    span = {"file": CALL, "from": 0.0, "to": 1.0}
    desk = Desk(subject())
    bucket.run(desk, "locate", IN_PATH)
    assert {"calls": {"masked": 1, "residual": 1}} == bucket.run(desk, "delete", IN_PATH, silence=[span]).counts
    assert [(f"kept/{CALL}", wav(bytes(16000)))] == bucket.versions()
    assert 0 == bucket.run(desk, "absent", IN_PATH, act="delete", silence=[span]).total("hit")
