"""The engine behaves as its model, whatever happens to its steps; `make bench T=model` runs it ten thousand times."""

from tests.faults.engine import run


def test_the_engine_behaves_as_its_model():
    """Claims, ends, joins, circuits and the sweep, while messages come twice or never and workers die."""
    run(60, length=12)
