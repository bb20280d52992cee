"""Values, masks and names that a driver or a database refuses: one of them stops nobody's search, act or check."""

from contextlib import closing

import pytest
import sqlalchemy as sa

from shared.testing import Desk
from tests.workers.connectors.sql.test_neighbours import mapped, people, stand
from tests.workers.connectors.sql_store import ADA, collection, erase, field, run, subject

KINDS = {
    "i": ("INTEGER", 5), "s": ("SMALLINT", 5), "b": ("BIGINT", 3000000000), "n": ("NUMERIC(10,2)", 5),
    "d": ("DATE", "'2026-03-01'"),
}  # fmt: skip


def test_a_link_that_a_column_cannot_hold_leads_nowhere(store):
    """Keys that are no number, or too long a one, belong to no row there; the others still lead on."""
    store.do("CREATE TABLE people (id VARCHAR(30) PRIMARY KEY, email VARCHAR(99))")
    for key in ("abc", "9" * 23, "3000000000", "-70000", "NaN", "Infinity", "1e400", "5", "2026-03-01"):
        store.do(f"INSERT INTO people VALUES ('{key}', '{ADA}')")
    for name, (kind, value) in KINDS.items():
        store.do(f"CREATE TABLE logs_{name} (id INTEGER PRIMARY KEY, pid {kind})")
        store.do(f"INSERT INTO logs_{name} VALUES (1, {value}), (2, NULL)")
    mapped(store, people(), *(collection(f"logs_{name}", field("pid", to="people.id")) for name in KINDS))
    _, located, deleted, looked = erase(store)
    assert {"people": {"found": 9}} | {f"logs_{name}": {"found": 1} for name in KINDS} == located.counts
    assert {"people": {"erased": 9}} | {f"logs_{name}": {"erased": 1} for name in KINDS} == deleted.counts
    assert {} == looked.counts


def test_sqlite_holds_long_numbers_in_any_column(lite):
    """There INTEGER has eight bytes: a key of ten digits leads on."""
    lite.do("CREATE TABLE people (id INTEGER PRIMARY KEY, email TEXT)")
    lite.do("CREATE TABLE logs (id INTEGER PRIMARY KEY, pid INTEGER)")
    lite.do(f"INSERT INTO people VALUES (9000000000, '{ADA}')")
    lite.do("INSERT INTO logs VALUES (1, 9000000000)")
    mapped(lite, people(), collection("logs", field("pid", to="people.id")))
    assert {"logs": {"erased": 1}, "people": {"erased": 1}} == erase(lite)[2].counts


def test_a_mask_that_the_driver_cannot_bind_fails_its_field_only(postgres_store):
    """A text for a boolean is failed on that field; the address beside it is masked."""
    postgres_store.do("CREATE TABLE people (id INTEGER PRIMARY KEY, email VARCHAR(99), agreed BOOLEAN)")
    postgres_store.do(f"INSERT INTO people VALUES (1, '{ADA}', true)")
    mapped(postgres_store, people(field("agreed", "user.content", mask="random")))
    desk = Desk(subject())
    run(postgres_store, desk, "locate")
    outcome = run(postgres_store, desk, "mask")
    expected = "people.agreed: the value does not fit the column's type"
    assert [("failed", expected)] == [(one.outcome, one.ground) for one in outcome.reasons]
    assert [(None, True)] == stand(postgres_store, "SELECT email, agreed FROM people")


@pytest.mark.parametrize("name", ["Order%Items", "a%sb"])
def test_a_name_with_a_percent_sign_is_checked(store, name):
    """Tables and columns may be called anything."""
    table = sa.Table(
        name, sa.MetaData(), sa.Column("group", sa.Integer, primary_key=True), sa.Column("E-mail%s", sa.String(99))
    )
    table.create(store.engine)
    address = field("E-mail%s", "user.contact.email", identity="email")
    mapped(store, {"name": name, "fields": [field("group", key=True), address]})
    with closing(store.connector()) as connector:
        assert [] == [one for one in connector.check() if one.place.startswith(name)]
    with store.engine.begin() as connection:
        connection.execute(table.insert().values({"group": 1, "E-mail%s": ADA}))
    assert {name: {"erased": 1}} == erase(store)[2].counts


@pytest.mark.parametrize(
    "unique", ["VARCHAR(90) NOT NULL UNIQUE", "TEXT NOT NULL UNIQUE", "VARCHAR(90) UNIQUE NOT NULL"]
)
def test_a_unique_column_takes_pseudonyms_however_it_is_declared(lite, unique):
    """Two rows of hers become two pseudonyms, also where UNIQUE stands beside the column."""
    lite.do(f"CREATE TABLE people (id INTEGER PRIMARY KEY, email TEXT, handle {unique})")
    lite.do(f"INSERT INTO people VALUES (1, '{ADA}', 'a'), (2, '{ADA}', 'b')")
    mapped(lite, people(field("handle", "user.contact")))
    desk = Desk(subject())
    run(lite, desk, "locate")
    assert {"people": {"masked": 2}} == run(lite, desk, "mask").counts


def test_bytes_that_are_no_text_end_no_check_and_no_search(lite):
    """A picture, or a text in Latin-1, is read byte by byte; what stands after it is still found."""
    lite.do("CREATE TABLE people (id INTEGER PRIMARY KEY, email TEXT, town TEXT)")
    lite.do(f"INSERT INTO people VALUES (1, '{ADA}', CAST(X'4dfc6e7374' AS TEXT))")
    lite.do("CREATE TABLE files (id INTEGER PRIMARY KEY, picture BLOB, any, email TEXT)")
    lite.do("INSERT INTO files VALUES (1, X'89504e47fffe', X'ffd8', NULL)")
    mapped(lite, people(field("town", "user.contact.address.city")))
    with closing(lite.connector()) as connector:
        assert ["files.email"] == [one.place for one in connector.check() if one.place.startswith("files.")]
    _, _, deleted, looked = erase(lite)
    assert {"people": {"erased": 1}} == deleted.counts
    assert {} == looked.counts
