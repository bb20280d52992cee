"""`systems check`: what does not fit is said with what to do, nothing is changed, and no value is shown."""

import json
import os
import shutil
import sqlite3
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from psycopg import sql

from shared.inventory import load
from tests import small
from tests.small import ADA
from workers import connectors
from workers.checks import check


@dataclass
class Checked:
    """A small world, and what a check of its systems says."""

    world: small.Small

    def system(self, name):
        """Return (severity, place, what) of each finding, after making sure that no value of a person's is in it."""
        inventory = load(self.world.systems)
        system = inventory.system(name)
        found = list(check(system, inventory.clients[system.client]))
        assert all(one.todo for one in found)
        said = repr(found)
        assert not [value for value in ("example.org", "acme.example", "302312", "canary", "/tmp") if value in said]
        return [(one.severity, one.place, one.what) for one in found]

    def chat(self, *statements):
        """Run statements in the chat database."""
        with closing(sqlite3.connect(self.world.folder / "chat.db")) as database, database:
            for statement in statements:
                database.execute(statement)

    def replace(self, file, old, new):
        """Change a file of the world."""
        path = self.world.folder / file
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))


@pytest.fixture
def checked(tmp_path):
    """A world in which all is well."""
    return Checked(small.build(tmp_path / "world"))


@contextmanager
def as_nobody():
    """Act without root's rights, which no file refuses."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def opened(world):
    """Let `nobody` reach the world's folder."""
    for folder in (world.folder, *world.folder.parents):
        if folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o755)
    return world


def test_what_fits_is_silent(checked):
    """A database, mailboxes and objects that fit have no finding, and are as they were."""
    before = {path: path.read_bytes() for path in checked.world.folder.rglob("*") if path.is_file()}
    assert [[], [], []] == [checked.system(name) for name in ("chat", "mail", "documents")]
    assert before == {path: path.read_bytes() for path in checked.world.folder.rglob("*") if path.is_file()}


def test_what_the_map_has_and_the_database_has_not(checked):
    """A lost table and a lost column are errors, each with its name."""
    checked.chat("DROP TABLE messages", "ALTER TABLE contacts RENAME COLUMN phone TO handset")
    assert [
        ("error", "messages", "is in the data map, and no such table exists"),
        ("error", "contacts.phone", "is in the data map, and the table has no such column"),
        ("drift", "contacts.handset", "is not in the data map, and looks like phone numbers (2 of 2)"),
    ] == checked.system("chat")


def test_what_looks_personal_and_is_not_in_the_map(checked):
    """By the values in the newest rows, by the name; not what is a flag, a time or a thing beside the data."""
    checked.chat(
        "ALTER TABLE messages ADD COLUMN extra TEXT",
        "ALTER TABLE messages ADD COLUMN email_sent_at TEXT",
        "ALTER TABLE contacts ADD COLUMN geburtsdatum",
        "ALTER TABLE contacts ADD COLUMN firstName TEXT",
        "ALTER TABLE contacts ADD COLUMN product_name TEXT",
        "CREATE TABLE leads (id INTEGER PRIMARY KEY, told TEXT, amount INTEGER)",
        "CREATE TABLE tags (id INTEGER PRIMARY KEY, label TEXT)",
        "INSERT INTO tags (label) VALUES ('order 2026-01-05'), ('v1.2.3')",
        f"UPDATE messages SET extra = 'ask {ADA}' WHERE id < 3",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300) "
        "INSERT INTO leads (told, amount) SELECT 'call +49 30 23125' || (1000 + i), i FROM n",
    )
    missing = "is not in the data map, and"
    assert [
        ("drift", "contacts.geburtsdatum", f"{missing} is named like personal data"),
        ("drift", "contacts.firstName", f"{missing} is named like personal data"),
        ("drift", "leads.told", f"{missing} looks like phone numbers (50 of 50)"),
        ("drift", "messages.extra", f"{missing} looks like e-mail addresses (2 of 2)"),
    ] == checked.system("chat")
    quiet = "{unmapped: [contacts.geburtsdatum, contacts.firstName, leads, messages.extra, gone], provided"
    checked.replace("map.yaml", "{provided", quiet)
    assert [("drift", "gone", "stands under unmapped, and is not there")] == checked.system("chat")


