"""How things are shown: JSON for machines, tables for people."""

import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:  # rich is imported by the command that shows a table
    from rich.console import Console
    from rich.table import Table


def as_json(value: Any) -> None:
    """Print a value as JSON."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, title: str | None = None) -> None:
    """Print a table; its first column, which names a row, is never broken."""
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    made = Table(*columns, title=title, box=box.SIMPLE_HEAD, title_justify="left")
    made.columns[0].no_wrap = True
    for row in rows:
        made.add_row(*("" if cell is None else escape(str(cell)) for cell in row))
    print_table(Console(highlight=False), made)


def print_table(console: "Console", made: "Table") -> None:
    """Print a table as wide as the terminal; where there is none as wide as it needs, so that each row is a line."""
    if not console.is_terminal:
        console.width = max(console.width, needed(console, made))
    console.print(made)


def needed(console: "Console", made: "Table") -> int:
    """Return the columns that a table needs in which nothing is broken."""
    return console.measure(made, options=console.options.update(max_width=10_000)).maximum
