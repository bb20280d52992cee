"""The command `watch`: a live board in the terminal."""

import time
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workers.cli import app
from workers.cli.shown import as_json, needed
from workers.cli.tickets import Json

if TYPE_CHECKING:
    from rich.console import RenderableType

_STYLES = {"red": "bold red", "amber": "yellow", "green": "green"}
_MOST = 500


@app.command(epilog="Examples: rightsdesk watch · rightsdesk watch --every 10 · rightsdesk watch --json")
def watch(
    once: Annotated[bool, typer.Option("--once", help="Print the board once, as where there is no terminal.")] = False,
    every: Annotated[float, typer.Option(min=0.5, max=3600, help="Seconds between two looks.")] = 2.0,
    json: Json = False,
) -> None:
    """Show tickets by the time left (red, amber, green), alerts that nobody has seen to, and systems that are down.

    It ends with Ctrl-C.
    """
    from rich.console import Console
    from rich.live import Live

    from shared import settings
    from shared.inventory import load
    from shared.store.session import Store

    read = settings.read()
    alerts, store, console = load(read.systems).alerts, Store(read.database), Console(highlight=False)

    def look(most: int) -> dict[str, Any]:
        from workers.board import board
        from workers.office import utc_now

        with store.read() as session:
            return board(session, alerts, now=utc_now(), most=most)

    try:
        if json:
            as_json(look(_MOST))
        elif once or not console.is_terminal:
            shown = _drawn(look(_MOST))
            console.width = max(console.width, *(needed(console, part) for part in shown))
            for part in shown:
                console.print(part)
        else:
            with Live(console=console, screen=True, auto_refresh=False) as live:
                while True:
                    live.update(_page(look(max(3, console.height // 2 - 4))), refresh=True)
                    time.sleep(every)
    except KeyboardInterrupt:
        pass
    finally:
        store.close()


def _page(found: dict[str, Any]) -> "RenderableType":
    from rich.console import Group

    return Group(*_drawn(found))


def _drawn(found: dict[str, Any]) -> list[Any]:
    from rich.text import Text

    alerting = found["alerting"]
    tries = {name: f" (tried again at {at[:16]})" for name, at in found["next_tries"].items()}
    down = ", ".join(name + tries.get(name, "") for name in found["systems_down"]) or "none"
    failing = ", ".join(f"{name} ({one['answer']})" for name, one in alerting["channels_failing"].items()) or "none"
    return [
        Text(f"rightsdesk at {found['at'][:19]} UTC"),
        _tickets(found["tickets"]),
        _alerts(found["alerts"], alerting),
        Text(f"systems down: {down}", style="bold red" if found["systems_down"] else ""),
        Text(f"alert channels failing: {failing}", style="bold red" if alerting["channels_failing"] else ""),
    ]


def _tickets(rows: list[dict[str, Any]]) -> Any:
    from workers.alerts.text import span

    made = _empty("ticket", "client", "right", "state", "stage", "due", "left", "light", title="tickets")
    for one in rows:
        left = timedelta(seconds=abs(one["seconds_left"]))
        words = span(left) if one["seconds_left"] > 0 else f"{span(left)} over"
        cells = (one["id"], one["client"], one["right"], one["state"], one["stage"], one["strict_at"][:16], words)
        made.add_row(*map(_plain, cells), one["light"], style=_STYLES[one["light"]])
    return made


def _alerts(rows: list[dict[str, Any]], alerting: dict[str, Any]) -> Any:
    from workers.alerts.shown import how_told

    title = f"alerts: {alerting['open']} unacknowledged, {alerting['undelivered']} undelivered"
    made = _empty("alert", "kind", "about", "who knows", title=title)
    for one in rows:
        kind = " ".join(filter(None, (one["kind"], one["clock"], one["milestone"])))
        about = " ".join(filter(None, (one["right"], one["client"], one["system"])))
        made.add_row(*map(_plain, (one["id"], kind, about, how_told(one))), style="bold red" if one["urgent"] else "")
    return made


def _plain(text: str) -> str:
    from rich.markup import escape

    return escape(text)


def _empty(*columns: str, title: str) -> Any:
    from rich import box
    from rich.table import Table

    made = Table(*columns, title=title, box=box.SIMPLE_HEAD, title_justify="left")
    made.columns[0].no_wrap = True
    return made
