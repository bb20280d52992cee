"""Commands that prove and tell: deadlines, the gate, packages, certificates, keys, evidence, schemas."""

import json as jsonlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from shared.domain.errors import RightsdeskError, UsageError
from workers.cli import app
from workers.cli.shown import as_json
from workers.cli.tickets import Id, Json, ticket_id


def _group(name: str, text: str) -> typer.Typer:
    made = typer.Typer(help=text, no_args_is_help=True, rich_markup_mode=None)
    app.add_typer(made, name=name)
    return made


gate_app = _group("gate", "The gate: may a person's data be used for a purpose now?")
package_app = _group("package", "The packages that people are given.")
certificate_app = _group("certificate", "The certificates of closed tickets.")
keys_app = _group("keys", "Keys.")
evidence_app = _group("evidence", "Evidence.")
schema_app = _group("schema", "JSON Schemas.")


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


@gate_app.command(
    "check", epilog="Example: rightsdesk gate check --client acme --purpose newsletter --email ada@example.org"
)
def gate_check(
    client: Annotated[str, typer.Option(help="The client's id.")],
    purpose: Annotated[str, typer.Option(help="The purpose, e.g. direct-marketing.")],
    email: Annotated[str | None, typer.Option(help="The person's e-mail address.")] = None,
    phone: Annotated[str | None, typer.Option(help="The person's phone number.")] = None,
    needs_consent: Annotated[
        bool, typer.Option("--needs-consent", help="The purpose rests on consent: without one on record, unknown.")
    ] = False,
    json: Json = False,
) -> None:
    """Exit 0 allow, 3 deny, 4 unknown (= deny).

    Allow: nothing stands against it, be it that nobody has heard of the person. Unknown: the identifier cannot be
    read, the store cannot be reached, or --needs-consent finds no consent.
    """
    from workers.gate import check

    if (email is None) == (phone is None):
        raise UsageError("give --email or --phone, one of them")
    if not purpose.strip():
        raise UsageError("give a --purpose, e.g. newsletter")
    answer, why = check(client=client, purpose=purpose, email=email, phone=phone, needs_consent=needs_consent)
    if json:
        as_json({"answer": answer, "reason": why})
    else:
        typer.echo(f"{answer}: {why}")
    raise typer.Exit({"allow": 0, "deny": 3, "unknown": 4}[answer])


@contextmanager
def _opened(ident: str) -> Iterator[tuple[Any, Any]]:
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

    with _opened(ident) as (office, row):
        key, _ = office.ticket(row)
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

    with _opened(ident) as (office, row):
        key, _ = office.ticket(row)
        with office.store.read() as session:
            code = link_code(session, key, row.id)
    if code is None:
        raise RightsdeskError("no link was mailed for this ticket")
    if json:
        as_json({"code": code})
    else:
        typer.echo(code)


@certificate_app.command("show", epilog="Example: rightsdesk certificate show 6f8f… --out cert.json")
def certificate_show(
    ident: Id,
    out: Annotated[Path | None, typer.Option(help="The file; standard output by default.")] = None,
    json: Json = False,  # noqa: ARG001 - it is JSON anyway
) -> None:
    """Write a closed ticket's certificate (JSON)."""
    from shared.store.tables import CertificateRow

    with _opened(ident) as (office, row), office.store.read() as session:
        found = session.get(CertificateRow, row.id)
    if found is None:
        raise RightsdeskError(f"the ticket is {row.state}; its certificate is signed when it closes")
    text = jsonlib.dumps(found.document, indent=2, ensure_ascii=False, sort_keys=True)
    if out is None:
        typer.echo(text)
    else:
        _write(out, text + "\n")


def _write(out: Path, text: str) -> None:
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write {out}: {error.strerror}") from None


@certificate_app.command("verify", epilog="Example: rightsdesk certificate verify cert.json --key public.pem")
def certificate_verify(
    file: Annotated[Path, typer.Argument(help="The certificate.")],
    key: Annotated[Path, typer.Option(help="The vendor's public key (PEM).")],
    json: Json = False,
) -> None:
    """Verify a certificate offline: exit 0 if it was signed by this key and not changed since."""
    from shared.envelope import read_public_pem
    from shared.evidence import verify

    document = _document(file)
    wrong = verify(document, read_public_pem(key))
    if json:
        proof = document.get("proof") if isinstance(document, dict) else None
        as_json({"valid": wrong is None, "reason": wrong, "proof": proof})
        raise typer.Exit(0 if wrong is None else 1)
    if wrong:
        raise RightsdeskError(wrong)
    body = document["certificate"]
    typer.echo(f"valid: ticket {body['ticket']}, {body['right']}, {body['outcome']}; proof {document['proof']}")


def _document(file: Path) -> Any:
    """Return a file's JSON; None, which is no certificate, if it is none."""
    from shared.strict_json import read_json

    try:
        return read_json(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror}") from None
    except ValueError:
        return None


@keys_app.command("show", epilog="Example: rightsdesk keys show --public > public.pem")
def keys_show(
    public: Annotated[bool, typer.Option("--public", help="The public key that certificates verify with.")] = False,
    json: Json = False,
) -> None:
    """Show the public signing key (PEM)."""
    from shared import settings
    from shared.envelope import open_vault, public_pem

    if not public:
        raise UsageError("only the public key can be shown: add --public")
    pem = public_pem(open_vault(settings.read().root).signer).decode()
    if json:
        as_json({"public": pem})
    else:
        typer.echo(pem, nl=False)


@evidence_app.command("verify")
def evidence_verify(json: Json = False) -> None:
    """Check every ticket's evidence chain; exit 1, and alert, if one is broken, naming the first broken entry."""
    from shared import settings
    from shared.store.chain import broken
    from shared.store.session import Store
    from workers.patrol import report

    store = Store(settings.read().database)
    with store.read() as session:
        wrong = list(broken(session))
    found = [{"ticket": str(ticket), "entry": entry} for ticket, entry in wrong]
    for ticket, _ in wrong:
        report(store, ticket, datetime.now(UTC))
    store.close()
    if json:
        as_json(found)
    elif not found:
        typer.echo("every chain verifies")
    for one in [] if json else found:
        typer.echo(f"ticket {one['ticket']}: broken from entry {one['entry']}")
    raise typer.Exit(1 if found else 0)


@schema_app.command("ticket")
def schema_ticket(
    json: Json = False,  # noqa: ARG001 - it is JSON anyway
) -> None:
    """Print the JSON Schema of a ticket, with each right's details."""
    from workers.schema import ticket_schema

    as_json(ticket_schema())
