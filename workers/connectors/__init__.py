"""Connectors: one kind a file. Add one with one new file, or from your own package.

A module exports `CONNECTOR`, a class with `name` (what `connector = "…"` in the inventory says), `Settings`
(a pydantic model of the kind's own keys, `extra="forbid"`), `__init__(system, client, settings)`, `close()`,
and those verbs of `shared.ports` that it can do: what it lacks is `Unsupported` and asks a person. `check` is for
`rightsdesk systems check`. Its test
subclasses `tests.contracts.connector.ConnectorContract`. Another package adds one by the entry-point group
`rightsdesk.connectors`.
"""

import sys
from functools import cache
from typing import Any

from pydantic import ValidationError

from shared.domain.errors import UsageError
from shared.domain.ticket import one_line
from shared.inventory import Client, Credential, Inventory, System, resolve
from shared.plugins import discover
from shared.ports import Connector, verbs_of


@cache
def kinds() -> dict[str, type[Connector]]:
    """Return every connector kind by its name."""
    return discover(sys.modules[__name__], "CONNECTOR", group="rightsdesk.connectors")


def kind_of(system: System) -> type[Connector]:
    """Return the kind of a system's connector."""
    try:
        return kinds()[system.connector]
    except KeyError:
        known = ", ".join(sorted(kinds()))
        raise UsageError(f"system {system.id}: no connector {system.connector}; there are {known}") from None


def verbs(system: System) -> frozenset[str]:
    """Return what a system's connector can do; no secret is read.

    A kind whose systems differ says so of each by a static method `verbs_for(system)`; its instances then have
    just those verbs.
    """
    kind = kind_of(system)
    of_system = getattr(kind, "verbs_for", None)
    return of_system(system) if of_system else verbs_of(kind)


def settings_of(system: System, credential: Credential | None = None) -> Any:
    """Return a system's settings as its kind's own model, references resolved."""
    try:
        return kind_of(system).Settings.model_validate(resolve(system.settings, credential=credential))
    except ValidationError as error:
        raise UsageError(f"system {system.id}: {one_line(error)}") from None


def build(system: System, client: Client, credential: Credential | None = None) -> Connector:
    """Return a connector for a system; it connects at its first verb."""
    return kind_of(system)(system, client, settings_of(system, credential))


def check(inventory: Inventory, credential: Credential | None = None) -> None:
    """Build every connector once; a UsageError names the first system that is set up wrong."""
    for system in inventory.systems:
        build(system, inventory.clients[system.client], credential).close()
