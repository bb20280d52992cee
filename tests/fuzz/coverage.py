"""Bytes that reach new code, by Atheris (libFuzzer), for what reads bytes: `python -m tests.fuzz.coverage mime`.

Atheris is in no lock file, as it has wheels for Linux only: `.venv/bin/pip install atheris` first. Options of libFuzzer
follow the name, such as `-max_total_time=300`. An input that breaks something is left in the folder where this runs.
"""

import sys
import tempfile
import time
from io import BytesIO
from pathlib import Path

import atheris

HER = b" ada@example.org "
ENDINGS = ("txt", "csv", "html", "xml", "eml", "ics", "vtt", "json")

with atheris.instrument_imports(include=["shared", "workers", "email"]):
    from shared import datamap
    from shared.domain.errors import UsageError
    from tests.fuzz.nasty import refusals
    from tests.fuzz.test_mailboxes import REAL
    from tests.fuzz.test_objects import TEXTS
    from tests.shared.test_mime import names_her, without_her
    from tests.small import MAP
    from tests.workers.connectors.objects_store import subject
    from workers.connectors.objects import texts
    from workers.connectors.objects.documents import Unreadable


def mime(data: bytes) -> None:
    """A mail is redacted, once and for all."""
    assert not names_her(without_her(data + HER))


def objects(data: bytes) -> None:
    """A text of any kind names her or cannot be read, and redacted it does not; the first byte is the kind.

    One that is UTF-16 up to some place is redacted in two rounds: the second look asks for the other.
    """
    name, raw, her = f"a.{ENDINGS[(data or b'x')[0] % len(ENDINGS)]}", data[1:] + HER, subject()
    try:
        list(texts.people(BytesIO(raw), name, her, lambda _: False))
        for _ in range(2):
            if texts.names_person(BytesIO(raw), name, her):
                raw = b"".join(texts.redacted(BytesIO(raw), name, her))
        assert not texts.names_person(BytesIO(raw), name, her)
    except Unreadable:
        pass


def maps(data: bytes) -> None:
    """A data map is read, or refused."""
    path = Path(tempfile.gettempdir()) / "fuzzed.yaml"
    path.write_bytes(data)
    datamap._read.cache_clear()
    with refusals(UsageError):
        datamap.load(path)


TARGETS = {"mime": (mime, REAL), "objects": (objects, TEXTS), "maps": (maps, [MAP.encode()])}


def main() -> None:
    """Run one target until something breaks, or the time is over."""
    target, seeds = TARGETS[sys.argv[1]]

    def one(data: bytes) -> None:
        began = time.process_time()
        target(data)
        assert time.process_time() - began < 3

    with tempfile.TemporaryDirectory(prefix="rd-fuzz-") as corpus:
        for number, seed in enumerate(seeds):
            (Path(corpus) / str(number)).write_bytes(seed)
        atheris.Setup([sys.argv[0], corpus, *sys.argv[2:]], one)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
