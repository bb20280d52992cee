"""Conditions and scopes of the map against columns of another type: read as the column has it, or refused by name."""

import pytest

from shared.domain.errors import Final
from tests.workers.connectors.sql.test_neighbours import findings, mapped, people, stand
from tests.workers.connectors.sql_store import ADA, collection, erase, field


def logs(store, kind="VARCHAR(9)", value="'1'"):
    """Make a person with an entry of a kind."""
    store.do(f"CREATE TABLE people (id INTEGER PRIMARY KEY, email VARCHAR(99), acc {kind})")
    store.do(f"CREATE TABLE logs (id INTEGER PRIMARY KEY, pid INTEGER, kind {kind}, line VARCHAR(99))")
    store.do(f"INSERT INTO people VALUES (1, '{ADA}', {value})")
    store.do(f"INSERT INTO logs VALUES (1, 1, {value}, 'hers')")


def entries(**ours):
    """Return the collection of entries."""
    to = {"to": "people.id"} if "author" in ours else {}
    return collection("logs", field("pid", **to), field("kind"), field("line", "user.content"), **ours)


@pytest.mark.parametrize(("kind", "value", "said"), [("VARCHAR(9)", "'1'", 1), ("INTEGER", "1", "1")])
@pytest.mark.parametrize("at", ["edges", "author"])
def test_a_condition_is_read_in_its_columns_type(store, kind, value, said, at):
    """`1` in the map is the text `1` in a column of texts, and the other way round; so is a scope."""
    logs(store, kind, value)
    edge = {"field": "pid", "to": "people.id", "when": {"kind": said}}
    one = people(field("acc")) | {"rightsdesk": {"scope": {"acc": said}}}
    mapped(store, one, entries(**{at: [edge] if at == "edges" else edge}))
    assert [] == findings(store, "people.acc", "logs.kind")
    _, _, deleted, looked = erase(store)
    assert {"people": {"erased": 1}, "logs": {"erased": 1}} == deleted.counts
    assert {} == looked.counts
    assert [] == stand(store, "SELECT id FROM logs")


@pytest.mark.parametrize("scope", [False, True])
def test_a_value_that_a_column_cannot_hold_is_refused(store, scope):
    """A text beside a number meets no row: the map is refused before any search, and the check says so."""
    logs(store, "INTEGER", "1")
    edge = {"field": "pid", "to": "people.id", "when": {"kind": "order"}}
    one = people(field("acc"))
    mapped(store, one | ({"rightsdesk": {"scope": {"acc": "acme"}}} if scope else {}), entries(edges=[edge]))
    expected = ["logs.kind", "people.acc"] if scope else ["logs.kind"]
    with pytest.raises(Final, match=rf"^the data map compares {expected[0]} with a value that it cannot hold"):
        erase(store)
    assert [("error", place) for place in expected] == findings(store, "people.acc", "logs.kind")


def test_a_truth_is_no_text(lite):
    """YAML reads `yes` as true, which a text may say in many ways."""
    logs(lite, "VARCHAR(9)", "'yes'")
    mapped(lite, people(), entries(edges=[{"field": "pid", "to": "people.id", "when": {"kind": True}}]))
    with pytest.raises(Final, match=r"compares logs\.kind"):
        erase(lite)


@pytest.mark.parametrize(("said", "fits"), [(True, True), (1, True), ("true", False), (2, False)])
def test_a_truth_is_read_as_its_column_keeps_it(store, said, fits):
    """`true` and 1 are one in a column of truths; another text or number is named, by the check and by a search."""
    logs(store, "BOOLEAN", "true")
    mapped(store, people(), entries(edges=[{"field": "pid", "to": "people.id", "when": {"kind": said}}]))
    fits |= said == 2 and store.engine.dialect.name not in ("sqlite", "postgresql")  # MariaDB's are small numbers
    assert ([] if fits else [("error", "logs.kind")]) == findings(store, "logs.kind")
    if fits:
        assert ({} if said == 2 else {"logs": {"erased": 1}}) | {"people": {"erased": 1}} == erase(store)[2].counts
    else:
        with pytest.raises(Final, match=r"^the data map compares logs\.kind with a value"):
            erase(store)


@pytest.mark.parametrize(("said", "fits"), [(True, True), (99999999999, False), ("1.5", False)])
def test_a_number_is_one_that_its_column_may_hold(store, said, fits):
    """A number beyond its column's is named; `true` is 1 where flags are numbers. SQLite's have eight bytes."""
    fits |= said == 99999999999 and store.url.startswith("sqlite")
    logs(store, "INTEGER", "1")
    mapped(store, people(field("acc")) | {"rightsdesk": {"scope": {"acc": said}}})
    assert ([] if fits else [("error", "people.acc")]) == findings(store, "people.acc")
    if fits:
        assert ({"people": {"erased": 1}} if said is True else {}) == erase(store)[2].counts
    else:
        with pytest.raises(Final, match=r"^the data map compares people\.acc with a value"):
            erase(store)


@pytest.mark.parametrize(("kind", "value", "said"), [("UUID", "gen_random_uuid()", 5), ("INET", "'::1'", "x"),
                                                     ("INTEGER[]", "'{1}'", 1)])  # fmt: skip
def test_a_type_that_only_the_database_knows_is_asked_of_it(postgres_store, kind, value, said):
    """An address or a list compared with something else is named, and no search ends in a refusal without a place."""
    logs(postgres_store, kind, value)
    mapped(postgres_store, people(field("acc")) | {"rightsdesk": {"scope": {"acc": said}}})
    assert [("error", "people.acc")] == findings(postgres_store, "people.acc")
    with pytest.raises(Final, match=r"^the data map compares people\.acc with a value"):
        erase(postgres_store)
