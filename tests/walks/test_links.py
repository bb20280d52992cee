"""References across systems: what one system knows of the person leads to what another one keeps by its key."""

import sqlite3
from contextlib import closing

import pytest

from shared.domain.errors import UsageError
from shared.inventory import load
from tests import small
from tests.small import ADA, ticket
from workers.links import links_of

CRM = """
dataset:
  - fides_key: crm
    name: CRM
    collections:
      - name: customers
        fields:
          - {name: id, fides_meta: {primary_key: true}}
          - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email}}
"""
SHOP = """
dataset:
  - fides_key: shop
    name: Shop
    collections:
      - name: orders
        fields:
          - {name: id, fides_meta: {primary_key: true}}
          - name: customer_id
            fides_meta: {references: [{dataset: crm, field: customers.id, direction: from}]}
          - {name: item, data_categories: [user.content]}
      - name: parcels
        fields:
          - {name: id, fides_meta: {primary_key: true}}
          - {name: order_id, fides_meta: {references: [{dataset: shop, field: orders.id, direction: from}]}}
          - {name: street, data_categories: [user.contact.address.street]}
"""
SYSTEMS = """
[[systems]]
id = "{id}"
client = "acme"
channel = "data-center"
connector = "sql"
region = "country:DE"
url = "sqlite:///{id}.db"
datamap = "{id}.yaml"
"""


def build(folder, *, crm=CRM, shop=SHOP):
    """Build the small world with a CRM and a shop that knows the CRM's customers by their number only."""
    world = small.build(folder)
    for name, text in (("crm", crm), ("shop", shop)):
        (folder / f"{name}.yaml").write_text(text)
        world.systems.write_text(world.systems.read_text() + SYSTEMS.format(id=name))
    with closing(sqlite3.connect(folder / "crm.db")) as database, database:
        database.execute("CREATE TABLE customers (id INTEGER PRIMARY KEY, email TEXT)")
        database.executemany("INSERT INTO customers VALUES (?, ?)", [(7, ADA), (17, small.BOB)])
    with closing(sqlite3.connect(folder / "shop.db")) as database, database:
        database.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER, item TEXT)")
        database.execute("CREATE TABLE parcels (id INTEGER PRIMARY KEY, order_id INTEGER, street TEXT)")
        database.executemany(
            "INSERT INTO orders VALUES (?, ?, ?)", [(1, 7, "tea"), (2, 17, "coffee 7"), (3, 7, "milk")]
        )
        database.executemany("INSERT INTO parcels VALUES (?, ?, ?)", [(1, 1, "Ada Street"), (2, 2, "Bob Street")])
    return world


def rows(world, system, query):
    """Return what a query finds in a system's database."""
    with closing(sqlite3.connect(world.folder / f"{system}.db")) as database:
        return database.execute(query).fetchall()


def test_the_crm_leads_to_the_shop(opened, tmp_path):
    """Asked for by e-mail, her customer number finds her orders, and Bob's are left alone."""
    world = build(tmp_path / "world")
    line = opened(world)
    ident = line.submit(ticket("erasure"))
    line.run()
    found = line.ticket(ident)
    assert ("closed", "fulfilled") == (found["state"], found["outcome"])
    (erased,) = [one["counts"] for one in found["steps"] if (one["verb"], one["system"]) == ("delete", "shop")]
    assert {"orders": {"erased": 2}, "parcels": {"erased": 1}} == erased
    assert [(2, 17, "coffee 7")] == rows(world, "shop", "SELECT * FROM orders")
    assert [(2, 2, "Bob Street")] == rows(world, "shop", "SELECT * FROM parcels")
    assert [(17, small.BOB)] == rows(world, "crm", "SELECT * FROM customers")


def test_a_link_that_leads_the_other_way(opened, tmp_path):
    """`direction: to`: the system that declares it knows the key under which another one keeps the person."""
    crm = CRM.replace(
        "          - {name: email",
        "          - {name: shopper, fides_meta: {references: [{dataset: shop, field: orders.customer_id, "
        "direction: to}]}}\n          - {name: email",
    )
    reference = "            fides_meta: {references: [{dataset: crm, field: customers.id, direction: from}]}\n"
    shop = SHOP.replace(reference, "            fides_meta: {identity: shopper_number}\n")
    world = build(tmp_path / "world", crm=crm, shop=shop)
    with closing(sqlite3.connect(world.folder / "crm.db")) as database, database:
        database.execute("ALTER TABLE customers ADD COLUMN shopper INTEGER")
        database.execute("UPDATE customers SET shopper = id")
    line = opened(world)
    ident = line.submit(ticket("erasure"))
    line.run()
    assert "fulfilled" == line.ticket(ident)["outcome"]
    assert [(2, 17, "coffee 7")] == rows(world, "shop", "SELECT * FROM orders")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("dataset: crn, field: customers.id", "which no system of the client has; did you mean crm?"),
        ("dataset: crm, field: customers.ids", "customers.ids, which is no field of crm; did you mean customers.id?"),
        ("dataset: crm, field: customer.id", "customer.id, which is no field of crm; did you mean customers.id?"),
    ],
)
def test_a_link_to_nowhere_is_said_at_the_start(tmp_path, wrong, said):
    """Its system, its field and the nearest known name stand in the error."""
    world = build(tmp_path / "world", shop=SHOP.replace("dataset: crm, field: customers.id", wrong))
    with pytest.raises(UsageError) as caught:
        links_of(load(world.systems), "acme")
    assert str(caught.value).startswith("system shop: orders.customer_id references")
    assert said in str(caught.value)


def test_only_what_follows_links_may_be_linked(tmp_path):
    """A mailbox's map cannot lead into another system, which is said and not skipped."""
    world = build(tmp_path / "world")
    (world.folder / "mail.yaml").write_text(SHOP.replace("fides_key: shop", "fides_key: post"))
    text = world.systems.read_text().replace('path = "mail/"', 'path = "mail/"\ndatamap = "mail.yaml"')
    world.systems.write_text(text.replace("fides_key: shop", "fides_key: post"))
    (world.folder / "mail.yaml").write_text(
        (world.folder / "mail.yaml").read_text().replace("dataset: shop", "dataset: post")
    )
    with pytest.raises(UsageError, match="maildir systems follow no references to other systems"):
        links_of(load(world.systems), "acme")
