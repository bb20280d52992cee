"""The migrations: they build the tables that the code has, on SQLite and on PostgreSQL, and go back again."""

from datetime import UTC, datetime
from uuid import UUID

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Uuid, bindparam, insert, inspect, select, text

from shared.store.chain import Chain
from shared.store.migrate import FOLDER, current, head, migrate
from shared.store.session import Store
from shared.store.tables import Instant, Row, StepRow, TicketRow, UncoveredRow

AT = datetime(2026, 1, 31, tzinfo=UTC)
TIMES = "stage_since", "received_at", "accepted_at", "due_at", "strict_at"
REST = {"stage": "locate", "priority": 1, "fingerprint": b""}


def of_then(ticket):
    """Return the statement that stores a ticket; the mapper would name columns that come later."""
    values = {"id": ticket, "client": "acme", "right": "access", **dict.fromkeys(TIMES, AT), **REST}
    return insert(TicketRow).values(values)


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


def test_evidence_from_before_checkpoints_is_covered(any_database_url):
    """What stands there when the schema comes to know checkpoints is marked, once a chain; later entries each."""
    store = Store(any_database_url)
    migrate(store)
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    config.attributes["store"] = store
    command.downgrade(config, "0005")
    ticket, marks = UUID(int=1), select(UncoveredRow.ticket_id, UncoveredRow.seq)
    with store.write() as session:
        session.execute(of_then(ticket))
        chain = Chain(ticket)
        for _ in range(3):
            chain.append("step", AT, {})
        chain.write(session)
    command.upgrade(config, "head")
    with store.write() as session:
        assert [(ticket, 3)] == [tuple(row) for row in session.execute(marks)]
        chain.append("step", AT, {})
        chain.write(session)
        assert [(ticket, 3), (ticket, 4)] == [tuple(row) for row in session.execute(marks.order_by(UncoveredRow.id))]
    store.close()


def test_steps_from_before_lanes_get_theirs(any_database_url):
    """The desk's by its ticket's client and their verb, a system's by the system; what is over waits nowhere."""
    store = Store(any_database_url)
    migrate(store)
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    config.attributes["store"] = store
    command.downgrade(config, "0008")
    ticket = UUID(int=1)
    with store.write() as session:
        session.execute(of_then(ticket))
        rows = ("a", "desk", "answer", "waiting"), ("b", "chat", "locate", "failed"), ("c", "chat", "locate", "done")
        for key, system, verb, state in rows:
            session.execute(
                text(
                    "INSERT INTO steps (ticket_id, stage, key, system, channel, verb, part, waits, state, priority,"
                    " due_at, attempts, counts, reasons, created_at) VALUES (:ticket, 's', :key, :system, 'chat',"
                    " :verb, '', '', :state, 5, :at, 0, '{}', '[]', :at)"
                ).bindparams(bindparam("ticket", type_=Uuid()), bindparam("at", type_=Instant())),
                {"ticket": ticket, "key": key, "system": system, "verb": verb, "state": state, "at": AT},
            )
    migrate(store)
    with store.read() as session:
        lanes = session.scalars(select(StepRow.lane).order_by(StepRow.key)).all()
    store.close()
    assert ["desk:acme:answer", "chat", ""] == lanes
