"""The files that rows name, below the system's `files` URL, with every version that the storage keeps of them."""

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from posixpath import normpath
from typing import Any, BinaryIO, cast

import sqlalchemy as sa
from fsspec import AbstractFileSystem, get_filesystem_class
from fsspec.core import split_protocol
from fsspec.implementations.local import LocalFileSystem

from shared.datamap import FileExt
from shared.domain.errors import Final, Retryable, UsageError
from shared.storage import opening, versions
from shared.storage.versions import Removed


class Files:
    """A folder in any fsspec file system; a relative path is below the inventory's folder."""

    def __init__(self, url: str, folder: Path, options: dict[str, Any]) -> None:
        self._where, self._options, self._folder = url.removeprefix("file://"), options, folder
        try:
            get_filesystem_class(split_protocol(self._where)[0])
        except (ValueError, ImportError):
            raise UsageError("`files` is not a URL that fsspec can open") from None

    @cached_property
    def _opened(self) -> tuple[AbstractFileSystem, str]:
        try:
            return opening.opened(self._where, self._options, self._folder)
        except (ValueError, TypeError):
            raise Final("the options of `files` fit no storage driver; check the inventory") from None

    def close(self) -> None:
        """Let go of the connection, if there is one."""
        if "_opened" in self.__dict__:
            opening.close(self._opened[0])

    def unusable(self) -> str:
        """Say why files are not found or deleted here, as far as can be told without touching one; else nothing."""
        with _refusals("files"):
            system, root = self._opened
            if not opening.mounted(system, root):
                return "the folder of `files` does not exist, or its disk is not mounted"
        if isinstance(system, LocalFileSystem) and not os.access(
            root, os.R_OK | os.W_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids
        ):
            return "the folder of `files` may not be read and changed"
        return ""

    def exists(self, place: str, path: str) -> bool:
        """Say whether a file is there."""
        with _refusals(place):
            return versions.seen(self._opened[0], self.at(place, path))

    def stands(self, place: str, path: str) -> bool:
        """Say whether anything of a file is left, an older version or an unfinished upload too."""
        with _refusals(place):
            return versions.stands(self._opened[0], self.at(place, path))

    def delete(self, place: str, path: str) -> Removed:
        """Delete a file with all of its versions; say whether it was there, and what the storage keeps."""
        with _refusals(place):
            return versions.remove(self._opened[0], self.at(place, path))

    @contextmanager
    def open(self, place: str, path: str) -> Iterator[BinaryIO]:
        """Open a file to read it."""
        with _refusals(place), self._opened[0].open(self.at(place, path), "rb") as stream:
            yield cast("BinaryIO", stream)

    def at(self, place: str, path: str) -> str:
        """Return where a path written in a row stands; it may not leave the folder."""
        inside = self.name(path)
        if inside.startswith("..") or inside in (".", ""):
            raise Final(f"{place}: a path leads out of the system's files")
        system, root = self._opened
        where = f"{root}/{inside}"
        if isinstance(system, LocalFileSystem) and not Path(where).resolve().is_relative_to(Path(root).resolve()):
            raise Final(f"{place}: a path leads out of the system's files")
        return where

    def name(self, path: str) -> str:
        """Return a path relative to the folder, whether the row wrote it so or in full."""
        return normpath(path.removeprefix(self._opened[1] + "/").lstrip("/"))

    def named(self, place: str, ext: FileExt, row: Mapping[Any, Any]) -> str:
        """Return the path, relative to the folder, of the file that a row names."""
        try:
            return self.name(ext.of(row))
        except ValueError:
            raise Final(f"{place}: the data map's path of its files does not fit a row") from None

    def naming(self, table: sa.Table, ext: FileExt, paths: Iterable[str]) -> sa.ColumnElement[bool]:
        """Return the broad condition that a row names one of some files."""
        written = {spelt for path in paths for spelt in self.spellings(path)}
        bare = {path.rpartition("/")[2] for path in written} if ext.path else set()
        return table.c[ext.column].in_(written | bare)

    def spellings(self, name: str) -> tuple[str, ...]:
        """Return how rows write such a path: relative, from the top, in full."""
        return name, f"/{name}", f"./{name}", f"{self._opened[1]}/{name}"


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
