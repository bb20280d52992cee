"""Commands about tickets: submit, look, decide, dead letters."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import UUID

import typer

from shared.domain.errors import UsageError
from workers.cli import Stopped, app
from workers.cli.shown import as_json, table

Json = Annotated[bool, typer.Option("--json", help="For machines.")]
Id = Annotated[str, typer.Argument(metavar="ID", help="The ticket's id.")]
As = Annotated[str, typer.Option("--as", metavar="NAME", help="Who decides.")]
Why = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; kept in evidence, sealed.")]
MOST_ID = 2**63 - 1  # of a database's integer
StepId = Annotated[int | None, typer.Option("--step", min=1, max=MOST_ID, help="Which step, if several wait.")]

_PATIENCE = 60.0  # seconds without a receipt
_EXIT = {"fulfilled": 0, "partial": 4, "refused": 4, "withdrawn": 4}


def ticket_id(text: str) -> UUID:
    """Return a ticket's id; a UsageError if it is none."""
    try:
        return UUID(text)
    except ValueError:
        raise UsageError("a ticket's id is a UUID; `rightsdesk tickets` lists them") from None


@app.command(epilog="Examples: rightsdesk submit ticket.json · rightsdesk submit --wait - < tickets.jsonl")
def submit(
    file: Annotated[str, typer.Argument(help="A JSON object or JSON Lines; - is standard input.")] = "-",
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Do not wait for intake's receipt.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the end of the tickets, with progress.")] = False,
    timeout: Annotated[float | None, typer.Option(help="Seconds to wait at most.")] = None,
) -> None:
    """Submit tickets; prints an id a line once each is accepted.

    With --wait it exits 0 fulfilled, 1 failed, 3 waiting for a person, 4 partial, refused or withdrawn,
    5 time ran out.
    """
    from shared import settings
    from workers.submit import NoReceipt, Refused, Submitter, check, read_tickets

    if wait and no_wait:
        raise UsageError("give --wait or --no-wait, one of them")
    if timeout is not None and not timeout >= 0:  # NaN is neither
        raise UsageError("--timeout is a number of seconds")
    patience = timeout if wait or timeout is not None else _PATIENCE
    read, started = settings.read(), time.monotonic()
    text = _read(file)
    submitter = Submitter(read)
    tickets = read_tickets(text, lambda raw: check(raw, inventory=submitter.inventory))
    left = submitter.left()
    accepted, refused = list[UUID](), None
    try:
        ids = submitter.queue(tickets)
        for one in ids if no_wait else submitter.accepted(ids, timeout=patience):
            typer.echo(str(one))
            accepted.append(one)
    except Refused as error:
        refused = error
    except NoReceipt as error:
        if wait:
            raise _out_of_time(str(error)) from None
        raise
    except KeyboardInterrupt:
        unknown = ", ".join(str(one.key) for one in tickets if one.key not in accepted)
        raise Stopped(f"stopped before it was known whether these are accepted: {unknown}") from None
    submitter.resend(left)
    code = _wait(accepted, timeout, started) if wait else 0
    if refused:
        raise refused
    raise typer.Exit(code)


def _out_of_time(text: str) -> typer.Exit:
    typer.echo(f"rightsdesk: time ran out: {text}", err=True)
    return typer.Exit(5)


def _read(file: str) -> str:
    name = "standard input" if file == "-" else file
    try:
        raw = Path(file).read_bytes() if file != "-" else sys.stdin.buffer.read() if sys.stdin else b""
        return raw.decode("utf-8-sig")  # RFC 8259 lets a reader pass over a byte order mark
    except OSError as error:
        raise UsageError(f"cannot read {name}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{name} is not UTF-8 text") from None


def _wait(ids: list[UUID], timeout: float | None, started: float) -> int:
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress

    from shared import settings
    from shared.store.session import Store
    from workers.views import ends_of

    store = Store(settings.read().database)
    with Progress(*Progress.get_default_columns(), MofNCompleteColumn(), console=Console(stderr=True)) as progress:
        bar = progress.add_task("tickets", total=len(ids))
        while True:
            with store.read() as session:
                ends = ends_of(session, ids)
            progress.update(bar, completed=sum(end != "open" for end in ends.values()))
            if "open" not in ends.values():
                break
            if timeout is not None and time.monotonic() - started > timeout:
                break
            time.sleep(0.2)
    if left := [str(one) for one, end in ends.items() if end == "open"]:
        raise _out_of_time(f"{len(left)} of {len(ids)} tickets have not ended, {left[0]} among them")
    codes = {_EXIT.get(end, 1 if end == "failed" else 3) for end in ends.values()}
    return next((code for code in (1, 3, 4) if code in codes), 0)


