"""What a database refuses or puts back: failed on that field, said without a value, and the rest goes on."""

from contextlib import closing
from uuid import UUID

import pytest
import sqlalchemy as sa

from shared.domain.errors import Final
from shared.testing import Desk
from tests.workers.connectors.sql_store import ADA, ADA_PHONE, BOB, Store, collection, erase, field, run, subject

NAME = "Ada Example"


def people(store, *columns, **ours):
    """Make a table of people with more columns, mapped as personal; return it."""
    metadata = sa.MetaData()
    table = sa.Table(
        "people", metadata, sa.Column("id", sa.Integer, primary_key=True), sa.Column("email", sa.String(80)),
        sa.Column("name", sa.String(80)), *columns,
    )  # fmt: skip
    mapped = [field("email", "user.contact.email", identity="email"), field("name", "user.name")]
    mapped += [field(str(one.name), "user.content") for one in columns if isinstance(one, sa.Column)]
    store.tables(metadata, collection("people", *mapped, **({"on_erasure": "mask"} | ours)))
    return table


def put_back(store, column):
    """Make a trigger that puts the old value of a column back."""
    if store.engine.dialect.name == "sqlite":
        store.do(
            f"CREATE TRIGGER t AFTER UPDATE OF {column} ON people WHEN NEW.{column} IS NOT OLD.{column}"
            f" BEGIN UPDATE people SET {column} = OLD.{column} WHERE id = NEW.id; END"
        )
    elif store.engine.dialect.name == "postgresql":
        body = f"BEGIN NEW.{column} := OLD.{column}; RETURN NEW; END"
        store.do(f"CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ {body} $$")
        store.do("CREATE TRIGGER t BEFORE UPDATE ON people FOR EACH ROW EXECUTE FUNCTION f()")
    else:
        store.do(f"CREATE TRIGGER t BEFORE UPDATE ON people FOR EACH ROW SET NEW.{column} = OLD.{column}")


def reasons(outcome):
    """Return why fields failed."""
    return [one.ground for one in outcome.reasons if one.outcome == "failed"]


def test_a_trigger_that_puts_back_is_seen(store):
    """A second connection reads what really stands; the other fields of the row are masked."""
    table = people(store)
    store.add(table, email=ADA, name=NAME)
    put_back(store, "name")
    _, _, deleted, looked = erase(store)
    assert {"people": {"failed": 1}} == deleted.counts
    said = "people.name: the old value stands again after it was written (a trigger or rule)"
    assert [said] == reasons(deleted)
    assert [(None, NAME)] == [(row["email"], row["name"]) for row in store.all(table)]
    assert {"people": {"hit": 1}} == looked.counts


def note(*constraints, kind=None, **more):
    """Return a column."""
    return sa.Column("note", kind or sa.String(80), *constraints, **more)


REFUSED = [
    (lambda: note(sa.CheckConstraint("note = 'x' OR note = '[redacted]x'")), "x", "a check constraint"),
    (lambda: note(kind=sa.Integer, nullable=False), 7, "the value does not fit the column's type"),
    (lambda: note(unique=True), "x", "a unique constraint"),
]


@pytest.mark.parametrize(("column", "value", "why"), REFUSED, ids=[one[2] for one in REFUSED])
def test_a_constraint_costs_its_field(store, column, value, why):
    """The obstacle is named with the field; the same row's other fields, and other rows, are masked."""
    table = people(store, column())
    store.datamap["dataset"][0]["collections"][0]["fields"][-1]["rightsdesk"] = {"mask": "redact"}
    if why == "a unique constraint":
        store.add(table, email=BOB, name="Bob", note="[redacted]")
    store.add(table, email=ADA, name=NAME, note=value)
    _, _, deleted, _ = erase(store)
    row = next(row for row in store.all(table) if row["email"] is None)
    assert (None, value) == (row["name"], row["note"])
    assert [f"people.note: {why}"] == reasons(deleted)
    assert {"people": {"failed": 1}} == deleted.counts


FITTING = [
    (lambda: note(kind=sa.String(4)), "redact", "[red"),
    (lambda: note(nullable=False), None, "[redacted]"),
    (lambda: note(nullable=False, unique=True), None, None),
]


