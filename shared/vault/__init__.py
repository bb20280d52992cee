"""The vault: all keys of one installation and the credentials of its systems, opened by two secrets (docs/keys.md)."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

from shared.domain.errors import UsageError
from shared.vault import file
from shared.vault.file import Closed
from shared.vault.opened import LABEL, Vault, label, open_keys, own_folder
from shared.vault.opening import PASSPHRASE, Kdf, Secrets
from shared.vault.plain import is_plain
from shared.vault.setup import init, own_secrets, rekey

__all__ = [
    "LABEL",
    "Closed",
    "Secrets",
    "Vault",
    "credentials",
    "init",
    "label",
    "open_vault",
    "own_folder",
    "own_secrets",
    "rekey",
    "together",
]


def open_vault(root: Path, given: Secrets = Secrets(), *, create: bool = True, ask: bool = True) -> Vault:  # noqa: B008 - it is frozen
    """Open a home's vault.

    Where there is none and no secret is given, make it with secrets of our own (0600, in a folder 0700), from the keys
    that lie there as plain files if any do. A UsageError where secrets are given, or without `create`. With `ask`, a
    passphrase that is given nowhere is asked for where there is a terminal.
    """
    if not file.place(root).exists():
        if not create and not is_plain(root):
            raise UsageError("there are no keys under RIGHTSDESK_HOME")
        if given.set:
            raise UsageError("there is no vault under RIGHTSDESK_HOME yet: make it with `rightsdesk vault init`")
        init(root, *own_secrets(root), kdf=Kdf.for_random(), again=True)
    return Vault(root, given, open_keys(root, given, ask=ask))


def together(root: Path, given: Secrets) -> bool:
    """Say whether the vault is opened by secrets of our own making that lie beside it."""
    return not given.set and (own_folder(root) / PASSPHRASE).exists()


def credentials(root: Path, given: Secrets) -> Callable[[str], str]:
    """Return what reads systems' credentials from a home's vault, which it opens when it is first asked."""
    vault = cache(lambda: open_vault(root, given, create=False))
    return lambda name: vault().credential(name)
