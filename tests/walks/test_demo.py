"""`rightsdesk demo` as a user runs it: real valkey, real Celery workers, every right; and with systems that lie."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.processes
ROOT = Path(__file__).parent.parent.parent


def demo(folder: Path, *words: str) -> tuple[int, str]:
    """Run the demo in a folder of its own; return its exit code and what it printed."""
    environment = os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'tests' / 'plugins'}", "COLUMNS": "200"}
    done = subprocess.run(
        [sys.executable, "-m", "workers.cli", "demo", "--keep", str(folder / "demo"), *words],
        env=environment, cwd=ROOT, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def test_the_demo_ends_as_it_should(tmp_path):
    """Every ticket ends as expected, the right data went and nobody else's, every certificate verifies."""
    code, printed = demo(tmp_path)
    assert 0 == code, printed
    assert "every store holds exactly what it must; every certificate verifies" in printed
    logs = "".join(path.read_text() for path in (tmp_path / "demo" / "home" / "log").iterdir())
    assert "ada.beispiel" not in logs.casefold()
    assert "@example" not in logs


def test_the_demo_catches_systems_that_lie(tmp_path):
    """A row, a mail and a file that a system left behind are each named, and the demo fails; it asks for one person."""
    swaps = [f"--replace={kind}=lying-{kind}" for kind in ("sql", "maildir", "objects")]
    code, printed = demo(tmp_path, *swaps, "--only=acme:ada")
    assert 1 == code, printed
    assert {"acme:ada"} == set(re.findall(r"differs: .*\((.+)\): is still there", printed))
    for store in ("acme-chat contacts", "acme-mail", "acme-documents files"):
        assert f"differs: {store}" in printed, store
    assert "ended waiting, expected fulfilled" in printed
