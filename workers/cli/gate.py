"""Commands that ask the gate: about one identifier, for a list, and as a service."""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any, Literal, TextIO

import typer

from shared.domain.errors import UsageError
from workers.cli import app
from workers.cli.shown import as_json
from workers.cli.tickets import Json

gate_app = typer.Typer(
    help="The gate: may a person's data be used for a purpose now?", no_args_is_help=True, rich_markup_mode=None
)
app.add_typer(gate_app, name="gate")

ClientId = Annotated[str, typer.Option(help="The client's id.")]
Purpose = Annotated[str, typer.Option(help="The purpose, e.g. direct-marketing.")]
NeedsConsent = Annotated[
    bool, typer.Option("--needs-consent", help="The purpose rests on consent: without one on record, unknown.")
]


@gate_app.command(
    "check", epilog="Example: rightsdesk gate check --client acme --purpose newsletter --email ada@example.org"
)
def gate_check(
    client: ClientId,
    purpose: Purpose,
    email: Annotated[str | None, typer.Option(help="The person's e-mail address.")] = None,
    phone: Annotated[str | None, typer.Option(help="The person's phone number.")] = None,
    needs_consent: NeedsConsent = False,
    json: Json = False,
) -> None:
    """Exit 0 allow, 3 deny, 4 unknown (= deny).

    Allow: nothing stands against it, be it that nobody has heard of the person. Unknown: the identifier cannot be
    read, the store cannot be reached, or --needs-consent finds no consent.
    """
    from workers.gate import check, check_purpose

    if (email is None) == (phone is None):
        raise UsageError("give --email or --phone, one of them")
    check_purpose(purpose)
    answer, why = check(client=client, purpose=purpose, email=email, phone=phone, needs_consent=needs_consent)
    if json:
        as_json({"answer": answer, "reason": why})
    else:
        typer.echo(f"{answer}: {why}")
    raise typer.Exit({"allow": 0, "deny": 3, "unknown": 4}[answer])


@gate_app.command(
    "filter",
    epilog="Examples: rightsdesk gate filter --client acme --purpose newsletter --column email < in.csv > out.csv · "
    "rightsdesk gate filter in.jsonl --format jsonl --client acme --purpose sms --phone-column mobile --out to.jsonl",
)
def gate_filter(  # noqa: PLR0913, PLR0917 - each argument is an option of the command
    client: ClientId,
    purpose: Purpose,
    file: Annotated[str, typer.Argument(metavar="[FILE]", help="The list; - is standard input.")] = "-",
    column: Annotated[str | None, typer.Option(help="The column (or key) that holds e-mail addresses.")] = None,
    phone_column: Annotated[str | None, typer.Option(help="The column (or key) that holds phone numbers.")] = None,
    form: Annotated[
        Literal["csv", "jsonl"], typer.Option("--format", help="CSV with a header, or JSON Lines.")
    ] = "csv",
    delimiter: Annotated[str, typer.Option(help="What parts the columns of a CSV list.")] = ",",
    out: Annotated[
        Path | None, typer.Option(help="The file; it appears when all is done. Standard output by default.")
    ] = None,
    needs_consent: NeedsConsent = False,
) -> None:
    """Write the rows of a list whose people may be used for a purpose; say how many were denied, and why.

    Rows go out as they came in. What cannot be read is denied. Exit 4 if the store cannot be reached, 1 if the list
    cannot be read to its end: what stands on standard output by then is no list to be used.
    """
    from workers.gate import Gate, check_purpose, lists

    columns = (("email", column), ("phone_number", phone_column))
    named = tuple((kind, name) for kind, name in columns if name)
    if not named:
        raise UsageError("say where the people stand: --column NAME (e-mail addresses) or --phone-column NAME")
    check_purpose(purpose)
    if len(delimiter) != 1 or delimiter in '"\r\n':
        raise UsageError("--delimiter is one character, e.g. ';'")
    listed = lists.Listed(client, purpose, named, needs_consent, delimiter)
    run = lists.filter_csv if form == "csv" else lists.filter_json
    try:
        with Gate() as gate, _source(file) as source, _sink(out) as sink:
            gate.client(client)
            passed = run(gate, listed, source, sink)
    except lists.Unreachable as error:
        typer.echo(f"rightsdesk: {error}; nobody is let through", err=True)
        raise typer.Exit(4) from None
    reasons = ", ".join(f"{why} {number}" for why, number in sorted(passed.denied.items()))
    denied = f"{passed.denied.total()} denied" + (f": {reasons}" if reasons else "")
    typer.echo(f"{passed.rows} rows passed, {denied}", err=True)


# bytes go in and out as they are, be they UTF-8 or not
_AS_IS: dict[str, Any] = {"encoding": "utf-8", "errors": "surrogateescape", "newline": ""}


@contextmanager
def _source(file: str) -> Iterator[TextIO]:
    if file != "-":
        try:
            source = Path(file).open(**_AS_IS)  # noqa: SIM115 - what is raised in the block is not ours
        except OSError as error:
            raise UsageError(f"cannot read {file}: {error.strerror}") from None
        with source:
            yield source
        return
    standard = io.TextIOWrapper(sys.stdin.buffer if sys.stdin else io.BytesIO(), **_AS_IS)
    try:
        yield standard
    finally:
        standard.detach()


@contextmanager
def _sink(out: Path | None) -> Iterator[TextIO]:
    if out is not None:
        with _whole(out) as sink:
            yield sink
        return
    if sys.stdout is None:
        raise UsageError("there is no standard output; name a file with --out")
    standard = io.TextIOWrapper(sys.stdout.buffer, **_AS_IS)
    try:
        yield standard
        standard.flush()
    finally:
        with suppress(OSError):  # it has been raised by then
            standard.detach()


@contextmanager
def _whole(out: Path) -> Iterator[TextIO]:
    """Yield a file that takes its name when all is written; where that fails, what had the name keeps it."""
    fresh = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        with fresh.open("x", **_AS_IS) as sink:
            yield sink
            sink.flush()
            os.fsync(sink.fileno())
        fresh.replace(out)
    except OSError as error:
        raise UsageError(f"cannot write {out}: {error.strerror}") from None
    finally:
        fresh.unlink(missing_ok=True)


@gate_app.command("serve", epilog="Example: RIGHTSDESK_GATE_PORT=8471 rightsdesk gate serve")
def gate_serve() -> None:
    """Answer over HTTP on the loopback interface: POST /v1/check, with a client's token (`gate_tokens`)."""
    from shared import log
    from workers.console.serve import serve
    from workers.gate import Gate
    from workers.gate.service import make_service

    log.configure("gate")
    with Gate() as gate:
        serve(make_service(gate), gate.settings, part="gate", port=gate.settings.gate_port)
