"""Objects below any fsspec URL: listed afresh each time, moved aside when restricted, rewritten without a gap.

An object's key is its path below the URL, and stays so while it is restricted: `a/b.pdf` then lies at
`.restricted/a/b.pdf`. A crash between copy and removal may leave it in both places; every act sees to both.
"""

import hashlib
import hmac
import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO, cast

from fsspec import AbstractFileSystem
from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem
from fsspec.implementations.memory import MemoryFileSystem

from shared.domain.errors import Final, Retryable

_UNREACHABLE = "the storage of the objects cannot be reached"
_CHUNK = 1024 * 1024
_PART = ".rightsdesk-part"
_TIMES = ("mtime", "LastModified", "last_modified", "modified", "updated", "created")
# What drivers raise beside OSError; a driver that is not loaded has raised nothing.
_FAULTS = (
    ("botocore.exceptions", "BotoCoreError"),
    ("botocore.exceptions", "ClientError"),
    ("aiohttp", "ClientError"),
    ("azure.core.exceptions", "AzureError"),
    ("gcsfs.retry", "HttpError"),
    ("google.auth.exceptions", "GoogleAuthError"),
    ("paramiko", "SSHException"),
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where an object lies, or one of its two copies."""

    key: str
    path: str
    restricted: bool
    size: int | None = None
    modified: datetime | None = None


@contextmanager
def reachable() -> Iterator[None]:
    """Turn what the storage says into our two families, without the paths that it names."""
    try:
        yield
    except PermissionError:
        raise Final("the objects may not be read or changed; check the rights of the credentials") from None
    except OSError:
        raise Retryable(_UNREACHABLE) from None
    except _faults():
        raise Retryable(_UNREACHABLE) from None


class Taken(Exception):
    """Another object lies where this one would go."""


class Store:
    """All objects below a URL."""

    def __init__(self, url: str, options: Mapping[str, Any], folder: Path, restricted_prefix: str) -> None:
        self._url = url if "://" in url or "::" in url else str(folder / url)
        self._options = dict(options)
        self._prefix = restricted_prefix.strip("/")

    @cached_property
    def _opened(self) -> tuple[AbstractFileSystem, str]:
        try:
            fs, root = url_to_fs(self._url, use_listings_cache=False, skip_instance_cache=True, **self._options)
        except (ImportError, ValueError, TypeError):
            raise Final("the URL or its options fit no storage driver installed here; check the inventory") from None
        return fs, root.rstrip("/")

    @property
    def fs(self) -> AbstractFileSystem:
        """The file system; a fresh connection for each connector."""
        return self._opened[0]

    def folders(self) -> Iterator[dict[str, list[Place]]]:
        """Yield the objects of each folder, those that are restricted too: {name: places}."""
        self._check_root()
        yield from self._below("", (True, True))

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
        return [Place(key, path, restricted) for path, restricted in both if self.fs.exists(path)]

    def open(self, place: Place) -> BinaryIO:
        """Open an object for reading."""
        return cast("BinaryIO", self.fs.open(place.path, "rb"))

    def read_sidecar(self, key: str) -> bytes | None:
        """Return a small object; None if there is none, or if it is too long to lie beside another."""
        for place in self.places(key):
            with suppress(FileNotFoundError), self.open(place) as file:
                raw = file.read(_CHUNK)
                return raw if len(raw) < _CHUNK else None
        return None

    def described(self, place: Place) -> tuple[int | None, datetime | None]:
        """Return an object's size and the time of its last change, as far as the storage tells."""
        info = self.fs.info(place.path)
        return info.get("size"), _time(info)

    def digest(self, place: Place, key: bytes) -> str:
        """Return the keyed commitment to an object's content, for one that has just gone to nothing."""
        mac = hmac.new(key, digestmod=hashlib.sha256)
        with suppress(FileNotFoundError), self.open(place) as file:
            while chunk := file.read(_CHUNK):
                mac.update(chunk)
        return mac.hexdigest()

    def remove(self, key: str) -> None:
        """Delete an object; already gone is success."""
        for place in self.places(key):
            with suppress(FileNotFoundError):
                self.fs.rm_file(place.path)

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
                self.fs.rm_file(place.path)
            else:
                self._move(place.path, target)
        return bool(places)

    def replace(self, place: Place, content: Iterable[bytes]) -> None:
        """Put other content in an object's place, whole or not at all."""
        part = place.path + _PART
        with self.fs.open(part, "wb") as file:
            for chunk in content:
                file.write(chunk)
        if isinstance(self.fs, LocalFileSystem):
            status = Path(place.path).stat()
            shutil.copymode(place.path, part)
            with suppress(PermissionError):  # only root may give files away
                os.chown(part, status.st_uid, status.st_gid)
        self._move(part, place.path)

    def _move(self, path: str, target: str) -> None:
        """Move by literal paths: fsspec's generic `mv` would read `[1]` in a name as a pattern."""
        self.fs.makedirs(target.rpartition("/")[0], exist_ok=True)
        if type(self.fs).mv is AbstractFileSystem.mv:
            self.fs.cp_file(path, target)
            self.fs.rm_file(path)
        else:
            self.fs.mv(path, target)

    def _path(self, key: str, *, restricted: bool) -> str:
        if key.startswith("/") or ".." in key.split("/"):
            raise Final("a key names an object outside of the storage")
        return "/".join([self._opened[1], *([self._prefix] if restricted else []), key])

    def _check_root(self) -> None:
        """Refuse a storage that is not there: it is not an empty one, and nothing may be reported as searched."""
        fs, root = self._opened
        if isinstance(fs, MemoryFileSystem):
            return
        top = root if isinstance(fs, LocalFileSystem) else root.lstrip("/").split("/")[0]
        if not fs.exists(top):
            raise Final("the storage named by `url` in the inventory does not exist, or its disk is not mounted")

    def _below(self, folder: str, there: tuple[bool, bool]) -> Iterator[dict[str, list[Place]]]:
        files: dict[str, list[Place]] = {}
        folders: dict[str, set[bool]] = {}
        for restricted in (False, True):
            for info in self._listed(folder, restricted=restricted) if there[restricted] else ():
                name = info["name"].rstrip("/").rpartition("/")[2]
                key = f"{folder}/{name}" if folder else name
                if info["type"] == "directory" and (restricted or key != self._prefix):
                    folders.setdefault(name, set()).add(restricted)
                elif info["type"] == "file":
                    place = Place(
                        key, self._path(key, restricted=restricted), restricted, info.get("size"), _time(info)
                    )
                    files.setdefault(name, []).append(place)
        yield dict(sorted(files.items()))
        for name, inside in sorted(folders.items()):
            below = f"{folder}/{name}" if folder else name
            yield from self._below(below, (False in inside, True in inside))

    def _listed(self, folder: str, *, restricted: bool) -> list[dict[str, Any]]:
        path = self._path(folder, restricted=restricted).rstrip("/")
        with suppress(FileNotFoundError):
            listed = self.fs.ls(path, detail=True)
            return [info for info in listed if info["name"].strip("/") != path.strip("/")]
        return []


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


def _faults() -> tuple[type[Exception], ...]:
    found = (getattr(sys.modules.get(module), name, None) for module, name in _FAULTS)
    return tuple(one for one in found if isinstance(one, type) and issubclass(one, Exception))
