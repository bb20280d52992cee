"""Open any fsspec URL; an SFTP server only if it is known."""

import base64
import hashlib
import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from fsspec import AbstractFileSystem
from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem
from fsspec.implementations.memory import MemoryFileSystem

from shared.domain.errors import Final

_SSH = ("sftp://", "ssh://")
_S3 = ("s3://", "s3a://")
# What s3fs hands to its client; what it does not know, such as a profile, it hands to a session of its own.
_KEYS = frozenset({"key", "secret"})
_OF_A_CLIENT = _KEYS | {"use_listings_cache", "token", "endpoint_url", "use_ssl", "client_kwargs", "config_kwargs"}


def opened(url: str, options: Mapping[str, Any], folder: Path) -> tuple[AbstractFileSystem, str]:
    """Return the file system of a URL, on a connection of its own, and the path that the URL names.

    A relative path is below `folder`. Options go to the storage's driver, but for an SFTP server's `host_key`
    (`SHA256:…`, as `ssh-keygen -lf` prints it) or `known_hosts` (a file; else the user's own). A ValueError, TypeError
    or ImportError says that URL and options fit no driver.
    """
    options = {"use_listings_cache": False} | dict(options)
    if "::" in url:
        raise ValueError("a chained URL reads through copies; name the storage itself")
    if url.startswith(_SSH):
        del options["use_listings_cache"]  # this driver keeps none, and hands all that it does not know to ssh
        options["host_key_policy"] = _policy(options.pop("host_key", None), options.pop("known_hosts", None), folder)
    if url.startswith(_S3) and _KEYS <= set(options) <= _OF_A_CLIENT:
        options["session"] = _session(os.getpid())
    where = url if "://" in url else str(folder / url)
    fs, root = url_to_fs(where, skip_instance_cache=True, **options)
    return fs, root.rstrip("/")


def close(fs: AbstractFileSystem) -> None:
    """Let go of a file system's connection, where it holds one open."""
    if is_sftp(fs):
        fs.ftp.close()
        fs.client.close()


def mounted(fs: AbstractFileSystem, root: str) -> bool:
    """Say whether the folder or bucket is there; one that is not there is not an empty one."""
    if isinstance(fs, MemoryFileSystem):
        return True
    try:
        fs.info(root if isinstance(fs, LocalFileSystem) or is_sftp(fs) else root.lstrip("/").split("/")[0])
    except FileNotFoundError:
        return False
    except TypeError:  # some drivers look at their options only now, and name them
        raise Final("the options fit no storage driver installed here; check the inventory") from None
    return True


def is_sftp(fs: AbstractFileSystem) -> bool:
    """Say whether a file system is an SFTP server's."""
    return "sftp" in fs.protocol


@cache
def _session(_process: int) -> Any:
    """Return what knows S3's API, read once a process, for that takes long; keys are the client's, never kept in it."""
    from aiobotocore.session import AioSession  # noqa: PLC0415 - an extra: only S3 needs it

    return AioSession()


def _policy(host_key: str | None, known_hosts: str | None, folder: Path) -> Any:
    """Return what decides about a server's key, which fsspec would else accept unseen, password and all."""
    from paramiko import MissingHostKeyPolicy  # noqa: PLC0415 - an extra: only SFTP needs it
    from paramiko.hostkeys import HostKeys  # noqa: PLC0415 - the same

    known = HostKeys()
    path = folder / known_hosts if known_hosts else Path("~/.ssh/known_hosts").expanduser()
    if host_key is None and (known_hosts or path.exists()):
        known.load(str(path))

    class Known(MissingHostKeyPolicy):  # type: ignore[misc]  # paramiko has no types
        def missing_host_key(self, _client: Any, hostname: str, key: Any) -> None:
            printed = "SHA256:" + base64.b64encode(hashlib.sha256(key.asbytes()).digest()).decode().rstrip("=")
            if not (printed == host_key if host_key else known.check(hostname, key)):
                raise Final("the SFTP server's key is not the one that is known; check host_key or known_hosts")

    return Known()
