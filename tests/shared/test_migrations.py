"""The migrations: they build the tables that the code has, on SQLite and on PostgreSQL, and go back again."""

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import inspect

from shared.store.migrate import FOLDER, current, head, migrate
from shared.store.session import Store
from shared.store.tables import Row


def test_the_migrations_build_the_tables_of_the_code(any_database_url):
    """Nothing is missing and nothing is left over."""
    store = Store(any_database_url)
    assert migrate(store)
    assert head() == current(store)
    with store.engine.connect() as connection:
        found = compare_metadata(MigrationContext.configure(connection), Row.metadata)
    store.close()
    assert [] == found


def test_every_migration_goes_back(any_database_url):
    """Down to nothing, and up again."""
    store = Store(any_database_url)
    migrate(store)
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    config.attributes["store"] = store
    command.downgrade(config, "base")
    assert ["alembic_version"] == inspect(store.engine).get_table_names()
    assert migrate(store)
    store.close()
