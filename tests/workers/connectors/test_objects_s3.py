"""The connector of objects on S3, by moto's server over real HTTP: versions, markers, locks, unfinished uploads."""

from contextlib import closing
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import boto3
import pytest

from shared.domain.errors import Final
from shared.testing import Desk
from tests.servers import s3_server
from tests.workers.connectors.objects_store import (
    ADA,
    IN_PATH,
    SCAN,
    SIDECAR,
    STANDS,
    Disk,
    InPathWorld,
    ScanWorld,
    SidecarWorld,
    subject,
    with_sidecars,
)

KEYS = {"key": "test", "secret": "test"}
CALL = "calls/+4930123456/one.wav"


@pytest.fixture(scope="module")
def endpoint():
    """A server's URL."""
    with s3_server() as url:
        yield url


class Bucket(Disk):
    """A bucket, and what stands in it, versions and all, read by boto3 alone."""

    def __init__(self, endpoint, folder, *, versioned, lock=False):
        self.name = f"docs-{uuid4().hex}"
        words = {"endpoint_url": endpoint, "region_name": "eu-central-1"}
        self.s3 = boto3.client("s3", aws_access_key_id="test", aws_secret_access_key="test", **words)
        place = {"LocationConstraint": "eu-central-1"}
        self.s3.create_bucket(Bucket=self.name, CreateBucketConfiguration=place, ObjectLockEnabledForBucket=lock)
        if versioned:
            self.s3.put_bucket_versioning(Bucket=self.name, VersioningConfiguration={"Status": "Enabled"})
        super().__init__(f"s3://{self.name}/kept", folder, endpoint_url=endpoint, **KEYS)

    def versions(self):
        """Return [(key, content)] of every version, and of every marker (None)."""
        listed = self.s3.list_object_versions(Bucket=self.name)
        read = [
            (
                one["Key"],
                self.s3.get_object(Bucket=self.name, Key=one["Key"], VersionId=one["VersionId"])["Body"].read(),
            )
            for one in listed.get("Versions", ())
        ]
        return read + [(one["Key"], None) for one in listed.get("DeleteMarkers", ())]

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


@pytest.fixture(params=["plain", "versioned"])
def disk(request, endpoint, tmp_path):
    """A bucket without and with versions."""
    return Bucket(endpoint, tmp_path, versioned=request.param == "versioned")


@pytest.fixture
def bucket(endpoint, tmp_path):
    """A bucket with versions."""
    return Bucket(endpoint, tmp_path, versioned=True)


@pytest.fixture
def locked(endpoint, tmp_path):
    """A bucket with versions and Object Lock."""
    return Bucket(endpoint, tmp_path, versioned=True, lock=True)


class TestSidecar(SidecarWorld):
    """Owners beside the objects."""


class TestInPath(InPathWorld):
    """Owners in the paths."""


class TestScan(ScanWorld):
    """Owners in the texts."""
