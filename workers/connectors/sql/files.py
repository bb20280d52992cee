"""The files that rows name, below the system's `files` URL."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from posixpath import normpath
from typing import Any, BinaryIO, cast

import fsspec
from fsspec.implementations.local import LocalFileSystem

from shared.domain.errors import Final, Retryable, UsageError


class Files:
    """A folder in any fsspec file system; a relative path is below the inventory's folder."""

    def __init__(self, url: str, folder: Path, options: dict[str, Any]) -> None:
        try:
            if "://" not in url or url.startswith("file://"):
                url = str(folder / url.removeprefix("file://"))
            self._system, self._root = fsspec.url_to_fs(url, **options)
        except (ValueError, ImportError):
            raise UsageError("`files` is not a URL that fsspec can open") from None
        self._root = self._root.rstrip("/")

    def unusable(self) -> str:
        """Say why files are not found or deleted here, as far as can be told without touching one; else nothing."""
        with _refusals("files"):
            if not self._system.exists(self._root):
                return "the folder of `files` does not exist, or its disk is not mounted"
        if isinstance(self._system, LocalFileSystem) and not os.access(
            self._root, os.R_OK | os.W_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids
        ):
            return "the folder of `files` may not be read and changed"
        return ""

    def exists(self, place: str, path: str) -> bool:
        """Say whether a file is there."""
        with _refusals(place):
            self._system.invalidate_cache()
            return bool(self._system.isfile(self.at(place, path)))

    def delete(self, place: str, path: str) -> bool:
        """Delete a file; say whether it was there."""
        with _refusals(place):
            where = self.at(place, path)
            self._system.invalidate_cache()
            if not self._system.isfile(where):
                return False
            self._system.rm_file(where)
            return True

    @contextmanager
    def open(self, place: str, path: str) -> Iterator[BinaryIO]:
        """Open a file to read it."""
        with _refusals(place), self._system.open(self.at(place, path), "rb") as stream:
            yield cast("BinaryIO", stream)

    def at(self, place: str, path: str) -> str:
        """Return where a path written in a row stands; it may not leave the folder."""
        inside = self.name(path)
        if inside.startswith("..") or inside in (".", ""):
            raise Final(f"{place}: a path leads out of the system's files")
        where = f"{self._root}/{inside}"
        if isinstance(self._system, LocalFileSystem) and not Path(where).resolve().is_relative_to(
            Path(self._root).resolve()
        ):
            raise Final(f"{place}: a path leads out of the system's files")
        return where

    def name(self, path: str) -> str:
        """Return a path relative to the folder, whether the row wrote it so or in full."""
        return normpath(path.removeprefix(self._root + "/").lstrip("/"))

    def spellings(self, name: str) -> tuple[str, ...]:
        """Return how rows write such a path: relative, from the top, in full."""
        return name, f"/{name}", f"./{name}", f"{self._root}/{name}"


@contextmanager
def _refusals(place: str) -> Iterator[None]:
    """Turn the file system's errors into ours; theirs carry paths, and paths carry numbers and names."""
    try:
        yield
    except FileNotFoundError:
        raise Final(f"{place}: a file is not there") from None
    except PermissionError:
        raise Final(f"{place}: the file system refused") from None
    except OSError:
        raise Retryable(f"{place}: the files are not available", after=10) from None