@app.command()
def tickets(
    json: Json = False,
    state: Annotated[Literal["open", "waiting", "closed"] | None, typer.Option(help="Only those in it.")] = None,
) -> None:
    """List the tickets, the earliest due first."""
    from workers import views

    with reading() as (session, now):
        found = views.tickets(session, now=now, state=state)
    if json:
        as_json(found)
        return
    table(
        ("ticket", "client", "right", "state", "due", "stage", "waits for"),
        (
            (
                one["id"], one["client"], one["right"], one["outcome"] or one["state"], one["due_on"] or one["due_at"],
                one["stage"], one["waiting_for"]["decision"] if one["waiting_for"] else "",
            )
            for one in found
        ),
    )  # fmt: skip


@app.command(epilog="Example: rightsdesk ticket 6f8f… --json")
def ticket(ident: Id, json: Json = False) -> None:
    """Show one ticket with its steps, outcomes and clocks."""
    from workers import views

    with reading() as (session, now):
        found = views.ticket(session, ticket_id(ident), now=now)
    if found is None:
        raise UsageError("no such ticket")
    if json:
        as_json(found)
        return
    head = {name: found[name] for name in ("id", "client", "right", "state", "outcome", "stage", "due_at")}
    typer.echo("\n".join(f"{name:8} {value}" for name, value in head.items() if value))
    for clock in found["clocks"]:
        typer.echo(f"clock    {clock['name']}: due {clock['due_at']}, alerts by {clock['strict_at']}, {clock['state']}")
    if found["rests_on"]:
        typer.echo(f"rests on {found['rests_on']}, which asks for the same; `rightsdesk unlink` lets it run by itself")
    if found["destroyed_at"]:
        typer.echo(f"gone     its retention ended: personal data and key were destroyed at {found['destroyed_at']}")
    elif found["package_ended_at"]:
        typer.echo(f"gone     its package was deleted at {found['package_ended_at']}, when its retention ended")
    if found["waiting_for"]:
        waits = found["waiting_for"]
        typer.echo(f"waits    for a person: {waits['decision']} (step {waits['step']})")
    table(
        ("step", "stage", "what", "system", "state", "counts", "note"),
        (
            (
                one["id"], one["stage"], one["verb"] if one["state"] == "ready" else one["waits"] or one["verb"],
                one["system"], one["state"], _counts(one["counts"]), _note(one),
            )
            for one in found["steps"]
        ),
    )  # fmt: skip


def _note(step: dict[str, Any]) -> str:
    if step["state"] == "ready" and step["waits"]:
        return f"the system was restored; it waits for `rightsdesk replay {step['system']}`, and for its end"
    return step["error"] or _grounds(step["reasons"])


def _grounds(reasons: list[dict[str, Any]]) -> str:
    return "; ".join(dict.fromkeys(reason["ground"] for reason in reasons))


def _counts(counts: dict[str, dict[str, int]]) -> str:
    sums: dict[str, int] = {}
    for of in counts.values():
        for name, number in of.items():
            sums[name] = sums.get(name, 0) + number
    return " ".join(f"{name} {number}" for name, number in sorted(sums.items()))


@contextmanager
def reading() -> Iterator[tuple[Any, datetime]]:
    """Open a reading session, with the time."""
    from shared import settings
    from shared.store.session import Store
    from workers.office import utc_now

    store = Store(settings.read().database)
    try:
        with store.read() as session:
            yield session, utc_now()
    finally:
        store.close()


def _decide(verb: str, ident: str, by: str, reason: str, step: int | None = None, code: str | None = None) -> None:
    from functools import partial

    from shared import log, settings
    from shared.domain.decision import Decision
    from workers.decisions import decide
    from workers.office import open_office
    from workers.queues import make_app, publish

    log.configure("decision", level=30)
    read = settings.read()
    office = open_office(read)
    decide(office, partial(publish, make_app(read)), ticket_id(ident), Decision(verb, by, reason, step, code))
    office.close()
    typer.echo(f"{verb}: recorded")


