"""One look at a system before tickets come: whether it answers, fits its data map, and grants what is needed."""

from collections.abc import Iterator
from contextlib import closing

from shared.domain.errors import Retryable, RightsdeskError, UsageError
from shared.inventory import Client, Credential, System
from shared.log import place_of
from shared.ports import Checks, Finding
from workers import connectors


def check(system: System, client: Client, credential: Credential | None = None) -> Iterator[Finding]:
    """Yield what is wrong with a system, what looks personal and is not in its data map, and what to know."""
    try:
        with closing(connectors.build(system, client, credential)) as connector:
            if isinstance(connector, Checks):
                yield from connector.check()
            else:
                what = f"{system.connector} systems have no check; only the settings were read"
                yield Finding("note", "system", what, "look at the first tickets")
    except UsageError as error:
        yield Finding("error", "settings", str(error), "correct the inventory or the data map")
    except Retryable as error:
        yield Finding("error", "connection", str(error), "start it, or correct address and credentials")
    except RightsdeskError as error:
        yield Finding("error", "system", str(error), "correct it, then check again")
    except Exception as error:  # noqa: BLE001 - a plugin may raise anything, and its text may quote a record
        yield Finding("error", "system", f"unexpected {place_of(error)}", "report it to whoever wrote this connector")
