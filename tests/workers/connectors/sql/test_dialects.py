"""Each kind of database quoted and typed right: names, schemas, keys of several columns, types of its own."""

from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from shared.domain.errors import Final, UsageError
from shared.testing import Desk
from tests.workers.connectors.sql_store import ADA, BOB, collection, erase, field, run, subject
from workers.connectors.sql.database import url_of


@pytest.mark.parametrize("url", ["oracle://x/y", "mssql+pyodbc://x/y", "duckdb:///x", "cockroachdb://x/y"])
def test_other_databases_are_refused_at_the_door(lite, url):
    """One line says which are supported, and tells nothing of the URL but its kind."""
    lite.url = url
    with pytest.raises(UsageError) as caught:
        lite.connector()
    assert str(caught.value).startswith(f"system chat: {url.split(':')[0].split('+')[0]} databases are not supported")
    assert "mariadb+pymysql" in str(caught.value)


def test_reserved_words_mixed_case_and_blanks_are_quoted(store):
    """Names that only stand in quotes are found, masked and deleted like others."""
    metadata = sa.MetaData()
    users = sa.Table(
        "Select", metadata, sa.Column("id", sa.Integer, primary_key=True), sa.Column("E Mail", sa.String(80))
    )
    orders = sa.Table(
        "order", metadata, sa.Column("id", sa.Integer, primary_key=True), sa.Column("group", sa.Integer),
        sa.Column("Where", sa.String(80)),
    )  # fmt: skip
    store.tables(
        metadata,
        collection("Select", field("E Mail", "user.contact.email", identity="email")),
        collection("order", field("group", to="Select.id"), field("Where", "user.content"), on_erasure="mask"),
    )
    for address in (ADA, BOB):
        store.add(orders, group=store.add(users, **{"E Mail": address}), Where="home")
    _, _, deleted, looked = erase(store)
    assert {"Select": {"erased": 1}, "order": {"masked": 1}} == deleted.counts
    assert [BOB] == [row["E Mail"] for row in store.all(users)]
    assert [None, "home"] == [row["Where"] for row in store.all(orders)]
    assert 0 == looked.total("hit")


