"""Every data verb's end state holds in the systems: the second looks of closed tickets, once more."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any
from uuid import UUID

from sqlalchemy import exists, func, select
from sqlalchemy.orm import aliased

from shared.domain.errors import RightsdeskError
from shared.envelope import subkey, unseal_json
from shared.log import place_of
from shared.ports import Work
from shared.store.fences import fenced
from shared.store.steps import Claim
from shared.store.tables import PersonRow, StepRow, TicketRow
from workers import connectors
from workers.caseload import subject_from_json
from workers.conductor import step_aad
from workers.doctor import Check, Finding, Visit
from workers.doctor.pages import pages
from workers.notes import Notes
from workers.package import PartWriter

_ACTS = ("delete", "mask", "silence", "rectify", "restrict", "lift")


def look(visit: Visit) -> Iterator[Finding]:
    """Look again in each system whose last word about a person was a closed ticket's whose key still lives."""
    living = TicketRow.closed_at.is_not(None), TicketRow.wrapped_key.is_not(None)
    after: UUID | None = UUID(int=0)
    while after is not None:
        with visit.office.store.read() as session:  # over before a system is asked, which may take long
            known = {row.id: row for row in next(pages(session, TicketRow.id > after, *living), ())}
            steps = session.scalars(_last_looks(known)).all()
            session.expunge_all()
        for step in steps:
            yield from _again(visit, known[step.ticket_id], step)
        after = max(known, default=None)


def _last_looks(tickets: Any) -> Any:
    """Select each ticket's last look at a system, unless a later ticket about the person has acted there."""
    mine, later = aliased(PersonRow), aliased(PersonRow)
    acted = aliased(StepRow)
    last = select(func.max(StepRow.id)).where(StepRow.ticket_id.in_(tickets), StepRow.verb == "absent")
    overtaken = exists().where(
        mine.ticket_id == StepRow.ticket_id,
        later.digest == mine.digest,
        acted.ticket_id == later.ticket_id,
        acted.ticket_id != StepRow.ticket_id,
        acted.system == StepRow.system,
        acted.id > StepRow.id,
        acted.verb.in_(_ACTS),
    )
    chosen = StepRow.id.in_(last.group_by(StepRow.ticket_id, StepRow.system)), StepRow.state == "done"
    return select(StepRow).where(*chosen, ~overtaken, ~fenced()).order_by(StepRow.id)


def _again(visit: Visit, ticket: TicketRow, step: StepRow) -> Iterator[Finding]:
    of = f"ticket {ticket.id}"
    try:
        counts = _counts(visit, ticket, step)
    except RightsdeskError as error:
        yield Finding(of, f"{step.system} could not be asked again: {error}", "see `rightsdesk systems check`")
    except Exception as error:  # noqa: BLE001 - a plugin may raise anything, and its text may quote a record
        yield Finding(of, f"{step.system} could not be asked again: unexpected {place_of(error)}", "report it")
    else:
        if hits := ", ".join(sorted(name for name, of in counts.items() if of.get("hit"))):
            what = f"what was done in {step.system} does not hold any more: {hits}"
            todo = "a person who came back by themselves is a customer again; else submit the ticket anew"
            yield Finding(of, what, todo)


def _counts(visit: Visit, ticket: TicketRow, step: StepRow) -> dict[str, Any]:
    office = visit.office
    key, _ = office.ticket(ticket)
    content = unseal_json(key, step.sealed or b"", aad=step_aad(ticket.id, step.stage, step.key))
    system, client = office.inventory.system(step.system), office.client(ticket.client)
    with closing(connectors.build(system, client, office.vault.credential)) as connector:
        work = _work(visit, step, key, content)
        return dict(getattr(connector, step.verb)(work).counts)


def _work(visit: Visit, step: StepRow, key: bytes, content: dict[str, Any]) -> Work:
    """Return the look's work as it was, of which nothing is written down."""
    office, args = visit.office, content["args"]
    client = office.inventory.system(step.system).client
    claim = Claim(
        "", step.id, step.ticket_id, step.stage, step.key, step.system, step.lane, step.channel, step.verb, step.part,
        1, b"", None, holds=False, was_down=False,
    )  # fmt: skip
    return Work(
        ticket=step.ticket_id, subject=subject_from_json(content["subject"], office.client(client)), now=visit.now,
        key=subkey(key, "pseudonyms"), args=args, note=lambda _: None,
        package=PartWriter(office.packages, step.ticket_id, key, step.system),
        found=Notes(office, claim, key, of=args.get("of"), taken_until=content["ambiguous"]).found,
        links=office.links(client, step.system),
    )  # fmt: skip


CHECK = Check("end states", look, asks_systems=True)
