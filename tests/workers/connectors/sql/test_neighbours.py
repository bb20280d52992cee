"""Rows near hers that a careless link, cascade or comparison would take with them: other people's, all of them."""

from contextlib import closing

import pytest

from shared.domain.errors import Final
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


@pytest.mark.parametrize(("email", "hers"), [("NULL", True), (f"'{BOB}'", False)])
def test_a_display_name_beside_a_found_id_is_nobody_else(lite, email, hers):
    """`Guest` beside her visitor id contests nothing and is no name of hers; another's address still does."""
    lite.do("CREATE TABLE people (id INTEGER PRIMARY KEY, email TEXT, name TEXT, vid TEXT)")
    lite.do("CREATE TABLE sessions (id INTEGER PRIMARY KEY, vid TEXT, nick TEXT, email TEXT)")
    lite.do("CREATE TABLE events (id INTEGER PRIMARY KEY, vid TEXT)")
    lite.do(f"INSERT INTO people VALUES (1, '{ADA}', 'Ada Example', 'v-17')")
    lite.do(f"INSERT INTO sessions VALUES (1, 'v-17', 'Guest', {email}), (2, 'v-17', 'ada', NULL)")
    lite.do("INSERT INTO events VALUES (1, 'v-17')")
    vid, address = field("vid", "user.unique_id", identity="visitor_id"), people()["fields"][1]
    mapped(
        lite,
        people(field("name", "user.name"), vid),
        collection("sessions", vid, field("nick", "user.name"), address),
        collection("events", vid),
    )
    _, located, deleted, looked = erase(lite)
    assert {"found" if hers else "ambiguous": 2} == located.counts["sessions"]
    assert {"found" if hers else "ambiguous": 1} == located.counts["events"]
    assert set() == located.names
    assert ({"erased": 2} if hers else None) == deleted.counts.get("sessions")
    assert {} == looked.counts


@pytest.mark.parametrize(("name", "contact"), [("Carl", "ambiguous"), ("+49 30 123456", "found")])
def test_another_name_beside_her_number_takes_no_call_from_her(lite, name, contact):
    """A contact of another name may be her own: a person decides on it, and her calls stay hers."""
    lite.do("CREATE TABLE people (id INTEGER PRIMARY KEY, email TEXT, phone TEXT, name TEXT)")
    lite.do("CREATE TABLE calls (id INTEGER PRIMARY KEY, phone TEXT)")
    lite.do(f"INSERT INTO people VALUES (1, '{ADA}', '030 123456', 'Ada Example'), (2, NULL, '030 123456', '{name}')")
    lite.do("INSERT INTO calls VALUES (1, '+49 30 123456')")
    phone = field("phone", "user.contact.phone_number", identity="phone_number")
    mapped(lite, people(phone, field("name", "user.name")), collection("calls", phone))
    located = erase(lite)[1]
    assert {"found": 1} == located.counts["calls"]
    assert (1 if contact == "ambiguous" else 0) == located.counts["people"].get("ambiguous", 0)


