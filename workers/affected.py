"""Who is affected by a breach: those found in the window, and those that the ticket lists. Each once."""

import csv
import hashlib
import io
from collections.abc import Iterable, Iterator
from typing import Any

import fsspec

from shared.domain.case import Case
from shared.domain.errors import Final, Retryable
from shared.domain.identifier import EMAIL, PHONE, Identifier, normalise
from shared.ports import Affected
from shared.store import findings
from workers.office import Office


def affected_by(office: Office, case: Case, key: bytes) -> Iterator[Affected]:
    """Yield each person once, known by any identifier; those listed first."""
    seen: set[bytes] = set()
    for person in _all(office, case, key):
        marks = _marks(person)
        if not marks <= seen:
            yield person
        seen |= marks


def _marks(person: Affected) -> set[bytes]:
    """Return by what a person is told from others: e-mail addresses; a number may be a household's.

    Telling someone twice is harmless, not telling someone is not.
    """
    emails = {one for one in person.identifiers if one.kind == EMAIL}
    told_apart = emails or person.identifiers or {Identifier("name", person.name)}
    texts = {f"{one.kind}\0{one.value}\0{'' if emails else person.name}" for one in told_apart}
    return {hashlib.sha256(text.encode()).digest()[:16] for text in texts}


def _all(office: Office, case: Case, key: bytes) -> Iterator[Affected]:
    incident = case.ticket.details["incident"]
    for person in incident.get("people") or ():
        yield from _person(case, person)
    if url := incident.get("people_file"):
        yield from _from_file(case, url)
    for system in case.systems:
        with office.store.read() as session:
            yield from findings.read_affected(session, key, ticket=case.ticket.key, system=system.id)


def _from_file(case: Case, url: str) -> Iterator[Affected]:
    try:
        with fsspec.open(url, "rb") as raw:
            reader = csv.DictReader(io.TextIOWrapper(raw, encoding="utf-8-sig", newline=""))
            if not {EMAIL, PHONE} & set(reader.fieldnames or ()):
                raise Final("the file of people needs a header with email, phone_number or both, and name")
            for row in reader:
                yield from _person(case, row)
    except (OSError, ImportError, ValueError) as error:
        raise Retryable(f"the file of people could not be read ({type(error).__name__})", after=30) from None


def _person(case: Case, raw: dict[str, Any]) -> Iterable[Affected]:
    found = (
        normalise(kind, raw.get(kind), region=case.client.region, plus_addresses=case.client.plus_addresses)
        for kind in (EMAIL, PHONE)
    )
    identifiers = frozenset(one for one in found if one)
    name = " ".join(str(raw.get(place) or "") for place in ("name", PHONE) if raw.get(place))
    if identifiers or name:  # a number that cannot be read stands in the letter as it was written
        yield Affected(identifiers, str(raw.get("name") or "") if identifiers else name)
