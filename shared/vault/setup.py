"""How a vault comes to be, and to other secrets."""

import secrets
from pathlib import Path

from shared.domain.errors import UsageError
from shared.envelope import SealError
from shared.private_file import write_private
from shared.vault import file
from shared.vault.held import held, hold
from shared.vault.opened import own_folder
from shared.vault.opening import PASSPHRASE, SERVER_SECRET, Kdf
from shared.vault.plain import gather, remove


def own_secrets(root: Path) -> tuple[bytes, bytes]:
    """Return the secrets of our own making, making what is missing: 256 random bits each, in a file 0600 of its own."""
    with file.changing(root):
        return _own(root, PASSPHRASE), _own(root, SERVER_SECRET)


def _own(root: Path, name: str) -> bytes:
    path = own_folder(root) / name
    if not path.exists():
        write_private(path, secrets.token_urlsafe(32).encode() + b"\n")
    return path.read_bytes().rstrip(b"\r\n")


def init(root: Path, passphrase: bytes, server_secret: bytes, *, kdf: Kdf | None = None, again: bool = False) -> bool:
    """Make a home's vault, from the keys that lie there as plain files if any do; say whether they did.

    They go once the vault has been opened again. A UsageError if there is a vault, unless `again` says that this is
    fine.
    """
    with file.changing(root):
        if file.place(root).exists():
            if again:
                return False
            raise UsageError("there is a vault already; `rightsdesk vault rekey` gives it other secrets")
        ring = gather(root)
        file.write(root, file.Sealed.made(ring, kdf or Kdf(), passphrase, server_secret))
        sealed = file.read(root)
        if sealed.ring(sealed.vault_key(passphrase, server_secret)) != ring:
            raise file.damaged(root)
        return remove(root)


def rekey(root: Path, old: tuple[bytes | None, bytes | None], new: tuple[bytes, bytes], *, kdf: Kdf) -> None:
    """Give a home's vault other secrets and a new vault key; Closed unless the old ones (passphrase, server's) fit.

    Its keys stay. Processes that hold the old vault key work on, and read the vault again by the new secrets.
    """
    with file.changing(root):
        sealed = file.read(root)
        try:
            ring = sealed.ring(sealed.vault_key(*old))
        except SealError:
            raise file.damaged(root) from None
        fresh = file.Sealed.made(ring, kdf, *new)
        file.write(root, fresh)
    if held(root) is not None:
        hold(root, fresh.vault_key(*new))
