"""A PostgreSQL, MySQL, MariaDB or SQLite database, by its data map.

`url` is a SQLAlchemy URL (`postgresql+psycopg://`, `mysql+pymysql://`, `mariadb+pymysql://`, `sqlite:///`), `datamap`
a Fideslang dataset file (docs/datamap.md), `files` the fsspec URL below which paths named in rows are found, `options`
what that file system needs. Relative paths are relative to the inventory. `phone` says how numbers are written in this
system: `region` (ISO 3166-1, else the client's) and `trunk`, what its users dial before a number for an outside line.
"""

import dataclasses
from collections.abc import Iterator
from datetime import date
from typing import Annotated, Any, ClassVar
from zoneinfo import ZoneInfo

import phonenumbers
from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints, field_validator

from shared.datamap import LinkEnd, load
from shared.deadlines import period
from shared.domain.errors import UsageError
from shared.domain.outcome import Outcome
from shared.inventory import Client, System
from shared.ports import Affected, Finding, Work
from workers.connectors.sql.absent import Look
from workers.connectors.sql.check import Check
from workers.connectors.sql.database import Database, url_of
from workers.connectors.sql.erase import Erasure
from workers.connectors.sql.export import export
from workers.connectors.sql.files import Files
from workers.connectors.sql.fitting import fitted
from workers.connectors.sql.graph import Graph
from workers.connectors.sql.locate import Search
from workers.connectors.sql.rectify import rectify
from workers.connectors.sql.restrict import lift, restrict
from workers.connectors.sql.subjects import subjects


class Phone(BaseModel):
    """How phone numbers are written in a system."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    region: str | None = None
    trunk: tuple[Annotated[str, StringConstraints(pattern=r"^[0-9]{1,3}$")], ...] = ()

    @field_validator("region")
    @classmethod
    def _known(cls, value: str | None) -> str | None:
        if value is not None and value not in phonenumbers.SUPPORTED_REGIONS:
            raise ValueError("not a region in which numbers are known, such as DE (ISO 3166-1)")
        return value


class SqlSettings(BaseModel):
    """The kind's own keys in the inventory."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    url: SecretStr
    datamap: str
    files: str | None = None
    options: dict[str, Any] = Field(default_factory=dict)
    phone: Phone = Phone()


class Sql:
    """One system's database, for one step."""

    name: ClassVar[str] = "sql"
    Settings: ClassVar[type[BaseModel]] = SqlSettings
    follows_links: ClassVar[bool] = True  # to other systems, by Work.links

    def __init__(self, system: System, client: Client, settings: SqlSettings) -> None:
        self._map = load(system.folder / settings.datamap)
        self._graph = Graph(self._map)
        self._links: tuple[LinkEnd, ...] = ()
        try:
            url = url_of(settings.url.get_secret_value(), system.folder)
        except UsageError as error:
            raise UsageError(f"system {system.id}: {error}") from None
        self._database = Database(url, system.id)
        self._zone = ZoneInfo(client.timezone)
        self._phone = settings.phone
        self._regions = (settings.phone.region or client.region, client.country)
        self._files = Files(settings.files, system.folder, settings.options) if settings.files else None
        self._open = False
        for one in self._graph.collections.values():
            if one.ext.retain:
                period(one.ext.retain.period)
        if not self._files and any(one.ext.files for one in self._graph.collections.values()):
            raise UsageError(f"system {system.id}: its data map names files; add `files`, where they are found")

    def close(self) -> None:
        """Let go of connections."""
        self._database.close()
        if self._files:
            self._files.close()
        self._open = False

    def locate(self, work: Work) -> Outcome:
        """Find the person's rows, along the data map, and the rows that mention them."""
        work = self._as_dialled(work)
        return Search(self._ready(work), self._graph, work, self._files).run()

    def export(self, work: Work) -> Outcome:
        """Write the rows and their files into the package."""
        work = self._as_dialled(work)
        return export(self._ready(work), self._graph, self._files, work)

    def mask(self, work: Work) -> Outcome:
        """Take the person out of the rows, which stay."""
        work = self._as_dialled(work)
        return Erasure(self._ready(work), self._graph, self._files, work, self._today(work)).mask()

    def delete(self, work: Work) -> Outcome:
        """Delete files, children and parents; keep what a duty or another person needs."""
        work = self._as_dialled(work)
        return Erasure(self._ready(work), self._graph, self._files, work, self._today(work)).delete()

    def rectify(self, work: Work) -> Outcome:
        """Write new values by data category."""
        work = self._as_dialled(work)
        return rectify(self._ready(work), self._graph, work, self._today(work))

    def restrict(self, work: Work) -> Outcome:
        """Mark the rows as the data map says."""
        work = self._as_dialled(work)
        return restrict(self._ready(work), self._graph, work, self._today(work))

    def lift(self, work: Work) -> Outcome:
        """Put back what stood in the marks before."""
        work = self._as_dialled(work)
        return lift(self._ready(work), self._graph, work)

    def subjects(self, work: Work) -> Iterator[Affected]:
        """Stream everyone in the records of a window."""
        work = self._as_dialled(work)
        yield from subjects(self._ready(work), self._graph, work)

    def absent(self, work: Work) -> Outcome:
        """Look again, on a fresh connection."""
        work = self._as_dialled(work)
        self.close()
        return Look(self._ready(work), self._graph, self._files, work, self._today(work)).run()

    def check(self) -> Iterator[Finding]:
        """Compare the data map and the rights with the database; change nothing."""
        return Check(self._database, self._map, self._files, self._regions).findings()

    def _as_dialled(self, work: Work) -> Work:
        """Return the work with numbers read as they are written in this system."""
        region = self._phone.region or work.subject.region
        subject = dataclasses.replace(work.subject, region=region, trunk=self._phone.trunk)
        return dataclasses.replace(work, subject=subject)

    def _today(self, work: Work) -> date:
        return work.now.astimezone(self._zone).date()

    def _ready(self, work: Work) -> Database:
        """Read the mapped tables once; what the map and the database do not agree on is an error, never a skip."""
        if self._open and self._links == work.links:
            return self._database
        self._links = work.links
        self._graph = Graph(fitted(self._map.ended(work.links), self._database))
        self._open = True
        return self._database


CONNECTOR = Sql
