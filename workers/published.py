"""Where checkpoints are published: one file each below an fsspec URL, written once, never over another."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from shared.domain.errors import RightsdeskError, UsageError
from shared.evidence import canonical
from shared.storage.opening import opened
from shared.strict_json import read_json

_NAME = re.compile(r"(\d{12})\.json")


class Differs(RightsdeskError):
    """Another checkpoint was published under this number: this database was put back, or is not the only one."""


class Published:
    """The published checkpoints below a URL."""

    def __init__(self, url: str) -> None:
        try:
            self._fs, self._root = opened(url, {}, Path.cwd())
        except (ImportError, ValueError, TypeError):
            raise UsageError("the checkpoints' URL fits no storage driver installed here; see the README") from None

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
            yield int(Path(path).stem), _read(self._fs.cat_file(path))

    def __bool__(self) -> bool:
        return bool(self._names())

    def _names(self) -> list[str]:
        try:
            names = self._fs.ls(self._root, detail=False)
        except FileNotFoundError:
            return []
        return [name for name in names if _NAME.fullmatch(Path(name).name)]


def _read(content: bytes) -> Any:
    try:
        return read_json(content.decode())
    except ValueError:
        return None
