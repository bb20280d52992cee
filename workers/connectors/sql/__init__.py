"""A PostgreSQL, MySQL, MariaDB or SQLite database, by its data map.

`url` is a SQLAlchemy URL (`postgresql+psycopg://`, `mysql+pymysql://`, `mariadb+pymysql://`, `sqlite:///`), `datamap`
a Fideslang dataset file (docs/datamap.md), `files` the fsspec URL below which paths named in rows are found, `options`
what that file system needs. Relative paths are relative to the inventory.
"""

from collections.abc import Iterator
from datetime import date
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, SecretStr

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


class SqlSettings(BaseModel):
    """The kind's own keys in the inventory."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    url: SecretStr
    datamap: str
    files: str | None = None
    options: dict[str, Any] = Field(default_factory=dict)


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
        self._regions = (client.region, client.country)
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
        return Search(self._ready(work), self._graph, work, self._files).run()

    def export(self, work: Work) -> Outcome:
        """Write the rows and their files into the package."""
        return export(self._ready(work), self._graph, self._files, work)

    def mask(self, work: Work) -> Outcome:
        """Take the person out of the rows, which stay."""
        return Erasure(self._ready(work), self._graph, self._files, work, self._today(work)).mask()

    def delete(self, work: Work) -> Outcome:
        """Delete files, children and parents; keep what a duty or another person needs."""
        return Erasure(self._ready(work), self._graph, self._files, work, self._today(work)).delete()

    def rectify(self, work: Work) -> Outcome:
        """Write new values by data category."""
        return rectify(self._ready(work), self._graph, work, self._today(work))

    def restrict(self, work: Work) -> Outcome:
        """Mark the rows as the data map says."""
        return restrict(self._ready(work), self._graph, work, self._today(work))

    def lift(self, work: Work) -> Outcome:
        """Put back what stood in the marks before."""
        return lift(self._ready(work), self._graph, work)

    def subjects(self, work: Work) -> Iterator[Affected]:
        """Stream everyone in the records of a window."""
        yield from subjects(self._ready(work), self._graph, work)

    def absent(self, work: Work) -> Outcome:
        """Look again, on a fresh connection."""
        self.close()
        return Look(self._ready(work), self._graph, self._files, work, self._today(work)).run()

    def check(self) -> Iterator[Finding]:
        """Compare the data map and the rights with the database; change nothing."""
        return Check(self._database, self._graph, self._files, self._regions).findings()

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
