"""The roles of the database, on a real PostgreSQL: what each can do and, above all, what it cannot."""

import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege
from sqlalchemy import make_url

from shared.envelope import public_pem
from shared.store.migrate import migrate
from shared.store.session import Store
from shared.store.tables import Row
from tests import small
from tests.evidence import broken
from tests.line import open_line
from tests.servers import Postgres
from tests.small import ADA, BOB, ticket
from workers import checkpoints, holds, retention
from workers.cli import main
from workers.rotation import rotate_master, rotate_signing

FILE = Path(__file__).parents[2] / "deploy" / "postgresql" / "roles.sql"
OWNER, APP, AUDITOR = "desk-owner", "desk-app", "Desk Auditor"  # names that need quotes, and no defaults
OTHER = "someone else"
KEPT = ("evidence", "certificates", "checkpoints", "checkpoint_leaves", "publications", "key_changes")
TABLES = (*sorted(Row.metadata.tables), "alembic_version")


@dataclass(frozen=True)
class Guarded:
    """A database with its roles."""

    postgres: Postgres
    name: str

    def url(self, role: str) -> str:
        """Return the database's URL for a role."""
        return make_url(self.postgres.url(self.name)).set(username=role).render_as_string()

    def run(self, **roles: str) -> None:
        """Run the file, as somebody who sets up a database does."""
        asked = [word for name, role in roles.items() for word in ("-v", f"{name}={role}")]
        where = ["-h", str(self.postgres.place), "-U", "postgres", "-d", self.name]
        psql = self.postgres.programs / "psql"
        words = [psql, "-X", "-q", *where, *asked, "-f", FILE]
        assert "" == subprocess.run(words, check=False, capture_output=True, text=True).stderr

    def refuses(self, role: str, statement: str) -> bool:
        """Say whether the server refuses a statement for want of a privilege; whatever it does is undone."""
        with psycopg.connect(host=str(self.postgres.place), user=role, dbname=self.name) as connection:
            try:
                connection.execute(statement)
            except InsufficientPrivilege:
                return True
            finally:
                connection.rollback()
        return False


@pytest.fixture(scope="module")
def guarded(postgres: Postgres) -> Iterator[Guarded]:
    """A database whose schema its owner made, between two runs of the file."""
    with postgres.copy("template0") as url:
        made = Guarded(postgres, make_url(url).database or "")
        made.run(owner=OWNER, app=APP, auditor=AUDITOR)
        with closing(Store(made.url(OWNER))) as store:
            assert migrate(store)
        made.run(owner=OWNER, app=APP, auditor=AUDITOR)
        yield made


@pytest.fixture(scope="module")
def walked(guarded, valkey_url, tmp_path_factory) -> Path:
    """A home whose erasure, access and objection went from the door to the end of their retention as the app role."""
    folder = tmp_path_factory.mktemp("roles")
    world = small.build(folder / "world")
    places = {"broker": valkey_url, "database": guarded.url(APP), "checkpoints": f"file://{folder / 'published'}"}
    with closing(open_line(folder / "home", world.systems, **places)) as line:
        line.intake.broker.flushall()
        objection = ticket("objection", details={"purposes": ["direct-marketing"]})
        idents = [line.submit(raw) for raw in (ticket("access"), objection, ticket("erasure"))]
        line.run()
        assert [("closed", "fulfilled")] * 3 == [
            (found["state"], found["outcome"]) for found in map(line.ticket, idents)
        ]
        assert set() == world.of(ADA)
        assert checkpoints.keep(line.office)
        with line.office.store.read() as session:
            assert [] == broken(line.office, session)
        review = datetime.now(UTC).date() + timedelta(days=9)
        hold, _ = holds.place(line.office, holds.Placing("acme", None, {"email": [BOB]}, "a dispute", review, "ines"))
        holds.lift(line.office, line.nudges.extend, hold, by="ines", reason="settled")
        assert len(idents) <= rotate_master(line.office)
        line.office.now = lambda: datetime.now(UTC) + timedelta(days=4 * 366)
        ended = retention.run(line.office)
        assert (set(idents), 1) == (set(ended.tickets), ended.holds)
        assert checkpoints.keep(line.office)
        (folder / "public.pem").write_bytes(public_pem(line.office.vault.signer))
        rotate_signing(line.office)
    return folder


FORBIDDEN = [
    *(f"UPDATE {table} SET {column} = {column}" for table, column in [
        ("evidence", "payload"), ("evidence", "hash"), ("certificates", "document"), ("checkpoints", "root"),
        ("persons", "digest"), ("findings", "sealed"), ("consents", "proof"),
        ("checkpoint_leaves", "hash"), ("publications", "at"), ("uncovered", "seq"), ("alembic_version", "version_num"),
    ]),
    *(f"DELETE FROM {table}" for table in (*KEPT, "steps", "tickets", "dead_letters", "holds", "suppressions")),
    *(f"TRUNCATE {table} CASCADE" for table in TABLES),
    *(f"DROP TABLE {table} CASCADE" for table in KEPT),
    "ALTER TABLE evidence DISABLE TRIGGER evidence_uncovered",
    "DROP TRIGGER evidence_uncovered ON evidence",
    "CREATE OR REPLACE FUNCTION evidence_uncovered() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
    "CREATE RULE nothing AS ON INSERT TO evidence DO INSTEAD NOTHING",
    "CREATE TABLE mine (id int)",
    "CREATE TEMPORARY TABLE uncovered (ticket_id uuid, seq int)",
    "CREATE SCHEMA mine",
    "SELECT setval('steps_id_seq', 1)",
    "SET session_replication_role = replica",
    f'SET ROLE "{OWNER}"',
    f'GRANT DELETE ON steps TO "{APP}"; DELETE FROM steps',
    f'ALTER ROLE "{APP}" SUPERUSER',
    "COPY evidence TO PROGRAM 'true'",
]  # fmt: skip


