"""The demo's final table: how each ticket ended, what was done in each channel, how many files its package has."""

from dataclasses import dataclass
from typing import Any

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table

from shared.domain.outcome import total
from shared.domain.step import CHANNELS
from workers.cli.shown import needed, print_table

_KINDS = ("exported", "erased", "masked", "redacted", "rectified", "restricted", "retained", "residual", "affected")


@dataclass(frozen=True, slots=True)
class Ended:
    """A ticket of the demo as it ended; `ticket` is what `rightsdesk ticket --json` shows of it."""

    ticket: dict[str, Any]
    title: str
    files: int

    @property
    def head(self) -> tuple[str, ...]:
        """Its id, in short, its right, when it was due, and how it ended."""
        one = self.ticket
        due = one["due_on"] or one["due_at"][:16].replace("T", " ")
        return one["id"][:8], one["right"], due, one["outcome"] or one["state"]

    def counts(self, channel: str) -> str:
        """Sum up what was done in a channel."""
        # an erasure's rest has passed by its end
        verbs = ("locate", "absent", *(["restrict"] if self.ticket["right"] == "erasure" else []))
        done = [step for step in self.ticket["steps"] if step["channel"] == channel and step["verb"] not in verbs]
        sums = {kind: sum(total(step["counts"], kind) for step in done) for kind in _KINDS}
        return " ".join(f"{kind} {number}" for kind, number in sums.items() if number)


def show(console: Console, ended: list[Ended]) -> None:
    """Print the table; on a terminal that is too narrow for it, each ticket's counts below it."""
    columns = "ticket", "right", "due", "outcome", "what", *CHANNELS, "files"
    table = Table(*columns, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for one in ended:
        table.add_row(*one.head, one.title, *map(one.counts, CHANNELS), str(one.files))
    if console.is_terminal and needed(console, table) > console.width:
        _stack(console, ended)
    else:
        print_table(console, table)


def _stack(console: Console, ended: list[Ended]) -> None:
    widths = [max(len(one.head[place]) for one in ended) for place in range(4)]
    for one in ended:
        head = "  ".join(f"{cell:{width}}" for cell, width in zip(one.head, widths, strict=True))
        console.print(f"{head}  {one.files:2} files", style="bold", soft_wrap=True)
        done = [f"{channel}: {counts}" for channel in CHANNELS if (counts := one.counts(channel))]
        console.print(Padding(" · ".join([one.title, *done]), (0, 0, 0, 10)))