@pytest.mark.parametrize(("column", "mask", "stands"), FITTING, ids=["short", "not null", "unique"])
def test_a_mask_is_made_to_fit(store, column, mask, stands):
    """A short column takes the beginning, one that may not be NULL a text, a unique one a pseudonym."""
    table = people(store, column())
    store.datamap["dataset"][0]["collections"][0]["fields"][-1]["rightsdesk"] = {"mask": mask} if mask else {}
    store.add(table, email=ADA, name=NAME, note="her")
    _, _, deleted, looked = erase(store)
    (row,) = store.all(table)
    assert {"people": {"masked": 1}} == deleted.counts
    assert row["note"] != "her"
    assert stands in (None, row["note"])
    assert 0 == looked.total("hit")


@pytest.mark.parametrize("store", ["postgresql", "mariadb"], indirect=True)
def test_every_pseudonym_of_a_uuid_is_one(store):
    """Whatever the key makes of it, the database takes it: a random UUID has its version (RFC 9562)."""
    table = people(store, note(kind=sa.Uuid(), nullable=False))
    for number in range(40):
        store.add(table, email=ADA, note=UUID(int=number))
    _, _, deleted, looked = erase(store)
    assert {"people": {"masked": 40}} == deleted.counts
    assert 0 == looked.total("hit")
    assert {4} == {one["note"].version for one in store.all(table)}


def test_a_generated_column_goes_with_what_it_is_made_of(store):
    """It takes no mask, which is said; masked is what it is generated from."""
    made = sa.Column("shout", sa.String(80), sa.Computed("upper(name)"))
    table = people(store, made)
    store.add(table, email=ADA, name=NAME)
    _, _, deleted, looked = erase(store)
    assert ["people.shout is a generated column: state a `mask` that it can hold, or delete the row"] == reasons(
        deleted
    )
    assert [(None, None)] == [(row["name"], row["shout"]) for row in store.all(table)]
    assert 0 == looked.total("hit")


def test_a_row_that_another_table_needs_is_kept_and_said(store):
    """A foreign key of a table that no map knows refuses the delete of that row, and of no other."""
    table = people(store, on_erasure="delete")
    metadata = sa.MetaData()
    sa.Table("people", metadata, sa.Column("id", sa.Integer, primary_key=True), extend_existing=True)
    badges = sa.Table(
        "badges", metadata, sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("person", sa.Integer, sa.ForeignKey("people.id")),
    )  # fmt: skip
    badges.create(store.engine)
    kept = store.add(table, email=ADA, name=NAME)
    store.add(table, email=ADA, name=NAME)
    store.add(badges, person=kept)
    _, _, deleted, looked = erase(store)
    assert {"people": {"erased": 1, "failed": 1}} == deleted.counts
    assert ["people: a foreign key constraint keeps the row"] == reasons(deleted)
    assert [kept] == store.ids(table)
    assert looked.total("hit") > 0


# MariaDB has no trigger that can undo a delete without refusing it
@pytest.mark.parametrize("store", ["sqlite", "postgresql"], indirect=True)
def test_a_delete_that_is_undone_is_seen(store):
    """A rule or trigger that keeps the row, or puts it back, is no success."""
    table = people(store, on_erasure="delete")
    store.add(table, email=ADA, name=NAME)
    if store.engine.dialect.name == "sqlite":
        store.do("CREATE TRIGGER t BEFORE DELETE ON people BEGIN SELECT RAISE(IGNORE); END")
    else:
        store.do("CREATE RULE r AS ON DELETE TO people DO INSTEAD NOTHING")
    _, _, deleted, looked = erase(store)
    assert {"people": {"failed": 1}} == deleted.counts
    assert ["people: the row stands again after it was deleted (a trigger or rule)"] == reasons(deleted)
    assert looked.total("hit") > 0


