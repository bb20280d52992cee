"""Every version of an object: what a bucket on S3 keeps behind the one that is seen, and what never got finished.

A versioned bucket answers a delete by a marker and keeps all; so nothing is gone until each version and each marker is
(Amazon S3 User Guide, "Deleting object versions"). S3 Object Lock may refuse that until a date, or while a hold lasts.
Other storages have no versions here; what Google's and Microsoft's clouds keep by soft delete is not seen.
"""

import errno
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import Any, BinaryIO, cast
from urllib.parse import urlencode

from fsspec import AbstractFileSystem
from fsspec.asyn import sync
from fsspec.spec import AbstractBufferedFile

_LOCKED = "locked by the storage until its date (S3 Object Lock)"
_HELD = "under a legal hold of the storage (S3 Object Lock)"
_KEPT_HEADERS = (
    "CacheControl", "ContentDisposition", "ContentEncoding", "ContentLanguage", "ContentType", "Metadata",
    "StorageClass", "ServerSideEncryption", "SSEKMSKeyId",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Version:
    """One version of an object, or the marker of its deletion."""

    path: str
    id: str
    latest: bool
    marker: bool
    size: int | None
    modified: datetime | None


@dataclass(frozen=True, slots=True)
class Held:
    """Why the storage does not give a version up, and until when (None: until somebody ends the hold)."""

    ground: str
    until: date | None = None


@dataclass(frozen=True, slots=True)
class Removed:
    """What became of an object: whether anything of it was there, and what holds the rest."""

    there: bool
    held: Held | None = None


def seen(fs: AbstractFileSystem, path: str) -> bool:
    """Say whether an object is there; fsspec's own `exists` takes a lost connection for a no."""
    try:
        bucket = bucket_of(fs)
        return bool(bucket.described(path) if bucket else fs.info(path)["type"] != "directory")
    except (FileNotFoundError, NotADirectoryError):
        return False


def remove(fs: AbstractFileSystem, path: str) -> Removed:
    """Delete an object with all of its versions, markers and unfinished uploads; already gone is success."""
    bucket = bucket_of(fs)
    if bucket is None:
        with suppress(FileNotFoundError):
            fs.rm_file(path)
            return Removed(there=True)
        return Removed(there=False)
    uploads = bucket.abort(path)
    removed = bucket.remove(path)
    return Removed(removed.there or bool(uploads), removed.held)


def stands(fs: AbstractFileSystem, path: str) -> bool:
    """Say whether anything of an object is left: itself, a version, a marker, an unfinished upload."""
    bucket = bucket_of(fs)
    if bucket is None:
        return seen(fs, path)
    return any(True for _ in bucket.versions(path)) or any(one == path for one, _ in bucket.uploads(path))


def bucket_of(fs: AbstractFileSystem) -> "Bucket | None":
    """Return the S3 side of a file system; None if it is another kind."""
    names = fs.protocol if isinstance(fs.protocol, tuple) else (fs.protocol,)
    return Bucket(fs) if "s3" in names and hasattr(fs, "call_s3") else None


class Bucket:
    """What S3 says of objects, versions, locks and uploads, by paths as fsspec writes them (`bucket/key`).

    Keys are taken to the letter: S3 allows doubled slashes, one at either end, and `..`, where fsspec sees folders.
    """

    def __init__(self, fs: AbstractFileSystem) -> None:
        self._fs = fs
        self._versioned: dict[str, bool] = {}

    def versioned(self, path: str) -> bool:
        """Say whether a path's bucket keeps versions, or has kept them before."""
        name, _ = _split(path)
        if name not in self._versioned:
            self._versioned[name] = self._status(name) in {"Enabled", "Suspended"}
        return self._versioned[name]

    def folder(self, path: str) -> Iterator[Version | str]:
        """Yield the versions right below a path that ends with a slash, and the paths of the folders there."""
        name, key = _split(path)
        method = "list_object_versions" if self.versioned(path) else "list_objects_v2"
        for page in self._pages(method, Bucket=name, Prefix=key, Delimiter="/"):
            yield from (f"{name}/{one['Prefix']}" for one in page.get("CommonPrefixes", ()))
            yield from _versions(name, page)
            yield from (_only(name, one) for one in page.get("Contents", ()))

    def described(self, path: str) -> tuple[int | None, datetime | None]:
        """Return an object's size and the time of its last change."""
        name, key = _split(path)
        head = self._call("head_object", Bucket=name, Key=key)
        return head.get("ContentLength"), head.get("LastModified")

    def versions(self, path: str) -> Iterator[Version]:
        """Yield all versions and markers of one object, the oldest last."""
        name, key = _split(path)
        if not self.versioned(path):
            if seen(self._fs, path):
                yield Version(path, "null", latest=True, marker=False, size=None, modified=None)
            return
        for page in self._pages("list_object_versions", Bucket=name, Prefix=key):
            found = list(_versions(name, page))
            yield from (one for one in found if one.path == path)
            if any(one.path != path for one in found):  # sorted by key, and the shortest comes first
                return

    def open(self, path: str, version: str = "") -> BinaryIO:
        """Open an object, or one version of it, for reading."""
        if _is_exact(path):
            words = {"version_id": version} if version else {}
            return cast("BinaryIO", (self._reader if version else self._fs).open(path, "rb", **words))
        name, key = _split(path)
        words = {"Bucket": name, "Key": key} | ({"VersionId": version} if version else {})
        return cast("BinaryIO", Exact(self._fs, path, self._call("head_object", **words)["ContentLength"], words))

    def move(self, path: str, target: str) -> None:
        """Move an object; its older versions stay."""
        (name, key), (to, new) = _split(path), _split(target)
        if _is_exact(path) and _is_exact(target):
            self._fs.cp_file(path, target)
        else:
            self._call("copy_object", Bucket=to, Key=new, CopySource={"Bucket": name, "Key": key})
        self.hide(path)

    def hide(self, path: str) -> None:
        """Delete an object as a user would: in a versioned bucket it still lies behind a marker."""
        name, key = _split(path)
        self._call("delete_object", Bucket=name, Key=key)

    def remove(self, path: str) -> Removed:
        """Delete every version, the oldest first, so that what dies half-way is still found."""
        versions = list(self.versions(path))
        older_first = [one for one in reversed(versions) if not one.marker]
        held = [why for one in older_first if (why := self.remove_version(path, one.id))]
        if held:
            if not versions[0].marker:
                self.hide(path)  # what has to stay is at least not in use
            return Removed(there=True, held=max(held, key=lambda one: one.until or date.max))
        for one in versions:
            if one.marker:
                self.remove_version(path, one.id)
        return Removed(there=bool(versions))

    def remove_version(self, path: str, version: str) -> Held | None:
        """Delete one version; return what holds it, if that is a lock."""
        name, key = _split(path)
        try:
            self._call("delete_object", Bucket=name, Key=key, VersionId=version)
        except FileNotFoundError:
            return None
        except PermissionError:
            if held := self._held(name, key, version):
                return held
            raise
        return None

    def uploads(self, path: str) -> Iterator[tuple[str, str]]:
        """Yield path and id of each unfinished multipart upload whose path starts with one."""
        name, key = _split(path)
        for page in self._pages("list_multipart_uploads", Bucket=name, Prefix=key):
            yield from ((f"{name}/{one['Key']}", one["UploadId"]) for one in page.get("Uploads", ()))

    def abort(self, path: str) -> int:
        """Abort the unfinished uploads to a path; return how many there were."""
        name, key = _split(path)
        ids = [upload for one, upload in self.uploads(path) if one == path]
        for upload in ids:
            with suppress(FileNotFoundError):
                self._call("abort_multipart_upload", Bucket=name, Key=key, UploadId=upload)
        return len(ids)

    def replace(self, path: str, content: Iterable[bytes]) -> None:
        """Put other content in an object's place, whole or not at all, under the same headers, metadata and tags."""
        if not _is_exact(path):
            name, key = _split(path)
            self._call("put_object", Bucket=name, Key=key, Body=b"".join(content), **self._dress(path))
            return
        file = self._fs.open(path, "wb", autocommit=False, **self._dress(path))
        try:
            for chunk in content:
                file.write(chunk)
            file.close()
        except BaseException:
            file.discard()
            raise
        file.commit()

    def _dress(self, path: str) -> dict[str, Any]:
        name, key = _split(path)
        head = self._call("head_object", Bucket=name, Key=key)
        tags = self._call("get_object_tagging", Bucket=name, Key=key).get("TagSet", ())
        kept = {header: head[header] for header in _KEPT_HEADERS if head.get(header)}
        return kept | ({"Tagging": urlencode({one["Key"]: one["Value"] for one in tags})} if tags else {})

    def attribute(self, path: str, version: str, metadata: str | None, tag: str | None) -> str | None:
        """Return one header of an object's metadata, or one tag."""
        name, key = _split(path)
        words = {"Bucket": name, "Key": key} | ({"VersionId": version} if version else {})
        if metadata:
            found = self._call("head_object", **words).get("Metadata", {})
            return next((value for header, value in found.items() if header.lower() == metadata.lower()), None)
        tags = self._call("get_object_tagging", **words).get("TagSet", ())
        return next((one["Value"] for one in tags if one["Key"] == tag), None)

    @cached_property
    def _reader(self) -> AbstractFileSystem:
        return type(self._fs)(**self._fs.storage_options | {"version_aware": True, "skip_instance_cache": True})

    def _status(self, name: str) -> str:
        try:
            return str(self._call("get_bucket_versioning", Bucket=name).get("Status", ""))
        except OSError as error:
            if error.errno == errno.ENOSYS:  # a server that is like S3 but knows no versions
                return ""
            raise

    def _held(self, name: str, key: str, version: str) -> Held | None:
        with suppress(FileNotFoundError, PermissionError):
            head = self._call("head_object", Bucket=name, Key=key, VersionId=version)
            if head.get("ObjectLockLegalHoldStatus") == "ON":
                return Held(_HELD)
            if until := head.get("ObjectLockRetainUntilDate"):
                return Held(_LOCKED, until.date())
        return None

    def _pages(self, method: str, **words: Any) -> Iterator[Mapping[str, Any]]:
        marks = {
            "list_object_versions": {"KeyMarker": "NextKeyMarker", "VersionIdMarker": "NextVersionIdMarker"},
            "list_objects_v2": {"ContinuationToken": "NextContinuationToken"},
            "list_multipart_uploads": {"KeyMarker": "NextKeyMarker", "UploadIdMarker": "NextUploadIdMarker"},
        }[method]
        while True:
            page = self._call(method, **words)
            yield page
            if not page.get("IsTruncated"):
                return
            words |= {mark: page[after] for mark, after in marks.items() if page.get(after)}

    def _call(self, method: str, **words: Any) -> Mapping[str, Any]:
        return cast("Mapping[str, Any]", self._fs.call_s3(method, **words))


class Exact(AbstractBufferedFile):  # type: ignore[misc]  # fsspec has no types
    """An object whose key fsspec would read as another's, read by ranges."""

    def __init__(self, fs: AbstractFileSystem, path: str, size: int, words: Mapping[str, str]) -> None:
        self._words = words
        super().__init__(fs, path, size=size)

    def _fetch_range(self, start: int, end: int) -> bytes:
        answer = self.fs.call_s3("get_object", Range=f"bytes={start}-{end - 1}", **self._words)
        return bytes(sync(self.fs.loop, answer["Body"].read))


def _is_exact(path: str) -> bool:
    """Say whether fsspec means the same object by a path: it drops slashes at the end, and reads a version."""
    return not path.endswith("/") and "?versionId=" not in path


def _only(name: str, one: Mapping[str, Any]) -> Version:
    """Return the one version of an object in a bucket that keeps none."""
    path = f"{name}/{one['Key']}"
    return Version(path, "null", latest=True, marker=False, size=one.get("Size"), modified=one.get("LastModified"))


def _split(path: str) -> tuple[str, str]:
    name, _, key = path.partition("/")
    return name, key


def _newest_first(pair: tuple[str, Mapping[str, Any]]) -> tuple[str, bool, float]:
    _, one = pair
    return one["Key"], not one["IsLatest"], -one["LastModified"].timestamp()


def _versions(name: str, page: Mapping[str, Any]) -> Iterator[Version]:
    both = ((kind, one) for kind in ("Versions", "DeleteMarkers") for one in page.get(kind, ()))
    for kind, one in sorted(both, key=_newest_first):
        yield Version(
            f"{name}/{one['Key']}",
            one["VersionId"],
            latest=bool(one["IsLatest"]),
            marker=kind == "DeleteMarkers",
            size=one.get("Size"),
            modified=one["LastModified"],
        )
