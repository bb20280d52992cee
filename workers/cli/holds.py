"""Commands about legal holds: place, renew, lift, list."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Annotated, Any
from uuid import UUID

import typer

from shared.domain.errors import UsageError
from workers.cli import app
from workers.cli.shown import as_json, table
from workers.cli.tickets import As, Json, Why, reading

hold_app = typer.Typer(
    help="Legal holds: data that must not be erased for now (Art. 17(3)).", no_args_is_help=True, rich_markup_mode=None
)
app.add_typer(hold_app, name="hold")

HoldId = Annotated[str, typer.Argument(metavar="ID", help="The hold's id.")]
Review = Annotated[str, typer.Option("--review", metavar="DATE", help="The day by which a person looks at it again.")]


@hold_app.command(
    epilog="Examples: rightsdesk hold place --client acme --email ada@example.org "
    "--ground 'Art. 17(3)(e) GDPR: litigation, file 2026-17' --review 2027-06-30 --as ines · "
    "rightsdesk hold place --client acme --system chat --everyone --ground 'Art. 17(3)(b) GDPR: audit' "
    "--review 2026-12-31 --as ines"
)
def place(  # noqa: PLR0913, PLR0917 - each argument is an option of the command
    client: Annotated[str, typer.Option(help="The client's id.")],
    ground: Annotated[str, typer.Option(help="Why; it stands in letters and on certificates, so name nobody.")],
    review: Review,
    by: As,
    system: Annotated[str | None, typer.Option(help="The system's id; all of the client's systems by default.")] = None,
    email: Annotated[list[str] | None, typer.Option(help="The person's e-mail address; may be repeated.")] = None,
    phone: Annotated[list[str] | None, typer.Option(help="The person's phone number; may be repeated.")] = None,
    other: Annotated[
        list[str] | None, typer.Option(metavar="KIND=V", help="Another id of the person; may be repeated.")
    ] = None,
    everyone: Annotated[bool, typer.Option("--everyone", help="All people of the client.")] = False,
) -> None:
    """Forbid that data are erased: erasures keep and restrict them, with the ground and the review date.

    A hold does not end by itself: once its review date has passed, a person renews or lifts it.
    """
    from workers import holds

    named = {"email": email or [], "phone_number": phone or [], "other": _pairs(other or [])}
    if everyone == any(named.values()):
        raise UsageError("say whose data: --email, --phone or --other KIND=V of one person, or --everyone")
    asked = holds.Placing(client, system, None if everyone else named, ground, _day(review), by)
    with _office() as (office, _):
        ident, acting = holds.place(office, asked)
    typer.echo(str(ident))
    for ticket, place in acting:
        typer.echo(f"ticket {ticket} is erasing in {place} at this moment: what it has begun goes on", err=True)


@hold_app.command(
    epilog="Example: rightsdesk hold renew 3b0c… --review 2027-12-31 --as ines --reason 'the appeal is pending'"
)
def renew(ident: HoldId, review: Review, by: As, reason: Why) -> None:
    """Keep a hold in force until another review date."""
    from workers import holds

    wanted, day = _hold_id(ident), _day(review)
    with _office() as (office, publish):
        holds.renew(office, publish, wanted, review=day, by=by, reason=reason)
    typer.echo("renew: recorded")


@hold_app.command(epilog="Example: rightsdesk hold lift 3b0c… --as ines --reason 'the claim was settled'")
def lift(ident: HoldId, by: As, reason: Why) -> None:
    """End a hold; each erasure that it kept something from is taken up again as a new ticket, printed a line."""
    from workers import holds

    wanted = _hold_id(ident)
    with _office() as (office, publish):
        resumed = holds.lift(office, publish, wanted, by=by, reason=reason)
    typer.echo("lift: recorded")
    for one in resumed:
        typer.echo(f"ticket {one.ticket} takes up the erasure of {one.of} again")


@app.command("holds", epilog="Example: rightsdesk holds --client acme --json")
def list_holds(
    client: Annotated[str | None, typer.Option(help="Only this client's.")] = None,
    lifted: Annotated[bool, typer.Option("--all", help="With those that were lifted.")] = False,
    json: Json = False,
) -> None:
    """List the legal holds, the next to be reviewed first; without anybody's identifiers."""
    from workers import holds

    with reading() as (session, now):
        found = holds.listed(session, today=now.date(), client=client, lifted=lifted)
    if json:
        as_json(found)
        return
    table(
        ("hold", "client", "system", "whose", "ground", "review", "state", "tickets kept"),
        (
            (
                one["id"], one["client"], one["system"] or "all", _whose(one), one["ground"], one["review_on"],
                one["state"], one["keeps"],
            )
            for one in found
        ),
    )  # fmt: skip


def _whose(one: dict[str, Any]) -> str:
    return "everyone" if one["everyone"] else f"one person (identifiers: {one['identifiers']})"


def _pairs(words: list[str]) -> dict[str, str]:
    pairs = [word.partition("=") for word in words]
    if any(not kind or not value for kind, _, value in pairs):
        raise UsageError("--other: write KIND=VALUE, e.g. visitor_id=v-17")
    return {kind: value for kind, _, value in pairs}


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError("--review is a date, e.g. 2027-06-30") from None


def _hold_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise UsageError("a hold's id is a UUID; `rightsdesk holds` lists them") from None


@contextmanager
def _office() -> Iterator[tuple[Any, Any]]:
    from functools import partial

    from shared import log, settings
    from workers.office import open_office
    from workers.queues import make_app, publish

    log.configure("decision", level=30)
    read = settings.read()
    office = open_office(read)
    try:
        yield office, partial(publish, make_app(read))
    finally:
        office.close()
