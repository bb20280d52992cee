"""Folders and logs that only we can read, and nobody else can have put there."""

import os
import stat
from pathlib import Path

from shared.domain.errors import UsageError


def private_folder(path: Path) -> Path:
    """Make a folder 0700 with its parents; a UsageError if another user, or a link, stands in its place."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = path.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            raise UsageError(f"{path} is not a folder of ours; remove it or choose another RIGHTSDESK_HOME")
        if stat.S_IMODE(found.st_mode) != 0o700:
            path.chmod(0o700)
    except OSError as error:
        raise UsageError(f"{path} can not be a private folder: {error.strerror}") from None
    return path


def home_folder(path: Path) -> Path:
    """Make the home a private folder; a UsageError if it is one that others need, such as /tmp or a user's own."""
    shared = path.is_dir() and path.stat().st_mode & stat.S_ISVTX
    if shared or path in {Path("/"), Path.home().resolve()}:
        raise UsageError(f"RIGHTSDESK_HOME needs a folder of its own, below {path}")
    return private_folder(path)


def private_log(path: Path) -> int:
    """Open a file 0600 for appending; the caller closes the descriptor."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    os.fchmod(descriptor, 0o600)
    return descriptor
