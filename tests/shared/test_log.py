"""Logs: JSON lines of listed fields."""

import json
import subprocess
import sys

SCRIPT = """
import logging, structlog
from shared import log
log.configure("intake")
made = structlog.get_logger()
made.info("step.done", ticket="t-1", step=5, email="ada@example.org", subject={"name": "Ada"})
made.debug("too.fine")
try:
    raise ValueError("ada@example.org is wrong")
except ValueError:
    made.exception("step.unexpected", error="ValueError")
logging.getLogger("library").info("not said")
logging.getLogger("library").warning("said")
"""


def test_unlisted_fields_vanish():
    """An event is one JSON line with its listed fields; other fields and tracebacks do not leave the process."""
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert "" == done.stdout
    *lines, library = done.stderr.splitlines()
    first, second = (json.loads(one) for one in lines)
    assert first.pop("timestamp") <= second.pop("timestamp")
    assert {"event": "step.done", "level": "info", "part": "intake", "ticket": "t-1", "step": 5} == first
    assert {"event": "step.unexpected", "level": "error", "part": "intake", "error": "ValueError"} == second
    assert "library WARNING said" == library
    assert "ada" not in done.stderr.lower()
