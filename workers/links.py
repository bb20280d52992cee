"""Links between a client's systems: references of one system's data map to a dataset that another one holds."""

from collections.abc import Iterable
from pathlib import Path

from shared.datamap import DataMap, Link, LinkEnd, load
from shared.domain.errors import UsageError
from shared.inventory import Inventory, System
from shared.nearest import near
from workers.connectors import kind_of


def links_of(inventory: Inventory, client: str) -> dict[str, tuple[LinkEnd, ...]]:
    """Return the ends of links that each of a client's systems holds, by its id.

    A UsageError names a reference to a dataset, or to a field of it, that none of the client's systems has.
    """
    maps = {one.id: load(path) for one in inventory.of_client(client) if (path := _path(one))}
    systems = {one.id: one for one in inventory.of_client(client)}
    ends: dict[str, list[LinkEnd]] = {}
    for name, datamap in maps.items():
        for link in datamap.links:
            others = _holding(systems[name], link, maps)
            ends.setdefault(name, []).append(
                LinkEnd(link.collection, link.field, link.kind, emits=link.direction != "from")
            )
            collection, _, field = link.there.partition(".")
            for other in others:
                end = LinkEnd(collection, field, link.kind, emits=link.direction != "to")
                ends.setdefault(other, []).append(end)
            _followed((systems[one] for one in (name, *others)), link)
    return {name: tuple(dict.fromkeys(found)) for name, found in ends.items()}


def _path(system: System) -> Path | None:
    found = system.settings.get("datamap")
    return system.folder / found if isinstance(found, str) else None


def _holding(system: System, link: Link, maps: dict[str, DataMap]) -> list[str]:
    """Return the systems that hold the field to which a link leads."""
    place = f"system {system.id}: {link.collection}.{link.field} references"
    known = {dataset for one in maps.values() for dataset in one.datasets}
    if link.dataset not in known:
        raise UsageError(
            f"{place} the dataset {link.dataset}, which no system of the client has{near(link.dataset, known)}"
        )
    holding = [name for name, one in maps.items() if link.dataset in one.datasets]
    fields = {
        f"{collection.name}.{field}"
        for name in holding
        for collection in maps[name].collections.values()
        if collection.dataset == link.dataset
        for field in collection.fields
    }
    if link.there not in fields:
        raise UsageError(f"{place} {link.there}, which is no field of {link.dataset}{near(link.there, fields)}")
    collection, _, field = link.there.partition(".")
    return [
        name
        for name in holding
        if collection in maps[name].collections and field in maps[name].collections[collection].fields
    ]


def _followed(systems: Iterable[System], link: Link) -> None:
    for system in systems:
        if not getattr(kind_of(system), "follows_links", False):
            raise UsageError(
                f"system {system.id}: a reference ties {link.kind} to it, and {system.connector} systems follow no"
                " references to other systems; take the reference out"
            )
