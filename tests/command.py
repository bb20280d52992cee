"""The command `rightsdesk` under test: run in this process or in its own, over a home that has seen something."""

import json
import os
import re
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from structlog.testing import capture_logs

from shared.message import seal_message
from tests import small
from tests.line import open_line
from tests.small import ticket
from workers.broker import INTAKE
from workers.cli import app

ROOT = Path(__file__).parent.parent
CONSENT = {"purposes": ["newsletter"], "channel": "web", "wording": "v1", "act": "ticked an empty box"}


class Said(tuple):
    """What a command answered: exit code, standard output, standard error."""

    __slots__ = ()
    code = property(lambda self: self[0])
    out = property(lambda self: self[1])
    error = property(lambda self: self[2])

    def json(self):
        """The output, read as JSON."""
        return json.loads(self.out)


def wrong(said, code=2):
    """Return the one line of an error."""
    assert (code, "") == (said.code, said.out)
    (line,) = said.error.splitlines()
    assert line.startswith("rightsdesk: ")
    return line.removeprefix("rightsdesk: ")


class Desk:
    """A home in which one ticket has ended, one waits, one failed, one was refused, and one is no ticket."""

    def __init__(self, folder, broker):
        self.world = small.build(folder / "world")
        self.home = folder / "home"
        self.line = open_line(self.home, self.world.systems, broker=broker)
        self.line.intake.broker.flushall()  # what another home's tests left
        self.environment = {
            "RIGHTSDESK_HOME": str(self.home), "RIGHTSDESK_SYSTEMS": str(self.world.systems),
            "RIGHTSDESK_BROKER_URL": broker,
        }  # fmt: skip
        given = ticket("consent", details={"consent": CONSENT | {"action": "give"}})
        self.raw = {
            "access": ticket("access"),
            "waiting": ticket("access", small.BOB, identity=None),
            "failed": ticket("restriction", details={"lift": str(uuid4())}),
            "refused": ticket("objection", small.BOB, details={"purposes": ["profiling"]}),
            "consent": given,
        }
        self.ids = {name: self.line.submit(raw) for name, raw in self.raw.items()}
        self.line.run()
        self.line.decide(self.ids["refused"], "refuse")
        vault = self.line.office.vault
        self.dead = uuid4()
        content = json.dumps(ticket("access", id=str(self.dead), client="nobody")).encode()
        self.line.intake.broker.lpush(
            INTAKE, seal_message(content, intake=vault.intake, submitter=vault.submitter), b"garbage"
        )
        self.line.intake.round()

    @contextmanager
    def taking(self):
        """Run the intake beside a block."""
        over = threading.Event()

        def take():
            while not over.is_set():
                self.line.intake.round(wait=0.05)

        thread = threading.Thread(target=take)
        with capture_logs():  # ours alone is to be heard
            thread.start()
            try:
                yield
            finally:
                over.set()
                thread.join()


SEVERAL = """
import json, os, sys
from workers.cli import main
for words, environment in json.loads(sys.argv[1]):
    os.environ.update(environment)
    try:
        main(words)
    except SystemExit as ended:
        print("\\0" + str(ended.code), flush=True)
        print("\\0", end="", file=sys.stderr, flush=True)
"""


def process(desk, *many):
    """Run commands that configure logs, one after the other, in a process of their own."""
    done = subprocess.run(
        [sys.executable, "-c", SEVERAL, json.dumps([([str(word) for word in words], more) for words, more in many])],
        env=os.environ | desk.environment, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    outs, errors = re.split(r"\0(\d+)\n", done.stdout), done.stderr.split("\0")
    return [Said((int(code), out, error)) for out, code, error in zip(outs[::2], outs[1::2], errors, strict=False)]


def commands(typer=None, words=()):
    """Yield the words of each command."""
    typer = typer or app
    for one in typer.registered_commands:
        yield (*words, one.name or one.callback.__name__.replace("_", "-"))
    for group in typer.registered_groups:
        yield from commands(group.typer_instance, (*words, group.name))