def test_composite_keys_lead_as_one(store):
    """A foreign key of two columns is one reference: a booking of the same number in another shop is another's."""
    metadata = sa.MetaData()
    people = sa.Table(
        "people", metadata, sa.Column("id", sa.Integer, primary_key=True), sa.Column("email", sa.String(80))
    )
    bookings = sa.Table(
        "bookings", metadata, sa.Column("shop", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("no", sa.Integer, primary_key=True, autoincrement=False), sa.Column("person", sa.Integer),
    )  # fmt: skip
    items = sa.Table(
        "items", metadata, sa.Column("id", sa.Integer, primary_key=True), sa.Column("shop", sa.Integer),
        sa.Column("order_no", sa.Integer), sa.Column("what", sa.String(20)),
        sa.ForeignKeyConstraint(["shop", "order_no"], ["bookings.shop", "bookings.no"]),
    )  # fmt: skip
    fields = [field("shop", to="bookings.shop"), field("order_no", to="bookings.no"), field("what", "user.content")]
    store.tables(
        metadata,
        collection("people", field("email", "user.contact.email", identity="email")),
        {
            "name": "bookings",
            "fields": [field("shop", key=True), field("no", key=True), field("person", to="people.id")],
        },
        collection("items", *fields),
    )
    hers, his = store.add(people, email=ADA), store.add(people, email=BOB)
    for shop, person in ((1, hers), (2, his)):
        store.do(bookings.insert().values(shop=shop, no=7, person=person))
        store.add(items, shop=shop, order_no=7, what="tea")
    _, located, deleted, looked = erase(store)
    assert {"people": {"found": 1}, "bookings": {"found": 1}, "items": {"found": 1}} == located.counts
    assert {"people": {"erased": 1}, "bookings": {"erased": 1}, "items": {"erased": 1}} == deleted.counts
    assert [2] == [row["shop"] for row in store.all(items)]
    assert 0 == looked.total("hit")


def test_an_edge_of_several_fields(store):
    """Where the database knows no foreign key, the map says which fields must be equal as well."""
    metadata = sa.MetaData()
    tickets = sa.Table(
        "tickets", metadata, sa.Column("id", sa.Integer, primary_key=True), sa.Column("tenant", sa.String(9)),
        sa.Column("no", sa.Integer), sa.Column("email", sa.String(80)),
    )  # fmt: skip
    replies = sa.Table(
        "replies", metadata, sa.Column("id", sa.Integer, primary_key=True), sa.Column("tenant", sa.String(9)),
        sa.Column("ticket", sa.Integer),
    )  # fmt: skip
    edge = {"field": "ticket", "to": "tickets.no", "also": {"tenant": "tenant"}}
    mail = field("email", "user.contact.email", identity="email")
    store.tables(
        metadata, collection("tickets", field("tenant"), field("no"), mail),
        collection("replies", field("tenant"), field("ticket"), edges=[edge]),
    )  # fmt: skip
    store.add(tickets, tenant="a", no=7, email=ADA)
    for tenant in ("a", "b", "A"):
        store.add(replies, tenant=tenant, ticket=7)
    _, _, deleted, _ = erase(store)
    assert {"tickets": {"erased": 1}, "replies": {"erased": 1}} == deleted.counts
    assert ["b", "A"] == [row["tenant"] for row in store.all(replies)]


def test_a_primary_key_that_the_map_does_not_name_is_the_databases(store):
    """A Fides dataset often names none; without any in the database either it is said."""
    metadata = sa.MetaData()
    visits = sa.Table(
        "visits", metadata, sa.Column("id", sa.Integer, primary_key=True), sa.Column("email", sa.String(80))
    )
    sa.Table("bare", metadata, sa.Column("email", sa.String(80)))
    mail = field("email", "user.contact.email", identity="email")
    store.tables(metadata, {"name": "visits", "fields": [mail]})
    store.add(visits, email=ADA)
    _, _, deleted, _ = erase(store)
    assert {"visits": {"erased": 1}} == deleted.counts
    store.tables(metadata, {"name": "bare", "fields": [mail]})
    with pytest.raises(Final, match="bare has no primary key in the database; mark its fields"):
        run(store, Desk(subject()), "locate")


def test_a_scope_is_exact_where_the_database_is_not(store):
    """A tenant whose name differs in case only is another tenant, also where the collation says otherwise."""
    metadata = sa.MetaData()
    table = sa.Table(
        "people", metadata, sa.Column("id", sa.Integer, primary_key=True), sa.Column("email", sa.String(80)),
        sa.Column("tenant", sa.String(20)),
    )  # fmt: skip
    mail = field("email", "user.contact.email", identity="email")
    store.tables(metadata, collection("people", mail, field("tenant"), scope={"tenant": "acme"}))
    for tenant in ("acme", "ACME", "acmé"):
        store.add(table, email=ADA, tenant=tenant)
    _, located, deleted, _ = erase(store)
    assert {"people": {"found": 1}} == located.counts
    assert {"people": {"erased": 1}} == deleted.counts
    assert ["ACME", "acmé"] == [row["tenant"] for row in store.all(table)]


def test_a_schema_of_its_own(postgres_store):
    """A dataset's namespace names its schema; a table of that name in another one is another's."""
    store = postgres_store
    store.do("CREATE SCHEMA crm")
    for schema in ("crm", "public"):
        store.do(f"CREATE TABLE {schema}.people (id serial PRIMARY KEY, email text)")
        store.do(f"INSERT INTO {schema}.people (email) VALUES ('{ADA}'), ('{BOB}')")
    mail = field("email", "user.contact.email", identity="email")
    store.tables(sa.MetaData(), collection("people", mail), fides_meta={"namespace": {"schema": "crm"}})
    desk = Desk(subject())
    run(store, desk, "locate")
    assert {"people": {"erased": 1}} == run(store, desk, "delete").counts
    people = sa.Table("people", sa.MetaData(), sa.Column("id", sa.Integer), sa.Column("email", sa.Text), schema="crm")
    assert [BOB] == [row["email"] for row in store.all(people)]
    assert [ADA, BOB] == [row["email"] for row in store.all(people.to_metadata(sa.MetaData(), schema="public"))]


def test_a_schema_by_the_url(postgres_store):
    """`search_path` in the URL chooses the schema as well."""
    store = postgres_store
    store.do("CREATE SCHEMA crm")
    store.do("CREATE TABLE crm.persons (id serial PRIMARY KEY, email text)")
    store.do(f"INSERT INTO crm.persons (email) VALUES ('{ADA}')")
    store.tables(sa.MetaData(), collection("persons", field("email", "user.contact.email", identity="email")))
    store.url += "&options=-csearch_path%3Dcrm"
    _, _, deleted, looked = erase(store)
    assert {"persons": {"erased": 1}} == deleted.counts
    assert 0 == looked.total("hit")


def test_types_of_postgresql(postgres_store):
    """UUID keys, citext, ENUM, jsonb, inet, bytea, money, identity and arrays are read, exported and masked."""
    store, metadata = postgres_store, sa.MetaData()
    store.do("CREATE TYPE mood AS ENUM ('happy', 'sad')")
    store.do(
        "CREATE TABLE people (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), no int GENERATED ALWAYS AS IDENTITY,"
        " email varchar(80), mood mood, mood_firm mood NOT NULL, ip inet, ip_firm inet NOT NULL, face bytea,"
        " paid money, tags text[], born date NOT NULL, profile jsonb NOT NULL)"
    )
    insert = (
        "INSERT INTO people (email, mood, mood_firm, ip, ip_firm, face, paid, tags, born, profile) VALUES"
        " ('{}', 'happy', 'sad', '203.0.113.7', '203.0.113.7', '\\x01', 12.50,"
        " '{{tea}}', '1980-02-03', '{{\"a\": \"b\"}}')"
    )
    for address in (ADA, BOB):
        with store.engine.begin() as connection:
            connection.exec_driver_sql(insert.format(address))
    fields = [
        field(name, "user.content") for name in ("mood", "mood_firm", "ip", "face", "paid", "tags", "born", "profile")
    ]
    store.tables(
        metadata,
        {"name": "people", "fields": [
            field("id", key=True), field("email", "user.contact.email", identity="email"),
            field("ip_firm", "user.device.ip_address", mask="ip"), *fields,
        ], "rightsdesk": {"on_erasure": "mask"}},
    )  # fmt: skip
    desk = Desk(subject())
    run(store, desk, "locate")
    run(store, desk, "export")
    (row,) = desk.package.tables["people"]
    assert ("happy", "203.0.113.7", "AQ==", ["tea"]) == (row["mood"], row["ip"], row["face"], row["tags"])
    _, _, deleted, looked = erase(store)
    failed = sorted(one.ground.partition(":")[0] for one in deleted.reasons)
    assert ["people.born takes no mask", "people.mood_firm takes no mask"] == failed
    with store.engine.connect() as connection:
        stood = connection.exec_driver_sql(
            "SELECT mood, ip, host(ip_firm), face, paid, tags, profile FROM people WHERE email IS NULL"
        ).one()
        assert 1 == connection.exec_driver_sql("SELECT count(*) FROM people WHERE mood = 'happy'").scalar_one()
    assert (None, None, "203.0.113.0", None, None, None, {}) == tuple(stood)
    assert 0 == looked.total("hit")


def test_types_of_mariadb(maria_store):
    """tinyint(1), ENUM, SET, JSON, zero dates, binary keys and letters of four bytes."""
    store = maria_store
    with store.engine.begin() as connection:
        connection.exec_driver_sql("SET SESSION sql_mode = ''")
        connection.exec_driver_sql(
            "CREATE TABLE people (id binary(16) PRIMARY KEY, email varchar(80), active tinyint(1) NOT NULL,"
            " mood enum('happy', 'sad'), likes set('tea', 'milk'), profile json, seen datetime NOT NULL,"
            " name varchar(40))"
        )
        connection.exec_driver_sql(
            "CREATE TABLE posts (id int PRIMARY KEY AUTO_INCREMENT, person binary(16), text text)"
        )
        for number, address in enumerate((ADA, BOB)):
            key = bytes([number, 200, *range(14)])
            connection.exec_driver_sql(
                "INSERT INTO people VALUES (%s, %s, 1, 'happy', 'tea,milk', '{\"a\": \"b\"}', '0000-00-00', %s)",
                (key, address, "Ada 😀"),
            )
            connection.exec_driver_sql("INSERT INTO posts (person, text) VALUES (%s, 'hello 😀')", (key,))
    fields = [field(name, "user.content") for name in ("mood", "likes", "profile", "name")]
    store.tables(
        sa.MetaData(),
        collection("posts", field("person", to="people.id"), field("text", "user.content")),
        {"name": "people", "fields": [
            field("id", key=True), field("email", "user.contact.email", identity="email"), field("active"),
            field("seen"), *fields,
        ], "rightsdesk": {"on_erasure": "mask", "restrict": {"active": False}}},
    )  # fmt: skip
    desk = Desk(subject())
    assert {"people": {"found": 1}, "posts": {"found": 1}} == run(store, desk, "locate").counts
    run(store, desk, "export")
    (row,) = desk.package.tables["people"]
    assert ("Ada 😀", {"a": "b"}) == (row["name"], row["profile"])
    restricted = run(store, desk, "restrict").counts
    assert {"people": {"restricted": 1}, "posts": {"residual": 1}} == restricted
    assert {"people": {"lifted": 1}} == run(store, desk, "lift").counts
    deleted = run(store, desk, "delete")
    assert {"people": {"masked": 1}, "posts": {"erased": 1}} == deleted.counts
    assert 0 == run(store, desk, "absent", act="delete").total("hit")
    with store.engine.connect() as connection:
        stood = connection.exec_driver_sql("SELECT mood, likes, profile, name FROM people WHERE email IS NULL").one()
        assert (None, None, None, None) == tuple(stood)
        assert 1 == connection.exec_driver_sql("SELECT count(*) FROM posts").scalar_one()


def test_a_collation_without_case_makes_no_other_person(maria_store):
    """An id that differs in case only is someone else's, whatever the column's collation says."""
    store, metadata = maria_store, sa.MetaData()
    table = sa.Table(
        "people", metadata, sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("visitor", mysql.VARCHAR(20, collation="utf8mb4_general_ci")),
    )  # fmt: skip
    store.tables(metadata, collection("people", field("visitor", "user.unique_id", identity="visitor_id")))
    for visitor in ("v-17a", "V-17A", "v-17á"):
        store.add(table, visitor=visitor)
    _, _, deleted, _ = erase(store, subject(email=(), phone=(), other=(("visitor_id", "v-17a"),)))
    assert {"people": {"erased": 1}} == deleted.counts
    assert 2 == len(store.all(table))


def test_a_driver_is_chosen_where_the_url_names_none(lite):
    """`mysql://` and `postgresql://` mean the drivers that are installed."""
    assert "mysql+pymysql" == url_of("mysql://h/d", Path()).drivername
    assert "mariadb+pymysql" == url_of("mariadb://h/d", Path()).drivername
    assert "postgresql+psycopg" == url_of("postgresql://h/d", Path()).drivername


def test_every_schema_of_the_map_is_scanned(postgres_store):
    """The second look reads unmapped tables of a mapped schema, and one of a collection's name in another schema."""
    store = postgres_store
    store.do("CREATE SCHEMA crm")
    for name in ("crm.people", "public.people", "crm.notes"):
        store.do(f"CREATE TABLE {name} (id serial PRIMARY KEY, email text)")
        store.do(f"INSERT INTO {name} (email) VALUES ('{ADA}')")
    mail = field("email", "user.contact.email", identity="email")
    store.tables(sa.MetaData(), collection("people", mail), fides_meta={"namespace": {"schema": "crm"}})
    _, _, deleted, looked = erase(store)
    assert {"people": {"erased": 1}} == deleted.counts
    assert {"crm.notes": {"hit": 1}, "public.people": {"hit": 1}} == looked.counts


def test_identifiers_in_columns_of_bytes_and_numbers(store):
    """Text kept as bytes is searched, redacted and deleted like text, and a number may be kept as one."""
    metadata = sa.MetaData()
    people = sa.Table(
        "people", metadata, sa.Column("id", sa.Integer, primary_key=True), sa.Column("email", sa.LargeBinary),
        sa.Column("visitor", sa.LargeBinary), sa.Column("note", sa.LargeBinary),
    )  # fmt: skip
    store.tables(
        metadata,
        collection(
            "people",
            field("email", "user.contact.email", identity="email"),
            field("visitor", "user.unique_id", identity="visitor_id"),
            field("note", free_text=True),
        ),
    )
    left = sa.Table(
        "leftovers", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True), sa.Column("raw", sa.LargeBinary),
        sa.Column("whom", sa.BigInteger), sa.Column("phone", sa.Numeric(20, 0)), sa.Column("amount", sa.Integer),
    )  # fmt: skip
    left.create(store.engine)
    store.add(people, email=b"Ada@acme.test")
    store.add(people, visitor=b"v-17")
    bob = store.add(people, email=b"bob@acme.test", note="\u00dc: ask ada@acme.test, \u00fc".encode())
    store.add(left, raw=b"\xff ada@acme.test")
    store.add(left, whom=4930123456)
    store.add(left, phone=30123456)
    store.add(left, whom=30123456, amount=30123456, raw=b"\xff\x00")
    _, located, deleted, looked = erase(store, subject(other=(("visitor_id", "v-17"),)))
    assert {"people": {"found": 2, "mention": 1}} == located.counts
    assert {"people": {"erased": 2, "redacted": 1}} == deleted.counts
    assert [(bob, "\u00dc: ask [redacted], \u00fc".encode())] == [
        (row["id"], bytes(row["note"])) for row in store.all(people)
    ]
    assert {"leftovers": {"hit": 3}} == looked.counts
