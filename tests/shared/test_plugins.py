"""Plugins: what a package's folder holds is what there is."""

import sys
from importlib import import_module

import pytest

import workers.connectors
import workflows
from shared.plugins import discover

PLUGIN = "from types import SimpleNamespace\nPLUGIN = SimpleNamespace(name={name!r})\n"


@pytest.fixture
def package(tmp_path, monkeypatch, request):
    """Make packages of files, importable for one test."""
    monkeypatch.syspath_prepend(tmp_path)
    made = []

    def make(**files):
        name = f"plugged_{len(made)}_{abs(hash(request.node.name))}"
        made.append(name)
        (tmp_path / name).mkdir()
        for stem, text in {"__init__": "", **files}.items():
            (tmp_path / name / f"{stem}.py").write_text(text)
        return import_module(name)

    yield make
    for name in [one for one in sys.modules if one.partition(".")[0] in made]:
        del sys.modules[name]


def test_one_file_is_one_plugin(package):
    """A module with the attribute is a plugin by its own name; one without, or with an underscore, is none."""
    found = package(
        a=PLUGIN.format(name="one"), b=PLUGIN.format(name="two"), c="OTHER = 1\n", _d=PLUGIN.format(name="hidden")
    )
    assert {"one", "two"} == set(discover(found, "PLUGIN"))


def test_two_of_one_name_are_an_error(package):
    """Neither silently wins."""
    found = package(a=PLUGIN.format(name="one"), b=PLUGIN.format(name="one"))
    with pytest.raises(ValueError, match="two plugins are called 'one'"):
        discover(found, "PLUGIN")


def test_a_plugin_that_does_not_import_is_not_skipped(package):
    """A broken file is an error, not one verb less."""
    with pytest.raises(ZeroDivisionError):
        discover(package(a="1 / 0\n"), "PLUGIN")


def test_an_empty_folder_holds_none(package):
    """No file, no plugin."""
    assert {} == discover(package(), "PLUGIN")


def test_the_rights_are_those_of_the_design():
    """Eight files, eight rights."""
    assert {
        "access", "portability", "rectification", "erasure", "restriction", "objection", "consent", "breach",
    } == set(discover(workflows, "RIGHT"))  # fmt: skip


def test_other_packages_add_connectors():
    """An entry point stands beside the folder's own."""
    ours = set(discover(workers.connectors, "CONNECTOR"))
    every = set(discover(workers.connectors, "CONNECTOR", group="rightsdesk.connectors"))
    assert {"sql", "maildir", "objects"} <= ours
    assert "lying-sql" in every - ours
