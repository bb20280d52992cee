"""Files on S3 that rows in a database name: every version goes, and what is locked is told."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import boto3
import pytest

from shared.testing import Desk
from tests.servers import s3_server
from tests.workers.connectors import sql_store as db
from tests.workers.connectors.sql_store import ADA, Store, subject


@pytest.fixture(scope="module")
def endpoint():
    """A server's URL."""
    with s3_server() as url:
        yield url


@pytest.fixture
def s3(endpoint):
    """A client."""
    return boto3.client(
        "s3", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test"
    )


@pytest.mark.parametrize("lock", [False, True])
def test_a_recording_goes_with_its_past(endpoint, s3, tmp_path, lock):
    """A recording that a row names goes with all versions; a locked one is retained until its date, and no hit."""
    bucket = f"calls-{uuid4().hex}"
    s3.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    for content in (b"first", b"second"):
        s3.put_object(Bucket=bucket, Key="rec/a/hers.wav", Body=content)
    s3.put_object(Bucket=bucket, Key="rec/a/hers.wav.md", Body=b"another's")
    until = datetime.now(UTC) + timedelta(days=9)
    if lock:
        retention = {"Mode": "COMPLIANCE", "RetainUntilDate": until}
        s3.put_object_retention(Bucket=bucket, Key="rec/a/hers.wav", Retention=retention)
    store = Store(f"sqlite:///{tmp_path / 'chat.db'}", tmp_path)
    ada = store.add(db.CONTACTS, account_id=1, name="Ada Example", email=ADA)
    talk = store.add(db.CONVERSATIONS, account_id=1, contact_id=ada)
    said = store.add(db.MESSAGES, conversation_id=talk)
    store.add(db.ATTACHMENTS, message_id=said, path="a/hers.wav")
    options = {"endpoint_url": endpoint, "key": "test", "secret": "test", "client_kwargs": {"verify": False}}
    connector = store.connector(files=f"s3://{bucket}/rec", options=options)
    desk = Desk(subject())
    connector.locate(desk.work())
    connector.export(desk.work())
    outcome = connector.delete(desk.work())
    assert {"a/hers.wav": b"second"} == desk.package.files
    assert {"retained" if lock else "erased": 1} == outcome.counts["attachments.path"]
    assert ([until.date()] if lock else []) == [one.until for one in outcome.reasons if one.until]
    assert 0 == connector.absent(desk.work(act="delete")).total("hit")
    left = s3.list_object_versions(Bucket=bucket, Prefix="rec/")["Versions"]
    assert (["a/hers.wav"] if lock else []) + ["a/hers.wav.md"] == [one["Key"][4:] for one in left]
    if not lock:
        s3.put_object(Bucket=bucket, Key="rec/a/hers.wav", Body=b"again")
        s3.delete_object(Bucket=bucket, Key="rec/a/hers.wav")
        assert 1 == connector.absent(desk.work(act="delete")).total("hit")
    connector.close()