def test_only_the_clients_rows_are_looked_at(checked):
    """Values of another tenant's rows do not even count."""
    checked.chat(
        "ALTER TABLE contacts ADD COLUMN extra TEXT",
        "ALTER TABLE contacts ADD COLUMN account_id INTEGER DEFAULT 1",
        "ALTER TABLE messages ADD COLUMN account_id INTEGER DEFAULT 1",
        "CREATE TABLE leads (id INTEGER PRIMARY KEY, account_id INTEGER, told TEXT)",
        f"INSERT INTO leads (account_id, told) VALUES (2, '{ADA}')",
        f"UPDATE contacts SET account_id = 2, extra = '{ADA}' WHERE id = 2",
    )
    checked.replace("map.yaml", "{provided", "{scope: {account_id: 1}, provided")
    assert [] == checked.system("chat")
    checked.chat("ALTER TABLE contacts RENAME COLUMN account_id TO account")
    missing = "is in the data map, and the table has no such column"
    assert [("error", "contacts.account_id", missing)] == checked.system("chat")


def test_views_and_computed_columns(checked):
    """A mapped view cannot be erased from; a computed column cannot be written; both follow what they show."""
    checked.chat(
        "ALTER TABLE messages RENAME TO said",
        "CREATE VIEW messages AS SELECT id, contact_id, content FROM said",
        "ALTER TABLE contacts ADD COLUMN lower_email TEXT AS (lower(email))",
    )
    found = checked.system("chat")
    assert ("error", "messages", "is a view: rows are not deleted through it") in found
    assert ("drift", "said.content", "is not in the data map, and looks like e-mail addresses (2 of 3)") in found
    assert 2 == len(found)
    line = "          - {name: blocked}\n"
    checked.replace("map.yaml", line, line + "          - {name: lower_email, data_categories: [user.contact.email]}\n")
    assert ("error", "contacts.lower_email", "is computed, and cannot be written") in checked.system("chat")


def test_a_database_that_may_not_be_written(checked):
    """Read-only by its URL or by its rights: nothing could be erased from it."""
    reason = ("error", "the database file", "may not be written (no permission)")
    checked.replace(
        "systems.toml", "sqlite:///chat.db", f"sqlite:///file:{checked.world.folder}/chat.db?mode=ro&uri=true"
    )
    assert [reason] == checked.system("chat")
    checked.replace(
        "systems.toml", f"sqlite:///file:{checked.world.folder}/chat.db?mode=ro&uri=true", "sqlite:///chat.db"
    )
    opened(checked.world)
    (checked.world.folder / "chat.db").chmod(0o444)
    with as_nobody():
        assert [reason] == checked.system("chat")


def test_a_database_that_is_not_there(checked):
    """The settings' and the connection's own errors are findings too."""
    (checked.world.folder / "chat.db").unlink()
    ((severity, place, what),) = checked.system("chat")
    assert ("error", "system") == (severity, place)
    assert what == "chat: the database file of the inventory's `url` does not exist"
    (checked.world.folder / "chat.db").write_bytes(b"canary" * 1000)
    ((severity, place, what),) = checked.system("chat")
    assert ("error", "system") == (severity, place)
    assert "the database refused" in what
    (checked.world.folder / "map.yaml").unlink()
    assert [("error", "settings")] == [found[:2] for found in checked.system("chat")]


def test_files_that_rows_name(checked):
    """Where the files should stand is looked at too."""
    checked.replace("systems.toml", 'datamap = "map.yaml"', 'datamap = "map.yaml"\nfiles = "recordings"')
    assert [("error", "files", "the folder of `files` does not exist, or its disk is not mounted")] == checked.system(
        "chat"
    )
    (checked.world.folder / "recordings").mkdir()
    assert [] == checked.system("chat")
    opened(checked.world)
    (checked.world.folder / "chat.db").chmod(0o666)
    with as_nobody():
        assert ("error", "files", "the folder of `files` may not be read and changed") in checked.system("chat")


