"""Where the ready data maps stand."""

from pathlib import Path

MAPS = Path(__file__).parents[4] / "deploy" / "datamaps"
