"""What was written down about records: sealed batches, in order."""

from collections.abc import Iterable, Iterator
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, insert, select
from sqlalchemy.orm import Session

from shared.domain.identifier import Identifier
from shared.domain.outcome import Found
from shared.envelope import seal_json, unseal_json
from shared.ports import Affected
from shared.store.tables import FindingRow, core

_f = core(FindingRow)
_INSERT = insert(_f)
_PAGE = 20  # batches read at once
_READ = (
    select(_f.c.id, _f.c.step_id, _f.c.sealed)
    .where(_f.c.ticket_id == bindparam("ticket"), _f.c.system == bindparam("place"), _f.c.id > bindparam("after"))
    .order_by(_f.c.id)
    .limit(_PAGE)
)


def _aad(ticket: UUID, system: str) -> bytes:
    return b"findings:" + ticket.bytes + system.encode()


def keep(session: Session, key: bytes, *, ticket: UUID, step: int, system: str, notes: Iterable[Found]) -> None:
    """Write a batch of notes."""
    content = [[one.collection, one.key, one.how, one.sure, one.fate, one.digest] for one in notes]
    _insert(session, key, ticket, step, system, content)


def read(session: Session, key: bytes, *, ticket: UUID, system: str) -> Iterator[tuple[int, Found]]:
    """Yield the notes about a system's records in the order of writing, each with the step that wrote it."""
    for step, content in _batches(session, key, ticket, system):
        yield from ((step, Found(*one)) for one in content)


def keep_affected(
    session: Session, key: bytes, *, ticket: UUID, step: int, system: str, people: Iterable[Affected]
) -> None:
    """Write a batch of people who stand in a breach."""
    content = [
        [sorted([one.kind, one.value] for one in person.identifiers), person.name, sorted(person.categories)]
        for person in people
    ]
    _insert(session, key, ticket, step, f"{system}#affected", content)


def read_affected(session: Session, key: bytes, *, ticket: UUID, system: str) -> Iterator[Affected]:
    """Yield the people found in a system's window."""
    for _, content in _batches(session, key, ticket, f"{system}#affected"):
        for identifiers, name, categories in content:
            yield Affected(frozenset(Identifier(*one) for one in identifiers), name, frozenset(categories))


def _insert(session: Session, key: bytes, ticket: UUID, step: int, system: str, content: list[Any]) -> None:
    if content:
        sealed = seal_json(key, content, aad=_aad(ticket, system))
        session.execute(_INSERT, {"ticket_id": ticket, "step_id": step, "system": system, "sealed": sealed})


def _batches(session: Session, key: bytes, ticket: UUID, system: str) -> Iterator[tuple[int, list[Any]]]:
    after, full = 0, True
    while full:
        page = session.execute(_READ, {"ticket": ticket, "place": system, "after": after}).all()
        yield from ((step, unseal_json(key, sealed, aad=_aad(ticket, system))) for _, step, sealed in page)
        full = len(page) == _PAGE
        after = page[-1].id if page else after
