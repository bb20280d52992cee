"""The long form of the soak, by `make soak`.

At the end every ticket has closed, the doctor finds nothing, and every store holds exactly what it must. `N` says how
many tickets, `SEED` repeats the world, the tickets and the kills of a run (not how the processes interleave), `EVERY`
is the mean of the seconds between two kills, `DB` is `postgresql` (default) or `sqlite`.
"""

import os
import random
import shutil
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from tests.faults.soak.run import Soak, soaked
from tests.servers import postgres_server


def main():
    """Run the soak as the environment says; exit 1 if anything is not as it must be."""
    number, every = int(os.environ.get("N") or 10_000), float(os.environ.get("EVERY") or 5)
    seed = int(os.environ.get("SEED") or random.SystemRandom().getrandbits(32))
    kind = os.environ.get("DB") or "postgresql"
    print(f"SEED={seed} N={number} EVERY={every:g} DB={kind}", flush=True)
    folder = Path(tempfile.mkdtemp(prefix="rd-soak-", dir="/tmp"))
    with ExitStack() as undo:
        url = undo.enter_context(undo.enter_context(postgres_server()).database()) if kind == "postgresql" else None
        soak = undo.enter_context(soaked(folder, seed, database=url, say=lambda line: print(line, flush=True)))
        soak.run(number, every=every, victims=soak.victims())
        took = time.monotonic() - soak.began
        wrong, looked = soak.end()
        report(soak, took, looked)
    for line in wrong[:50]:
        print(f"wrong: {line}")
    if wrong:
        sys.exit(f"{len(wrong)} things are wrong; all is kept in {folder}")
    print("the doctor finds nothing; every store holds exactly what it must")
    shutil.rmtree(folder, ignore_errors=True)


def report(soak: Soak, took: float, looked: float):
    """Print how tickets ended, what was killed, and how long it took."""
    print(f"ended: {_counts(soak.crowd.outcomes())}")
    print(f"killed: {_counts(soak.killed)}; ended by itself and started again: {_counts(soak.ended) or 'nothing'}")
    number = len(soak.crowd.ids)
    print(
        f"{number} tickets in {took:.0f} s ({number / took:.1f}/s), {soak.killed.total()} kills; "
        f"looked at by the doctor and in the stores in {looked:.0f} s"
    )


def _counts(of):
    return ", ".join(f"{name} {count}" for name, count in sorted(of.items()))


if __name__ == "__main__":
    main()
