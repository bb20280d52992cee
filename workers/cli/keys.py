"""Commands about keys: the installation's public ones, and those of who may submit."""

from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from shared.domain.errors import UsageError
from workers.cli import app
from workers.cli.shown import as_json, table
from workers.cli.tickets import Json, reading

if TYPE_CHECKING:
    from shared.vault import Vault

keys_app = typer.Typer(
    help="Keys: what others verify and seal with, and who may submit.", no_args_is_help=True, rich_markup_mode=None
)
app.add_typer(keys_app, name="keys")

ClientId = Annotated[str, typer.Option(help="The client's id.")]


@keys_app.command(
    "show", epilog="Examples: rightsdesk keys show --public > public.pem · rightsdesk keys show --intake > intake.jwk"
)
def keys_show(
    public: Annotated[bool, typer.Option("--public", help="The public key that certificates verify with.")] = False,
    intake: Annotated[bool, typer.Option("--intake", help="The public key that tickets are sealed to (JWK).")] = False,
    json: Json = False,
) -> None:
    """Show a public key: of certificates (PEM) or of the intake (JWK)."""
    from shared.envelope import public_pem
    from shared.message import kid_of

    if not public and not intake:
        raise UsageError("only the public key can be shown: add --public, or --intake for those who submit")
    if public and intake:
        raise UsageError("--public or --intake: show one at a time")
    vault = _vault()
    if intake:
        key = {name: vault.intake[name] for name in ("kty", "crv", "x")}
        as_json(key | {"kid": kid_of(vault.intake)})
        return
    keys = vault.ring.signing
    if json:
        pem = public_pem(keys[-1].verifier).decode()
        as_json({"public": pem, "keys": [_signing(one) for one in keys]})
        return
    for one in keys:
        until = f"until {one.until:%Y-%m-%d}" if one.until else "signs now"
        typer.echo(f"# {one.id}, from {one.made_at:%Y-%m-%d}, {until}\n{public_pem(one.verifier).decode()}", nl=False)


def _signing(key: Any) -> dict[str, Any]:
    from shared.envelope import public_pem

    until = key.until.isoformat(timespec="seconds") if key.until else None
    made = key.made_at.isoformat(timespec="seconds")
    return {"id": key.id, "public": public_pem(key.verifier).decode(), "from": made, "until": until}


@keys_app.command(
    "rotate",
    epilog="Examples: rightsdesk keys rotate · rightsdesk keys rotate --signing · rightsdesk keys rotate --json",
)
def keys_rotate(
    signing: Annotated[
        bool, typer.Option("--signing", help="The key that signs certificates and checkpoints.")
    ] = False,
    json: Json = False,
) -> None:
    """Replace the master key, or the signing key, while everything runs; broken off, it goes on when run again.

    The old master key is destroyed when nothing is sealed by it any more. The old signing key signs that the new one
    follows, and is destroyed; its public part is shown by `keys show --public`, for what it has signed verifies still.
    """
    from shared import log, settings
    from workers.office import open_office
    from workers.rotation import rotate_master, rotate_signing

    log.configure("rotate", level=30)
    with closing(open_office(settings.read())) as office:
        if signing:
            found: dict[str, Any] = _signing(rotate_signing(office))
            said = f"{found['id']} signs now; give `rightsdesk keys show --public` to who verifies"
        else:
            found = {"rewrapped": rotate_master(office)}
            said = f"{found['rewrapped']} keys and letters are sealed by the new master key; the old one is destroyed"
    if json:
        as_json(found)
    else:
        typer.echo(said)


@keys_app.command("changes", epilog="Example: rightsdesk keys changes > changes.json")
def keys_changes(json: Json = False) -> None:  # noqa: ARG001 - it is JSON anyway
    """Print the statements (JSON) by which each signing key says which one follows it."""
    from shared.store.checkpoints import key_changes

    with reading() as (session, _):
        as_json([row.statement for row in key_changes(session)])


@keys_app.command(
    "add",
    epilog="Example: rightsdesk keys add --client acme --key acme-2027.pub.pem --from 2026-12-01 --until 2028-01-01",
)
def keys_add(
    client: ClientId,
    key: Annotated[Path, typer.Option(help="The submitter's public Ed25519 key: PEM or JWK.")],
    since: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="TIME", help="When its signatures begin to count; when it was added by default."
        ),
    ] = None,
    until: Annotated[str | None, typer.Option(metavar="TIME", help="When they end to; never by default.")] = None,
    json: Json = False,
) -> None:
    """Let a key submit tickets of a client; added again, it has the new dates. Several may be valid at once."""
    from shared import inventory, settings
    from shared.message import kid_of, public_jwk, read_public
    from shared.store import submitters
    from shared.store.tables import SubmitterKeyRow

    read, now = settings.read(), datetime.now(UTC)
    if client not in inventory.load(read.systems).clients:
        raise UsageError("client: no such client in the inventory")
    public = read_public(key)
    kid, begin = kid_of(public_jwk(public)), _moment("--from", since)
    row = SubmitterKeyRow(kid=kid, client=client, public=public, added_at=now, valid_until=_moment("--until", until))
    row = _change(lambda session: submitters.allow(session, row, since=begin))
    if json:
        as_json(_shown(row, now))
    else:
        typer.echo(kid)


@keys_app.command("list", epilog="Example: rightsdesk keys list --json")
def keys_list(json: Json = False) -> None:
    """List who may submit: the installation's own key, which may for every client, and those that were added."""
    from shared.message import kid_of
    from shared.store import submitters

    own = kid_of(_vault().submitter)
    found: list[dict[str, Any]] = [
        {"id": own, "client": None, "state": "installation", "from": None, "until": None, "revoked_at": None}
    ]
    with reading() as (session, now):
        found += [_shown(row, now) for row in submitters.registered(session)]
    if json:
        as_json(found)
        return
    table(
        ("key", "client", "state", "from", "until"),
        ((one["id"], one["client"] or "all", one["state"], one["from"], one["until"]) for one in found),
    )


@keys_app.command("revoke", epilog="Example: rightsdesk keys revoke q2vB8n… --client acme")
def keys_revoke(
    ident: Annotated[str, typer.Argument(metavar="ID", help="The key's id, or the beginning of it.")],
    client: Annotated[str | None, typer.Option(help="Only for this client; for all by default.")] = None,
    json: Json = False,
) -> None:
    """Refuse from now on whatever a key has signed, also what is still on the queue."""
    from shared.store import submitters

    clients = _change(lambda session: submitters.revoke(session, ident, client, datetime.now(UTC)))
    if json:
        as_json({"revoked_for": clients})
    else:
        typer.echo(f"revoked for {', '.join(clients)}")


def _vault() -> "Vault":
    from shared import settings
    from shared.vault import open_vault

    read = settings.read()
    return open_vault(read.root, read.secrets)


def _change(act: Callable[[Any], Any]) -> Any:
    from shared import settings
    from shared.store.session import Store

    with closing(Store(settings.read().database)) as store, store.write() as session:
        return act(session)


def _shown(row: Any, now: datetime) -> dict[str, Any]:
    from shared.store.submitters import state

    times = {"from": row.valid_from, "until": row.valid_until, "revoked_at": row.revoked_at}
    shown = {name: at.isoformat(timespec="seconds") if at else None for name, at in times.items()}
    return {"id": row.kid, "client": row.client, "state": state(row, now)} | shown


def _moment(option: str, text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(f"{text}T00:00+00:00" if len(text) == 10 else text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise UsageError(f"{option} is a date (2027-01-01, from 00:00 UTC) or a time with its offset")
    return moment.astimezone(UTC)
