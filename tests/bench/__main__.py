"""Run the benchmarks: all, or those named."""

import importlib
import pkgutil
import sys

from tests import bench

names = sys.argv[1:] or [info.name for info in pkgutil.iter_modules(bench.__path__) if info.name.startswith("bench_")]
for name in names:
    module = importlib.import_module(f"tests.bench.bench_{name.removeprefix('bench_')}")
    if sys.argv[1:] or not getattr(module, "LONG", False):
        module.main()
