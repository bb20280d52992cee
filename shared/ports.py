"""What a connector is: a Protocol per verb, and the work that it is handed. Capability is the presence of a verb.

Every verb is idempotent: however often it runs, a system ends in the same state, and "already gone" is success.
`locate` searches and writes down; all other verbs act on exactly what was written down, and nothing else.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, BinaryIO, ClassVar, Literal, Protocol, runtime_checkable
from uuid import UUID

from pydantic import BaseModel

from shared.datamap import LinkEnd
from shared.domain.identifier import Identifier, Subject
from shared.domain.outcome import Found, Outcome
from shared.domain.step import DATA_VERBS
from shared.inventory import Client, System


class Package(Protocol):
    """Where an export goes: the data of one system in the person's package."""

    def rows(
        self, collection: str, columns: Iterable[str], rows: Iterable[Mapping[str, Any]]
    ) -> int:  # pragma: no cover - a protocol
        """Write `data/<system>/<collection>.json` and `.csv`, original column names; return the number of rows."""
        ...

    def passed(self, collection: str) -> int:
        """Return how many notes of a collection stand in the package already, from before a crash."""
        ...

    def batches(
        self, collection: str, columns: Iterable[str], batches: Iterable[tuple[int, Iterable[Mapping[str, Any]]]]
    ) -> int:
        """Write what `rows` writes for the notes after those `passed`: each batch with the number of its notes."""
        ...

    def file(self, name: str, content: bytes | BinaryIO) -> None:
        """Write `files/<system>/<name>` (an .eml, a recording, a document)."""
        ...


@dataclass(frozen=True, slots=True)
class Work:
    """One verb's work. Nothing in it may be logged or put into an exception but `ticket`.

    `found()` yields what locate wrote down and a person did not exclude, the latest note about each record, in
    the order of writing; there may be millions. `note` writes a record down, or a new fate for one. `key` is the
    ticket's own (32 bytes), for pseudonyms and digests. `again` says that the step was begun before; `cursor` is what
    `checkpoint` last stored then, else "".

    `args` by verb: `export` {"provided": true} for portability; `rectify` {"changes": {category: value},
    "statement": text}; `restrict` {"holds", "kept"} under a legal hold, which the engine counts; `subjects` {"from",
    "to"} (ISO datetimes, or null); `absent` {"act": the verb to prove, "changes": …, "statement": …}; `delete` and
    `silence` {"silence": [{"file": key, "from": seconds, "to": seconds}]}.

    `links` are the fields of this system by which it and the client's other systems lead to each other: a connector
    that knows them reports their values as identifiers of the links' kinds.
    """

    ticket: UUID
    subject: Subject
    now: datetime
    key: bytes
    package: Package
    found: Callable[[], Iterable[Found]]
    note: Callable[[Found], None]
    args: Mapping[str, Any] = field(default_factory=dict)
    cursor: str = ""
    again: bool = False
    checkpoint: Callable[[str], None] = lambda _: None
    links: tuple[LinkEnd, ...] = ()


@dataclass(frozen=True, slots=True)
class Affected:
    """Someone who stands in the records of a window: for a breach."""

    identifiers: frozenset[Identifier]
    name: str = ""
    categories: frozenset[str] = frozenset()


class Connector(Protocol):
    """A connector kind. Its module exports `CONNECTOR`, the class; `Settings` checks the inventory's keys."""

    name: ClassVar[str]
    Settings: ClassVar[type[BaseModel]]

    def __init__(self, system: System, client: Client, settings: Any) -> None:
        """Take the checked settings (an instance of `Settings`); connect later, at the first verb."""

    def close(self) -> None:
        """Let go of connections."""


@runtime_checkable
class Locates(Protocol):
    """`locate`: find every record of the person, note it, count `found`, `mention`, `ambiguous`; widen."""

    def locate(self, work: Work) -> Outcome: ...


@runtime_checkable
class Exports(Protocol):
    """`export`: write every record noted into the package, other people's data masked; count `exported`."""

    def export(self, work: Work) -> Outcome: ...


@runtime_checkable
class Masks(Protocol):
    """`mask`: overwrite the person's fields in the records noted; count `masked`."""

    def mask(self, work: Work) -> Outcome: ...


@runtime_checkable
class Deletes(Protocol):
    """`delete`: files first, then child rows, then parents; count `erased`, `masked`, `redacted`, `retained`."""

    def delete(self, work: Work) -> Outcome: ...


@runtime_checkable
class Rectifies(Protocol):
    """`rectify`: write the new values where the old ones stand, and the statement where there is a place for it.

    Count as `rectified` the records in which they stand now, whoever wrote them, and say what stands with
    `because(collection, "rectified", <category or STATEMENT>)`: what no system says was rectified nowhere, and the
    ticket ends `partial`.
    """

    def rectify(self, work: Work) -> Outcome: ...


@runtime_checkable
class Restricts(Protocol):
    """`restrict`: mark or move the records noted so that nobody uses them; count `restricted`."""

    def restrict(self, work: Work) -> Outcome: ...


@runtime_checkable
class Lifts(Protocol):
    """`lift`: undo `restrict`; count `lifted`."""

    def lift(self, work: Work) -> Outcome: ...


@runtime_checkable
class Subjects(Protocol):
    """`subjects`: stream everyone who stands in the records of a window (a breach)."""

    def subjects(self, work: Work) -> Iterator[Affected]: ...


@runtime_checkable
class Absents(Protocol):
    """`absent`: the second look, on a fresh connection: by the keys noted, and by a scan for the values.

    Whatever contradicts `args["act"]` is counted as `hit`, with a reason that names the collection.
    """

    def absent(self, work: Work) -> Outcome: ...


@runtime_checkable
class Silences(Protocol):
    """`silence`: silence the time spans of `args["silence"]` in recordings noted; count `masked`, spans as a reason.

    A connector that has it heeds the same argument in `delete`: such a recording is silenced instead of deleted.
    """

    def silence(self, work: Work) -> Outcome: ...


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found, and what to do about it.

    `error`: a step would fail or miss data. `drift`: something that looks personal is not in the data map. `note`:
    worth knowing, nothing to do now. `place` is a table, a column or a count of folders; no part may hold a value
    of a record, a credential, a URL, or a name that may be a person's (a mailbox, a path below a root).
    """

    severity: Literal["error", "drift", "note"]
    place: str
    what: str
    todo: str


@runtime_checkable
class Checks(Protocol):
    """`check`: for `rightsdesk systems check`; connect, compare the data map with what is there, see the rights.

    It changes nothing. What keeps it from looking may be raised as in any verb. Not a verb of a step: a kind
    without it is only built.
    """

    def check(self) -> Iterator[Finding]: ...


def verbs_of(kind: object) -> frozenset[str]:
    """Return the verbs that a connector, or a connector kind, has."""
    return frozenset(verb for verb in DATA_VERBS if callable(getattr(kind, verb, None)))
