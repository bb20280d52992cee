"""The inventory: `systems.toml` read once, at the door, into frozen models. Unknown keys are refused.

Each connector kind has keys of its own; they stay in `System.settings` and the kind's own model checks them.
"""

import os
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, StringConstraints, ValidationError, model_validator

from shared.deadlines import period
from shared.deadlines.holiday import holidays_of
from shared.deadlines.working import week
from shared.domain.errors import UsageError
from shared.domain.step import DESK
from shared.domain.ticket import one_line
from shared.fields import Period, Written, Zone
from shared.on_call.settings import Alerts
from shared.regions import country_of, may_keep

_CORE = ("id", "client", "channel", "connector", "region", "max_in_flight")


class Client(Written):
    """A controller for whom tickets are answered."""

    name: str
    country: Annotated[str, StringConstraints(pattern="^[A-Z]{2}$")]
    subdivision: str | None = None
    timezone: Zone = "UTC"
    language: str = "en"
    phone_region: str | None = None
    contact: str
    identity: Literal["attested", "code"] = "attested"
    approvals: int = Field(default=0, ge=0, le=5)
    accept_masking: bool = False
    backups: Period | None = None
    plus_addresses: bool = False
    deliver: Literal["package", "link"] = "package"
    sla: Period | None = None
    working_hours: dict[str, str] = Field(default_factory=dict)  # the SLA's hours are counted in these; all by default
    identity_within: Period = "P7D"  # a check of the identity that takes longer is overdue
    told_within: Period = "PT24H"  # from our awareness of a breach until the client is told (Art. 33(2))
    retention: Period = "P3Y"  # from the close until a ticket's key dies, with all that it opens
    package_retention: Period = "P30D"  # from the close until its package is deleted
    callbacks: tuple[str, ...] = ()
    transfer_ground: str = ""
    tells_people: Literal["vendor", "client"] = "vendor"
    replay: Period | None = None  # how long who was erased can be erased again after a restore; else as `backups`
    look_again: Period | Literal[""] = "P30D"  # after an erasure: when it is looked who is back
    gate_tokens: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _calendar(self) -> Self:
        try:
            holidays_of(self.country, self.subdivision)
        except UsageError as error:
            raise ValueError(str(error)) from None
        return self

    @model_validator(mode="after")
    def _hours(self) -> Self:
        if not self.working_hours:
            return self
        if self.sla is None or not period(self.sla).hours:
            raise ValueError("working_hours count the hours of an sla: give one in hours, such as PT40H")
        try:
            week(self.working_hours)
        except UsageError as error:
            raise ValueError(f"working_hours: {error}") from None
        return self

    @property
    def region(self) -> str:
        """The region in which phone numbers without + are read."""
        return self.phone_region or self.country

    @property
    def replayable(self) -> str:
        """For how long an erased person can be erased again: as long as backups live in which they stand."""
        return self.replay or self.backups or "P90D"


class System(Written):
    """A system that may hold people's data; `settings` are its connector kind's own keys, unresolved."""

    id: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
    client: str
    channel: Literal["chat", "email", "call", "data-center"]
    connector: str
    region: str
    max_in_flight: int = Field(default=16, ge=1)
    settings: dict[str, Any] = Field(default_factory=dict)
    folder: Path = Path()  # relative paths are relative to the inventory file


class Retention(Written):
    """How long the installation keeps what is no client's."""

    dead_letters: Period = "P90D"  # from their receipt
    backups: Period | None = None  # how long backups of Rightsdesk's own database live, if they hold wrapped keys


