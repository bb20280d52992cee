"""Definitions are read once in a process; what is wrong is one line with the place and the nearest known name."""

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from shared.domain.errors import UsageError
from shared.domain.ticket import one_line
from shared.nearest import near
from workers.connectors.http import template
from workers.connectors.http.definition import Act, Call, Definition, Listing, Patch, Resource
from workers.connectors.http.known import only_known

# the safe loader written in C, where libyaml is there
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def load(path: Path) -> Definition:
    """Read a definition; a UsageError says in one line what is wrong and where."""
    try:
        stat = path.stat()
    except OSError:
        raise UsageError(f"no definition at {path.name}; check `definition` in the inventory") from None
    return _read(path, stat.st_mtime_ns, stat.st_size)


@cache
def _read(path: Path, _changed: int, _size: int) -> Definition:
    try:
        raw = yaml.load(path.read_text(encoding="utf-8"), Loader=_LOADER)  # noqa: S506 - a safe one, see there
    except (yaml.YAMLError, UnicodeDecodeError, OSError):
        raise UsageError(f"{path.name} is not valid YAML") from None
    try:
        return parse(raw)
    except UsageError as error:
        raise UsageError(f"{path.name}: {error}") from None


def parse(raw: Any) -> Definition:
    """Build a definition from what a YAML file holds."""
    if not isinstance(raw, dict):
        raise UsageError("a definition starts with `system:`, `auth:` and `resources:`")
    only_known(raw, Definition, "")
    try:
        definition = Definition.model_validate(raw)
    except ValidationError as error:
        raise UsageError(one_line(error)) from None
    for name, resource in definition.resources.items():
        _check(definition, name, resource)
    return definition


def _check(definition: Definition, name: str, resource: Resource) -> None:
    known = definition.resources
    author = resource.author.of if resource.author else ""
    for other in (resource.within, author):
        if other and other not in known:
            raise UsageError(f"{name}: no resource is called {other}{near(other, known)}")
    _check_tree(definition, name)
    if author and known[author].within:
        raise UsageError(f"{name}.author.of: {author} is itself within another resource")
    _check_calls(name, resource)
    for call_name, call in resource.calls:
        _check_names(definition, name, call_name, call)


def _check_calls(name: str, resource: Resource) -> None:
    if not resource.find:
        raise UsageError(f"{name}: no `find` leads to it")
    if any((one.by is None) != bool(resource.within) for one in resource.find):
        raise UsageError(f"{name}: a root is found `by` a kind of identifier, a resource `within` another without")
    if not resource.within and not any(one.identity for one in resource.fields.values()):
        raise UsageError(f"{name}: no field has an `identity`, so nobody's record could be told from another's")
    if not resource.within and not resource.read:
        raise UsageError(f"{name}: no `read`, by which the second look asks for a record by its id")
    if resource.goes_with_parent and not resource.within:
        raise UsageError(f"{name}: goes_with_parent is for a resource within another")
    if resource.restrict and not resource.patch:
        raise UsageError(f"{name}: restrict needs `patch`, the call that writes the mark")


def _check_tree(definition: Definition, name: str) -> None:
    seen, at = {name}, definition.resources[name].within
    while at:
        if at in seen:
            raise UsageError(f"{name}: it stands within itself")
        seen.add(at)
        at = definition.resources[at].within if at in definition.resources else ""


def _check_names(definition: Definition, name: str, call_name: str, call: Call) -> None:
    known = {*definition.parameters, *(f"{one}.id" for one in definition.above(name))}
    if not isinstance(call, Listing):
        known.add("id")
    elif call.by:
        known.update(template.SOUGHT)
    if isinstance(call, Patch):
        known.add("changes")
    if isinstance(call, Act) and call.job and call.job.path:
        _only_names(f"{name}.{call_name}.job", template.names(call.job.path), known | {"job"})
    _only_names(f"{name}.{call_name}", template.names([call.path, call.query, call.body]), known)


def _only_names(place: str, used: Iterable[str], known: Iterable[str]) -> None:
    for one in used:
        if one not in known:
            raise UsageError(f"{place}: nothing is called {{{one}}}{near(one, known)}; there are {_listed(known)}")


def _listed(known: Iterable[str]) -> str:
    return ", ".join(f"{{{one}}}" for one in sorted(known))
