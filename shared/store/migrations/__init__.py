"""Alembic migrations: additive first, so that old and new workers can run side by side."""
