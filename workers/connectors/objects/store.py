"""Objects below any fsspec URL: listed afresh each time, moved aside when restricted, rewritten without a gap.

An object's key is its path below the URL, and stays so while it is restricted: `a/b.pdf` then lies at
`.restricted/a/b.pdf`. A crash between copy and removal may leave it in both places; every act sees to both.
In a versioned bucket an object that was deleted, or a text that was replaced, still lies in its older versions.
"""

import hashlib
import hmac
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from posixpath import normpath
from stat import S_IMODE
from typing import Any, BinaryIO, cast

from fsspec import AbstractFileSystem
from fsspec.implementations.local import LocalFileSystem

from shared.domain.errors import Final
from shared.storage import opening, versions
from shared.storage.versions import Bucket, Held, Version
from workers.connectors.objects.spelling import literal, spellings

_CHUNK = 1024 * 1024
_PART = ".rightsdesk-part"
_TIMES = ("mtime", "LastModified", "last_modified", "modified", "updated", "created")


@dataclass(frozen=True, slots=True)
class Place:
    """Where an object lies, or one of its two copies, or one of its older versions (or the marker of a deletion)."""

    key: str
    path: str
    restricted: bool
    size: int | None = None
    modified: datetime | None = None
    version: str = ""  # empty for what everybody sees
    marker: bool = False
    link: str = ""  # a symbolic link, which is not followed: `inside` where it leads to what is listed anyway, or `out`


class Taken(Exception):
    """Another object lies where this one would go."""


