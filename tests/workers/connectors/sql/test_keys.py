"""Keys of every kind: a row that was noted is found again by its own, and by nobody else's."""

import pytest

from shared.domain.errors import Final
from shared.testing import Desk
from tests.workers.connectors.sql.test_neighbours import findings, mapped, people, stand
from tests.workers.connectors.sql_store import ADA, BOB, erase, field, run, subject


def coded(store, *codes, of="VARCHAR(20)"):
    """Make people whose key the database does not keep apart: the first is Ada, the others Bob."""
    store.do(f"CREATE TABLE people (code {of}, email VARCHAR(99))")
    for number, code in enumerate(codes):
        store.do(f"INSERT INTO people VALUES ('{code}', '{BOB if number else ADA}')")
    mapped(store, {"name": "people", "fields": [field("code", key=True), people()["fields"][1]]})


@pytest.mark.parametrize("verb", ["delete", "mask"])
@pytest.mark.parametrize("kind", ["maria_store", "nocase"])
def test_a_key_that_differs_in_case_or_blanks_is_someone_elses(verb, kind, request):
    """Where a collation holds `abc`, `ABC` and `abc ` for one, only the row of her own key is touched."""
    store = request.getfixturevalue("lite" if kind == "nocase" else kind)
    coded(store, "abc", "ABC", "abc ", of="VARCHAR(20)" + (" COLLATE NOCASE" if kind == "nocase" else ""))
    store.do(f"INSERT INTO people VALUES ('gone', '{ADA}')")
    desk = Desk(subject())
    run(store, desk, "locate")
    store.do("DELETE FROM people WHERE code = 'gone'")
    assert 1 == run(store, desk, verb).total("erased", "masked")
    others = "SELECT code, email FROM people WHERE email IS NOT NULL ORDER BY code"
    assert {("ABC", BOB), ("abc ", BOB)} == set(stand(store, others))


@pytest.mark.parametrize(("verb", "left"), [("delete", 0), ("mask", 1), ("restrict", 1)])
def test_a_row_whose_key_is_null_in_part_is_found_again(store, verb, left):
    """NULL equals nothing, and the row is hers all the same."""
    store.do("CREATE TABLE people (id INTEGER PRIMARY KEY, email VARCHAR(99))")
    store.do("CREATE TABLE logs (a VARCHAR(9), b VARCHAR(9), pid INTEGER, line VARCHAR(99), mark INTEGER)")
    store.do(f"INSERT INTO people VALUES (1, '{ADA}')")
    store.do("INSERT INTO logs VALUES (NULL, 'x', 1, 'hers', 0), ('x', 'x', 2, 'his', 0), (NULL, 'y', 2, 'his', 0)")
    keys = [field("a", key=True), field("b", key=True)]
    logs = [*keys, field("pid", to="people.id"), field("line", "user.content"), field("mark")]
    mapped(store, people(), {"name": "logs", "fields": logs, "rightsdesk": {"restrict": {"mark": 1}}})
    desk = Desk(subject())
    run(store, desk, "locate")
    word = {"delete": "erased", "mask": "masked", "restrict": "restricted"}[verb]
    assert {word: 1} == run(store, desk, verb).counts["logs"]
    assert {} == run(store, desk, "absent", act=verb).counts
    rows = stand(store, "SELECT line, mark FROM logs WHERE pid = 1")
    assert {"delete": [], "mask": [(None, 0)], "restrict": [("hers", 1)]}[verb] == rows
    assert 2 == len(stand(store, "SELECT line FROM logs WHERE line = 'his' AND mark = 0"))


def test_two_rows_that_only_null_tells_apart_stop_the_delete(lite):
    """SQLite lets several rows of a primary key be NULL: nothing is changed where one of them is not hers."""
    lite.do("CREATE TABLE people (code TEXT PRIMARY KEY, email TEXT)")
    lite.do(f"INSERT INTO people VALUES (NULL, '{ADA}'), (NULL, '{BOB}')")
    mapped(lite, {"name": "people", "fields": [field("code", key=True), people()["fields"][1]]})
    with pytest.raises(Final, match="several rows have one key"):
        erase(lite)
    assert 2 == len(stand(lite, "SELECT * FROM people"))


def test_a_key_that_does_not_come_back_stops_the_search(postgres_store):
    """A rounded number is not found by what was read of it: that is no row which is gone, and the check says so."""
    postgres_store.do("CREATE TABLE people (code REAL PRIMARY KEY, email VARCHAR(99))")
    postgres_store.do(f"INSERT INTO people VALUES (0.1, '{ADA}')")
    mapped(postgres_store, {"name": "people", "fields": [field("code", key=True), people()["fields"][1]]})
    with pytest.raises(Final, match=r"^people: a row is not found again by its key"):
        erase(postgres_store)
    assert [("error", "people.code")] == findings(postgres_store, "people.code")


def test_bytes_in_a_key_of_texts_stop_the_search(lite):
    """SQLite keeps what it is given; a key that was written down as text would miss it."""
    lite.do("CREATE TABLE people (code TEXT PRIMARY KEY NOT NULL, email TEXT)")
    lite.do(f"INSERT INTO people VALUES (x'00ff', '{ADA}')")
    mapped(lite, {"name": "people", "fields": [field("code", key=True), people()["fields"][1]]})
    with pytest.raises(Final, match=r"^people: a row is not found again by its key"):
        erase(lite)


def test_moments_that_python_does_not_know_stop_nobody(postgres_store):
    """`infinity` and years before Christ are read as they are written, masked or deleted like any other."""
    postgres_store.do("CREATE TABLE people (id INTEGER PRIMARY KEY, email VARCHAR(99), until DATE, at TIMESTAMPTZ)")
    postgres_store.do(f"INSERT INTO people VALUES (1, '{ADA}', 'infinity', '-infinity')")
    postgres_store.do(f"INSERT INTO people VALUES (2, '{ADA}', '0044-03-15 BC', '0044-03-15 12:00 BC')")
    mapped(postgres_store, people(field("until", "user.content"), field("at", "user.content")))
    desk = Desk(subject())
    assert 2 == run(postgres_store, desk, "locate").total("found")
    assert 2 == run(postgres_store, desk, "mask").total("masked")
    assert [(1, None, None), (2, None, None)] == stand(postgres_store, "SELECT id, until, at FROM people ORDER BY id")