@pytest.mark.parametrize(
    ("pid", "nick", "found"),
    [("NULL", "NULL", 1), ("2", "NULL", 0), ("9", "NULL", 0), ("NULL", "'bob'", 0)],
)
def test_a_record_that_names_nobody_contests_nothing(lite, pid, nick, found):
    """A visit before the login has no owner: what hangs on hers is hers, unless the visit is or names somebody else."""
    lite.do("CREATE TABLE people (id INTEGER PRIMARY KEY, email TEXT)")
    lite.do("CREATE TABLE sites (id INTEGER PRIMARY KEY, host TEXT)")
    lite.do("CREATE TABLE visits (id INTEGER PRIMARY KEY, sid TEXT, pid INTEGER, site INTEGER, nick TEXT)")
    lite.do("CREATE TABLE events (id INTEGER PRIMARY KEY, sid TEXT, line TEXT)")
    lite.do(f"INSERT INTO people VALUES (1, '{ADA}'), (2, '{BOB}')")
    lite.do("INSERT INTO sites VALUES (1, 'shop.acme.test')")
    lite.do(f"INSERT INTO visits VALUES (1, 's1', {pid}, 1, {nick}), (2, 's1', 1, 1, NULL), (3, 's2', 2, 1, NULL)")
    lite.do("INSERT INTO events VALUES (1, 's1', 'hers'), (2, 's2', 'his')")
    to = [field("pid", to="people.id"), field("site", to="sites.id", direction=None), field("nick", "user.name")]
    mapped(
        lite,
        people(),
        collection("sites", field("host")),
        collection("visits", field("sid"), *to),
        collection("events", field("sid", to="visits.sid"), field("line", "user.content")),
    )
    _, located, deleted, looked = erase(lite)
    assert {"found" if found else "ambiguous": 1} == located.counts["events"]
    assert ({"erased": 1} if found else {"masked": 1}) == deleted.counts["visits"]
    assert {} == looked.counts
    assert ([] if found else [(1, "hers")]) + [(2, "his")] == stand(lite, "SELECT id, line FROM events")


def gifts(store, action="CASCADE", more=""):
    """Make people, and gifts of theirs that other people own."""
    store.do("CREATE TABLE people (id INTEGER PRIMARY KEY, email VARCHAR(99))")
    reference = f"FOREIGN KEY (pid) REFERENCES people (id) ON DELETE {action}"
    store.do(f"CREATE TABLE gifts (id INTEGER PRIMARY KEY, pid INTEGER, owner VARCHAR(99), {reference})")
    store.do(f"INSERT INTO people VALUES (1, '{ADA}'), (2, '{BOB}')")
    store.do(f"INSERT INTO gifts VALUES (1, 1, '{BOB}'), (2, 2, '{BOB}'){more}")


def findings(store, *tables):
    """Return what `systems check` says of some tables."""
    with closing(store.connector()) as connector:
        found = [(one.severity, one.place) for one in connector.check() if one.place in tables]
    return [one for one in found if one[0] == "error"]


def test_rows_that_no_map_knows_never_go_along_unseen(store):
    """A cascade would take Bob's gift with her record: nothing is deleted, and the check says which table to map."""
    gifts(store)
    mapped(store, people())
    assert [("error", "gifts")] == findings(store, "gifts")
    with pytest.raises(Final, match=r"^gifts is not in the data map, and its rows would go with those of people"):
        erase(store)
    assert [1, 2] == [key for (key,) in stand(store, "SELECT id FROM people ORDER BY id")]
    assert [1, 2] == [key for (key,) in stand(store, "SELECT id FROM gifts ORDER BY id")]


def test_a_cascade_without_rows_holds_nobody_up(lite):
    """Where nothing hangs on her record, it goes."""
    gifts(lite)
    lite.do("DELETE FROM gifts WHERE pid = 1")
    mapped(lite, people())
    _, _, deleted, _ = erase(lite)
    assert {"people": {"erased": 1}} == deleted.counts


def test_rows_that_the_map_leaves_out_on_purpose_are_counted(lite):
    """Listed under `unmapped`, they go with the record and are counted; what hangs on them in turn has to be mapped."""
    gifts(lite)
    mapped(lite, people(), unmapped=["gifts"])
    assert [] == findings(lite, "gifts")
    _, _, deleted, _ = erase(lite)
    assert {"gifts": {"erased": 1}, "people": {"erased": 1}} == deleted.counts
    lite.do("CREATE TABLE cards (id INTEGER PRIMARY KEY, gift INTEGER REFERENCES Gifts (ID) ON DELETE CASCADE)")
    with closing(lite.connector()) as connector:
        said = [(one.what, one.todo) for one in connector.check() if (one.severity, one.place) == ("error", "gifts")]
    what = "is listed under unmapped, but its rows would go with those of people, and those of cards with them"
    assert [(what, "map gifts and cards")] == said
    lite.do(f"INSERT INTO people VALUES (3, '{ADA}')")
    lite.do("INSERT INTO gifts VALUES (3, 3, NULL)")
    with pytest.raises(Final, match=f"^gifts {what}, whosever they are; map gifts and cards$"):
        erase(lite)


