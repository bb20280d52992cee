"""The office: what a process needs to work on tickets, opened once at its door and passed in."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

import workflows
from shared import inventory as inventories
from shared.datamap import LinkEnd
from shared.domain.case import Right, SystemView
from shared.domain.errors import Final, UsageError
from shared.domain.step import DESK
from shared.domain.ticket import Ticket
from shared.envelope import unseal_json
from shared.inventory import Client, Inventory
from shared.plugins import discover
from shared.settings import Settings
from shared.store.session import Store
from shared.store.tables import TicketRow
from shared.vault import Vault, open_vault
from workers.connectors import verbs
from workers.links import links_of
from workers.package import PackageStore

_REMEMBERED = 256  # tickets whose keys a process keeps at hand
DESK_WINDOW = 16


def utc_now() -> datetime:
    """Return the time, aware."""
    return datetime.now(UTC)


@dataclass(slots=True)
class Office:
    """Settings, database, keys, inventory, packages and rights of one process."""

    settings: Settings
    store: Store
    vault: Vault
    inventory: Inventory
    packages: PackageStore
    rights: dict[str, Right]
    now: Callable[[], datetime] = utc_now
    _open: OrderedDict[UUID, tuple[bytes, bytes, Ticket]] = field(default_factory=OrderedDict)
    _views: dict[str, tuple[SystemView, ...]] = field(default_factory=dict)
    _links: dict[str, dict[str, tuple[LinkEnd, ...]]] = field(default_factory=dict)

    def close(self) -> None:
        """Let go of connections."""
        self.store.close()

    def client(self, client: str) -> Client:
        """Return a client; Final if it has left the inventory."""
        try:
            return self.inventory.clients[client]
        except KeyError:
            raise Final("the ticket's client is no longer in the inventory") from None

    def systems(self, client: str) -> tuple[SystemView, ...]:
        """Return a client's systems with what their connectors can do."""
        if client not in self._views:
            self._views[client] = tuple(
                SystemView(system.id, system.channel, verbs(system)) for system in self.inventory.of_client(client)
            )
        return self._views[client]

    def links(self, client: str, system: str) -> tuple[LinkEnd, ...]:
        """Return the fields by which a system and the client's other systems lead to each other."""
        if client not in self._links:
            try:
                self._links[client] = links_of(self.inventory, client)
            except UsageError as error:
                raise Final(str(error)) from None
        return self._links[client].get(system, ())

    @property
    def milestones(self) -> tuple[float, ...]:
        """The parts of a clock's time after which somebody is told."""
        return self.inventory.alerts.milestones

    def window(self, lane: str) -> int:
        """Return how many steps of a lane may be on their way at once."""
        if lane.startswith(f"{DESK}:"):
            return DESK_WINDOW
        try:
            return self.inventory.system(lane).max_in_flight
        except KeyError:
            return 1  # it has left the inventory: its steps fail visibly, one by one

    def at_hand(self, ticket: UUID) -> tuple[bytes, Ticket] | None:
        """Return a ticket's data key and content if this process has opened it before; they never change."""
        found = self._open.get(ticket)
        return found[1:] if found else None

    def ticket(self, row: TicketRow) -> tuple[bytes, Ticket]:
        """Return a ticket's data key and content; Final once its key was destroyed."""
        if row.wrapped_key is None or row.sealed is None:
            raise Final("the ticket's retention has ended and its key was destroyed")
        known = self._open.get(row.id)
        if known is None or known[0] != row.wrapped_key:  # another: of an acceptance that was rolled back
            key = self.vault.unwrap(row.id, row.wrapped_key)
            ticket = Ticket.model_validate(unseal_json(key, row.sealed, aad=ticket_aad(row.id)))
            known = self._open[row.id] = row.wrapped_key, key, ticket
            if len(self._open) > _REMEMBERED:
                self._open.popitem(last=False)
        return known[1:]

    def forget(self, ticket: UUID) -> None:
        """Let go of a ticket's key, which was destroyed."""
        self._open.pop(ticket, None)


def ticket_aad(ticket: UUID) -> bytes:
    """Return what binds a sealed ticket to its row."""
    return b"ticket:" + ticket.bytes


def all_rights() -> dict[str, Right]:
    """Return every right by its name, as the folder holds them."""
    return discover(workflows, "RIGHT")


def open_office(settings: Settings, *, vault: Vault | None = None, now: Callable[[], datetime] = utc_now) -> Office:
    """Open everything, but for a vault that is open already; a UsageError says what is set up wrong."""
    inventory = inventories.load(settings.systems)
    inventories.check_packages(inventory, settings.package_url, settings.packages_region)
    return Office(
        settings=settings,
        store=Store(settings.database),
        vault=vault or open_vault(settings.root, settings.secrets),
        inventory=inventory,
        packages=PackageStore(settings.package_url),
        rights=all_rights() | discover(workflows, "FOLLOW_UP"),
        now=now,
    )
