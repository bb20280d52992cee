"""What Art. 15(1) wants told about each system and collection, beside the data that the package holds of it."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any

from fideslang.default_taxonomy import DEFAULT_TAXONOMY

from shared import datamap
from shared.datamap import Collection, DataMap, Info
from shared.domain.errors import Final, UsageError
from shared.inventory import System
from workers.desk import Job
from workers.naming import safe_name
from workers.package import PackageFile

_SHOWN = 50  # rows of a collection on the page; all of them stand in the files
_LONGEST = 500  # characters of a cell


@dataclass(frozen=True, slots=True)
class Category:
    """A category of personal data: its key in the taxonomy, and its English name."""

    key: str
    name: str


@dataclass(frozen=True, slots=True)
class Holding:
    """One collection of a system: what is told about it, its data files, and its first rows."""

    name: str
    info: Info
    categories: tuple[Category, ...]
    files: tuple[PackageFile, ...]
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    more: bool  # rows beyond those shown


@dataclass(frozen=True, slots=True)
class Disclosed:
    """One system: its collections with data of the person, and single files (mails, recordings, documents)."""

    id: str
    channel: str
    info: Info
    categories: tuple[Category, ...]
    holdings: tuple[Holding, ...]
    files: tuple[PackageFile, ...]


def disclose(job: Job, files: Iterable[PackageFile]) -> list[Disclosed]:
    """Return what is told about each of the client's systems, in the inventory's order."""
    by_system: dict[str, list[PackageFile]] = {}
    for one in files:
        top, *rest = PurePosixPath(one.name).parts
        if top in ("data", "files") and len(rest) > 1:
            by_system.setdefault(rest[0], []).append(one)
    channels = {view.id: view.channel for view in job.case.systems}
    # a system that has left the inventory since may have left files
    return [
        _disclosed(job, system, channels.get(system, system), by_system.get(system, []))
        for system in dict.fromkeys([*channels, *by_system])
    ]


def map_of(job: Job, system: str) -> DataMap | None:
    """Return a system's data map if it has one."""
    found = _in_inventory(job, system)
    if found is None or not isinstance(found.settings.get("datamap"), str):
        return None
    path = found.folder / found.settings["datamap"]
    try:
        return _map_at(path, path.stat().st_mtime_ns)
    except OSError:
        raise Final(f"system {system}: its data map cannot be read; check `datamap` in the inventory") from None
    except UsageError as error:
        raise Final(f"system {system}: {error}") from None


def collection_of(graph: DataMap | None, name: str) -> Collection | None:
    """Return the collection that a data file was written from, by the file's name."""
    if graph is None:
        return None
    return next((one for one in graph.collections.values() if safe_name(one.name) == name), None)


def data_rows(job: Job, file: PackageFile) -> Iterator[dict[str, Any]]:
    """Yield the rows of a `data/…json` file, one at a time: it is written one object a line."""
    for line in _lines(job.packages.read(job.ticket, job.key, file)):
        text = line.strip().rstrip(b",")
        if text not in (b"", b"[", b"]"):
            row = json.loads(text)
            if isinstance(row, dict):
                yield row


@cache
def _map_at(path: Path, _mtime: int) -> DataMap:
    return datamap.load(path)


def _in_inventory(job: Job, system: str) -> System | None:
    try:
        return job.inventory.system(system)
    except KeyError:
        return None


def _disclosed(job: Job, system: str, channel: str, files: list[PackageFile]) -> Disclosed:
    graph = map_of(job, system)
    tables: dict[str, list[PackageFile]] = {}
    for one in files:
        if one.name.startswith("data/"):
            tables.setdefault(_stem(one), []).append(one)
    holdings = [_holding(job, graph, name, own) for name, own in tables.items()]
    single = sorted((one for one in files if one.name.startswith("files/")), key=lambda one: one.name)
    of_files = _only(graph)
    return Disclosed(
        system,
        channel,
        of_files.info if of_files else Info(),
        _categories(of_files) if of_files else (),
        tuple(holdings),
        tuple(single),
    )


def _only(graph: DataMap | None) -> Collection | None:
    """Return the collection of a map that has one: whatever its system holds is of that kind."""
    if graph is None or len(graph.collections) != 1:
        return None
    return next(iter(graph.collections.values()))


def _holding(job: Job, graph: DataMap | None, name: str, files: list[PackageFile]) -> Holding:
    content = next((one for one in files if one.name.endswith(f"/{name}.json")), None)
    collection = collection_of(graph, name) or _only(graph)
    rows = list(islice(data_rows(job, content), _SHOWN + 1)) if content else []
    columns = tuple(dict.fromkeys(column for row in rows[:_SHOWN] for column in row))
    return Holding(
        name,
        collection.info if collection else Info(),
        _categories(collection) if collection else (),
        tuple(sorted(files, key=lambda one: one.name)),
        columns,
        tuple(tuple(_cell(row.get(column)) for column in columns) for row in rows[:_SHOWN]),
        len(rows) > _SHOWN,
    )


def _stem(file: PackageFile) -> str:
    name = PurePosixPath(file.name).name
    for end in (".schema.json", ".json", ".csv"):
        name = name.removesuffix(end)
    return name


def _categories(collection: Collection) -> tuple[Category, ...]:
    keys = {key for column in collection.columns.values() if column.personal for key in column.categories}
    return tuple(category(key) for key in sorted(keys) if key.partition(".")[0] == "user")


def category(key: str) -> Category:
    """Return a category with its name."""
    return Category(key, _names().get(key, key))


@cache
def _names() -> dict[str, str]:
    return {one.fides_key: one.name or one.fides_key for one in DEFAULT_TAXONOMY.data_category}


def _cell(value: Any) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"


def _lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        yield from whole
    yield rest
