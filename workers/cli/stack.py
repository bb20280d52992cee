"""Commands that run the stack or one part of it."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from shared.domain.errors import UsageError
from workers.cli import app
from workers.cli.shown import as_json, table

if TYPE_CHECKING:
    from shared.settings import Settings

Concurrency = Annotated[
    int | None,
    typer.Option(
        min=1, max=64,
        help="Steps of one system at a time; by default RIGHTSDESK_CONCURRENCY, or 2. One more place is for other "
        "systems, and one for breaches.",
    ),
]  # fmt: skip


@app.command(
    epilog="Examples: rightsdesk demo --keep /tmp/world · rightsdesk demo --replace sql=my-sql --only acme:ada"
)
def demo(
    keep: Annotated[Path | None, typer.Option(help="Keep the demo's world and state in this folder.")] = None,
    replace: Annotated[
        list[str] | None,
        typer.Option(metavar="KIND=OTHER", help="Try another connector kind in place of one of the samples'."),
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option(metavar="PERSON", help="Ask for one of the sample people alone, e.g. acme:ada.")
    ] = None,
) -> None:
    """Run every right on the embedded stack with sample systems, and check what is left."""
    from workers.demo.run import run

    pairs = [one.partition("=") for one in replace or ()]
    if wrong := [kind for kind, _, other in pairs if not other]:
        raise UsageError(f"--replace {wrong[0]}: write KIND=OTHER, e.g. sql=my-sql")
    raise typer.Exit(run(keep, {kind: other for kind, _, other in pairs}, only or ()))


@app.command(epilog="Example: RIGHTSDESK_HOME=~/rd RIGHTSDESK_SYSTEMS=systems.toml rightsdesk up")
def up(concurrency: Concurrency = None) -> None:
    """Run the embedded stack until Ctrl-C or SIGTERM; state is kept under RIGHTSDESK_HOME."""
    from functools import partial

    from shared import settings
    from shared.inventory import check_packages, load
    from shared.vault import credentials
    from workers.channels.address import check
    from workers.embedded import Stack
    from workers.stack import prepare, registry

    read = settings.read()
    # what is plainly wrong is said before anything starts
    inventory = load(read.systems)
    check_packages(inventory, read.package_url, read.packages_region)
    for line in check(inventory.alerts, credentials(read.root, read.secrets)):
        typer.echo(f"rightsdesk: {line}", err=True)
    stack = Stack(
        read, concurrency=concurrency or read.concurrency, say=typer.echo, meanwhile=partial(prepare, read, typer.echo),
        registry=registry(read),
    )  # fmt: skip
    stack.run(lambda: typer.echo("ready; submit with `rightsdesk submit`, stop with Ctrl-C"))


@app.command()
def migrate() -> None:
    """Bring the database's schema to head."""
    from shared import settings
    from shared.store.migrate import head
    from shared.store.migrate import migrate as to_head
    from shared.store.session import Store

    store = Store(settings.read().database)
    typer.echo(f"migrated to {head()}" if to_head(store) else f"the schema is at head ({head()})")
    store.close()


@app.command()
def intake() -> None:
    """Take tickets from the queue and store them."""
    from functools import partial

    from shared import log, settings
    from shared.store.migrate import await_head
    from workers.intake import Intake
    from workers.office import open_office
    from workers.queues import make_app, publish, say_ready

    log.configure("intake")
    read = settings.read()
    office = open_office(read)
    await_head(office.store)
    consumer = Intake(office, partial(publish, make_app(read)))
    say_ready(read, "intake")
    consumer.run()


@app.command(epilog="Example: rightsdesk worker --queues chat,email --concurrency 4")
def worker(
    queues: Annotated[str | None, typer.Option(help="Queues to serve, with commas; all by default.")] = None,
    concurrency: Concurrency = None,
) -> None:
    """Serve step queues with a Celery worker."""
    from shared import settings
    from workers.app import work
    from workers.queues import QUEUES

    read = settings.read()

    names = [one.strip() for one in queues.split(",") if one.strip()] if queues else list(QUEUES)
    if not names:
        raise UsageError(f"no queue: there are {', '.join(QUEUES)}")
    if unknown := sorted(set(names) - set(QUEUES)):
        raise UsageError(f"no such queue: {unknown[0]}; there are {', '.join(QUEUES)}")
    work(read, queues=names, concurrency=concurrency or read.concurrency)


@app.command()
def beat() -> None:
    """Run the sweep, the looks at the clocks and the delivery of alerts, every few seconds."""
    from shared import settings
    from workers.beat import tick_by_beat

    tick_by_beat(settings.read())


@app.command()
def console() -> None:
    """Serve the page behind the packages' one-time links, on the loopback interface (RIGHTSDESK_CONSOLE_PORT)."""
    from shared import log, settings
    from shared.store.migrate import await_head
    from shared.store.session import Store
    from shared.vault import open_vault
    from workers.console.app import make_console
    from workers.console.serve import serve

    log.configure("console")
    read = settings.read()
    store = Store(read.database)
    await_head(store)
    serve(make_console(read, store, open_vault(read.root, read.secrets)), read, part="console", port=read.console_port)