@app.command(epilog="Example: rightsdesk approve 6f8f… --as ines --reason 'checked the passport'")
def approve(
    ident: Id,
    by: As,
    reason: Why,
    step: StepId = None,
    code: Annotated[str | None, typer.Option(help="The one-time code that the person was mailed.")] = None,
) -> None:
    """Answer the decision that a ticket waits for with yes."""
    _decide("approve", ident, by, reason, step, code)


@app.command(epilog="Example: rightsdesk refuse 6f8f… --as ines --reason 'manifestly unfounded: the fifth this month'")
def refuse(ident: Id, by: As, reason: Why) -> None:
    """Refuse a ticket; the answer names the remedies (Art. 12(4))."""
    _decide("refuse", ident, by, reason)


@app.command(epilog="Example: rightsdesk withdraw 6f8f… --as ines --reason 'the person called'")
def withdraw(ident: Id, by: As, reason: Why) -> None:
    """End a ticket that the person has withdrawn."""
    _decide("withdraw", ident, by, reason)


@app.command(epilog="Example: rightsdesk extend 6f8f… --as ines --reason 'twelve systems to search'")
def extend(ident: Id, by: As, reason: Why) -> None:
    """Extend the period by two further months, inside the first (Art. 12(3))."""
    _decide("extend", ident, by, reason)


@app.command(epilog="Example: rightsdesk pause 6f8f… --as ines --reason 'the passport does not fit'")
def pause(ident: Id, by: As, reason: Why) -> None:
    """Let a ticket rest, for doubt about the identity (Art. 12(6))."""
    _decide("pause", ident, by, reason)


@app.command(epilog="Example: rightsdesk resume 6f8f… --as ines --reason 'the passport came'")
def resume(ident: Id, by: As, reason: Why) -> None:
    """Let a paused ticket go on."""
    _decide("resume", ident, by, reason)


@app.command(epilog="Example: rightsdesk waive 6f8f… --as ines --reason 'done by hand'")
def waive(ident: Id, by: As, reason: Why, step: StepId = None) -> None:
    """Go on without a step that failed or waits; it stands on the certificate."""
    _decide("waive", ident, by, reason, step)


@app.command(epilog="Example: rightsdesk retry 6f8f… --as ines --reason 'the disk is mended'")
def retry(ident: Id, by: As, reason: Why, step: StepId = None) -> None:
    """Run a failed step again."""
    _decide("retry", ident, by, reason, step)


@app.command(epilog="Example: rightsdesk unlink 6f8f… --as ines --reason 'she asks about other data'")
def unlink(ident: Id, by: As, reason: Why) -> None:
    """Let a ticket run by itself that waits for another one about the same."""
    _decide("unlink", ident, by, reason)


@app.command(epilog="Example: rightsdesk recount --client acme")
def recount(
    client: Annotated[str | None, typer.Option(help="Only this client's tickets.")] = None, json: Json = False
) -> None:
    """Count the clocks of open tickets anew, after milestones, an SLA or a calendar changed in the inventory."""
    from shared import log, settings
    from workers.office import open_office
    from workers.recount import recount as count

    office = open_office(settings.read())
    if client and client not in office.inventory.clients:
        raise UsageError(f"no such client; there are {', '.join(office.inventory.clients)}")
    log.configure("recount", level=30)
    found = count(office, client=client)
    office.close()
    if json:
        as_json(found._asdict())
        return
    typer.echo(f"the dates of {found.dates} tickets moved, and of {found.milestones} only the milestones")
    if found.left:
        typer.echo(
            f"{found.left} tickets stayed as they are: their clients are not in the inventory any more", err=True
        )


dead_app = typer.Typer(help="Dead letters: what came on the queue and is no ticket.", rich_markup_mode=None)
app.add_typer(dead_app, name="dead")


@dead_app.callback(invoke_without_command=True)
def dead(context: typer.Context, json: Json = False) -> None:
    """List the dead letters with their reasons."""
    if context.invoked_subcommand:
        return
    from workers import views

    with reading() as (session, _):
        found = views.dead_letters(session)
    if json:
        as_json(found)
    else:
        columns = ("id", "reason", "received_at", "ticket_id")
        table(columns, ([one[name] for name in columns] for one in found))


@dead_app.command("replay", epilog="Example: rightsdesk dead replay 3")
def dead_replay(ident: Annotated[int, typer.Argument(metavar="ID", min=1, max=MOST_ID)]) -> None:
    """Put a dead letter on the queue again."""
    from shared import settings
    from workers.dead import replay
    from workers.office import open_office

    office = open_office(settings.read())
    replay(office, ident)
    office.close()
    typer.echo("queued again")
