"""A purpose has one spelling, at the gate and in what it asks, before and after the migration that made it so."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import text

from shared.domain.case import Gate
from shared.store import gates
from shared.store.migrate import FOLDER, migrate
from shared.store.session import Store

NOW = datetime(2026, 2, 1, tzinfo=UTC)
ADA = b"a" * 32


@pytest.fixture
def store(any_database_url):
    """A database before purposes had one spelling, with a ticket in it."""
    store = Store(any_database_url)
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    config.attributes["store"] = store
    command.upgrade(config, "0002")
    yield store
    store.close()


def insert(store, table, **values):
    """Insert a row as SQL says it."""
    names = ", ".join(f'"{name}"' for name in values)
    with store.write() as session:
        session.execute(
            text(f"INSERT INTO {table} ({names}) VALUES ({', '.join(f':{one}' for one in values)})"), values
        )


def ticketed(store):
    """Insert a ticket; return its id."""
    ident = uuid4()
    insert(
        store, "tickets", id=ident.hex if store.url.get_backend_name() == "sqlite" else ident, client="acme",
        right="consent", state="open", stage="answer", stage_since=NOW, priority=1, received_at=NOW, accepted_at=NOW,
        due_at=NOW, strict_at=NOW, clocks="[]", fingerprint=b"",
    )  # fmt: skip
    return ident


def asked(store, purpose):
    """Return what the gate answers for Ada."""
    with store.read() as session:
        return gates.ask(session, ADA, purpose)[0]


def opened(store, ticket, *wanted):
    """Open gates for Ada."""
    with store.write() as session:
        gates.open_gates(session, ticket, wanted, [ADA], key=b"k" * 32, at=NOW, declared=NOW)


@pytest.mark.parametrize("question", ["newsletter", "Newsletter", "NEWSLETTER"])
def test_a_purpose_is_denied_however_it_is_written(store, question):
    """What was said with capital letters, and what is asked with them."""
    migrate(store)
    ticket = ticketed(store)
    opened(store, ticket, Gate("Newsletter", "withdrawal"))
    assert "deny" == asked(store, question)


def test_an_exception_is_left_open_however_it_is_written(store):
    """Art. 18(2): the ground leaves the purpose open."""
    migrate(store)
    opened(store, ticketed(store), Gate("*", "restriction", exempt=("Claims",)))
    assert ["allow", "allow", "deny"] == [asked(store, one) for one in ("claims", "CLAIMS", "other")]


def test_a_later_consent_ends_a_withdrawal_written_otherwise(store):
    """Of two declarations about one purpose the later counts."""
    migrate(store)
    ticket = ticketed(store)
    opened(store, ticket, Gate("Newsletter", "withdrawal"))
    opened(store, ticket, Gate("newsletter", "consent", allow=True))
    assert "allow" == asked(store, "newsletter")


def test_what_was_stored_with_capitals_is_migrated(store):
    """Purposes and exceptions of rows from before; their consents too."""
    ticket = ticketed(store)
    ident = ticket.hex if store.url.get_backend_name() == "sqlite" else ticket
    common = {"digest": ADA, "ticket_id": ident}
    for purpose, exempt in (("Newsletter", "[]"), ("Profiling", '["Claims", "storage"]')):
        insert(
            store, "suppressions", **common, purpose=purpose, kind="restriction", allow=False, exempt=exempt, since=NOW
        )
    insert(store, "consents", **common, purpose="Newsletter", given=False, at=NOW, proof=b"")
    migrate(store)
    assert ["deny", "deny"] == [asked(store, one) for one in ("newsletter", "profiling")]
    with store.read() as session:
        assert ["newsletter"] == list(session.scalars(text("SELECT purpose FROM consents")))
        found = session.scalars(text("SELECT exempt FROM suppressions WHERE purpose = 'profiling'")).one()
    assert "Claims" not in str(found)
    assert "claims" in str(found)