def test_a_row_put_back_under_another_key_is_found_by_identity(lite):
    """The second look asks by identity, too: an id that is too short for texts still finds its row."""
    store = lite
    metadata = sa.MetaData()
    table = sa.Table(
        "members", metadata, sa.Column("id", sa.Integer, primary_key=True), sa.Column("number", sa.Integer)
    )
    store.tables(metadata, collection("members", field("number", "user.unique_id", identity="member_number")))
    store.add(table, number=7)
    store.do(
        "CREATE TRIGGER t AFTER DELETE ON members WHEN OLD.id < 5"
        " BEGIN INSERT INTO members VALUES (OLD.id + 10, OLD.number); END"
    )
    person = subject(email=(), phone=(), names=(), other=(("member_number", "7"),))
    _, _, deleted, looked = erase(store, person)
    assert {"members": {"erased": 1}} == deleted.counts
    assert {"members": {"hit": 1}} == looked.counts
    assert ["a row with the person's identifiers stands"] == [one.ground for one in looked.reasons]


def test_no_permission_is_said_of_its_field(request, tmp_path, mariadb):
    """A user who may write some columns only masks those; no error of the database's own is shown."""
    with mariadb.database() as url, closing(Store(url, tmp_path)) as store:
        table = people(store)
        store.add(table, email=ADA, name=NAME)
        database = sa.make_url(url).database
        mariadb.execute(f"CREATE USER clerk_{database}")
        mariadb.execute(f"GRANT SELECT ON {database}.* TO clerk_{database}")
        mariadb.execute(f"GRANT UPDATE (email) ON {database}.people TO clerk_{database}")
        store.url = mariadb.url(database, user=f"clerk_{database}")
        _, _, deleted, _ = erase(store)
        assert {"people": {"failed": 1}} == deleted.counts
        assert ["people.name: no permission"] == reasons(deleted)
        assert [(None, NAME)] == [(row["email"], row["name"]) for row in store.all(table)]


def test_no_permission_on_postgresql(postgres_store, database):
    """The same on PostgreSQL, where the standard's own code says it."""
    store = postgres_store
    table = people(store)
    store.add(table, email=ADA, name=NAME)
    name = sa.make_url(database).database
    store.do(f"CREATE ROLE clerk_{name} LOGIN")
    store.do(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO clerk_{name}")
    store.do(f"GRANT UPDATE (email) ON people TO clerk_{name}")
    try:
        store.url = database.replace("postgres@", f"clerk_{name}@")
        _, _, deleted, _ = erase(store)
        assert ["people.name: no permission"] == reasons(deleted)
        assert [(None, NAME)] == [(row["email"], row["name"]) for row in store.all(table)]
    finally:
        store.do(f"DROP OWNED BY clerk_{name}")
        store.do(f"DROP ROLE clerk_{name}")


@pytest.mark.parametrize("verb", ["delete", "mask", "rectify", "restrict"])
def test_a_view_is_only_read(store, verb):
    """It is searched and exported; what would change it is refused before anything is changed."""
    table = people(store)
    store.do("CREATE VIEW persons AS SELECT id, email, name FROM people")
    store.datamap["dataset"][0]["collections"][0]["name"] = "persons"
    store.add(table, email=ADA, name=NAME)
    desk = Desk(subject())
    assert 1 == run(store, desk, "locate").total("found")
    assert 1 == run(store, desk, "export").total("exported")
    with pytest.raises(Final, match="persons is a view, which can be searched and exported only"):
        run(store, desk, verb, changes={"user.name": "Ada"})
    assert [NAME] == [row["name"] for row in store.all(table)]


def test_a_value_that_is_put_back_is_not_rectified(store):
    """What reads back otherwise than it was to be is failed; the row's other new value stands."""
    table = people(store)
    store.add(table, email=ADA, name=NAME)
    put_back(store, "email")
    desk = Desk(subject(phone=(ADA_PHONE,)))
    run(store, desk, "locate")
    outcome = run(store, desk, "rectify", changes={"user.contact.email": "new@acme.test", "user.name": "Ada B."})
    assert {"people": {"failed": 1, "rectified": 1}} == outcome.counts
    assert ["people.email: the old value stands again after it was written (a trigger or rule)"] == reasons(outcome)
    assert [(ADA, "Ada B.")] == [(row["email"], row["name"]) for row in store.all(table)]
