"""Evidence to be looked at: tickets without steps, their chains, certificates and checkpoints."""

from datetime import UTC, datetime
from uuid import UUID

from shared.evidence import sign
from shared.settings import Settings
from shared.store.audit import Audit
from shared.store.chain import resume
from shared.store.tables import CertificateRow, TicketRow
from tests import small
from tests.schema import to_head
from workers import checkpoints
from workers.office import open_office

AT = datetime(2026, 1, 31, 10, tzinfo=UTC)
TICKETS = [UUID(int=number) for number in range(1, 5)]
CLOSED, OTHER, OPEN, FRESH = TICKETS  # two have ended, one is covered, one not yet


def opened(folder, database=None, **more):
    """Open an office over a small world and an empty database; its clock stands."""
    if not (folder / "world").exists():
        small.build(folder / "world")
    settings = Settings(home=folder / "home", systems=folder / "world/systems.toml", database_url=database, **more)
    office = open_office(settings, now=lambda: AT)
    to_head(office.store)
    return office


def begin(office, ticket):
    """Store a ticket without any step."""
    with office.store.write() as session:
        session.add(
            TicketRow(
                id=ticket, client="acme", right="access", stage="locate", stage_since=AT, priority=1, received_at=AT,
                accepted_at=AT, due_at=AT, strict_at=AT, fingerprint=b"",
            )
        )  # fmt: skip


def append(office, ticket, number=1, *, close=False):
    """Append entries to a ticket's chain, every other with a sealed part; sign its certificate if it closes."""
    with office.store.write() as session:
        chain = resume(session, ticket)
        for _ in range(number):
            secret = "why" if chain.seq % 2 else None
            chain.append("step", AT, {"counts": {"contacts": {"erased": chain.seq}}}, secret=secret, key=b"k" * 32)
        if close:
            chain.append("closed", AT, {"outcome": "fulfilled"})
            body = {"ticket": str(ticket), "evidence": {"entries": chain.seq, "head": chain.head.hex()}}
            document = sign(body, office.vault.signer)
            session.add(CertificateRow(ticket_id=ticket, signed_at=AT, document=document))
            session.get_one(TicketRow, ticket).closed_at = AT
        chain.write(session)


def fill(office):
    """Fill the database: three checkpoints, and entries that none covers yet."""
    for ticket in TICKETS:
        begin(office, ticket)
    append(office, CLOSED, 3)
    append(office, OPEN, 2)
    checkpoints.keep(office)
    append(office, CLOSED, 2, close=True)
    append(office, OTHER, 3, close=True)
    checkpoints.keep(office)
    append(office, OPEN, 2)
    checkpoints.keep(office)
    append(office, OPEN, 2)
    append(office, FRESH, 2)


def broken(office, session, published=None):
    """Return what does not verify, as text."""
    return [str(one) for one in Audit(session, office.vault.signer.public_key()).broken(published)]
