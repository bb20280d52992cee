"""Workers to be killed: a process that has imported everything forks one for each line of JSON that it reads.

What is forked is a whole worker without Celery: it sweeps, and performs what is to be done, until nothing is left. So
real processes die at 20 ms apiece, and not at two seconds.
"""

import gc
import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


class Nursery:
    """Forks workers over a home; says what each died of."""

    def __init__(self, process, log):
        self.process, self.log = process, log
        self.environment = {}

    def over(self, folder, settings):
        """Let the workers that are forked from now on be this home's."""
        self.environment = {
            "RIGHTSDESK_HOME": str(settings.home), "RIGHTSDESK_SYSTEMS": str(settings.systems),
            "RIGHTSDESK_DATABASE_URL": settings.database, "RIGHTSDESK_BROKER_URL": settings.broker,
            "RIGHTSDESK_TEST_FOLDER": str(folder), "RIGHTSDESK_MEMORY_MB": "256",
        }  # fmt: skip
        return self

    def _ask(self, **order):
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def begin(self, **how):
        """Fork a worker; return its pid."""
        return self._ask(begin=how, environment=self.environment)

    def end(self, pid, *, code=0):
        """Wait for a worker; return the signal that it died of, 0 if of none: its exit code was as expected then."""
        died, found = self._ask(end=pid)
        assert code == found, self.log.read_text()
        return died

    def work(self, **how):
        """Fork a worker and wait for it."""
        return self.end(self.begin(**how))


@contextmanager
def nursery(folder: Path):
    """Run a nursery for the length of a block; its workers' logs go into the folder."""
    path = f"{ROOT}:{ROOT / 'tests' / 'plugins'}"
    with (
        (folder / "nursery.log").open("w") as log,
        subprocess.Popen(
            [sys.executable, "-m", "tests.faults.nursery"],
            env=os.environ | {"PYTHONPATH": path}, cwd=ROOT, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
        ) as process,
    ):  # fmt: skip
        try:
            yield Nursery(process, folder / "nursery.log")
        finally:
            process.stdin.close()


def main():
    """Fork workers, and wait for them, as told."""
    for line in sys.stdin:
        order = json.loads(line)
        answer = forked(**order) if "begin" in order else ended(order["end"])
        print(json.dumps(answer), flush=True)


def forked(begin, environment):
    """Fork a worker that ends with its work; return its pid."""
    pid = os.fork()
    if pid == 0:
        os.close(0)
        try:
            os.environ.update(environment)
            work(**begin)
        except BaseException:  # noqa: BLE001 - whatever it is, this process must not go on as its parent
            sys.excepthook(*sys.exc_info())
            os._exit(1)
        os._exit(0)
    return pid


def ended(pid):
    """Wait for a worker; return its signal and its exit code."""
    _, status = os.waitpid(pid, 0)
    return (os.WTERMSIG(status), 0) if os.WIFSIGNALED(status) else (0, os.WEXITSTATUS(status))


def work(*, later=0.0, die="", limited=False):
    """Sweep and perform as of `later` seconds from now; die at a point of the line that is no connector's."""
    office = open_office(read(), now=lambda: utc_now() + timedelta(seconds=later))
    if limited:
        _limit_memory(office.settings)
    nudges = []

    def publish(more):
        if die == "publish" and more:
            os.kill(os.getpid(), signal.SIGKILL)
        nudges.extend(more)

    performer = Performer(office, publish)
    sweep(office, nudges.extend)
    while nudges:
        if die == "claim":
            os.kill(os.getpid(), signal.SIGKILL)
        performer.perform(nudges.pop(0).id)


if __name__ == "__main__":
    from shared import log
    from shared.settings import read
    from workers import connectors, desk
    from workers.app import _limit_memory
    from workers.office import open_office, utc_now
    from workers.perform import Performer
    from workers.sweep import sweep

    log.configure("nursery")
    connectors.kinds()
    desk.verbs()
    gc.collect()
    gc.freeze()  # else each child goes through all of it
    main()
