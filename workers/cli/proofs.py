"""Commands that tell: deadlines, packages, schemas."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from shared.domain.errors import RightsdeskError, UsageError
from workers.cli import app
from workers.cli.shown import as_json
from workers.cli.tickets import Id, Json, ticket_id


def group(name: str, text: str) -> typer.Typer:
    """Add a group of commands."""
    made = typer.Typer(help=text, no_args_is_help=True, rich_markup_mode=None)
    app.add_typer(made, name=name)
    return made


package_app = group("package", "The packages that people are given.")
schema_app = group("schema", "JSON Schemas.")


@app.command(epilog="Example: rightsdesk deadline P1M 2026-01-31 --country DE --subdivision BE --tz Europe/Berlin")
def deadline(
    period: Annotated[str, typer.Argument(help="P1M, P3W, P3D, PT72H …")],
    start: Annotated[str, typer.Argument(help="A date, or a time with its offset.")],
    country: Annotated[str | None, typer.Option(help="Whose public holidays count (ISO 3166-1).")] = None,
    subdivision: Annotated[str | None, typer.Option(help="ISO 3166-2 without the country.")] = None,
    tz: Annotated[str, typer.Option(help="IANA time zone.")] = "UTC",
    json: Json = False,
) -> None:
    """Say what is due when, and why (Regulation 1182/71)."""
    from shared.deadlines import due

    found = due(period, _moment(start), country=country, subdivision=subdivision, tz=tz)
    if json:
        as_json(
            {
                "on": found.on.isoformat() if found.on else None,
                "at": found.at.isoformat(),
                "strict_at": found.strict_at.isoformat(),
                "trace": list(found.trace),
            }
        )
        return
    typer.echo(f"due {found.on or found.at} (expired at {found.at}; alerts by {found.strict_at})")
    for line in found.trace:
        typer.echo(f"- {line}")


def _moment(text: str) -> datetime | date:
    try:
        moment = date.fromisoformat(text) if len(text) == 10 else datetime.fromisoformat(text)
    except ValueError:
        raise UsageError("start is a date (2026-01-31) or a time with its offset (2026-01-31T10:00:00+01:00)") from None
    if isinstance(moment, datetime) and moment.tzinfo is None:
        raise UsageError("a start time needs its offset, e.g. +01:00")
    return moment


@contextmanager
def opened(ident: str) -> Iterator[tuple[Any, Any]]:
    """Yield the office and a ticket's row."""
    from shared import settings
    from shared.store.tables import TicketRow
    from workers.office import open_office

    wanted = ticket_id(ident)
    with closing(open_office(settings.read())) as office:
        with office.store.read() as session:
            row = session.get(TicketRow, wanted)
        if row is None:
            raise UsageError("no such ticket")
        yield office, row


@package_app.command("open", epilog="Example: rightsdesk package open 6f8f… --out ./ada")
def package_open(
    ident: Id, out: Annotated[Path, typer.Option(help="A new or empty folder.")], json: Json = False
) -> None:
    """Write a ticket's package, decrypted, into a folder."""
    from workers.package import extract, package_files

    with opened(ident) as (office, row):
        key, _ = office.ticket(row)
        if row.package_ended_at is not None:
            raise RightsdeskError(f"the package was deleted at {row.package_ended_at}, when its retention ended")
        with office.store.read() as session:
            files = package_files(session, key, row.id)
        if not files:
            raise RightsdeskError("this ticket has no package yet")
        number = extract(office.packages, row.id, key, files, out)
    if json:
        as_json({"files": number, "out": str(out)})
    else:
        typer.echo(f"{number} files in {out}")


@package_app.command("code", epilog="Example: rightsdesk package code 6f8f…")
def package_code(ident: Id, json: Json = False) -> None:
    """Show the code of a mailed one-time link, to be given to the person by another way."""
    from workers.desk.deliver import link_code

    with opened(ident) as (office, row):
        key, _ = office.ticket(row)
        with office.store.read() as session:
            code = link_code(session, key, row.id)
    if code is None:
        raise RightsdeskError("no link was mailed for this ticket")
    if json:
        as_json({"code": code})
    else:
        typer.echo(code)


@schema_app.command("ticket")
def schema_ticket(
    json: Json = False,  # noqa: ARG001 - it is JSON anyway
) -> None:
    """Print the JSON Schema of a ticket, with each right's details."""
    from workers.schema import ticket_schema

    as_json(ticket_schema())


@schema_app.command("certificate")
def schema_certificate(
    json: Json = False,  # noqa: ARG001 - it is JSON anyway
) -> None:
    """Print the JSON Schema of a certificate."""
    from workers.certificate_schema import certificate_schema

    as_json(certificate_schema())
