"""Commands about the vault: the two secrets that open it, and what is kept in it."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shared.domain.errors import UsageError
from workers.cli import app
from workers.cli.shown import as_json
from workers.cli.tickets import Json

if TYPE_CHECKING:
    from shared.settings import Settings
    from shared.vault import Vault

vault_app = typer.Typer(
    help="The vault: the installation's keys and its systems' credentials, opened by two secrets.",
    no_args_is_help=True, rich_markup_mode=None,
)  # fmt: skip
app.add_typer(vault_app, name="vault")

NewPassphrase = Annotated[
    Path | None, typer.Option(metavar="FILE", help="The administrator's new passphrase; `-` asks for it.")
]
NewServerSecret = Annotated[Path | None, typer.Option(metavar="FILE", help="The new server secret; made if not there.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="The credential's name, as in `vault:NAME`.")]
_SHORTEST = 12  # characters of a passphrase, and of a server secret


@vault_app.command("init", epilog="Example: RIGHTSDESK_SERVER_SECRET_FILE=/etc/rightsdesk/secret rightsdesk vault init")
def vault_init() -> None:
    """Make the vault, opened by the secrets that the settings give; keys that lie there as plain files go into it.

    A passphrase that is not given is asked for; a file for the server secret that is not there is made.
    """
    from shared.vault import init
    from shared.vault.file import place

    read = _settings()
    if place(read.root).exists():
        raise UsageError("there is a vault already; `rightsdesk vault rekey` gives it other secrets")
    if read.server_secret_file and not read.server_secret:
        _make(read.server_secret_file, read.root)
    if not read.secrets.server_secret.set:
        raise UsageError("give the server secret, e.g. by RIGHTSDESK_SERVER_SECRET_FILE; see docs/keys.md")
    server_secret = read.secrets.server_secret.read(read.root) or b""
    passphrase = read.secrets.passphrase.read(read.root) if read.secrets.passphrase.set else _asked_twice()
    plain = init(read.root, *_long_enough(passphrase or b"", server_secret))
    typer.echo("the vault is made" + ("; the keys that lay there as plain files are in it now" if plain else ""))


@vault_app.command("unlock", epilog="Example: rightsdesk vault unlock")
def vault_unlock() -> None:
    """Open the vault by both secrets and hold its key in memory, so that processes of this user need no secret.

    It is held on a tmpfs, in a file 0600, until `vault lock` or until the machine is restarted.
    """
    from shared.vault.file import read as read_file
    from shared.vault.held import hold

    read = _settings()
    where = hold(read.root, read_file(read.root).vault_key(*_secrets(read)))
    typer.echo(f"unlocked until the machine is restarted, or `rightsdesk vault lock` ({where})")


@vault_app.command("lock", epilog="Example: rightsdesk vault lock")
def vault_lock() -> None:
    """Hold the vault's key no longer; processes that run keep it until they end."""
    from shared.vault.held import let_go

    typer.echo("locked" if let_go(_settings().root) else "it was not unlocked")


@vault_app.command(
    "rekey", epilog="Example: rightsdesk vault rekey --new-passphrase - --new-server-secret /etc/rightsdesk/secret"
)
def vault_rekey(new_passphrase: NewPassphrase = None, new_server_secret: NewServerSecret = None) -> None:
    """Give the vault another passphrase, another server secret, or both; it needs those that it has. Its keys stay.

    A secret of our own making that is replaced is removed from the home.
    """
    from shared.vault import own_folder, rekey
    from shared.vault.file import read as read_file
    from shared.vault.opening import PASSPHRASE, SERVER_SECRET, Kdf

    read = _settings()
    if new_passphrase is None and new_server_secret is None:
        raise UsageError("say what is new: --new-passphrase, --new-server-secret")
    old = _secrets(read)
    read_file(read.root).vault_key(*old)  # a wrong one is said before anything is asked or made
    passphrase = _new_passphrase(new_passphrase) if new_passphrase else old[0] or b""
    if new_server_secret:
        _make(new_server_secret, read.root)
    server_secret = _contents(new_server_secret) if new_server_secret else old[1] or b""
    own = own_folder(read.root)
    random = not new_passphrase and not read.secrets.passphrase.set and (own / PASSPHRASE).exists()
    new = _long_enough(passphrase, server_secret)
    rekey(read.root, old, new, kdf=Kdf.for_random() if random else Kdf())
    for name, file in ((PASSPHRASE, new_passphrase), (SERVER_SECRET, new_server_secret)):
        if file is not None and file.expanduser().resolve() != (own / name).resolve():
            (own / name).unlink(missing_ok=True)
    typer.echo("the vault has its new secrets: give them to each process from now on")


