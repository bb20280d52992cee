"""SQL: names in a map and values in tickets and rows are names and values, whatever is written in them."""

import sqlite3
from contextlib import closing

import pytest
import sqlalchemy as sa
import yaml
from hypothesis import assume, example, given
from hypothesis import strategies as st

from shared import datamap
from shared.domain.errors import RightsdeskError
from shared.domain.identifier import EMAIL, Identifier, Subject, normalise
from shared.inventory import Client, System
from shared.testing import Desk
from tests.fuzz.nasty import fuzz, refusals, text
from workers.connectors.sql import CONNECTOR

ADA = "ada@example.org"
VERBS = ("locate", "export", "restrict", "lift", "rectify", "delete", "absent")
names = st.one_of(
    st.sampled_from(
        (
            'a"b',
            "a b",
            "a;--",
            "a'b",
            "select",
            "a`b",
            "[a]",
            "a%sb",
            "a:b",
            "a(b)c",
            "ä",
            "a\\b",
            "x" * 60,
            "%(x)s",
            "1",
            "{x}",
        )
    ),
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=12),
)


def worked(folder, url, graph, subject):
    """Do everything with a database; what cannot be done is refused in one line. Return the verbs that were done."""
    (folder / "map.yaml").write_text(yaml.safe_dump(graph, allow_unicode=True))
    datamap._read.cache_clear()
    system = System(id="db", client="acme", channel="chat", connector="sql", region="country:DE", folder=folder)
    client = Client(name="Acme", country="DE", contact="privacy@acme.example")
    desk, done = Desk(subject), []
    with refusals(RightsdeskError):
        connector = CONNECTOR(system, client, CONNECTOR.Settings(url=url, datamap="map.yaml"))
        with closing(connector):
            for verb in VERBS:
                with refusals(RightsdeskError):
                    getattr(connector, verb)(desk.work(act="delete", changes={"user.name": "'; DROP TABLE x; --"}))
                    done.append(verb)
    return done


def mapped(table, *fields):
    """Return a map of one table."""
    return {"dataset": [{"fides_key": "db", "name": "Db", "collections": [{"name": table, "fields": [*fields]}]}]}


def quoted(name):
    """Quote a name as SQL does."""
    return '"' + name.replace('"', '""') + '"'


@fuzz()
@given(names, st.lists(names, min_size=3, max_size=3, unique_by=str.casefold), text, text)
@example('t"; DROP TABLE bystander; --', ["id", 'm"x', "n'x"], "'; DELETE FROM bystander; --", "x")
@example("t%(x)s", ["i:d", "m.ail", "n[0]"], "%s", "{x}")
def test_any_names_and_values(tmp_path_factory, table, columns, name, other):
    """Her rows go and nobody else's, in that table and in no other."""
    folder = tmp_path_factory.mktemp("db")
    name, other = (one.encode(errors="replace").decode().replace("\0", "") for one in (name, other))
    ident, mail, called = columns
    rows = [(1, ADA, name), (2, "bob@example.org", other), (3, f"x{ADA}", name), (4, name, ADA + "x")]
    with closing(sqlite3.connect(folder / "x.db")) as database, database:
        try:
            made = f"{quoted(ident)} INTEGER PRIMARY KEY, {quoted(mail)} TEXT, {quoted(called)} TEXT"
            database.execute(f"CREATE TABLE {quoted(table)} ({made})")
        except sqlite3.OperationalError:
            assume(False)
        database.execute("CREATE TABLE bystander (id INTEGER PRIMARY KEY, mail TEXT)")
        database.execute("INSERT INTO bystander VALUES (1, ?)", (ADA,))
        database.executemany(f"INSERT INTO {quoted(table)} VALUES (?, ?, ?)", rows)
    graph = mapped(
        table,
        {"name": ident, "fides_meta": {"primary_key": True}},
        {"name": mail, "data_categories": ["user.contact.email"], "fides_meta": {"identity": "email"}},
        {"name": called, "data_categories": ["user.name"]},
    )
    done = worked(folder, "sqlite:///x.db", graph, Subject(frozenset({Identifier(EMAIL, ADA)}), region="DE"))
    with closing(sqlite3.connect(folder / "x.db")) as database:
        left = database.execute(f"SELECT {quoted(ident)} FROM {quoted(table)} ORDER BY 1").fetchall()
        assert [(1,)] == database.execute("SELECT id FROM bystander WHERE mail = ?", (ADA,)).fetchall()
    assert [(2,), (3,), (4,)] == left if "delete" in done else [(1,), (2,), (3,), (4,)] == left


@pytest.fixture
def both(tmp_path, database):
    """A table of visitors on SQLite and on PostgreSQL."""
    urls = f"sqlite:///{tmp_path / 'x.db'}", database
    engines = [sa.create_engine(url, poolclass=sa.NullPool) for url in urls]
    for engine in engines:
        with engine.begin() as connection:
            connection.execute(sa.text("CREATE TABLE visitors (id INTEGER PRIMARY KEY, key TEXT, note TEXT)"))
    return list(zip(urls, engines, strict=True))


@fuzz(0.4)
@given(text.filter(str.strip), text)
@example("a\0b", "x")
@example("\ud800", "x")
@example("%", "a%b")
@example("_", "ab")
@example("'; DROP TABLE visitors; --", "x")
def test_any_identifier(both, tmp_path, value, note):
    """An id that a ticket gives is compared, never run: who has another one stays."""
    found = normalise("visitor", value)
    assume(found or value in ("a\0b", "\ud800"))  # what no database takes is no id
    subject = Subject(frozenset({found} if found else ()), region="DE")
    graph = mapped(
        "visitors",
        {"name": "id", "fides_meta": {"primary_key": True}},
        {"name": "key", "data_categories": ["user.unique_id"], "fides_meta": {"identity": "visitor"}},
        {"name": "note", "data_categories": ["user.content"], "rightsdesk": {"free_text": True}},
    )
    kept = note.encode(errors="replace").decode().replace("\0", "")
    for url, engine in both:
        with engine.begin() as connection:
            connection.execute(sa.text("DELETE FROM visitors"))
            connection.execute(sa.text("INSERT INTO visitors VALUES (1, 'someone else', :note)"), {"note": kept})
        done = worked(tmp_path, url, graph, subject)
        assert "absent" in done
        with engine.connect() as connection:
            assert 1 == connection.scalar(sa.text("SELECT count(*) FROM visitors"))
