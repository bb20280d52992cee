"""One collection's rows in a package: a JSON array, and a CSV beside it, written in pieces.

A finished piece survives a crash of the step, which then goes on behind it.
"""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

from shared.envelope import Encrypting

PIECE = 50_000  # rows
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")  # full width ones, too
Batch = tuple[int, Iterable[Mapping[str, Any]]]


@dataclass(slots=True)
class Written:
    """How far a table came: rows, the notes that they are of, its finished pieces (where, size, SHA-256) by ending."""

    rows: int = 0
    passed: int = 0
    complete: bool = False
    pieces: dict[str, list[tuple[str, int, str]]] = field(default_factory=lambda: {".json": [], ".csv": []})


@dataclass(slots=True)
class Table:
    """Writes on where `written` says; `create` opens a piece, `keep` is called when one is finished."""

    written: Written
    create: Callable[[str], Any]  # ending -> context manager of a sink, and of what describes it afterwards
    keep: Callable[[], None]

    def write(self, columns: Sequence[str], batches: Iterable[Batch]) -> None:
        """Write all that comes."""
        rest = iter(batches)
        while not self.written.complete:
            with self._piece() as (as_json, as_csv):
                complete = self._fill(as_json, as_csv, columns, rest)
            self.written.complete = complete
            if not complete:
                self.keep()

    @contextmanager
    def _piece(self) -> Iterator[list[Encrypting]]:
        with ExitStack() as stack:
            opened = [(ending, *stack.enter_context(self.create(ending))) for ending in self.written.pieces]
            yield [sink for _, sink, _ in opened]
        for ending, _, described in opened:
            one = described()
            self.written.pieces[ending].append((one.stored, one.size, one.sha256))

    def _fill(self, as_json: Encrypting, as_csv: Encrypting, columns: Sequence[str], batches: Iterator[Batch]) -> bool:
        """Write one piece; say whether it was the last."""
        line, begun = io.StringIO(), self.written.rows
        writer = csv.DictWriter(line, columns, extrasaction="ignore", lineterminator="\r\n")
        if not self.written.pieces[".csv"]:
            writer.writeheader()
            as_json.write(b"[")
        for notes, rows in batches:
            for row in rows:
                picked = {name: row.get(name) for name in columns}
                as_json.write(b",\n" if self.written.rows else b"\n")
                as_json.write(_object(picked))
                writer.writerow({name: _cell(value) for name, value in picked.items()})
                self.written.rows += 1
            as_csv.write(_bytes(line.getvalue()))
            line.seek(0)
            line.truncate()
            self.written.passed += notes
            if self.written.rows - begun >= PIECE:
                return False
        as_csv.write(_bytes(line.getvalue()))
        as_json.write(b"\n]\n")
        return True


def _bytes(text: str) -> bytes:
    """Encode a text; half a character, as some systems' JSON has, is written as JSON escapes it."""
    return text.encode(errors="backslashreplace")


def _object(row: Mapping[str, Any]) -> bytes:
    try:
        return _bytes(json.dumps(row, ensure_ascii=False, default=str, allow_nan=False))
    except ValueError:  # NaN and Infinity, which JSON does not have
        return _bytes(json.dumps(_finite(row), ensure_ascii=False, default=str))


def _finite(value: Any) -> Any:
    """Return a value with the numbers that JSON does not have as texts."""
    if isinstance(value, Mapping):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return value if not isinstance(value, float) or isfinite(value) else str(value)


def _cell(value: Any) -> Any:
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, str) and value[:1] in _FORMULA and not value[1:].isdigit():
        return "'" + value  # a spreadsheet would run it as a formula
    return value
