"""The command that looks whether everything that must hold does."""

from contextlib import closing
from typing import Annotated

import typer

from workers.cli import app
from workers.cli.shown import as_json
from workers.cli.tickets import Json


@app.command(epilog="Examples: rightsdesk doctor · rightsdesk doctor --systems --json")
def doctor(
    systems: Annotated[
        bool, typer.Option("--systems", help="Look again in the systems, too, for every closed ticket; takes long.")
    ] = False,
    json: Json = False,
) -> None:
    """Look whether everything that must hold does; says what is wrong, of which id, and what to do. Exit 1 if anything.

    Nothing is changed. It may run at any time, beside the stack or without it.
    """
    from shared import log, settings
    from workers import doctor as doctors
    from workers.office import open_office

    log.configure("doctor", level=30)
    shown = []
    with closing(open_office(settings.read())) as office:
        for check, one in doctors.examine(office, systems=systems):
            shown.append({"check": check.name, "of": one.of, "what": one.what, "todo": one.todo})
            if not json:
                typer.echo(f"{check.name}: {one.of}: {one.what}; {one.todo}")
    if json:
        as_json(shown)
    elif not shown:
        typer.echo(f"all is well: {', '.join(one.name for one in doctors.checks(systems=systems))}")
    raise typer.Exit(1 if shown else 0)
