"""The demo's tickets: every right, with what a person decides on the way and how each must end.

Fixed ids, so that a second run over the same home shows that the same ticket twice is one ticket.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from workers.demo.world import TRANSFERRED, Person, World
from workers.demo.world.chat import BREACH_FROM, BREACH_TO, new_address
from workers.demo.world.crm import new_street
from workers.demo.world.people import AFFECTED

_IDS = UUID("6f8f3c1e-2026-4131-8000-000000000000")
Decision = tuple[str, str]  # what a person says (a CLI command), and the decision that the ticket waits for


@dataclass(frozen=True, slots=True)
class Asked:
    """A ticket of the demo, the decisions that people take about it in order, and how it must end."""

    title: str
    ticket: dict[str, Any]
    outcome: str = "fulfilled"
    decisions: tuple[Decision, ...] = ()
    affected: tuple[str, ...] = field(default=())  # the keys of the people whom a breach's notices must reach
    person: str = ""  # the key of the person whom it is about

    @property
    def id(self) -> UUID:
        """The ticket's id."""
        return UUID(self.ticket["id"])


def tickets(world: World, now: datetime | None = None) -> list[dict[str, Any]]:
    """Return the tickets as they are submitted, in this order."""
    return [one.ticket for one in script(world, now)]


def script(world: World, now: datetime | None = None) -> list[Asked]:
    """Return all that is asked of the demo's world; received within the hours before `now`."""
    writer = _Writer(world, now or datetime.now(UTC))
    return [*_readers(writer), *_erasures(writer), *_others(writer), _breach(writer)]


class _Writer:
    """Writes tickets, each received some minutes after the one before it."""

    def __init__(self, world: World, now: datetime) -> None:
        self.world, self._at = world, now.replace(microsecond=0) - timedelta(hours=3)

    def ask(
        self, key: str, right: str, title: str, *, by: str = "email", vouched: bool = True, outcome: str = "fulfilled",
        decisions: tuple[Decision, ...] = (), **details: Any,
    ) -> Asked:  # fmt: skip
        """Write a ticket about a person; `by` names the identifiers that the submitter knows."""
        person = self.world.person(key)
        ticket = self.ticket(person.client, right, key, details) | {"subject": _subject(person, by)}
        if vouched:
            ticket["identity"] = self.vouched()
        return Asked(title, ticket, outcome, decisions, person=key)

    def vouched(self) -> dict[str, str]:
        """Return that the client vouches for who asks."""
        return {"method": "attested-by-client", "by": "agent-7", "at": self._at.isoformat()}

    def ticket(self, client: str, right: str, name: str, details: dict[str, Any]) -> dict[str, Any]:
        """Write what every ticket has."""
        self._at += timedelta(minutes=4)
        ticket_id = uuid5(_IDS, f"{right}/{name}/{sorted(details.get('consent', {}).items())}")
        return {
            "id": str(ticket_id), "client": client, "right": right, "received_at": self._at.isoformat(),
            "received_via": "email", "instruction": "DPA-2026-01 §4", "details": details,
        }  # fmt: skip


def _subject(person: Person, by: str) -> dict[str, Any]:
    known = {"email": [person.email], "phone_number": [person.dialled], "name": person.name}
    return {name: known[name] for name in by.split()}


def _readers(writer: _Writer) -> list[Asked]:
    there = writer.world.folder.resolve() / TRANSFERRED
    return [
        writer.ask(
            "acme:emil", "access", "a person looked at who asks", vouched=False,
            decisions=(("approve", "identity"),),
        ),
        writer.ask("globex:paula", "portability", "handed to another vendor", transfer_to=f"file://{there}/paula.zip"),
    ]  # fmt: skip


def _erasures(writer: _Writer) -> list[Asked]:
    nobody = writer.ticket("acme", "erasure", "nobody", {}) | {"subject": {"email": ["nobody@never.example"]}}
    nobody["identity"] = writer.vouched()
    return [
        writer.ask("acme:ada", "erasure", "calls by the number in the chat"),
        writer.ask("acme:kurt", "erasure", "the law keeps an order", outcome="partial", by="email name"),
        Asked("never known", nobody),
        writer.ask("acme:jimbob", "erasure", "jimbob goes, bob stays"),
        writer.ask("acme:greta", "erasure", "shares an address", outcome="partial"),
        writer.ask(
            "acme:hanna", "erasure", "shares a phone, the other stays",
            by="email phone_number name", decisions=(("waive", "match"),),
        ),
        writer.ask(
            "acme:cleo", "erasure", "another spelling, and it is hers",
            by="email phone_number name", decisions=(("approve", "match"),),
        ),
        writer.ask("acme:berta", "erasure", "in another's chat, mail and call"),
        writer.ask(
            "globex:gina", "erasure", "approved first", decisions=(("approve", "approval"),)
        ),
        writer.ask(
            "globex:wendy", "erasure", "taken back, all as before", outcome="withdrawn",
            decisions=(("withdraw", "approval"),),
        ),
    ]  # fmt: skip


def _others(writer: _Writer) -> list[Asked]:
    rita = writer.world.person("acme:rita")
    changes = {"user.contact.email": new_address(rita), "user.contact.address.street": new_street(rita)}
    consent = {"purposes": ["newsletter"], "channel": "web", "wording": "newsletter-2026-01"}
    return [
        writer.ask("acme:rita", "rectification", "a new address, but in sent mail", outcome="partial", changes=changes),
        writer.ask("globex:rolf", "restriction", "kept, not used", outcome="partial", ground="claims"),
        writer.ask("acme:otto", "objection", "marketing stops at once", purposes=["direct-marketing"]),
        writer.ask(
            "globex:olga", "objection", "weighed and upheld", outcome="partial",
            decisions=(("approve", "grounds"),), purposes=["profiling"], grounds="The score cost me a payment plan.",
        ),
        writer.ask(
            "globex:oscar", "objection", "weighed and refused",
            outcome="refused", decisions=(("refuse", "grounds"),), purposes=["fraud-prevention"],
        ),
        writer.ask(
            "acme:carla", "consent", "given, with its proof",
            consent=consent | {"action": "give", "act": "ticked an empty box"},
        ),
        writer.ask(
            "acme:carla", "consent", "withdrawn as easily",
            consent=consent | {"action": "withdraw", "act": "clicked unsubscribe in the footer"},
        ),
    ]  # fmt: skip


def _breach(writer: _Writer) -> Asked:
    incident = {
        "nature": "A stolen API token read conversations of six hours.",
        "from": BREACH_FROM.replace(tzinfo=UTC).isoformat(), "to": BREACH_TO.replace(tzinfo=UTC).isoformat(),
        "systems": ["acme-chat"], "categories": ["user.contact", "user.content"],
        "consequences": "Names, addresses and messages may be used for phishing.",
        "measures": "The token was revoked, all tokens were replaced, access logs were secured.",
    }  # fmt: skip
    ticket = writer.ticket("acme", "breach", "api-token", {"incident": incident}) | {"received_via": "operations"}
    return Asked("people first, client, then form", ticket, affected=tuple(f"acme:{k}" for k in AFFECTED))
