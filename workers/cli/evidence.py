"""Commands that prove: certificates, the records that they commit to, evidence and its checkpoints."""

import json as jsonlib
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import typer

from shared.domain.errors import RightsdeskError, UsageError
from workers.cli.proofs import group, opened
from workers.cli.shown import as_json
from workers.cli.tickets import Id, Json

certificate_app = group("certificate", "The certificates of closed tickets.")
evidence_app = group("evidence", "Evidence: chains, checkpoints, certificates.")
Out = Annotated[Path | None, typer.Option(help="The file; standard output by default.")]
Key = Annotated[Path, typer.Option(help="The vendor's public key (PEM).")]


@certificate_app.command("show", epilog="Example: rightsdesk certificate show 6f8f… --html --out certificate.html")
def certificate_show(
    ident: Id,
    out: Out = None,
    html: Annotated[bool, typer.Option("--html", help="A page to read and print, in the client's language.")] = False,
    json: Json = False,
) -> None:
    """Write a closed ticket's certificate (JSON), with its proof once a checkpoint covers it."""
    from shared.evidence import verify
    from shared.store.checkpoints import certified
    from workers.certificate_page import page

    if html and json:
        raise UsageError("give --html or --json, one of them")
    with opened(ident) as (office, row):
        with office.store.read() as session:
            document = certified(session, row.id)
        if document is None:
            raise RightsdeskError(f"the ticket is {row.state}; its certificate is signed when it closes")
        if wrong := verify(document, office.vault.verifiers):
            raise RightsdeskError(f"{wrong}; `rightsdesk evidence verify` looks at all evidence")
        _write(out, page(office, document) if html else _text(document))


@certificate_app.command(
    "prove", epilog="Example: rightsdesk certificate prove 6f8f… --system chat --collection contacts --key '[42]'"
)
def certificate_prove(
    ident: Id,
    system: Annotated[str, typer.Option(help="The system's id, as on the certificate.")],
    collection: Annotated[str, typer.Option(help="The table, mailbox or folder.")],
    key: Annotated[str, typer.Option(help="The record's key: a primary key as JSON, or a path.")],
    out: Out = None,
    json: Json = False,  # noqa: ARG001 - it is JSON anyway
) -> None:
    """Write the proof that a record was found, for somebody who knows the record.

    `certificate verify --record` checks it. It shows this record and says nothing of any other. It can be made until
    the ticket's key dies with its retention.
    """
    from workers.records import prove

    with opened(ident) as (office, row):
        _write(out, _text(prove(office, row, system=system, collection=collection, key=key)))


def _text(document: dict[str, Any]) -> str:
    # pure ASCII: a record's key may be a file name that is no text
    return jsonlib.dumps(document, indent=2, sort_keys=True) + "\n"


def _write(out: Path | None, text: str) -> None:
    if out is None:
        typer.echo(text, nl=False)
        return
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write {out}: {error.strerror}") from None


@certificate_app.command("verify", epilog="Example: rightsdesk certificate verify cert.json --key public.pem")
def certificate_verify(
    file: Annotated[Path, typer.Argument(help="The certificate.")],
    key: Key,
    record: Annotated[Path | None, typer.Option(help="The proof of a record (`certificate prove`).")] = None,
    json: Json = False,
) -> None:
    """Verify a certificate offline: exit 0 if it was signed by this key and not changed since.

    Says whether it saw a proof that a checkpoint covers it, or `pending`: signed, and not yet in a checkpoint.
    """
    from shared.envelope import read_public_pem
    from shared.evidence import verify, verify_record

    document = _document(file)
    wrong = verify(document, read_public_pem(key))
    if wrong is None and record is not None:
        wrong = verify_record(_document(record), document["certificate"])
    proof = None if wrong else _proof(document["proof"])
    if json:
        as_json({"valid": wrong is None, "reason": wrong, "proof": proof})
        raise typer.Exit(0 if wrong is None else 1)
    if wrong:
        raise RightsdeskError(wrong)
    body = document["certificate"]
    which = f"in checkpoint {proof['checkpoint']} of {proof['at']}" if isinstance(proof, dict) else proof
    typer.echo(f"valid: ticket {body['ticket']}, {body['right']}, {body['outcome']}; proof {which}")
    if record is not None:
        typer.echo("the record is among those that were found")


def _proof(proof: Any) -> Any:
    if proof == "pending":
        return proof
    checkpoint = proof["checkpoint"]
    return {"checkpoint": checkpoint["number"], "at": checkpoint["at"], "root": checkpoint["root"]}


def _document(file: Path) -> Any:
    """Return a file's JSON; None, which is no document of ours, if it is none."""
    from shared.strict_json import value_of

    try:
        return value_of(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror}") from None
    except UnicodeDecodeError:
        return None


@evidence_app.command("verify", epilog="Example: rightsdesk evidence verify --published s3://bucket/checkpoints")
def evidence_verify(
    published: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Where checkpoints are published; RIGHTSDESK_CHECKPOINTS by default."),
    ] = None,
    key: Annotated[
        Path | None, typer.Option(help="The vendor's public key (PEM), for who has not the keys; nothing is written.")
    ] = None,
    json: Json = False,
) -> None:
    """Check every chain, checkpoint and certificate; exit 1 if one is broken, naming the first broken place.

    Compared with what was published, a database that was put back to an older state is found, too.
    """
    from shared import settings
    from shared.envelope import read_public_pem
    from shared.store.audit import Audit
    from shared.store.session import Store
    from shared.vault import open_vault
    from workers.checkpoints import alarm
    from workers.office import utc_now

    read = settings.read()
    place = _published(published, read.checkpoints)
    public = read_public_pem(key) if key else open_vault(read.root, read.secrets).verifiers
    with closing(Store(read.database)) as store:
        with store.read(snapshot=True) as session:
            audit = Audit(session, public)
            found = list(audit.broken(place))
        if key is None:
            alarm(store, found, utc_now())
    if json:
        as_json([one.as_json() for one in found])
    for one in [] if json else found:
        typer.echo(str(one))
    if not found and not json:
        typer.echo(str(audit))
    raise typer.Exit(1 if found else 0)


def _published(asked: str | None, usual: str | None) -> Any:
    from workers.published import Published

    if not (url := asked or usual):
        return None
    place = Published(url)
    if asked and not place:
        raise UsageError("nothing is published there")
    return place


@evidence_app.command("checkpoint", epilog="Example: rightsdesk evidence checkpoint")
def evidence_checkpoint(json: Json = False) -> None:
    """Cover what changed with a signed checkpoint now, and publish it; beat does it by itself."""
    from shared import log, settings
    from workers.checkpoints import keep
    from workers.office import open_office

    log.configure("evidence", level=30)
    with closing(open_office(settings.read())) as office:
        made = keep(office)
    if json:
        as_json({"checkpoints": made})
    else:
        typer.echo(f"{made} checkpoints made" if made else "nothing has changed since the last checkpoint")