@vault_app.command("set", epilog="Example: rightsdesk vault set acme-imap < password.txt")
def vault_set(name: Name) -> None:
    """Keep a system's credential, from standard input; the inventory names it `vault:NAME`."""
    import re

    if not re.fullmatch(r"[\w.-]{1,64}", name, re.ASCII):
        raise UsageError("a credential's name has letters, digits, dots, dashes and underscores, 64 at most")
    vault = _vault()
    given = _asked_for() if sys.stdin.isatty() else _piped()
    if not given:
        raise UsageError("the credential is empty")
    vault.change(lambda ring: ring.model_copy(update={"credentials": ring.credentials | {name: given}}))
    typer.echo(f"kept; the inventory names it vault:{name}")


@vault_app.command("unset", epilog="Example: rightsdesk vault unset acme-imap")
def vault_unset(name: Name) -> None:
    """Forget a system's credential."""
    vault = _vault()
    vault.credential(name)
    vault.change(
        lambda ring: ring.model_copy(
            update={"credentials": {one: kept for one, kept in ring.credentials.items() if one != name}}
        )
    )
    typer.echo("forgotten")


@vault_app.command("list", epilog="Example: rightsdesk vault list --json")
def vault_list(json: Json = False) -> None:
    """List the names of the credentials that are kept."""
    names = sorted(_vault().ring.credentials)
    if json:
        as_json(names)
    for name in [] if json else names:
        typer.echo(name)


def _settings() -> "Settings":
    from shared import settings

    return settings.read()


def _vault() -> "Vault":
    from shared.vault import open_vault

    read = _settings()
    return open_vault(read.root, read.secrets)


def _secrets(read: "Settings") -> tuple[bytes | None, bytes | None]:
    """Return both secrets as they are given; None for one that is missing."""
    from shared.vault import own_folder
    from shared.vault.opened import both

    return both(own_folder(read.root), read.secrets, ask=True)


def _new_passphrase(file: Path) -> bytes:
    return _asked_twice() if str(file) == "-" else _contents(file)


def _asked_twice() -> bytes:
    from shared.vault.opening import asked

    first = asked("New passphrase of the vault: ")
    if first is None:
        raise UsageError("give the passphrase: here is no terminal at which to ask for it; see docs/keys.md")
    if first != asked("Again: "):
        raise UsageError("the two are not the same")
    return first


def _asked_for() -> str:
    """Ask for a credential at the terminal, without showing it."""
    import getpass

    return getpass.getpass("Credential: ")


def _piped() -> str:
    try:
        return sys.stdin.buffer.read().decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise UsageError("the credential is no UTF-8 text") from None


def _contents(file: Path) -> bytes:
    try:
        return file.expanduser().read_bytes().rstrip(b"\r\n")
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror}") from None


def _make(file: Path, root: Path) -> None:
    """Make a server secret of 256 random bits where there is none; of two at once one does."""
    import secrets

    from shared.private_file import write_private
    from shared.vault.file import changing

    with changing(root):
        if file.expanduser().exists():
            return
        try:
            write_private(file.expanduser(), secrets.token_urlsafe(32).encode() + b"\n")
        except OSError as error:
            raise UsageError(f"cannot make {file}: {error.strerror}") from None


def _long_enough(passphrase: bytes, server_secret: bytes) -> tuple[bytes, bytes]:
    for name, secret in (("passphrase", passphrase), ("server secret", server_secret)):
        if len(secret) < _SHORTEST:
            raise UsageError(f"the {name} needs at least {_SHORTEST} characters")
    return passphrase, server_secret
