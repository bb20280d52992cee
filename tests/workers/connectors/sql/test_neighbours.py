"""Rows near hers that a careless link, cascade or comparison would take with them: other people's, all of them."""

import pytest

from tests.workers.connectors.sql_store import ADA, BOB, collection, erase, field


def people(*fields):
    """Return the collection of people, with further fields."""
    return collection("people", field("email", "user.contact.email", identity="email"), *fields)


def mapped(store, *collections, **ours):
    """Describe these collections instead of the chat system's."""
    dataset = {"fides_key": "chat", "name": "chat", "collections": list(collections)}
    store.datamap = {"dataset": [dataset | ({"rightsdesk": ours} if ours else {})]}


def stand(store, query):
    """Return what stands, as tuples."""
    with store.engine.connect() as connection:
        return [tuple(row) for row in connection.exec_driver_sql(query)]


@pytest.mark.parametrize("blank", ["", "  "])
def test_an_empty_link_leads_nowhere(lite, blank):
    """Rows that share an empty text share nothing: another person's log is neither found nor a reason to keep hers."""
    lite.do("CREATE TABLE people (id INTEGER PRIMARY KEY, email TEXT, ext TEXT)")
    lite.do("CREATE TABLE logs (id INTEGER PRIMARY KEY, ext TEXT, line TEXT)")
    lite.do(f"INSERT INTO people VALUES (1, '{ADA}', '{blank}'), (2, '{ADA}', '17'), (3, '{BOB}', '{blank}')")
    lite.do(f"INSERT INTO logs VALUES (1, '{blank}', 'his secret'), (2, '17', 'hers')")
    mapped(lite, people(field("ext")), collection("logs", field("ext", to="people.ext"), field("line", "user.content")))
    _, located, deleted, looked = erase(lite)
    assert {"people": {"found": 2}, "logs": {"found": 1}} == located.counts
    assert {"people": {"erased": 2}, "logs": {"erased": 1}} == deleted.counts
    assert {} == looked.counts
    assert [(1, "", "his secret")] == [(key, ext.strip(), line) for key, ext, line in stand(lite, "SELECT * FROM logs")]


def test_calls_without_a_group_are_not_one_call(lite):
    """An empty `linkedid`, a column's default, joins nobody's calls; a real one joins the legs of hers."""
    lite.do("CREATE TABLE cdr (id INTEGER PRIMARY KEY, src TEXT, dst TEXT, linkedid TEXT NOT NULL DEFAULT '')")
    lite.do("INSERT INTO cdr (src, dst) VALUES ('030123456', '201'), ('205', '300'), ('206', '301')")
    lite.do("INSERT INTO cdr (src, dst, linkedid) VALUES ('030123456', '201', '7.1'), ('201', '205', '7.1')")
    number = {"identity": "phone_number"}
    mapped(
        lite,
        collection(
            "cdr",
            field("src", "user.contact.phone_number", widen=False, **number),
            field("dst", "user.contact.phone_number", widen=False, **number),
            field("linkedid", to="cdr.linkedid"),
        ),
    )
    _, _, deleted, looked = erase(lite)
    assert {"cdr": {"erased": 3}} == deleted.counts
    assert {} == looked.counts
    assert [("205", "300"), ("206", "301")] == stand(lite, "SELECT src, dst FROM cdr")


def test_what_a_link_that_several_records_share_leads_to_goes_to_a_person(lite):
    """A `0` that stands for none, or a household's number, is his as well: ambiguous, unless all are hers."""
    lite.do("CREATE TABLE people (id INTEGER PRIMARY KEY, email TEXT, ext INTEGER)")
    lite.do("CREATE TABLE logs (id INTEGER PRIMARY KEY, ext INTEGER, line TEXT)")
    lite.do(f"INSERT INTO people VALUES (1, '{ADA}', 0), (2, '{BOB}', 0), (3, '{ADA}', 17), (4, '{ADA}', 17)")
    lite.do("INSERT INTO logs VALUES (1, 0, 'whose?'), (2, 17, 'hers')")
    mapped(lite, people(field("ext")), collection("logs", field("ext", to="people.ext"), field("line", "user.content")))
    _, located, deleted, looked = erase(lite)
    assert {"people": {"found": 3}, "logs": {"found": 1, "ambiguous": 1}} == located.counts
    assert {"erased": 1} == deleted.counts["logs"]
    assert {} == looked.counts
    assert [(1, 0, "whose?")] == stand(lite, "SELECT * FROM logs")
