"""`subjects`: everyone who stands in the records of a window, for a breach."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from shared.domain.identifier import Subject
from shared.inventory import Client
from shared.ports import Affected, Work
from workers.connectors.http.definition import Resource
from workers.connectors.http.paths import first
from workers.connectors.http.records import Record, Records

_MILLISECONDS = 100_000_000_000  # a number beyond it is no time in seconds before the year 5138


def subjects(records: Records, work: Work, client: Client) -> Iterator[Affected]:
    """Stream the people of every resource that has a `list`; a record without a time counts."""
    start, end = (moment(work.args.get(name)) for name in ("from", "to"))
    anyone = Subject(region=client.region, plus_addresses=client.plus_addresses)
    for name, resource in records.definition.resources.items():
        for record in records.everyone(name):
            traits = records.traits(record, anyone)
            if traits.identifiers and _within(resource, record, start, end):
                yield Affected(traits.identifiers, next(iter(records.names(record)), ""), _categories(resource, record))


def moment(raw: Any) -> datetime | None:
    """Read a time: ISO 8601, or seconds or milliseconds since 1970; UTC where it says no zone."""
    try:
        if isinstance(raw, int | float) and not isinstance(raw, bool):
            return datetime.fromtimestamp(raw / 1000 if raw > _MILLISECONDS else raw, UTC)
        found = raw if isinstance(raw, datetime) else datetime.fromisoformat(raw)
    except (TypeError, ValueError, OverflowError, OSError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _within(resource: Resource, record: Record, start: datetime | None, end: datetime | None) -> bool:
    """Say whether a record's life, from `at` until `until`, touches the window."""
    began = moment(first(record.body, resource.at)) if resource.at else None
    ended = moment(first(record.body, resource.until)) if resource.until else began
    return not (start and ended and ended < start) and not (end and began and end < began)


def _categories(resource: Resource, record: Record) -> frozenset[str]:
    return frozenset(
        category
        for path, spec in resource.fields.items()
        if spec.personal and first(record.body, path) not in (None, "", {}, [])
        for category in spec.categories
    )
