"""Rows that need each other in a circle go, wherever one of the references may be emptied first."""

import pytest
import sqlalchemy as sa

from tests.workers.connectors.sql.test_neighbours import mapped
from tests.workers.connectors.sql_store import ADA, collection, erase, field


@pytest.mark.parametrize(("people", "places"), [("a", "b"), ("b", "a")])
@pytest.mark.parametrize("composite", [False, True])
def test_a_circle_breaks_at_the_reference_that_may_be_null(store, people, places, composite):
    """A customer lets go of her default address, whichever name comes first; of two columns one is enough."""
    metadata, of_place = sa.MetaData(), ["shop", "place"] if composite else ["place"]
    to_place = [f"{places}.shop", f"{places}.id"] if composite else [f"{places}.id"]
    customer = sa.Table(
        people, metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("email", sa.String(99)),
        sa.Column("shop", sa.Integer, nullable=False),
        sa.Column("place", sa.Integer),
        sa.ForeignKeyConstraint(of_place, to_place, use_alter=True, name="default_place"),
    )  # fmt: skip
    address = sa.Table(
        places, metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("shop", sa.Integer, nullable=False),
        sa.Column("owner", sa.ForeignKey(f"{people}.id"), nullable=False),
        sa.Column("street", sa.String(9)),
        sa.UniqueConstraint("shop", "id"),
    )  # fmt: skip
    metadata.create_all(store.engine)
    store.add(customer, id=1, email=ADA, shop=1)
    store.add(address, id=7, shop=1, owner=1, street="hers")
    store.do(sa.update(customer).values(place=7))
    mapped(
        store,
        collection(people, field("email", "user.contact.email", identity="email"), field("place")),
        collection(places, field("owner", to=f"{people}.id"), field("street", "user.contact.address.street")),
    )
    _, _, deleted, looked = erase(store)
    assert {people: {"erased": 1}, places: {"erased": 1}} == deleted.counts
    assert {} == looked.counts
    assert [] == store.ids(customer)