def test_what_the_app_may_not_do(guarded, walked):
    """Every statement that would change evidence, lose a step or widen its own rights is refused."""
    assert [] == [statement for statement in FORBIDDEN if not guarded.refuses(APP, statement)]


def test_what_the_app_may_do(guarded):
    """It reads every table; whoever adds a table or a column that is no more than added to has to list it."""
    assert [] == [table for table in TABLES if guarded.refuses(APP, f"SELECT * FROM {table}")]
    assert not guarded.refuses(APP, "UPDATE steps SET attempts = attempts")


def test_what_the_auditor_may_not_do(guarded, walked):
    """It reads what evidence needs, of a ticket no more than that it is there and has ended, and writes nothing."""
    readable = {*KEPT, "uncovered"}
    refused = {table for table in TABLES if guarded.refuses(AUDITOR, f"SELECT * FROM {table}")}
    assert set(TABLES) - readable == refused
    columns = {one.name for one in Row.metadata.tables["tickets"].columns}
    assert columns - {"id", "closed_at"} == {
        name for name in columns if guarded.refuses(AUDITOR, f'SELECT "{name}" FROM tickets')
    }
    writes = [text for table in TABLES for text in (f"DELETE FROM {table}", f"INSERT INTO {table} DEFAULT VALUES")]
    assert [] == [text for text in [*FORBIDDEN, *writes] if not guarded.refuses(AUDITOR, text)]


def test_the_auditor_verifies(guarded, walked, monkeypatch, tmp_path, capsys):
    """`evidence verify --key` works with that role, the public key and what was published; it leaves nothing behind."""
    monkeypatch.setenv("RIGHTSDESK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("RIGHTSDESK_DATABASE_URL", guarded.url(AUDITOR))
    published = f"file://{walked / 'published'}"
    with pytest.raises(SystemExit) as ended:
        main(["evidence", "verify", "--key", str(walked / "public.pem"), "--published", published])
    out, err = capsys.readouterr()
    assert (0, "") == (ended.value.code, err)
    assert out.startswith("every chain, checkpoint and certificate verifies:")
    assert "3 certificates" in out
    assert [] == list(tmp_path.iterdir())


def test_what_a_migration_adds_is_closed(guarded):
    """A new table, its sequence and a new function are nobody's but the owner's until they are listed."""
    with psycopg.connect(host=str(guarded.postgres.place), user=OWNER, dbname=guarded.name) as owner:
        owner.execute("CREATE TABLE fresh (id serial PRIMARY KEY)")
        owner.execute("CREATE FUNCTION fresh() RETURNS int LANGUAGE sql AS 'SELECT 1'")
        owner.commit()
    statements = ("SELECT * FROM fresh", "INSERT INTO fresh DEFAULT VALUES", "SELECT nextval('fresh_id_seq')")
    asked = [(role, text) for role in (APP, AUDITOR) for text in (*statements, "SELECT fresh()")]
    assert [] == [one for one in asked if not guarded.refuses(*one)]
    guarded.run(owner=OWNER, app=APP, auditor=AUDITOR)
    assert [] == [one for one in asked if not guarded.refuses(*one)]


def test_whatever_was_granted_before_is_taken_back(guarded):
    """The file puts right a role that was given too much; and without names it makes the usual three."""
    guarded.postgres.execute("GRANT ALL ON ALL TABLES IN SCHEMA public TO {}", APP, database=guarded.name)
    guarded.postgres.execute("GRANT {} TO {}", OWNER, APP)
    guarded.postgres.execute("CREATE ROLE {}; GRANT {} TO {} WITH ADMIN OPTION", OTHER, OWNER, OTHER)
    guarded.postgres.execute("SET ROLE {}; GRANT {} TO {}", OTHER, OWNER, APP)
    guarded.postgres.execute("ALTER DATABASE {} OWNER TO {}", guarded.name, APP)
    guarded.postgres.execute("ALTER ROLE {} SUPERUSER", APP)
    assert not guarded.refuses(APP, "DELETE FROM evidence")
    guarded.run(owner=OWNER, app=APP, auditor=AUDITOR)
    owned = f'GRANT TEMPORARY ON DATABASE "{guarded.name}" TO "{APP}"; CREATE TEMPORARY TABLE uncovered (seq int)'
    assert [] == [statement for statement in [*FORBIDDEN, owned] if not guarded.refuses(APP, statement)]
    guarded.run()
    usual = ("rightsdesk_app", "rightsdesk_auditor")
    assert [False, True] == [guarded.refuses(role, "SELECT * FROM tickets") for role in usual]
