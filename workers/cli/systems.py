"""Commands about the inventory's systems."""

from typing import Annotated

import typer

from shared.domain.errors import UsageError
from workers.cli import app
from workers.cli.shown import as_json
from workers.cli.tickets import Json

systems_app = typer.Typer(help="The inventory's systems.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(systems_app, name="systems")


@systems_app.command("check", epilog="Examples: rightsdesk systems check · rightsdesk systems check acme-chat --json")
def systems_check(
    only: Annotated[list[str] | None, typer.Argument(metavar="[SYSTEM]...", help="All by default.")] = None,
    json: Json = False,
) -> None:
    """Connect to each system; compare its data map, and the rights, with what is there. Exit 1 on an error or drift."""
    from dataclasses import asdict

    from shared import settings
    from shared.inventory import check_packages, load
    from workers.checks import check

    read = settings.read()
    inventory = load(read.systems)
    check_packages(inventory, read.package_url, read.packages_region)
    known = [one.id for one in inventory.systems]
    if wrong := [one for one in only or () if one not in known]:
        raise UsageError(f"no such system: {wrong[0]}; there are {', '.join(known)}")
    fine, shown = True, []
    for system in inventory.systems:
        if only and system.id not in only:
            continue
        findings = list(check(system, inventory.clients[system.client]))
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
