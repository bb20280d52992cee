"""Data maps: Fideslang datasets, and our own extension under `rightsdesk:`; the graph of collections.

Fideslang drops keys that it does not know and accepts categories that do not exist, so the raw YAML is read
beside its models: any unknown key or value stops the load with the nearest known name.
"""

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from fideslang.models import Dataset as FidesDataset
from pydantic import ValidationError

from shared.datamap.build import Builder
from shared.datamap.graph import Collection, Column, DataMap, Edge, Link, LinkEnd
from shared.datamap.known import categories, only_known
from shared.datamap.ours import (
    CollectionExt,
    DatasetExt,
    EdgeExt,
    FieldExt,
    FileExt,
    Info,
    Provided,
    Retain,
    Scalar,
)
from shared.domain.errors import UsageError
from shared.domain.ticket import one_line
from shared.strict_yaml import read

__all__ = [
    "Collection", "CollectionExt", "Column", "DataMap", "DatasetExt", "Edge", "EdgeExt", "FieldExt", "FileExt", "Info",
    "Link", "LinkEnd", "Provided", "Retain", "Scalar", "categories", "load", "parse",
]  # fmt: skip


def load(path: Path) -> DataMap:
    """Read a Fideslang dataset file; a UsageError says in one line what is wrong and where.

    A map that has not changed on disk is read once in a process.
    """
    try:
        stat = path.stat()
    except OSError:
        raise UsageError(f"no data map at {path.name}; check `datamap` in the inventory") from None
    return _read(path, stat.st_mtime_ns, stat.st_size)


@cache
def _read(path: Path, _changed: int, _size: int) -> DataMap:
    try:
        raw = read(path.read_text(encoding="utf-8"))
    except UsageError as error:
        raise UsageError(f"{path.name}: {error}") from None
    except (yaml.YAMLError, UnicodeDecodeError):
        raise UsageError(f"{path.name} is not valid YAML") from None
    if not isinstance(raw, dict) or not isinstance(raw.get("dataset"), list):
        raise UsageError(f"{path.name}: a Fideslang dataset file starts with `dataset:` and a list")
    try:
        return parse(raw["dataset"])
    except ValidationError as error:
        raise UsageError(f"{path.name}: {one_line(error, 'dataset')}") from None
    except UsageError as error:
        raise UsageError(f"{path.name}: {error}") from None


def parse(datasets: Iterable[dict[str, Any]]) -> DataMap:
    """Build the graph of a file's datasets."""
    builder = Builder()
    for raw in datasets:
        only_known(raw, FidesDataset, "dataset")
        builder.add(raw)
    return builder.graph()
