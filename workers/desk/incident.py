"""A breach, as the client, the authority and the register are told of it (Art. 33(3), 33(5))."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.domain.outcome import total
from workers.desk import Job
from workers.desk.disclosure import Category, category


@dataclass(frozen=True, slots=True)
class InSystem:
    """How many people stand in the records of one system's window."""

    id: str
    channel: str
    number: int


@dataclass(frozen=True, slots=True)
class Extent:
    """Who and what is affected, by approximate numbers."""

    people: int
    records: int
    systems: tuple[InSystem, ...]
    categories: tuple[Category, ...]


def facts_of(job: Job) -> dict[str, Any]:
    """Return what the notices' templates use."""
    incident = job.case.ticket.details["incident"]
    return {
        "incident": incident | {"from": incident.get("from"), "to": incident.get("to")},
        "began": _moment(incident.get("from")),
        "ended": _moment(incident.get("to")),
        "extent": extent_of(job),
        "told": {"people": None, "client": None, "authority": None} | dict(told(job)),
        "aware_at": job.case.ticket.received_at,
        "due_at": job.due_at,
        "late": job.now > job.due_at,
    }


def extent_of(job: Job) -> Extent:
    """Count the people, and gather the categories of what is known of them; streams."""
    people, keys = 0, set(job.case.ticket.details["incident"].get("categories") or ())
    for person in job.affected():
        people += 1
        keys |= person.categories
    systems = tuple(_by_system(job))
    records = max(people, sum(one.number for one in systems))
    return Extent(people, records, systems, tuple(category(key) for key in sorted(keys)))


def told(job: Job) -> Iterator[tuple[str, datetime]]:
    """Yield who has been told, and when."""
    for who, verb in (("people", "tell"), ("client", "tell-client"), ("authority", "authority")):
        for step in job.case.taken(verb):
            if step.state == "done" and step.finished_at:
                yield who, step.finished_at


def _by_system(job: Job) -> Iterator[InSystem]:
    for step in job.case.taken("subjects"):
        if step.state == "done" and (number := total(step.counts, "affected")):
            yield InSystem(step.system, step.channel, number)


def _moment(value: Any) -> datetime | None:
    return datetime.fromisoformat(value) if isinstance(value, str) else value
