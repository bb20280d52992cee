"""Commands about the inventory's systems: checked, restored, replayed."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from typing import Annotated, Any

import typer

from shared.domain.errors import UsageError
from workers.cli import app
from workers.cli.shown import as_json
from workers.cli.tickets import Json

systems_app = typer.Typer(help="The inventory's systems.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(systems_app, name="systems")


System = Annotated[str, typer.Argument(metavar="SYSTEM", help="The system's id in the inventory.")]


@systems_app.command("restored", epilog="Example: rightsdesk systems restored acme-chat --at 2026-03-01T02:00:00+01:00")
def systems_restored(
    system: System,
    at: Annotated[str, typer.Option(help="When the backup was begun that was restored: a time with its offset.")],
    json: Json = False,
) -> None:
    """Fence a system that was restored from a backup: its steps wait until `rightsdesk replay SYSTEM` has run.

    The gate denies whom the backup brought back. What a worker has begun there goes on, and is named.
    """
    from workers.restores import mark

    when = moment(at, "--at")
    with _office() as (office, _):
        found = mark(office, system, when)
    if json:
        as_json({"system": system, "at": found.at.isoformat(), "erasures": found.erasures})
    else:
        typer.echo(f"{system} is fenced; {found.erasures} erasures since {found.at.isoformat()} are undone there")
        typer.echo(f"erase them again with `rightsdesk replay {system}`")
    for ticket, step in found.running:
        typer.echo(f"ticket {ticket} works there at this moment: step {step} goes on", err=True)


@app.command(
    epilog="Examples: rightsdesk replay acme-chat · rightsdesk replay acme-chat --since 2026-03-01T02:00:00+01:00"
)
def replay(
    system: System,
    since: Annotated[
        str | None,
        typer.Option(help="The time of the backup; by default what the system was marked with, or else the beginning."),
    ] = None,
    json: Json = False,
) -> None:
    """Erase again whoever was erased in a system since a backup; prints the ids of the tickets that do.

    The system is fenced until they have ended, each with its second look. Harmless however often it runs.
    """
    from workers import restores

    begin = moment(since, "--since") if since else None
    with _office() as (office, publish):
        found = restores.replay(office, publish, system, since=begin)
    if json:
        undone = [{"ticket": str(ticket), "right": right} for ticket, right in found.undone]
        as_json(
            {
                "system": system,
                "since": found.at.isoformat(),
                "tickets": list(map(str, found.tickets)),
                "undone": undone,
            }
        )
        return
    for ticket in found.tickets:
        typer.echo(str(ticket))
    typer.echo(f"{len(found.tickets)} erasures of {system} since {found.at.isoformat()} are done again", err=True)
    for ticket, right in found.undone:
        typer.echo(f"the restore undid what ticket {ticket} ({right}) did, and nothing does it again", err=True)


def moment(text: str, option: str) -> datetime:
    """Read a time with its offset."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{option} is a time such as 2026-03-01T09:00:00+01:00") from None
    if found.tzinfo is None:
        raise UsageError(f"{option} needs its offset, e.g. +01:00")
    return found


@contextmanager
def _office() -> Iterator[tuple[Any, Any]]:
    from functools import partial

    from shared import log, settings
    from workers.office import open_office
    from workers.queues import make_app, publish

    log.configure("replay", level=30)
    read = settings.read()
    with closing(open_office(read)) as office:
        yield office, partial(publish, make_app(read))


@systems_app.command("check", epilog="Examples: rightsdesk systems check · rightsdesk systems check acme-chat --json")
def systems_check(
    only: Annotated[list[str] | None, typer.Argument(metavar="[SYSTEM]...", help="All by default.")] = None,
    json: Json = False,
) -> None:
    """Connect to each system; compare its data map, and the rights, with what is there. Exit 1 on an error or drift."""
    from dataclasses import asdict

    from shared import settings
    from shared.inventory import check_packages, load
    from shared.vault import credentials
    from workers.checks import check

    read = settings.read()
    credential = credentials(read.root, read.secrets)
    inventory = load(read.systems)
    check_packages(inventory, read.package_url, read.packages_region)
    known = [one.id for one in inventory.systems]
    if wrong := [one for one in only or () if one not in known]:
        raise UsageError(f"no such system: {wrong[0]}; there are {', '.join(known)}")
    fine, shown = True, []
    for system in inventory.systems:
        if only and system.id not in only:
            continue
        findings = list(check(system, inventory.clients[system.client], credential))
        serious = [one for one in findings if one.severity != "note"]
        fine = fine and not serious
        note = f"{serious[0].place}: {serious[0].what}" if serious else ""
        shown.append(
            {"system": system.id, "ok": not serious, "note": note, "findings": [asdict(one) for one in findings]}
        )
        for one in () if json else findings:
            typer.echo(f"{system.id}: {one.severity}: {one.place}: {one.what}; {one.todo}")
        if not json and not findings:
            typer.echo(f"{system.id}: ok")
    if json:
        as_json(shown)
    raise typer.Exit(0 if fine else 1)
