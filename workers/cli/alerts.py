"""Commands about alerts: list, acknowledge, try a channel."""

from typing import Annotated, Any

import typer

from shared.domain.errors import RightsdeskError, UsageError
from workers.cli import app
from workers.cli.shown import as_json, table
from workers.cli.tickets import Json, reading

alerts_app = typer.Typer(help="Alerts: who was told of what, and what nobody has seen to.", rich_markup_mode=None)
app.add_typer(alerts_app, name="alerts")


@alerts_app.callback(
    invoke_without_command=True,
    epilog="Examples: rightsdesk alerts · rightsdesk alerts --all --json · rightsdesk alerts ack 1f0c… --as ines · "
    "rightsdesk alerts test ines",
)
def alerts(
    context: typer.Context,
    json: Json = False,
    everything: Annotated[
        bool, typer.Option("--all", help="With those that are over or were acknowledged more than a day ago.")
    ] = False,
) -> None:
    """List the open alerts and those acknowledged within a day, breaches first, with who was told."""
    if context.invoked_subcommand:
        if json or everything:
            raise UsageError(f"--json and --all are for the list; leave them out before `{context.invoked_subcommand}`")
        return
    from workers.alerts import shown

    with reading() as (session, now):
        found = shown.alerts(session, now=now, everything=everything)
    if json:
        as_json(found)
        return
    table(
        ("alert", "about", "what", "due", "state", "who knows"),
        (
            (
                one["id"], _about(one), _what(one), (one["due_at"] or "")[:16],
                "URGENT" if one["urgent"] else one["state"], shown.how_told(one),
            )
            for one in found
        ),
    )  # fmt: skip


def _about(one: dict[str, Any]) -> str:
    ticket = one["ticket"] and f"ticket {one['ticket'][:8]}"
    return " ".join(filter(None, (one["right"], one["client"], one["system"], ticket)))


def _what(one: dict[str, Any]) -> str:
    return " ".join(filter(None, (one["kind"], one["clock"], one["milestone"], "late" if one["late"] else "")))


@alerts_app.command("ack", epilog="Example: rightsdesk alerts ack 1f0c2a… --as ines")
def ack(
    idents: Annotated[list[str], typer.Argument(metavar="ID", help="An alert's id, or that of a message.")],
    by: Annotated[
        str | None, typer.Option("--as", metavar="NAME", help="Who sees to it; your login name by default.")
    ] = None,
) -> None:
    """Acknowledge alerts: nobody is told of them again. The id of a message stands for all alerts in it."""
    from shared import settings
    from shared.store.session import Store
    from workers.alerts.acknowledging import acknowledge
    from workers.office import utc_now

    name = (_login() if by is None else by).strip()
    if not name:
        raise UsageError("--as: say who sees to it")
    store = Store(settings.read().database)
    try:
        for ident in idents:
            for alert in acknowledge(store, ident.strip().replace("-", "").lower(), by=name, now=utc_now()):
                by_whom = f" by {alert.acknowledged_by}" if alert.acknowledged_by else ""
                typer.echo(f"{alert.id} {alert.state}{by_whom}")
    finally:
        store.close()


@alerts_app.command("test", epilog="Examples: rightsdesk alerts test ines · rightsdesk alerts test ines.2")
def test(
    channel: Annotated[str, typer.Argument(help="A channel's name, or a person's for all of theirs.")],
) -> None:
    """Send a test message, so that you can see it arrive; prints each channel's answer, exit 1 if one fails."""
    from uuid import uuid4

    from shared import settings
    from shared.inventory import load
    from shared.vault import credentials
    from workers.channels import Message, Undelivered
    from workers.channels.sending import send

    read = settings.read()
    alerting, credential = load(read.systems).alerts, credentials(read.root, read.secrets)
    names = (channel,) if channel in alerting.channels else alerting.channels_of(channel)
    if not names:
        known = ", ".join(alerting.channels) or "none: name people in [alerts.people] first"
        raise UsageError(f"no such channel: {channel}; there are {known}")
    ident, failed = uuid4().hex, []
    for name in names:
        title = f"[rightsdesk] test of the channel {name}"
        text = f"Sent by `rightsdesk alerts test`: nothing has happened.\n\nMessage {ident}\n"
        url = alerting.channels[name][1]
        try:
            message = Message(ident, ident, title, text)
            answer = send(name, url, message, timeout=alerting.timeout, credential=credential)
        except Undelivered as error:
            failed.append(f"{name}: {error}")
        else:
            typer.echo(f"{name}: delivered, {answer}")
    if failed:
        raise RightsdeskError("; ".join(failed))


def _login() -> str:
    import getpass
    from contextlib import suppress

    with suppress(KeyError, OSError):  # a container's user may have no name
        return getpass.getuser()
    return ""
