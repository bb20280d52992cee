"""One collection's rows in a package: a JSON array, and a CSV beside it, written in pieces.

A finished piece survives a crash of the step, which then goes on behind it.
"""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from shared.envelope import Encrypting

PIECE = 50_000  # rows
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
                as_json.write(json.dumps(picked, ensure_ascii=False, default=str).encode())
                writer.writerow({name: _cell(value) for name, value in picked.items()})
                self.written.rows += 1
            as_csv.write(line.getvalue().encode())
            line.seek(0)
            line.truncate()
            self.written.passed += notes
            if self.written.rows - begun >= PIECE:
                return False
        as_csv.write(line.getvalue().encode())
        as_json.write(b"\n]\n")
        return True


def _cell(value: Any) -> Any:
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") and not value[1:].isdigit():
        return "'" + value  # a spreadsheet would run it as a formula
    return value
