"""What tests need of systems: a package and notes in memory, work made of them, and a system in memory."""

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import BytesIO
from typing import Any, BinaryIO, ClassVar
from uuid import UUID, uuid4

from pydantic import BaseModel, ConfigDict

from shared.domain.identifier import Identifier, Subject
from shared.domain.outcome import Found, Outcome
from shared.inventory import Client, System
from shared.ports import Work


@dataclass
class MemoryPackage:
    """A package kept in memory: rows by collection, files by name."""

    tables: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)

    def rows(self, collection: str, columns: Iterable[str], rows: Iterable[Mapping[str, Any]]) -> int:
        """Keep the rows; return their number."""
        names = list(columns)
        self.tables[collection] = [{name: row.get(name) for name in names} for row in rows]
        return len(self.tables[collection])

    def passed(self, collection: str) -> int:  # noqa: ARG002 - a package in memory survives no crash
        """Return 0."""
        return 0

    def batches(
        self, collection: str, columns: Iterable[str], batches: Iterable[tuple[int, Iterable[Mapping[str, Any]]]]
    ) -> int:
        """Keep the rows of all batches; return their number."""
        return self.rows(collection, columns, (row for _, rows in batches for row in rows))

    def file(self, name: str, content: bytes | BinaryIO) -> None:
        """Keep the file."""
        self.files[name] = content if isinstance(content, bytes) else BytesIO(content.read()).getvalue()


@dataclass
class Desk:
    """One ticket's work on one system, as the step task would hand it to a connector, without a database."""

    subject: Subject
    now: datetime = datetime(2026, 6, 1, 12, tzinfo=UTC)
    ticket: UUID = field(default_factory=uuid4)
    key: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    package: MemoryPackage = field(default_factory=MemoryPackage)
    notes: list[Found] = field(default_factory=list)
    take_ambiguous: bool = False

    def found(self) -> list[Found]:
        """Return the latest notes that a verb may act on."""
        notes: dict[tuple[str, str], Found] = {}
        for one in self.notes:
            notes.pop(one.place, None)  # the order is that of the last writing
            notes[one.place] = one
        return [one for one in notes.values() if one.sure or self.take_ambiguous]

    def work(self, **args: Any) -> Work:
        """Return work with these verb arguments."""
        return Work(
            ticket=self.ticket,
            subject=self.subject,
            now=self.now,
            key=self.key,
            package=self.package,
            found=self.found,
            note=self.notes.append,
            args=args,
        )


class NoSettings(BaseModel):
    """A kind without keys of its own."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class MemorySystem:
    """A connector whose records stand in this process: {system id: {key: identifiers}}; a fake to ship."""

    name: ClassVar[str] = "memory"
    Settings: ClassVar[type[BaseModel]] = NoSettings
    records: ClassVar[dict[str, dict[str, frozenset[Identifier]]]] = {}

    def __init__(self, system: System, _client: Client, _settings: Any) -> None:
        self.mine = self.records.setdefault(system.id, {})

    def close(self) -> None:
        """Nothing is open."""

    def locate(self, work: Work) -> Outcome:
        """Note the records that share an identifier with the subject."""
        outcome = Outcome()
        for key, identifiers in sorted(self.mine.items()):
            if identifiers & work.subject.identifiers:
                work.note(Found("records", key))
                outcome.count("records", "found")
                outcome.identifiers |= identifiers - work.subject.identifiers
        return outcome

    def export(self, work: Work) -> Outcome:
        """Write the keys."""
        outcome = Outcome()
        rows = [{"key": one.key} for one in work.found()]
        outcome.count("records", "exported", work.package.rows("records", ["key"], rows))
        return outcome

    def delete(self, work: Work) -> Outcome:
        """Drop the records noted."""
        outcome = Outcome()
        gone = [one.key for one in work.found() if self.mine.pop(one.key, None) is not None]
        outcome.count("records", "erased", len(gone))
        return outcome

    def absent(self, work: Work) -> Outcome:
        """Look for the keys and for the identifiers."""
        outcome = Outcome()
        keys = {one.key for one in work.found()}
        hits = [k for k, identifiers in self.mine.items() if k in keys or identifiers & work.subject.identifiers]
        if hits:
            outcome.count("records", "hit", len(hits))
            outcome.because("records", "hit", "the record stands")
        return outcome
