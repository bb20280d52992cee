"""The command that ends retention."""

from contextlib import closing
from typing import Annotated

import typer

from shared.domain.errors import RightsdeskError
from workers.cli.proofs import group
from workers.cli.shown import as_json
from workers.cli.tickets import Json

retention_app = group("retention", "What is kept of closed tickets, and until when.")
_WHY = {
    "hold": "a legal hold",
    "standing": "a consent or restriction that stands",
    "in use": "a ticket that rests on it",
}


@retention_app.command("run", epilog="Example: rightsdesk retention run --dry-run")
def retention_run(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would end.")] = False, json: Json = False
) -> None:
    """Destroy the key and personal data of closed tickets whose retention has ended; beat does it each hour."""
    from shared import log, settings
    from workers.office import open_office
    from workers.retention import run

    log.configure("retention", level=50)
    with closing(open_office(settings.read())) as office:
        ended = run(office, dry_run=dry_run)
    if json:
        as_json({"dry_run": dry_run} | ended.as_json())
    else:
        what = f"{len(ended.tickets)} tickets, {len(ended.packages)} packages, {ended.dead_letters} dead letters"
        what += f", {ended.holds} lifted holds"
        typer.echo(f"{'would end' if dry_run else 'ended'}: {what}")
        for why, number in sorted(ended.kept.items()):
            typer.echo(f"kept: {number} tickets by {_WHY[why]}")
    if ended.failed:
        names = ", ".join(map(str, ended.failed[:20]))
        raise RightsdeskError(
            f"{len(ended.failed)} could not be ended, {names}: check RIGHTSDESK_PACKAGES; they are tried again"
        )
