"""What storages say when they do not answer, or refuse."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from shared.domain.errors import Final, Retryable

_UNREACHABLE = "the storage of the objects cannot be reached"
_REFUSED = "the objects may not be read or changed; check the rights of the credentials"
_REFUSALS = (("paramiko", "AuthenticationException"), ("botocore.exceptions", "NoCredentialsError"))
# What drivers raise beside OSError; a driver that is not loaded has raised nothing.
_FAULTS = (
    ("botocore.exceptions", "BotoCoreError"),
    ("botocore.exceptions", "ClientError"),
    ("aiohttp", "ClientError"),
    ("azure.core.exceptions", "AzureError"),
    ("gcsfs.retry", "HttpError"),
    ("google.auth.exceptions", "GoogleAuthError"),
    ("paramiko", "SSHException"),
)


@contextmanager
def reachable() -> Iterator[None]:
    """Turn what the storage says into our two families, without the paths that it names."""
    try:
        yield
    except PermissionError:
        raise Final(_REFUSED) from None
    except (OSError, EOFError):
        raise Retryable(_UNREACHABLE) from None
    except _raised(_REFUSALS):
        raise Final(_REFUSED) from None
    except _raised(_FAULTS):
        raise Retryable(_UNREACHABLE) from None


def _raised(names: Iterable[tuple[str, str]]) -> tuple[type[Exception], ...]:
    found = (getattr(sys.modules.get(module), name, None) for module, name in names)
    return tuple(one for one in found if isinstance(one, type) and issubclass(one, Exception))
