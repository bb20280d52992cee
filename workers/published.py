"""Where checkpoints are published: one file each below an fsspec URL, written once, never over another."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fsspec import get_filesystem_class
from fsspec.core import split_protocol

from shared.domain.errors import RightsdeskError, UsageError
from shared.evidence import canonical
from shared.storage.opening import opened
from shared.strict_json import read_json

_NAME = re.compile(r"(\d{12})\.json")


class Differs(RightsdeskError):
    """Another checkpoint was published under this number: this database was put back, or is not the only one."""


def check(url: str) -> None:
    """Say at the start if a URL fits no storage driver; whether it can be reached is seen when something is written."""
    try:
        get_filesystem_class(split_protocol(url)[0] or "file")
    except (ImportError, ValueError):
        raise UsageError("the checkpoints' URL fits no storage driver installed here; see the README") from None


class Published:
    """The published checkpoints below a URL."""

    def __init__(self, url: str) -> None:
        check(url)
        with _telling():
            self._fs, self._root = opened(url, {}, Path.cwd())

    def put(self, document: dict[str, Any]) -> None:
        """Publish a checkpoint; nothing if it is there already, and it is finished if its writing broke off."""
        path = f"{self._root}/{document['number']:012}.json"
        content = canonical(document).encode() + b"\n"
        try:
            there = self._fs.cat_file(path)
        except FileNotFoundError:
            self._fs.makedirs(self._root, exist_ok=True)
            there = b""
        if not content.startswith(there):
            raise Differs
        if there != content:
            self._fs.pipe_file(path, content)

    def __iter__(self) -> Iterator[tuple[int, Any]]:
        """Yield what was published in order, with its number; None for what is no JSON."""
        for path in sorted(self._names()):
            with _telling():
                content = self._fs.cat_file(path)
            yield int(Path(path).stem), _read(content)

    def __bool__(self) -> bool:
        return bool(self._names())

    def _names(self) -> list[str]:
        with _telling():
            try:
                names = self._fs.ls(self._root, detail=False)
            except FileNotFoundError:
                return []
        return [name for name in names if _NAME.fullmatch(Path(name).name)]


@contextmanager
def _telling() -> Iterator[None]:
    """Say in one line that the place cannot be read: a driver's own words may hold the URL."""
    try:
        yield
    except RightsdeskError:
        raise
    except Exception as error:  # noqa: BLE001 - a storage's driver raises what it likes
        raise RightsdeskError(f"what was published cannot be read ({type(error).__name__}); check its URL") from None


def _read(content: bytes) -> Any:
    try:
        return read_json(content.decode())
    except ValueError:
        return None