def test_mailboxes_that_may_not_be_changed(checked):
    """They are counted, not named; a root without any is an error."""
    box = checked.world.folder / "mail" / "support@acme.example"
    shutil.copytree(box, checked.world.folder / "mail" / "sales@acme.example")
    opened(checked.world)
    for path in (box, *box.rglob("*")):
        path.chmod(0o777)
    other = checked.world.folder / "mail" / "sales@acme.example"
    for path in (other, *other.rglob("*")):
        path.chmod(0o555)
    with as_nobody():
        assert [("error", "1 of 2 mailboxes", "may not be changed")] == checked.system("mail")
    (other / "cur").chmod(0o000)
    with as_nobody():
        assert [
            ("error", "1 of 2 mailboxes", "may not be read"),
            ("error", "1 of 2 mailboxes", "may not be changed"),
        ] == checked.system("mail")
    shutil.rmtree(checked.world.folder / "mail")
    ((severity, _, what),) = checked.system("mail")
    assert ("error", "the folder of mailboxes does not exist; check `path` in the inventory") == (severity, what)


def test_objects_without_an_owner(checked):
    """Objects that the rule gives to nobody are counted; a storage that may not be changed is an error."""
    place = checked.world.folder / "documents" / "contracts"
    (place / f"{ADA}.txt").write_text("a contract")
    (place / "broken.txt").write_text("a contract")
    (place / "broken.txt.json").write_text("{")
    lost = "have no owner by the rule under `owner`; only their path or text tells whose they are"
    assert [("drift", "3 of 7 objects", lost)] == checked.system("documents")
    checked.replace("systems.toml", '{ sidecar = ".json", field = "email" }', "{ scan = true }")
    assert [] == checked.system("documents")
    checked.replace("systems.toml", "{ scan = true }", '{ path = "{email}/{name}" }')
    assert [("drift", "7 of 7 objects", lost)] == checked.system("documents")
    opened(checked.world)
    with as_nobody():
        assert ("error", "storage", "objects may not be changed") in checked.system("documents")


def test_a_storage_that_only_tells_by_doing(checked):
    """Where rights cannot be asked for, that is said, and it is no failure."""
    checked.replace("systems.toml", 'url = "documents"', 'url = "memory://documents"')
    ((severity, place, what),) = checked.system("documents")
    assert ("note", "storage") == (severity, place)
    assert "only told by doing it" in what


def test_a_kind_without_a_check(checked, monkeypatch):
    """A third party's connector without one is built; what it raises is named by its place only."""

    class Plain:
        name = "plain"
        Settings = connectors.kinds()["maildir"].Settings

        def __init__(self, *_):
            pass

        def close(self):
            pass

    class Broken(Plain):
        def check(self):
            raise RuntimeError(f"canary {ADA}")

    monkeypatch.setitem(connectors.kinds(), "plain", Plain)
    checked.replace("systems.toml", 'connector = "maildir"', 'connector = "plain"')
    assert [("note", "system", "plain systems have no check; only the settings were read")] == checked.system("mail")
    monkeypatch.setitem(connectors.kinds(), "plain", Broken)
    ((severity, _, what),) = checked.system("mail")
    assert severity == "error"
    assert what.startswith("unexpected RuntimeError in tests.workers.test_checks:")


@pytest.fixture
def in_postgres(checked, database, postgres):
    """The chat in PostgreSQL, reached by a user of its own without any right yet."""
    engine = sa.create_engine(database)
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE TABLE contacts (id SERIAL PRIMARY KEY, name TEXT, email TEXT, phone TEXT, blocked BOOLEAN, "
            "created_at TIMESTAMP);"
            "CREATE TABLE messages (id SERIAL PRIMARY KEY, contact_id INTEGER REFERENCES contacts, content TEXT);"
            f"INSERT INTO contacts (name, email) VALUES ('Ada', '{ADA}')"
        )
    engine.dispose()
    name = sa.make_url(database).database
    admin = psycopg.connect(host=str(postgres.place), user="postgres", dbname=name, autocommit=True)
    user = f"clerk_{name}"
    admin.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(user)))
    url = f"postgresql+psycopg://{user}:canary@/{name}?host={postgres.place}"
    checked.replace("systems.toml", "sqlite:///chat.db", url)
    checked.replace("map.yaml", "blocked: 1", "blocked: true")
    with admin:
        yield checked, lambda text: admin.execute(sql.SQL(text).format(user=sql.Identifier(user)))
        admin.execute(sql.SQL("DROP OWNED BY {}").format(sql.Identifier(user)))
        admin.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(user)))