def test_a_reference_that_is_only_emptied_takes_no_row_along(lite):
    """ON DELETE SET NULL leaves the row, and nothing of her in it."""
    gifts(lite, "SET NULL")
    mapped(lite, people())
    assert [] == findings(lite, "gifts")
    _, _, deleted, looked = erase(lite)
    assert {"people": {"erased": 1}} == deleted.counts
    assert {} == looked.counts
    assert [(1, None), (2, 2)] == stand(lite, "SELECT id, pid FROM gifts")


def test_a_cascade_from_another_schema_is_seen(postgres_store):
    """A table of a schema that no map names hangs on hers all the same."""
    gifts(postgres_store, "SET NULL")
    postgres_store.do("CREATE SCHEMA arch")
    postgres_store.do("CREATE TABLE arch.gifts (id INTEGER, pid INTEGER REFERENCES people (id) ON DELETE CASCADE)")
    postgres_store.do("INSERT INTO arch.gifts VALUES (1, 1)")
    mapped(postgres_store, people())
    with pytest.raises(Final, match=r"^arch\.gifts is not in the data map"):
        erase(postgres_store)
    postgres_store.do("DROP SCHEMA arch CASCADE")


def test_an_id_found_on_the_way_takes_nobody_elses_record(lite):
    """A visitor id that stands for none, or a shared computer's, is Bob's too: both wait."""
    lite.do("CREATE TABLE people (id INTEGER PRIMARY KEY, email TEXT, vid TEXT)")
    lite.do("CREATE TABLE visits (id INTEGER PRIMARY KEY, vid TEXT)")
    lite.do(f"INSERT INTO people VALUES (1, '{ADA}', 'unknown'), (2, '{BOB}', 'unknown'), (3, '{ADA}', 'v-17')")
    lite.do("INSERT INTO visits VALUES (1, 'unknown'), (2, 'v-17')")
    vid = field("vid", "user.unique_id", identity="visitor_id")
    mapped(lite, people(vid), collection("visits", vid))
    _, located, deleted, looked = erase(lite)
    expected = {"people": {"found": 2, "ambiguous": 1}, "visits": {"found": 1, "ambiguous": 1}}
    assert expected == located.counts
    assert {"people": {"erased": 2}, "visits": {"erased": 1}} == deleted.counts
    assert {} == looked.counts
    assert [(2, BOB, "unknown")] == stand(lite, "SELECT * FROM people")


def test_a_schema_that_nothing_reads_is_named(postgres_store):
    """Another schema may be another client's: it is not searched, and the check says so until the map does."""
    postgres_store.do("CREATE SCHEMA arch")
    postgres_store.do("CREATE TABLE arch.people (id INTEGER, email TEXT)")
    try:
        with closing(postgres_store.connector()) as connector:
            assert [("drift", "arch")] == [
                (one.severity, one.place) for one in connector.check() if "arch" in one.place
            ]
        postgres_store.datamap["dataset"][0]["rightsdesk"] = {"unmapped": ["arch"]}
        with closing(postgres_store.connector()) as connector:
            assert [] == [one.place for one in connector.check() if "arch" in one.place]
    finally:
        postgres_store.do("DROP SCHEMA arch CASCADE")


def test_a_number_that_is_found_by_another_id_is_noted(lite):
    """A Fides dataset with an id of its own on a number's field loads and finds by it; the check says so."""
    lite.do("CREATE TABLE chats (id INTEGER PRIMARY KEY, wa TEXT)")
    mapped = field("wa", "user.contact.phone_number", identity="wa_id")
    lite.datamap["dataset"][0]["collections"].append(collection("chats", mapped))
    with closing(lite.connector()) as connector:
        found = [(one.severity, one.what) for one in connector.check() if one.place == "chats.wa"]
    assert [("note", "is a user.contact.phone_number, and found by wa_id alone")] == found
