"""Alembic's environment: one transaction on the store's own engine; on PostgreSQL one migration runs at a time."""

from alembic import context
from sqlalchemy import text

from shared.store.session import Store
from shared.store.tables import Row

store: Store = context.config.attributes["store"]

with store.engine.execution_options(write=True).begin() as connection:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(7216)"))
    context.configure(connection=connection, target_metadata=Row.metadata, render_as_batch=True)
    context.run_migrations()
