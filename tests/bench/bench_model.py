"""The engine against its model, ten thousand runs: a check rather than a rate; both are printed."""

import os
import sys
import time
from pathlib import Path

LONG = True  # only where it is named
RUNS, LENGTH = int(os.environ.get("RUNS", "10000")), 15


def main() -> None:
    """Run; a difference is shown with the shortest way to it."""
    sys.path.append(str(Path(__file__).parent.parent / "plugins"))
    from tests.faults.engine import run

    began, used = time.monotonic(), time.process_time()
    run(RUNS, length=LENGTH)
    took, used = time.monotonic() - began, time.process_time() - used
    each = f"{1000 * used / RUNS:.0f} ms of CPU each"
    print(f"{RUNS} runs of up to {LENGTH} events are as the model says: {took:.0f} s, {each}")
