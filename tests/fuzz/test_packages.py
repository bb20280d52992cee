"""What a person gets: whatever files and rows are called and hold, all of it is there, and nothing lies elsewhere."""

import csv
import json
import zipfile
from io import BytesIO
from uuid import uuid4

from hypothesis import example, given
from hypothesis import strategies as st

from shared.strict_json import read_json
from tests.fuzz.nasty import fuzz, scalars, text, values
from workers.package import PackageStore, PartWriter, extract, zipped

names = st.lists(
    st.one_of(text, st.sampled_from(("a", "A", "a.txt", "a_", "a?", "a*", "b"))), min_size=1, max_size=4
).map("/".join)
KEY = bytes(32)


def package(folder):
    """Return a store and one step's part of a package in it."""
    folder.mkdir(exist_ok=True)
    return PartWriter(PackageStore(f"file://{folder / 'packages'}"), uuid4(), KEY, "docs")


def opened(part, folder):
    """Open a package as a folder and as an archive, which say the same; return its files."""
    out = folder / "out"
    assert len(part.files) == extract(part.store, part.ticket, KEY, part.files, out)
    found = {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*") if path.is_file()}
    with zipfile.ZipFile(BytesIO(b"".join(zipped(part.store, part.ticket, KEY, part.files)))) as archive:
        assert found == {one.filename: archive.read(one) for one in archive.infolist()}
        assert archive.testzip() is None
    assert {folder / "out", folder / "packages"} == set(folder.iterdir())
    return found


@fuzz()
@given(st.lists(names, min_size=1, max_size=6, unique=True))
@example(["a?", "a*"])
@example(["a", "a/b", "A"])
@example(["a?/b", "a*/b"])
@example(["\udcff" * 130])
@example(["../../x", "/etc/passwd", "..\\x", "C:\\x", "."])
def test_any_file_names(tmp_path_factory, given_names):
    """Each file that was written is there once, below its system, and none anywhere else."""
    folder = tmp_path_factory.mktemp("package") / "p"
    part = package(folder)
    for number, name in enumerate(given_names):
        part.file(name, str(number).encode())
    found = opened(part, folder)
    assert sorted(str(number).encode() for number in range(len(given_names))) == sorted(found.values())
    assert all(name.startswith("files/docs/") and name.isprintable() for name in found)
    assert len(found) == len({name.casefold() for name in found})


@fuzz()
@given(st.lists(text, min_size=1, max_size=4, unique=True), st.lists(st.lists(values, max_size=4), max_size=3))
@example(["a/b", "a_b"], [["x"]])
@example(["x"], [["\ud800"]])
@example(["x"], [[float("nan")], [float("inf")]])
@example(["x"], [[10**400]])
def test_any_tables(tmp_path_factory, collections, rows):
    """Each collection is there once: JSON that any reader takes, as many rows in the CSV, and no formula in it."""
    folder = tmp_path_factory.mktemp("package") / "p"
    part = package(folder)
    columns = ["a", "b", "c"]
    for name in collections:
        part.rows(name, columns, [dict(zip(columns, row, strict=False)) for row in rows])
    found = opened(part, folder)
    assert 2 * len(collections) == len(found)
    for name, raw in found.items():
        if name.endswith(".json"):
            assert len(rows) == len(read_json(raw.decode()))
        else:
            cells = [cell for row in csv.reader(raw.decode().splitlines(keepends=True)) for cell in row]
            assert not [cell for cell in cells if cell.startswith(("=", "@", "\t", "\r")) or cell[:2] in ("+=", "-=")]


@fuzz()
@given(scalars)
def test_a_value_stands_in_json_as_it_was(tmp_path_factory, value):
    """What JSON can say, the copy says."""
    folder = tmp_path_factory.mktemp("package") / "p"
    part = package(folder)
    part.rows("t", ["x"], [{"x": value}])
    (row,) = read_json(opened(part, folder)["data/docs/t.json"].decode())
    whole = isinstance(value, str) and value.encode(errors="replace").decode() == value
    assert json.loads(json.dumps(value)) == row["x"] or not (whole or isinstance(value, int | None))
