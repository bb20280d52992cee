"""Cases made by hand: no database, no system."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import workflows
from shared.domain.case import Case, Right, SystemView
from shared.domain.identifier import Subject
from shared.domain.step import CHANNELS, DATA_VERBS, DESK, Taken
from shared.domain.ticket import Ticket
from shared.inventory import Client
from shared.plugins import discover

NOW = datetime(2026, 2, 1, 10, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)
RIGHTS: dict[str, Right] = discover(workflows, "RIGHT")
FOLLOW_UPS: dict[str, Right] = discover(workflows, "FOLLOW_UP")  # opened by ourselves
CHANNEL = {"chat": "chat", "mail": "email", "documents": "data-center"}
SYSTEMS = tuple(SystemView(name, channel, frozenset(DATA_VERBS)) for name, channel in CHANNEL.items())
IDENTITY = {"method": "attested-by-client", "by": "agent-7", "at": "2026-01-31T10:05:00+01:00"}
FOUND = {"contacts": {"found": 1}}
HIT = {"contacts": {"hit": 1}}
NOTHING = {}


@dataclass(frozen=True, slots=True)
class Made(Case):
    """A case that knows its right."""

    @property
    def right(self) -> Right:
        """The right of its ticket."""
        return (RIGHTS | FOLLOW_UPS)[self.ticket.right]


def case_of(right="erasure", *steps, client=None, ticket=None, details=None, widened=(), systems=SYSTEMS, **more):
    """Return a case about Ada, with steps taken, numbered in their order where they are not."""
    known = {"name": "Acme GmbH", "country": "DE", "contact": "privacy@acme.example"}
    raw = {
        "id": "6f8f0a52-0000-4000-8000-000000000001", "client": "acme", "right": right, "received_at": NOW,
        "subject": {"email": ["ada@example.org"]}, "identity": IDENTITY, "details": details or {},
    }  # fmt: skip
    made = Ticket.model_validate(raw | (ticket or {}))
    given = made.subject.resolve(region="DE", plus_addresses=False) if made.subject else Subject()
    return Made(
        ticket=made,
        client=Client(**known | (client or {})),
        subject=replace(given, widened=frozenset(widened)),
        systems=systems,
        steps=tuple(replace(one, id=one.id or number) for number, one in enumerate(steps, 1)),
        **{"now": NOW, "stage_since": NOW} | more,
    )


def done(verb, system="", counts=None, **more):
    """Return a step that was taken, done unless said otherwise."""
    channel = CHANNEL.get(system, DESK)
    assert channel in (*CHANNELS, DESK)
    made = Taken(
        id=0, stage="", key="", verb=verb, system=system, channel=channel, part="", state="done", waits="",
        counts=counts or {}, reasons=(), error=None, decision=None, by=None, created_at=NOW,
        finished_at=NOW + timedelta(minutes=1),
    )  # fmt: skip
    return replace(made, **more)


def asked(case, stage):
    """Return the keys of the steps that a stage of the case's right asks for."""
    return [step.key for step in case.right.stage(stage)(case)]


def waits(case, stage):
    """Return what a stage waits for a person to decide."""
    return [step.waits for step in case.right.stage(stage)(case) if step.waits]
