"""Keys as they lay before there was a vault: each a plain file (0600) under `keys`."""

import json
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from shared.domain.errors import RightsdeskError
from shared.envelope import Jwk, subkey
from shared.vault.keyring import Key, Keyring, SigningKey, fresh_intake, fresh_submitter

_SECRETS = ("master.key", "index.key", "replay.key", "signing.key")
_PAIRS = ("intake.jwk", "submitter.jwk")


def is_plain(root: Path) -> bool:
    """Say whether keys lie in a home as plain files."""
    return any(_path(root, name).exists() for name in (*_SECRETS, *_PAIRS))


def gather(root: Path) -> Keyring:
    """Return the keys that lie there, and make those that do not."""
    if not is_plain(root):
        return Keyring.fresh()
    master, index, replay, signing = (_secret(_path(root, name)) for name in _SECRETS)
    return Keyring(
        masters=(_key(root, "master.key", master),),
        index=(_key(root, "index.key", index),),
        content=index,  # what was made of them stands in the database
        links=subkey(master, "acknowledge"),
        replay=replay,
        intake=_pair(_path(root, "intake.jwk"), fresh_intake),
        submitter=_pair(_path(root, "submitter.jwk"), fresh_submitter),
        signing=(SigningKey.of(signing).model_copy(update={"made_at": _made(root, "signing.key")}),),
    )


def remove(root: Path) -> bool:
    """Remove the plain files, for they lie in the vault; say whether there were any."""
    there = [path for name in (*_SECRETS, *_PAIRS) if (path := _path(root, name)).exists()]
    for path in there:
        path.unlink()
    return bool(there)


def _path(root: Path, name: str) -> Path:
    return root / "keys" / name


def _made(root: Path, name: str) -> datetime:
    path = _path(root, name)
    return datetime.fromtimestamp(path.stat().st_mtime, UTC) if path.exists() else datetime.now(UTC)


def _key(root: Path, name: str, secret: bytes) -> Key:
    return Key(made_at=_made(root, name), secret=secret)


def _secret(path: Path) -> bytes:
    found = path.read_bytes() if path.exists() else secrets.token_bytes(32)
    if len(found) != 32:
        raise _damaged(path)
    return found


def _pair(path: Path, make: Callable[[], Jwk]) -> Jwk:
    if not path.exists():
        return make()
    try:
        found: Jwk = json.loads(path.read_bytes())
        if not {"kty", "crv", "x", "d"} <= found.keys():
            raise _damaged(path)
    except (ValueError, AttributeError):  # no JSON, or no object
        raise _damaged(path) from None
    return found


def _damaged(path: Path) -> RightsdeskError:
    return RightsdeskError(f"the key {path} is damaged: put it back from where it is kept")
