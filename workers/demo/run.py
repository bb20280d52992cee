"""`rightsdesk demo`: the embedded stack, the demo's world and tickets, a person's decisions, and the check."""

import json
import shutil
import tempfile
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Mailbox
from pydantic import SecretStr
from rich import box
from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from sqlalchemy import select

from shared import log
from shared.domain.decision import Decision
from shared.domain.errors import UsageError
from shared.envelope import public_pem, read_public_pem
from shared.evidence import verify
from shared.settings import Settings
from shared.store.tables import CertificateRow, TicketRow
from workers import views
from workers.decisions import decide
from workers.demo import summary
from workers.demo.check import differences, unreached
from workers.demo.summary import Ended
from workers.demo.tickets import Asked, script
from workers.demo.world import World, build
from workers.embedded import Stack
from workers.embedded.flower import free_port
from workers.office import Office, open_office
from workers.package import package_files
from workers.queues import make_app, publish
from workers.stack import prepare, registry
from workers.submit import Submitter, check

_PATIENCE = 120.0  # seconds without any ticket moving, after which the demo gives up
_LOOK = 0.25
_COLOURS = {"fulfilled": "green", "partial": "yellow", "refused": "yellow", "waiting": "magenta"}


def run(keep: Path | None, replace: Mapping[str, str], only: Collection[str] = ()) -> int:
    """Run the demo; 0 only if every ticket ended as it should and every store holds exactly what it must.

    With keys of people as `only`, the tickets about them alone are submitted, and nobody else's records may change.
    """
    console = Console(highlight=False)
    folder = _new(keep) if keep else Path(tempfile.mkdtemp(prefix="rightsdesk-demo-"))
    try:
        return _run(folder, console, replace, only)
    finally:
        if keep:
            console.print(f"kept in {folder}: world/ (the systems), home/ (state), mails/ (sent)", soft_wrap=True)
        else:
            shutil.rmtree(folder, ignore_errors=True)


def _new(keep: Path) -> Path:
    try:
        keep.mkdir(mode=0o700, parents=True, exist_ok=True)
        empty = not any(keep.iterdir())
    except OSError as error:
        raise UsageError(f"cannot keep the demo in {keep}: {error.strerror}") from None
    if not empty:
        raise UsageError(f"{keep} is not empty; name a new folder")
    return keep


def _chosen(asked: list[Asked], only: Collection[str]) -> list[Asked]:
    known = sorted({one.person for one in asked if one.person})
    if unknown := sorted(set(only) - set(known)):
        raise UsageError(f"--only {unknown[0]}: no ticket is about that person, but about {', '.join(known)}")
    return [one for one in asked if one.person in only] if only else asked


def _run(folder: Path, console: Console, replace: Mapping[str, str], only: Collection[str]) -> int:
    began = time.monotonic()
    log.configure("demo", level=30)
    world = build(folder / "world")
    asked = _chosen(script(world), only)
    world = world.after(only) if only else world
    systems = folder / "world" / "systems.toml"
    for kind, other in replace.items():
        systems.write_text(systems.read_text().replace(f'connector = "{kind}"', f'connector = "{other}"'))
    console.print(f"seeded {len(world.records)} records of {len(world.people)} people in ten systems of two clients")
    with _mail_server(folder / "mails") as smtp:
        settings = Settings(
            home=folder / "home", systems=systems, smtp_url=SecretStr(smtp),
            database_url=None, broker_url=None,
        )  # fmt: skip
        with Stack(
            settings, say=partial(console.print, style="dim", soft_wrap=True), meanwhile=partial(prepare, settings),
            registry=registry(settings),
        ) as stack:  # fmt: skip
            office = open_office(settings)
            _submit(settings, office, asked)
            shown = _watch(stack, office, asked, console)
            summary.show(console, _ended(office, asked))
        wrong = _wrong(folder, world, office, asked, shown)
        office.close()
    console.print(f"{len(asked)} tickets in {time.monotonic() - began:.1f} s, start and end of the stack included")
    for line in wrong[:50]:
        console.print(f"[red]differs:[/] {escape(line)}", soft_wrap=True)
    if not wrong:
        console.print("[green]every store holds exactly what it must; every certificate verifies[/]")
    return 1 if wrong else 0


