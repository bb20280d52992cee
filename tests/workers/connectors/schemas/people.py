"""Rows of a real schema, each with the name of whom it is about, and what an act touched of whom."""

import json
import shutil
from collections import Counter
from pathlib import Path

import sqlalchemy as sa

from shared.inventory import Client, System
from workers.connectors.sql import CONNECTOR


class People:
    """A database with rows that are somebody's, and files below a folder, read back without the connector."""

    def __init__(self, url: str, folder: Path, keys: dict[str, tuple[str, ...]] | None = None) -> None:
        self.url, self.folder = url, folder
        self.engine = sa.create_engine(url, pool_size=1)
        self.keys = keys or {}
        self.whose: dict[tuple, str] = {}
        self.files: dict[str, str] = {}
        self._metadata = sa.MetaData()
        (folder / "files").mkdir(exist_ok=True)

    def close(self) -> None:
        """Let go of the connection."""
        self.engine.dispose()

    def copied(self, url: str, folder: Path) -> "People":
        """Return the same people in a copy of the database, with their files below another folder."""
        copy = People(url, folder, self.keys)
        copy.whose, copy.files, copy._metadata = dict(self.whose), dict(self.files), self._metadata
        shutil.copytree(self.folder / "files", folder / "files", dirs_exist_ok=True)
        return copy

    def reflect(self) -> None:
        """Read the schema, once it is there."""
        self._metadata.reflect(self.engine)

    def table(self, name):
        """Return a table."""
        return self._metadata.tables[name]

    def add(self, whose, name, /, **values):
        """Insert a row about somebody; return its first key."""
        table = self.table(name)
        stamps = {
            one: "2026-03-01 12:00:00"
            for one in ("created_at", "updated_at")
            if one in table.c and one not in values and not table.c[one].nullable
        }
        with self.engine.begin() as connection:
            row = connection.execute(
                sa.insert(table).values(stamps | values).returning(*table.c)
                if self.engine.dialect.name == "postgresql"
                else sa.insert(table).values(stamps | values)
            )
            found = row.mappings().one() if row.returns_rows else {**values, **_generated(table, row)}
        key = self._key(name, found)
        self.whose[name, *key] = whose
        return key[0]

    def file(self, whose, path, content=b"sound"):
        """Write a file about somebody below `files`."""
        place = self.folder / "files" / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
        self.files[path] = whose

    def rows(self):
        """Return all rows by table and key."""
        with self.engine.connect() as connection:
            return {
                (name, *self._key(name, row)): dict(row)
                for name, table in self._metadata.tables.items()
                for row in connection.execute(sa.select(table)).mappings()
            }

    def count(self, name, **values):
        """Return how many rows have some values."""
        query = sa.select(sa.func.count()).select_from(self.table(name)).filter_by(**values)
        with self.engine.connect() as connection:
            return connection.scalar(query)

    def touched(self, before):
        """Return {whose: {what became of a row: number by table}} of all that is not as it was, and of files."""
        after, said = self.rows(), {}
        for place, row in before.items():
            if after.get(place) != row:
                said.setdefault(self.whose.get(place, "the system"), Counter())[
                    f"{place[0]} {'changed' if place in after else 'gone'}"
                ] += 1
        for place in after.keys() - before.keys():
            said.setdefault("nobody", Counter())[f"{place[0]} new"] += 1
        for path, whose in self.files.items():
            if not (self.folder / "files" / path).exists():
                said.setdefault(whose, Counter())["file gone"] += 1
        return {whose: dict(sorted(counts.items())) for whose, counts in said.items()}

    def changed(self, before, whose):
        """Return the columns of somebody's rows that are not as they were, with what stands there now."""
        after = self.rows()
        return {
            (place[0], name): after[place][name]
            for place, row in before.items()
            if self.whose.get(place) == whose and place in after
            for name, value in row.items()
            if after[place][name] != value
        }

    def gone(self, before, whose):
        """Say whether nothing of somebody's is as it was."""
        after = self.rows()
        return not [place for place, one in self.whose.items() if one == whose and after.get(place) == before[place]]

    def inventory(self, datamap, **settings):
        """Write an inventory with this system and return its path."""
        client = 'name = "Acme"\ncountry = "DE"\ncontact = "privacy@acme.test"'
        keys = {"url": self.url, "datamap": str(datamap), "files": "files"} | settings
        lines = "\n".join(f"{key} = {value if key == 'phone' else json.dumps(value)}" for key, value in keys.items())
        system = 'id = "acme"\nclient = "acme"\nchannel = "chat"\nconnector = "sql"\nregion = "country:DE"'
        path = self.folder / "systems.toml"
        path.write_text(f"[clients.acme]\n{client}\n[[systems]]\n{system}\n{lines}\n", encoding="utf-8")
        return path

    def connector(self, datamap, **settings):
        """Return a fresh connector."""
        client = Client(name="Acme", country="DE", contact="privacy@acme.test", timezone="Europe/Berlin")
        system = System(
            id="acme", client="acme", channel="chat", connector="sql", region="country:DE", folder=self.folder
        )
        keys = {"url": self.url, "datamap": str(datamap), "files": "files"} | settings
        return CONNECTOR(system, client, CONNECTOR.Settings.model_validate(keys))

    def _key(self, name, row):
        keys = self.keys.get(name) or tuple(one.name for one in self.table(name).primary_key)
        return tuple(row[one] for one in keys) or tuple(row.values())


def _generated(table, result):
    names = [one.name for one in table.primary_key]
    return dict(zip(names, result.inserted_primary_key, strict=True)) if names else {}


def shown(title, asked, near, touched):
    """Return the table of who was asked for, who else was near, and what was touched, as text."""
    lines = [f"{title}: asked for {asked}"]
    for whose, why in near.items():
        what = ", ".join(f"{place} {number}" for place, number in touched.get(whose, {}).items()) or "nothing"
        lines.append(f"  {whose:<28} {why:<52} {what}")
    return "\n".join(lines)