class Inventory(Written):
    """All clients, systems, alert routes and what is kept how long."""

    clients: dict[str, Client] = Field(default_factory=dict)
    systems: tuple[System, ...] = ()
    alerts: Alerts = Alerts()
    retention: Retention = Retention()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        seen: set[str] = set()
        for system in self.systems:
            if system.id in seen:
                raise ValueError(f"two systems are called {system.id}; give each its own id")
            seen.add(system.id)
            if system.id == DESK:
                raise ValueError(
                    f"no system can be called {DESK}: that is where letters are written; give it another id"
                )
            if system.client not in self.clients:
                raise ValueError(f"system {system.id} names a client that is not in [clients]")
            _check_region(system, self.clients[system.client])
        return self

    def of_client(self, client: str) -> tuple[System, ...]:
        """Return a client's systems, in the file's order."""
        return tuple(system for system in self.systems if system.client == client)

    def system(self, system_id: str) -> System:
        """Return a system by its id; a KeyError if it is no longer in the inventory."""
        return next((s for s in self.systems if s.id == system_id), None) or _missing(system_id)


def _missing(system_id: str) -> System:
    raise KeyError(system_id)


def _check_region(system: System, client: Client) -> None:
    country = country_of(system.region)
    if country is None:
        raise ValueError(f"system {system.id}: region is not known; write provider:region or country:DE")
    if not may_keep(country, client.transfer_ground):
        raise ValueError(
            f"system {system.id}: its region is in {country}, outside EU/EEA; "
            f"name the client's transfer_ground, e.g. adequacy:{country}"
        )


def check_packages(inventory: Inventory, url: str, region: str | None) -> None:
    """Refuse a package store whose region is not known, or outside EU/EEA for a client without a ground (Art. 44).

    A store on this machine's disk is where the machine is; any other has to be declared.
    """
    if region is None:
        if "::" not in url and url.partition("://")[0] in (url, "file", "local", "memory"):
            return
        raise UsageError("set RIGHTSDESK_PACKAGES_REGION (provider:region or country:DE) beside RIGHTSDESK_PACKAGES")
    country = country_of(region)
    if country is None:
        raise UsageError("RIGHTSDESK_PACKAGES_REGION is not known; write provider:region or country:DE")
    for name, client in inventory.clients.items():
        if not may_keep(country, client.transfer_ground):
            raise UsageError(
                f"the package store is in {country}, outside EU/EEA; name the transfer_ground of client {name}, "
                f"e.g. adequacy:{country}, or keep packages elsewhere"
            )


def load(path: Path) -> Inventory:
    """Read an inventory file; a UsageError says in one line what is wrong with it."""
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(f"no inventory at {path}; set RIGHTSDESK_SYSTEMS to your systems.toml") from None
    except OSError as error:
        raise UsageError(f"cannot read the inventory {path}: {error.strerror}; see RIGHTSDESK_SYSTEMS") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path.name} is not valid TOML: {error}") from None
    except RecursionError:
        raise UsageError(f"{path.name} is not valid TOML: nested too deep") from None
    systems = raw.get("systems", [])
    if isinstance(systems, list):
        raw["systems"] = [_split(one, path.parent.resolve()) for one in systems]
    try:
        return Inventory.model_validate(raw)
    except ValidationError as error:
        raise UsageError(f"{path.name}: {one_line(error)}") from None


def _split(raw: Any, folder: Path) -> Any:
    if not isinstance(raw, dict):
        return raw
    core = {key: value for key, value in raw.items() if key in _CORE}
    return core | {
        "settings": {key: value for key, value in raw.items() if key not in _CORE},
        "folder": folder,
    }


Credential = Callable[[str], str]


def resolve(value: Any, environ: Mapping[str, str] = os.environ, *, credential: Credential | None = None) -> Any:
    """Return a setting with references `env:NAME` and `vault:NAME` read, in nested tables and lists too.

    `credential` returns the vault's credential of a name.
    """
    if isinstance(value, dict):
        return {key: resolve(one, environ, credential=credential) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [resolve(one, environ, credential=credential) for one in value]
    if isinstance(value, str) and value.startswith("env:"):
        name = value.removeprefix("env:")
        if name not in environ:
            raise UsageError(f"the environment variable {name}, named in the inventory, is not set")
        return environ[name]
    if isinstance(value, str) and value.startswith("vault:"):
        if credential is None:
            raise UsageError("a vault: reference cannot be read here; use env:NAME")
        return credential(value.removeprefix("vault:"))
    return value
