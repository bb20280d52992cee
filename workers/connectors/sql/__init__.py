"""Any SQL database that SQLAlchemy reaches, by its data map; tried on SQLite and PostgreSQL.

`url` is a SQLAlchemy URL, `datamap` a Fideslang dataset file (docs/datamap.md), `files` the fsspec URL below which
paths named in rows are found, `options` what that file system needs. Relative paths are relative to the inventory.
"""

from collections.abc import Iterator
from datetime import date
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from shared.datamap import load
from shared.deadlines import period
from shared.domain.errors import Final, UsageError
from shared.domain.outcome import Outcome
from shared.inventory import Client, System
from shared.masking import strategy
from shared.ports import Affected, Finding, Work
from workers.connectors.sql.absent import Look
from workers.connectors.sql.check import Check
from workers.connectors.sql.database import Database, url_of
from workers.connectors.sql.erase import Erasure
from workers.connectors.sql.export import export
from workers.connectors.sql.files import Files
from workers.connectors.sql.graph import Graph
from workers.connectors.sql.locate import Search
from workers.connectors.sql.mask import spec
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

    def __init__(self, system: System, client: Client, settings: SqlSettings) -> None:
        self._graph = Graph(load(system.folder / settings.datamap))
        self._database = Database(url_of(settings.url.get_secret_value(), system.folder), system.id)
        self._zone = ZoneInfo(client.timezone)
        self._regions = (client.region, client.country)
        self._files = Files(settings.files, system.folder, settings.options) if settings.files else None
        self._open = False
        for one in self._graph.collections.values():
            if one.ext.retain:
                period(one.ext.retain.period)
            for column in one.columns.values():
                if column.ext.mask:
                    strategy(spec(column.ext.mask)[0])
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
        return Search(self._ready(), self._graph, work, self._files).run()

    def export(self, work: Work) -> Outcome:
        """Write the rows and their files into the package."""
        return export(self._ready(), self._graph, self._files, work)

    def mask(self, work: Work) -> Outcome:
        """Take the person out of the rows, which stay."""
        return Erasure(self._ready(), self._graph, self._files, work, self._today(work)).mask()

    def delete(self, work: Work) -> Outcome:
        """Delete files, children and parents; keep what a duty or another person needs."""
        return Erasure(self._ready(), self._graph, self._files, work, self._today(work)).delete()

    def rectify(self, work: Work) -> Outcome:
        """Write new values by data category."""
        return rectify(self._ready(), self._graph, work, self._today(work))

    def restrict(self, work: Work) -> Outcome:
        """Mark the rows as the data map says."""
        return restrict(self._ready(), self._graph, work, self._today(work))

    def lift(self, work: Work) -> Outcome:
        """Put back what stood in the marks before."""
        return lift(self._ready(), self._graph, work)

    def subjects(self, work: Work) -> Iterator[Affected]:
        """Stream everyone in the records of a window."""
        yield from subjects(self._ready(), self._graph, work)

    def absent(self, work: Work) -> Outcome:
        """Look again, on a fresh connection."""
        self.close()
        return Look(self._ready(), self._graph, self._files, work, self._today(work)).run()

    def check(self) -> Iterator[Finding]:
        """Compare the data map and the rights with the database; change nothing."""
        return Check(self._database, self._graph, self._files, self._regions).findings()

    def _today(self, work: Work) -> date:
        return work.now.astimezone(self._zone).date()

    def _ready(self) -> Database:
        """Read the mapped tables once; a table or column that is not there is an error, never a skip."""
        if self._open:
            return self._database
        there = set(self._database.names())
        if lost := sorted(set(self._graph.collections) - there):
            raise Final(f"the data map has {', '.join(lost)}; the database has no such table")
        self._database.reflect(self._graph.collections)
        for name in self._graph.collections:
            columns = self._database.table(name).c
            if missing := [field for field in self._graph.fields(name) if field not in columns]:
                fields = ", ".join(f"{name}.{field}" for field in missing)
                raise Final(f"the data map has {fields}; the database has no such column")
        self._open = True
        return self._database


CONNECTOR = Sql