class Store:
    """All objects below a URL."""

    def __init__(self, url: str, options: Mapping[str, Any], folder: Path, restricted_prefix: str) -> None:
        self._url, self._options, self._folder = url, options, folder
        self._prefix = restricted_prefix.strip("/")

    @cached_property
    def _opened(self) -> tuple[AbstractFileSystem, str]:
        try:
            return opening.opened(self._url, self._options, self._folder)
        except (ImportError, ValueError, TypeError):
            raise Final("the URL or its options fit no storage driver installed here; check the inventory") from None

    @property
    def fs(self) -> AbstractFileSystem:
        """The file system; a fresh connection for each connector."""
        return self._opened[0]

    @cached_property
    def _bucket(self) -> Bucket | None:
        return versions.bucket_of(self.fs)

    @property
    def _versioned(self) -> Bucket | None:
        return self._bucket if self._bucket and self._bucket.versioned(self._opened[1]) else None

    def close(self) -> None:
        """Let go of the connection, if there is one."""
        if "_opened" in self.__dict__:
            opening.close(self.fs)

    def folders(self) -> Iterator[dict[str, list[Place]]]:
        """Yield the objects of each folder, those that are restricted or deleted too: {name: places, newest first}."""
        self._check_root()
        waiting = [("", (True, True))]  # keys may have hundreds of parts: no recursion
        while waiting:
            files, folders = self._parts(*waiting.pop())
            yield files
            waiting += reversed(folders)

    def may_change(self) -> bool | None:
        """Say whether objects may be changed; None where a storage only tells by doing it."""
        fs, root = self._opened
        if not isinstance(fs, LocalFileSystem):
            return None
        effective = os.access in os.supports_effective_ids
        return os.access(root, os.R_OK | os.W_OK | os.X_OK, effective_ids=effective)

    def places(self, key: str) -> list[Place]:
        """Return where an object lies: nowhere, somewhere, or twice after a crash."""
        both = ((self._path(key, restricted=restricted), restricted) for restricted in (False, True))
        return [Place(key, path, restricted) for path, restricted in both if versions.seen(self.fs, path)]

    def older(self, key: str) -> list[Place]:
        """Return the versions of an object that are not seen any more, and the markers of its deletion."""
        if self._versioned is None:
            return []
        both = ((self._path(key, restricted=restricted), restricted) for restricted in (False, True))
        found = ((one, restricted) for path, restricted in both for one in self._versioned.versions(path))
        return [place for one, restricted in found if (place := self._place(key, one, restricted)).version]

    def readable(self, key: str) -> list[Place]:
        """Return where an object can be read: where it lies, else its newest version."""
        return self.places(key) or [place for place in self.older(key) if not place.marker][:1]

    def spellings(self, written: str) -> list[str]:
        """Return the keys that a path in a list may mean, the likeliest first."""
        found = spellings(written, self._opened[1], self._prefix)
        meant = found if self._bucket else (key for key in found if key == normpath(key) != ".")
        return [key for key in meant if self._is_inside(key) and not key.startswith(self._prefix + "/")]

    def literal(self, written: str) -> frozenset[str]:
        """Return the keys that a path in a list names as it is written."""
        return literal(written, self._opened[1], exact=self._bucket is not None)

    def stands(self, key: str) -> bool:
        """Say whether anything of an object is left, a version or an unfinished upload too."""
        return any(versions.stands(self.fs, self._path(key, restricted=one)) for one in (False, True))

    def unfinished(self) -> Iterator[str]:
        """Yield the keys of multipart uploads that nobody has finished; only S3 keeps such."""
        root = self._opened[1]
        for path, _ in self._bucket.uploads(root) if self._bucket else ():
            if path.startswith(root + "/"):
                yield path.removeprefix(root + "/").removeprefix(self._prefix + "/")

    def abort(self, key: str) -> int:
        """Abort the unfinished uploads to a key; return their number."""
        assert self._bucket is not None
        return sum(self._bucket.abort(self._path(key, restricted=one)) for one in (False, True))

    def open(self, place: Place) -> BinaryIO:
        """Open an object, or one version of it, for reading."""
        if place.marker:
            raise FileNotFoundError
        if place.version:
            assert self._bucket is not None
            return self._bucket.open(place.path, place.version)
        if self._bucket is not None:
            return self._bucket.open(place.path)
        return cast("BinaryIO", self.fs.open(place.path, "rb"))

    def read_sidecar(self, key: str) -> bytes | None:
        """Return a small object; None if there is none, or if it is too long to lie beside another."""
        for place in self.readable(key):
            with suppress(FileNotFoundError), self.open(place) as file:
                raw = file.read(_CHUNK)
                return raw if len(raw) < _CHUNK else None
        return None

    def attribute(self, place: Place, *, metadata: str | None, tag: str | None) -> str | None:
        """Return a header of an object's own metadata, or a tag; only S3 has such."""
        if self._bucket is None:
            raise Final("only S3 keeps metadata and tags; name the owner another way in the inventory")
        with suppress(FileNotFoundError):
            return None if place.marker else self._bucket.attribute(place.path, place.version, metadata, tag)
        return None

    def described(self, place: Place) -> tuple[int | None, datetime | None]:
        """Return an object's size and the time of its last change, as far as the storage tells."""
        if place.version:
            return place.size, place.modified
        if self._bucket is not None:
            return self._bucket.described(place.path)
        info = self.fs.info(place.path)
        return info.get("size"), _time(info)

    def digest(self, place: Place, key: bytes) -> str:
        """Return the keyed commitment to an object's content, for one that has just gone to nothing."""
        mac = hmac.new(key, digestmod=hashlib.sha256)
        with suppress(FileNotFoundError), self.open(place) as file:
            while chunk := file.read(_CHUNK):
                mac.update(chunk)
        return mac.hexdigest()

    def remove(self, key: str) -> Held | None:
        """Delete an object with all of its versions (already gone is success); return what holds it, if anything."""
        both = [versions.remove(self.fs, self._path(key, restricted=restricted)).held for restricted in (False, True)]
        return next((held for held in both if held), None)

    def remove_version(self, place: Place) -> Held | None:
        """Delete one version that is not seen any more; return what holds it, if anything does."""
        assert self._bucket is not None
        return self._bucket.remove_version(place.path, place.version)

    def move(self, key: str, *, restricted: bool) -> bool:
        """Move an object to where restricted ones lie, or back; say whether it is there now."""
        target = self._path(key, restricted=restricted)
        places = self.places(key)
        for place in places:
            if place.restricted == restricted:
                continue
            if len(places) > 1:  # a crash left a copy, or someone has put another object there
                if self.digest(place, b"same") != self.digest(Place(key, target, restricted), b"same"):
                    raise Taken
                self._bucket.hide(place.path) if self._bucket else self.fs.rm_file(place.path)
            else:
                self._move(place.path, target)
        return bool(places)

    def replace(self, place: Place, content: Iterable[bytes]) -> None:
        """Put other content in an object's place, whole or not at all; its older versions stay."""
        if self._bucket is not None:
            self._bucket.replace(place.path, content)
            return
        part = place.path + _PART
        with self.fs.open(part, "wb") as file:
            for chunk in content:
                file.write(chunk)
        if isinstance(self.fs, LocalFileSystem):
            status = Path(place.path).stat()
            shutil.copymode(place.path, part)
            with suppress(PermissionError):  # only root may give files away
                os.chown(part, status.st_uid, status.st_gid)
        elif opening.is_sftp(self.fs):
            self.fs.ftp.chmod(part, S_IMODE(self.fs.ftp.stat(place.path).st_mode))
        self._move(part, place.path)

    def _move(self, path: str, target: str) -> None:
        """Move by literal paths: fsspec's generic `mv` would read `[1]` in a name as a pattern."""
        if self._bucket is not None:
            self._bucket.move(path, target)
            return
        self.fs.makedirs(target.rpartition("/")[0], exist_ok=True)
        if type(self.fs).mv is AbstractFileSystem.mv:
            self.fs.cp_file(path, target)
            self.fs.rm_file(path)
        else:
            self.fs.mv(path, target)

    def _path(self, key: str, *, restricted: bool) -> str:
        if not self._is_inside(key):
            raise Final("a key names an object outside of the storage")
        return "/".join([self._opened[1], *([self._prefix] if restricted else []), key])

    def _is_inside(self, key: str) -> bool:
        """Say whether a key stays below the root; on S3 any does, and `..` is a name as any other."""
        return self._bucket is not None or not (key.startswith("/") or ".." in key.split("/"))

    def _check_root(self) -> None:
        """Refuse a storage that is not there: it is not an empty one, and nothing may be reported as searched."""
        if not opening.mounted(*self._opened):
            raise Final("the storage named by `url` in the inventory does not exist, or its disk is not mounted")

    def _parts(
        self, folder: str, there: tuple[bool, bool]
    ) -> tuple[dict[str, list[Place]], list[tuple[str, tuple[bool, bool]]]]:
        """Return the objects right in a folder, and the folders there with where they are, restricted or not."""
        files: dict[str, list[Place]] = {}
        folders: dict[str, set[bool]] = {}
        for restricted in (False, True):
            for one in self._listed(folder, restricted=restricted) if there[restricted] else ():
                if isinstance(one, Place):
                    files.setdefault(one.key.removeprefix(folder), []).append(one)
                elif restricted or one != f"{self._prefix}/":
                    folders.setdefault(one, set()).add(restricted)
        found = {name: sorted(places, key=_newest_first) for name, places in sorted(files.items())}
        return found, [(below, (False in where, True in where)) for below, where in sorted(folders.items())]

    def _listed(self, folder: str, *, restricted: bool) -> Iterator[Place | str]:
        """Yield the objects right in a folder, and the folders there; a folder's key ends with a slash."""
        if self._bucket is not None:
            yield from self._kept(self._bucket, folder, restricted=restricted)
            return
        path = self._path(folder, restricted=restricted).rstrip("/")
        with suppress(FileNotFoundError):
            for info in self.fs.ls(path, detail=True):
                key = folder + info["name"].rstrip("/").rpartition("/")[2]
                if info["name"].strip("/") == path.strip("/"):
                    continue
                if info["type"] == "directory":
                    yield f"{key}/"
                elif info.get("islink") or info["type"] == "link":
                    where = self._path(key, restricted=restricted)
                    yield Place(key, where, restricted, link="inside" if self._leads_inside(where) else "out")
                elif info["type"] == "file":
                    where = self._path(key, restricted=restricted)
                    yield Place(key, where, restricted, info.get("size"), _time(info))

    def _leads_inside(self, path: str) -> bool:
        root = Path(self._opened[1]).resolve()
        local, target = isinstance(self.fs, LocalFileSystem), Path(path)
        return local and target.exists() and target.resolve().is_relative_to(root)

    def _kept(self, bucket: Bucket, folder: str, *, restricted: bool) -> Iterator[Place | str]:
        root = self._path("", restricted=restricted)
        for one in bucket.folder(root + folder):
            if key := (one if isinstance(one, str) else one.path).removeprefix(root):
                yield key if isinstance(one, str) else self._place(key, one, restricted)

    def _place(self, key: str, one: Version, restricted: bool) -> Place:
        seen = one.latest and not one.marker
        return Place(key, one.path, restricted, one.size, one.modified, "" if seen else one.id, one.marker)


def _newest_first(place: Place) -> tuple[bool, bool, float]:
    return bool(place.version), place.marker, -place.modified.timestamp() if place.modified else 0


def _time(info: Mapping[str, Any]) -> datetime | None:
    told = next((info[name] for name in _TIMES if info.get(name)), None)
    if isinstance(told, str):
        with suppress(ValueError):
            told = datetime.fromisoformat(told)
    if isinstance(told, int | float):
        told = datetime.fromtimestamp(told, UTC)
    if not isinstance(told, datetime):
        return None
    return told if told.tzinfo else told.replace(tzinfo=UTC)