def test_rights_in_postgresql(in_postgres):
    """Each right that a verb needs is asked for: to read, delete, change each personal column; nothing changes."""
    checked, admin = in_postgres
    found = checked.system("chat")
    refused = "(no permission)"
    assert ("error", "contacts", f"may not be read {refused}") in found
    assert ("error", "contacts", f"may not be deleted from {refused}") in found
    admin("GRANT SELECT, DELETE ON ALL TABLES IN SCHEMA public TO {user}")
    assert {
        ("error", f"{place}", f"may not be changed {refused}")
        for place in ("contacts.name", "contacts.email", "contacts.phone", "contacts.blocked", "messages.content")
    } == set(checked.system("chat"))
    admin("GRANT UPDATE (name, email, phone, blocked), DELETE ON contacts TO {user}")
    admin("GRANT UPDATE ON messages TO {user}")
    assert [] == checked.system("chat")
    assert 1 == admin("SELECT count(*) FROM contacts WHERE name = 'Ada'").fetchone()[0]


def test_what_postgresql_hides(in_postgres):
    """Row security would hide rows for ever; a materialised view keeps copies; a table of others must be readable."""
    checked, admin = in_postgres
    admin("GRANT SELECT, DELETE, UPDATE ON ALL TABLES IN SCHEMA public TO {user}")
    admin("ALTER TABLE messages ENABLE ROW LEVEL SECURITY")
    admin("CREATE MATERIALIZED VIEW copies AS SELECT email FROM contacts")
    admin("CREATE TABLE secrets (id INTEGER)")
    assert [
        ("note", "copies", "is a materialised view: it keeps copies"),
        ("error", "messages", "row security is active: rows may be hidden, and never found"),
        ("error", "secrets", "may not be read (no permission)"),
    ] == checked.system("chat")


def test_partitions_are_their_tables(in_postgres):
    """The parts of a mapped table are not asked about; a table in parts that nobody mapped is, once."""
    checked, admin = in_postgres
    admin("DROP TABLE messages")
    for name in ("messages", "leads"):
        admin(f"CREATE TABLE {name} (id INTEGER, contact_id INTEGER, content TEXT) PARTITION BY RANGE (id)")
        admin(f"CREATE TABLE {name}_1 PARTITION OF {name} FOR VALUES FROM (1) TO (100)")
    admin(f"INSERT INTO leads VALUES (1, 1, '{ADA}')")
    admin("GRANT SELECT, DELETE, UPDATE ON ALL TABLES IN SCHEMA public TO {user}")
    looks = "is not in the data map, and looks like e-mail addresses (1 of 1)"
    assert [("drift", "leads.content", looks)] == checked.system("chat")


def test_exit_codes_and_lines(checked, monkeypatch, capsys):
    """0 clean or notes only, 1 error or drift, 2 wrong use; a line each; the same as JSON."""
    from workers.cli import main

    def run(*words):
        with pytest.raises(SystemExit) as ended:
            main(["systems", "check", *words])
        return ended.value.code, *capsys.readouterr()

    monkeypatch.setenv("RIGHTSDESK_HOME", str(checked.world.folder / "home"))
    monkeypatch.setenv("RIGHTSDESK_SYSTEMS", str(checked.world.systems))
    assert (0, "chat: ok\nmail: ok\ndocuments: ok\n", "") == run()
    checked.chat("ALTER TABLE contacts ADD COLUMN iban TEXT")
    line = (
        "chat: drift: contacts.iban: is not in the data map, and is named like personal data; add it to the data map "
        "with its category, or list it there under rightsdesk.unmapped\n"
    )
    assert (1, line + "mail: ok\ndocuments: ok\n", "") == run()
    assert (0, "mail: ok\n", "") == run("mail")
    code, out, _ = run("chat", "--json")
    (found,) = json.loads(out)
    assert (1, "chat", False) == (code, found["system"], found["ok"])
    assert {"severity", "place", "what", "todo"} == set(found["findings"][0])
    assert (2, "", "rightsdesk: no such system: caht; there are chat, mail, documents\n") == run("caht")
