"""A list of people, such as a campaign's: the rows that the gate allows go out as they came in, in constant memory."""

import csv
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, TextIO

from shared.domain.errors import RightsdeskError, UsageError
from shared.domain.identifier import Identifier
from shared.strict_json import read_json
from workers.gate import UNREADABLE, Asked, Gate, was_asked
from workers.gate.reading import identify

BATCH = 500  # rows that are asked for by one statement
_LONGEST = 1024 * 1024  # characters of a row
_MARK = "\ufeff"


class Unreachable(RightsdeskError):
    """The store cannot be reached: who is on the list is not known, so nobody is let through."""


@dataclass(frozen=True, slots=True)
class Listed:
    """How a list is read: which columns hold an identifier, of which kind, and for which purpose it is asked."""

    client: str
    purpose: str
    columns: tuple[tuple[str, str], ...]  # kind, name
    needs_consent: bool = False
    delimiter: str = ","


@dataclass(slots=True)
class Passed:
    """How many rows went out, and how many did not, by the reason."""

    rows: int = 0
    denied: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class _Row:
    """A row as it came in, and what stands in its columns."""

    text: str
    values: tuple[Any, ...]


class _Lines:
    """The lines of a source; those that a row was read from are kept until they are taken, up to a bound."""

    def __init__(self, source: TextIO) -> None:
        self._source = source
        self._taken = list[str]()
        self._size = 0
        self.number = 0

    def __iter__(self) -> Iterator[str]:
        while line := self._source.readline(_LONGEST):
            self.number += 1
            self._size += len(line)
            if self._size >= _LONGEST:
                raise RightsdeskError(f"line {self.number} ends a row that is longer than {_LONGEST} characters")
            self._taken.append(line)
            yield line

    def taken(self) -> str:
        """Return, once, the text that has been read."""
        text = "".join(self._taken)
        self._taken.clear()
        self._size = 0
        return text


def filter_csv(gate: Gate, listed: Listed, source: TextIO, sink: TextIO) -> Passed:
    """Write a CSV list's header and the rows that are allowed; open both with `newline=""`."""
    lines = _Lines(source)
    rows = _csv_rows(lines, csv.reader(iter(lines), delimiter=listed.delimiter, strict=True))
    head = next(rows, None)
    if head is None:
        raise UsageError("the list is empty; its first line names the columns")
    names = [str(one).removeprefix(_MARK).strip() for one in head.values]
    places = [_place(names, name) for _, name in listed.columns]
    sink.write(head.text)
    picked = (_picked(row, len(names), places) for row in rows)
    return _filter(gate, listed, picked, sink)


def _csv_rows(lines: _Lines, reader: Any) -> Iterator[_Row]:
    try:
        for values in reader:
            text = lines.taken()
            if values:
                yield _Row(text, tuple(values))
    except csv.Error:
        raise RightsdeskError(f"line {lines.number} is not CSV: a quote is not closed, or a field too long") from None


def _place(names: list[str], wanted: str) -> int:
    if names.count(wanted) != 1:
        raise UsageError(f"the list has {names.count(wanted)} columns of the name given; its first line names them")
    return names.index(wanted)


def _picked(row: _Row, width: int, places: list[int]) -> _Row:
    """Pick a row's identifiers; none of one that is wider or narrower than the head: its columns may be shifted."""
    values = tuple(row.values[place] for place in places) if len(row.values) == width else (None,)
    return _Row(row.text, values)


def filter_json(gate: Gate, listed: Listed, source: TextIO, sink: TextIO) -> Passed:
    """Write the objects of JSON Lines that are allowed."""
    return _filter(gate, listed, _json_rows(_Lines(source), [name for _, name in listed.columns]), sink)


def _json_rows(lines: _Lines, names: list[str]) -> Iterator[_Row]:
    for line in lines:
        text = lines.taken()
        if not line.strip():
            continue
        try:
            found = read_json(line.removeprefix(_MARK))
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise RightsdeskError(f"line {lines.number} is not a JSON object")
        yield _Row(text, tuple(found.get(name) for name in names))


def _filter(gate: Gate, listed: Listed, rows: Iterator[_Row], sink: TextIO) -> Passed:
    passed, client = Passed(), gate.client(listed.client)
    kinds = [kind for kind, _ in listed.columns]
    while batch := list(islice(rows, BATCH)):
        read = [_read(client, kinds, row) for row in batch]
        people = list(dict.fromkeys(one for row in read for one in row or ()))
        answers = dict(zip(people, _asked(gate, listed, people), strict=True))
        for row, own in zip(batch, read, strict=True):
            reason = _against([answers[one] for one in own]) if own else UNREADABLE
            if reason is None:
                sink.write(row.text if row.text.endswith(("\n", "\r")) else row.text + "\n")
                passed.rows += 1
            else:
                passed.denied[reason] += 1
    return passed


def _asked(gate: Gate, listed: Listed, people: list[Identifier]) -> list[Asked]:
    if not people:
        return []
    answers = gate.check_many(listed.client, listed.purpose, people, needs_consent=listed.needs_consent)
    if failed := next((why for answer, why in answers if not was_asked((answer, why))), None):
        raise Unreachable(failed)
    return answers


def _read(client: Any, kinds: list[str], row: _Row) -> list[Identifier] | None:
    """Return a row's identifiers; None if one cannot be read, or there is none."""
    given = [(kind, value) for kind, value in zip(kinds, row.values, strict=False) if value not in (None, "")]
    found = [identify(client, kind, value) if isinstance(value, str) else None for kind, value in given]
    return [one for one in found if one] if found and all(found) else None


def _against(answers: list[Asked]) -> str | None:
    return next((why for answer, why in answers if answer != "allow"), None)
