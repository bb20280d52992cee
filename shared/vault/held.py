"""The vault key, held in memory from `vault unlock` until `vault lock` or the machine's end.

It lies in a file 0600 in a folder 0700 of ours on a tmpfs, so it is never on a disk (but for swap: encrypt that). The
kernel's keyring would not do: container runtimes forbid its calls.
"""

import hashlib
import os
import stat
from contextlib import suppress
from pathlib import Path

from shared.domain.errors import UsageError
from shared.private_file import write_private

_MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of ours in it, whose owner is checked


def hold(root: Path, key: bytes) -> Path:
    """Keep a home's vault key; return where."""
    if not _is_memory():
        raise UsageError(f"{_MEMORY} is no tmpfs: give both secrets to each process instead; see docs/keys.md")
    folder = _folder(root)
    folder.mkdir(mode=0o700, exist_ok=True)
    if not _is_ours(folder):
        raise UsageError(f"{folder} is not a folder of ours; remove it")
    write_private(folder / "vault.key", key)
    return folder / "vault.key"


def held(root: Path) -> bytes | None:
    """Return a home's vault key if it is held."""
    folder = _folder(root)
    with suppress(OSError):
        return (folder / "vault.key").read_bytes() if _is_ours(folder) else None
    return None


def let_go(root: Path) -> bool:
    """Hold a home's vault key no longer; say whether it was."""
    folder = _folder(root)
    if not _is_ours(folder):
        return False
    for one in folder.iterdir():  # drafts of an `unlock` that was killed hold it, too
        one.unlink(missing_ok=True)
    folder.rmdir()
    return True


def _folder(root: Path) -> Path:
    return _MEMORY / f"rightsdesk-{os.getuid()}-{hashlib.sha256(str(root).encode()).hexdigest()[:12]}"


def _is_ours(folder: Path) -> bool:
    try:
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o077


def _is_memory() -> bool:
    mounts = [line.split() for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines()]
    return any(mount[1] == str(_MEMORY) and mount[2] == "tmpfs" for mount in mounts)
