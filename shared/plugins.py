"""One file, one plugin, no list: what a package's folder holds is what there is."""

import importlib
import pkgutil
from importlib.metadata import entry_points
from types import ModuleType
from typing import Any


def discover(package: ModuleType, attribute: str, *, group: str | None = None) -> dict[str, Any]:
    """Return {name: plugin} of every module of `package` that has `attribute`, and of an entry-point group.

    The name is the plugin's own `name`. Two plugins of one name are an error: neither silently wins.
    """
    found: dict[str, Any] = {}
    modules = [
        importlib.import_module(f"{package.__name__}.{info.name}")
        for info in pkgutil.iter_modules(package.__path__)
        if not info.name.startswith("_")
    ]
    candidates = [getattr(module, attribute) for module in modules if hasattr(module, attribute)]
    candidates += [point.load() for point in entry_points(group=group)] if group else []
    for plugin in candidates:
        if plugin.name in found:
            raise ValueError(f"two plugins are called {plugin.name!r} in {package.__name__}")
        found[plugin.name] = plugin
    return found