@contextmanager
def _mail_server(folder: Path) -> Iterator[str]:
    folder.mkdir(parents=True)
    port = free_port()
    controller = Controller(Mailbox(folder / "sent"), hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield f"smtp://127.0.0.1:{port}"
    finally:
        controller.stop()


def _submit(settings: Settings, office: Office, asked: list[Asked]) -> None:
    submitter = Submitter(settings, inventory=office.inventory, vault=office.vault)
    ids = submitter.queue(check(one.ticket, inventory=office.inventory) for one in asked)
    for _ in submitter.accepted(ids, timeout=30):
        pass


def _watch(stack: Stack, office: Office, asked: list[Asked], console: Console) -> dict[str, dict[str, Any]]:
    """Show progress and decide as a person would, until all tickets are closed or nothing moves any more."""
    app = make_app(office.settings)
    left = {str(one.id): list(one.decisions) for one in asked}
    shown: dict[str, dict[str, Any]] = {}
    moved, before = time.monotonic(), ""
    with Live(console=console, refresh_per_second=4, transient=True) as live:
        while True:
            with office.store.read() as session:
                shown = {one["id"]: one for one in views.tickets(session, now=office.now())}
            live.update(_progress(asked, shown))
            if all(one["state"] == "closed" for one in shown.values()):
                return shown
            for ident, one in shown.items():
                if one["waiting_for"] and left[ident] and left[ident][0][1] == one["waiting_for"]["decision"]:
                    verb, about = left[ident].pop(0)
                    decision = Decision(verb, "ines", f"the demo's person decides about {about}")
                    decide(office, partial(publish, app), next(a.id for a in asked if str(a.id) == ident), decision)
            now = json.dumps(shown, sort_keys=True)
            if now != before:
                moved, before = time.monotonic(), now
            if time.monotonic() - moved > _PATIENCE or _stuck(shown, left):
                return shown
            stack.poll(_LOOK)


def _stuck(shown: dict[str, dict[str, Any]], left: dict[str, list[tuple[str, str]]]) -> bool:
    """Say whether every ticket is closed, or waits for what the script has no answer to."""
    return all(
        one["state"] == "closed"
        or (one["state"] == "waiting" and (not left[ident] or left[ident][0][1] != one["waiting_for"]["decision"]))
        for ident, one in shown.items()
    )


def _progress(asked: list[Asked], shown: dict[str, dict[str, Any]]) -> Table:
    table = Table("ticket", "right", "state", "stage", "waits for", box=box.SIMPLE_HEAD)
    for one in asked:
        now = shown.get(str(one.id), {})
        state = now.get("outcome") or now.get("state") or "queued"
        waits = (now.get("waiting_for") or {}).get("decision")
        style = _COLOURS.get(state, "cyan")
        table.add_row(str(one.id)[:8], one.ticket["right"], f"[{style}]{state}[/]", now.get("stage"), waits)
    return table


def _ended(office: Office, asked: list[Asked]) -> list[Ended]:
    ended = []
    for one in asked:
        with office.store.read() as session:
            found = views.ticket(session, one.id, now=office.now())
        assert found is not None
        ended.append(Ended(found, one.title, _files(office, one)))
    return ended


def _files(office: Office, one: Asked) -> int:
    with office.store.read() as session:
        key, _ = office.ticket(session.get_one(TicketRow, one.id))
        return len(package_files(session, key, one.id))


def _wrong(
    folder: Path, world: World, office: Office, asked: list[Asked], shown: dict[str, dict[str, Any]]
) -> list[str]:
    """Return what is not as it must be: outcomes, certificates, notices, and every record of every store."""
    wrong = [
        f"ticket {one.id} ({one.ticket['right']}: {one.title}) ended {state}, expected {one.outcome}"
        for one in asked
        if (state := shown[str(one.id)]["outcome"] or shown[str(one.id)]["state"]) != one.outcome
    ]
    public = folder / "public.pem"
    public.write_bytes(public_pem(office.vault.signer))
    key = read_public_pem(public)
    with office.store.read() as session:
        documents = {row.ticket_id: row.document for row in session.scalars(select(CertificateRow))}
    for one in asked:
        problem = verify(documents.get(one.id), key)
        if problem:
            wrong.append(f"certificate of {one.id}: {problem}")
        wrong += unreached(folder / "mails" / "sent", world, one.affected)
    return wrong + differences(folder / "world", world)
