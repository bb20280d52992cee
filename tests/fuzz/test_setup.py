"""What operators write: an inventory or a data map that is wrong ends in one line, whatever is wrong with it."""

import json
import tomllib
from contextlib import closing
from pathlib import Path

import yaml
from hypothesis import example, given

from shared import datamap, inventory
from shared.domain.errors import RightsdeskError, UsageError
from tests import small
from tests.fuzz.nasty import changed, fuzz, refusals, spoilt
from tests.workers.connectors.sql_store import datamap as chatwoot
from workers import connectors

EXAMPLE = Path(__file__).parent.parent.parent / "deploy" / "systems.toml"
INVENTORIES = [tomllib.loads(EXAMPLE.read_text()), tomllib.loads(small.CLIENT + small.SYSTEMS.format(
    chat="sql", mail="maildir", documents="objects"))]  # fmt: skip
MAPS = [yaml.safe_load(small.MAP), chatwoot()]


def toml(value):
    """Write a value as TOML has it, on one line; what TOML lacks is left out."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{toml(key)} = {toml(one)}" for key, one in value.items() if one is not None) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(toml(one) for one in value if one is not None) + "]"
    if isinstance(value, str):
        return json.dumps(value.encode(errors="replace").decode())
    return str(value).lower() if isinstance(value, bool | float) else str(value)


def document(value):
    """Write a table as a TOML document."""
    return "".join(f"{toml(key)} = {toml(one)}\n" for key, one in value.items() if one is not None)


def opened(path):
    """Read an inventory and build all connectors, or hear in one line what is wrong."""
    with refusals(RightsdeskError):
        found = inventory.load(path)
        for system in found.systems:
            with refusals(RightsdeskError), closing(connectors.build(system, found.clients[system.client])):
                connectors.verbs(system)


@fuzz(2)
@given(changed(INVENTORIES))
def test_any_inventory_is_read_or_refused(tmp_path, wrong):
    """A table that says anything."""
    if isinstance(wrong, dict):
        (tmp_path / "systems.toml").write_text(document(wrong))
        opened(tmp_path / "systems.toml")


@fuzz()
@given(spoilt([EXAMPLE.read_bytes()]))
@example(b"a = " + b"[" * 5000 + b"]" * 5000)
@example(b"a = " + b"{a=" * 5000)
@example(b"[a" + b".a" * 5000 + b"]")
def test_any_text_is_an_inventory_or_none(tmp_path, raw):
    """A file with mistakes of typing."""
    (tmp_path / "systems.toml").write_bytes(raw)
    opened(tmp_path / "systems.toml")


def loaded(path):
    """Read a data map, or hear in one line what is wrong with it."""
    datamap._read.cache_clear()
    with refusals(UsageError):
        datamap.load(path)


@fuzz(2)
@given(changed(MAPS, most=2))
@example({"dataset": [{"fides_key": "x", "collections": [
    {"name": "c", "fields": [{"name": "f", "fides_meta": {"identity": ["email"]}}]}]}]})  # fmt: skip
def test_any_map_is_read_or_refused(tmp_path, wrong):
    """A map that says anything."""
    path = tmp_path / "map.yaml"
    path.write_text(yaml.safe_dump(wrong, allow_unicode=True), encoding="utf-8", errors="replace")
    loaded(path)


PIECES = [b"&a ", b"*a", b"<<: ", b"!!python/object:os.system ", b"? ", b"- ", b"\t", b"{", b"|"]
LAUGHS = "".join(f"  - &l{n + 1} {{name: x, fields: [{', '.join([f'*l{n}'] * 9)}]}}\n" for n in range(12))
LAUGHING = f"""
x:
  - &l0 {{name: x}}
{LAUGHS}
dataset:
  - {{fides_key: x, collections: [{{name: c, fields: [*l12]}}]}}
"""


@fuzz()
@given(spoilt([small.MAP.encode()], PIECES))
@example(b"a: " + b"[" * 5000)
@example(b"dataset: [1]")
@example(LAUGHING.encode())
def test_any_text_is_a_map_or_none(tmp_path, raw):
    """A file with mistakes of typing, or made to be slow."""
    path = tmp_path / "map.yaml"
    path.write_bytes(raw)
    loaded(path)