@app.command()
def status(json: Annotated[bool, typer.Option("--json", help="For machines.")] = False) -> None:
    """Show the parts of the running stack, their pids, and whether it is ready."""
    from shared import settings
    from workers.embedded import read_stack

    read = settings.read()
    stack = read_stack(read)
    told, (fenced, down) = _alerting(read), _waiting(read.database)
    if json:
        shown = {"ready": stack is not None, "stack": stack, "alerts": told}
        as_json(shown | ({"fenced": fenced} if fenced else {}) | ({"down": down} if down else {}))
    elif stack is None:
        typer.echo(f"no stack is running under {read.root}; start one with `rightsdesk up`")
    else:
        table(("part", "pid"), sorted(stack["pids"].items()))
        typer.echo(f"broker   {stack['broker_url']}\ndatabase {stack['database_url']}")
        typer.echo(f"flower   {stack['flower_url']}\nmetrics  {stack['metrics_url']}")
    if told and not json:
        typer.echo(f"alerts   {told['open']} open, {told['undelivered']} that nobody was told of")
        if told["milestones_missed"]:
            typer.echo(f"clocks   {told['milestones_missed']} milestones missed: does `rightsdesk beat` run?")
        for name, one in told["channels_failing"].items():
            typer.echo(f"channel  {name} fails, {one['failures']} times in a row: {one['answer']}")
    for one in [] if json else fenced:
        todo = "its replay has not ended" if one["replayed_at"] else f"run `rightsdesk replay {one['system']}`"
        typer.echo(f"fenced   {one['system']}: restored to {one['at']}; {todo}")
    for one in [] if json else down:
        typer.echo(
            f"down     {one['system']}: {one['failures']} failures since {one['since']}; next try {one['next_at']}"
        )
    raise typer.Exit(0 if stack else 1)


def _alerting(read: "Settings") -> dict[str, Any] | None:
    """Return how alerting fares; None where there is no database or no inventory yet."""
    from sqlalchemy.exc import DBAPIError

    from shared.inventory import load
    from shared.store.session import Store
    from workers.alerts.shown import overview
    from workers.office import utc_now

    if not read.database_url and not (read.root / "rightsdesk.sqlite3").exists():
        return None
    store = Store(read.database)
    try:
        with store.read() as session:
            return overview(session, load(read.systems).alerts, now=utc_now())
    except (DBAPIError, UsageError):
        return None  # the parts that need them say so
    finally:
        store.close()


def _waiting(database: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the systems that wait for a replay, and those that are down.

    None where the database cannot tell: the parts are shown anyway.
    """
    from sqlalchemy.exc import SQLAlchemyError

    from shared.store import circuits, fences
    from shared.store.session import Store

    store = Store(database, patience=2)
    try:
        with store.read() as session:
            rows, open_ones = fences.standing(session), circuits.standing(session)
    except SQLAlchemyError:
        return [], []
    finally:
        store.close()
    fenced = [
        {
            "system": row.system,
            "at": row.at.isoformat(),
            "replayed_at": row.replayed_at.isoformat() if row.replayed_at else None,
        }
        for row in rows
    ]
    down = [
        {
            "system": row.system,
            "failures": row.failures,
            "since": row.since.isoformat(),
            "next_at": row.next_at.isoformat() if row.next_at else None,
        }
        for row in open_ones
    ]
    return fenced, down


@app.command(epilog="Example: RIGHTSDESK_TEST=1 rightsdesk tick --at 2026-03-01T09:00:00+01:00")
def tick(
    at: Annotated[str | None, typer.Option(help="As of this time; only with RIGHTSDESK_TEST=1.")] = None,
    json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Run one sweep, one look at the clocks, one delivery of alerts and one checkpoint of the evidence now."""
    from dataclasses import asdict
    from functools import partial

    from shared import log, settings
    from workers.alerts.deliver import deliver
    from workers.checkpoints import keep
    from workers.office import open_office, utc_now
    from workers.queues import in_line, make_app, publish
    from workers.sla import look
    from workers.sweep import sweep

    log.configure("tick", level=30)
    read = settings.read()
    if at is not None and not read.test:
        raise UsageError("--at is only for tests: set RIGHTSDESK_TEST=1")
    moment = utc_now() if at is None else _time(at)
    office = open_office(read, now=lambda: moment)
    swept = sweep(office, partial(publish, make_app(read)), in_line=partial(in_line, read))
    looked = look(office)
    made, told = keep(office), deliver(office)
    if json:
        delivered = {"delivered": told.delivered, "undelivered": told.failed}
        as_json(asdict(swept) | asdict(looked) | delivered | {"checkpoints": made})
        return
    typer.echo(f"{swept.reclaimed} leases reclaimed, {swept.sent} steps sent, {swept.advanced} tickets advanced")
    typer.echo(f"{looked.fired} milestones passed, {looked.late} of them told late")
    typer.echo(f"{told.delivered} messages delivered, {told.failed} attempts failed")
    typer.echo(f"{made} checkpoints made")


def _time(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError("a time looks like 2026-03-01T09:00:00+01:00") from None
    if moment.tzinfo is None:
        raise UsageError("a time needs its offset, e.g. +01:00")
    if not 1970 <= moment.year < 2200:
        raise UsageError("a time lies between 1970 and 2199")
    return moment
