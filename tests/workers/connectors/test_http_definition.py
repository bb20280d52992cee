"""Definitions: what is wrong with one is said in a line; paths, templates and waits that they are made of."""

import itertools
import re
import tomllib
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from urllib.parse import unquote

import httpx
import hypothesis
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.errors import Final, UsageError
from shared.domain.identifier import EMAIL, PHONE, Identifier
from tests.workers.connectors.rest import BASIC
from workers.connectors.http import HttpSettings, template
from workers.connectors.http.answers import LONGEST_WAIT, retry_after
from workers.connectors.http.load import load, parse
from workers.connectors.http.paths import elements, first, leaves, pick, put
from workers.connectors.http.subjects import moment

ROOT = Path(__file__).parents[3]
CORE = ("id", "client", "channel", "connector", "region", "max_in_flight")
NAMES = st.text("abcdef_", min_size=1, max_size=5)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(NAMES, below, max_size=3),
    max_leaves=12,
)


def definition(at, value):
    """Return the basic definition with one more thing at a path of keys."""
    made = deepcopy(BASIC)
    *above, name = at
    node = made
    for one in above:
        node = node[one]
    node[name] = value
    return made


CUSTOMERS = ("resources", "customers")
CHILD = {"within": "customers", "find": [{"path": "/{customers.id}", "items": "[]"}]}


@pytest.mark.parametrize(
    ("at", "value", "says"),
    [
        (("sytem",), "x", r"the definition: unknown key sytem; did you mean system\?"),
        ((*CUSTOMERS, "reed"), {}, r"resources\.customers: unknown key reed; did you mean read\?"),
        ((*CUSTOMERS, "find", 0, "pages"), {"pag": "x"}, r"find\.0\.pages: unknown key pag; did you mean page\?"),
        ((*CUSTOMERS, "fields", "mail", "identiy"), "x", r"fields\.mail: unknown key identiy; did you mean identity\?"),
        ((*CUSTOMERS, "fields", "x"), {"categories": ["user.contact.emial"]}, r"did you mean user\.contact\.email\?"),
        ((*CUSTOMERS, "fields", "x"), {"mask": "redac"}, "did you mean 'redact'"),
        ((*CUSTOMERS, "read", "path"), "/{idd}", r"customers\.read: nothing is called \{idd\}; did you mean id\?"),
        ((*CUSTOMERS, "find", 0, "json"), "{valeu}", r"nothing is called \{valeu\}; did you mean value\?"),
        ((*CUSTOMERS, "read", "path"), "customers", r"customers\.read\.path: String should match"),
        ((*CUSTOMERS, "find"), [], "no `find` leads to it"),
        ((*CUSTOMERS, "read"), None, "no `read`, by which the second look"),
        ((*CUSTOMERS, "fields"), {}, "no field has an `identity`"),
        ((*CUSTOMERS, "restrict"), {"blocked": True}, "restrict needs `patch`"),
        ((*CUSTOMERS, "goes_with_parent"), True, "goes_with_parent is for a resource within another"),
        ((*CUSTOMERS, "within"), "customer", r"no resource is called customer; did you mean customers\?"),
        ((*CUSTOMERS, "within"), "customers", "stands within itself"),
        ((*CUSTOMERS, "author"), {"id": "x", "of": "custmers"}, r"did you mean customers\?"),
        ((*CUSTOMERS, "others"), ["a[].b"], r"a path without \[\] is needed"),
        ((*CUSTOMERS, "find", 0, "items"), "data", r"the path of a list ends with \[\]"),
        ((*CUSTOMERS, "find", 0, "items"), "a..b[]", "not a path such as"),
        ((*CUSTOMERS, "find", 0, "pages"), {"page": "a", "link": True}, "give one of page, cursor and link"),
        ((*CUSTOMERS, "find", 0, "pages"), {"cursor": "b"}, "a cursor needs `next`"),
        ((*CUSTOMERS, "find", 0, "pages"), {"link": True}, "a Link header leads on with GET"),
        ((*CUSTOMERS, "find", 0, "by"), None, "a root is found `by`"),
        ((*CUSTOMERS, "delete", "job"), {"id": "x", "state": "s", "done": ["d"]}, "give `id` and `path` together"),
        ((*CUSTOMERS, "delete", "job"), {"id": "x", "path": "/{jb}", "state": "s", "done": []}, r"did you mean job\?"),
        (("settles_within",), "soon", "settles_within: "),
        (("auth",), {"scheme": "header", "secret": "x"}, "header needs name"),
        (("auth",), {"scheme": "oauth2"}, "oauth2 needs token_path, client_id, client_secret"),
        (("auth", "scheme"), "bearr", r"auth\.scheme: "),
        (("resources", "orders"), {**CHILD, "author": {"id": "x", "of": "orders"}}, "is itself within another"),
        (("resources",), [], "resources: "),
    ],
)  # fmt: skip
def test_what_is_wrong_is_one_line(at, value, says):
    """A definition that cannot work stops the start, with the place and the nearest known name."""
    with pytest.raises(UsageError, match=says) as error:
        parse(definition(at, value))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("raw", [None, [], "text", 7])
def test_a_definition_is_a_mapping(raw):
    """Anything else says how one starts."""
    with pytest.raises(UsageError, match="a definition starts with"):
        parse(raw)


@pytest.mark.parametrize("content", [b"system: [", b"\xff\xfe", b"a: &a [*a]\nsystem: x"])
def test_a_file_that_is_no_definition(tmp_path, content):
    """Bytes that are no YAML, or no definition, are one line with the file's name."""
    path = tmp_path / "shop.yaml"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=r"^shop\.yaml"):
        load(path)
    with pytest.raises(UsageError, match=r"no definition at nowhere\.yaml"):
        load(tmp_path / "nowhere.yaml")


def test_every_shipped_definition_loads():
    """What stands in deploy/http can be used as it is."""
    shipped = sorted((ROOT / "deploy" / "http").glob("*.yaml"))
    assert ["chatwoot.yaml"] == [one.name for one in shipped]
    for one in shipped:
        assert {"locate", "export", "delete", "rectify", "restrict", "lift", "subjects", "absent"} <= load(one).verbs


def test_the_documented_examples_are_true():
    """The definition in docs/http.md loads, and the system in deploy/systems.toml is one, comment signs taken away."""
    written = (ROOT / "docs" / "http.md").read_text()
    made = parse(yaml.safe_load(re.search(r"```yaml\n(.*?)```", written, re.DOTALL)[1]))
    assert {"mask", "rectify", "restrict"} <= made.verbs
    block = (ROOT / "deploy" / "systems.toml").read_text().partition("# A system behind a REST API")[2]
    lines = itertools.takewhile(lambda row: row.startswith("# "), block.splitlines()[1:])
    for text in ("\n".join(row[2:] for row in lines), re.search(r"```toml\n(.*?)```", written, re.DOTALL)[1]):
        (system,) = tomllib.loads(text)["systems"]
        keys = {key: value for key, value in system.items() if key not in CORE}
        assert load(ROOT / "deploy" / HttpSettings(**keys).definition).parameters == tuple(keys["parameters"])


def test_children_come_before_their_parents():
    """The order in which records are deleted."""
    made = parse(definition(("resources", "orders"), CHILD))
    assert ("orders", "customers") == made.deepest_first
    assert ("customers",) == made.above("orders")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a", [1]), ("b.c", ["x"]), ("d[]", [1, 2]), ("d[1]", [2]), ("d[9]", []), ("e[].f", ["p", "q"]),
        ("e[].g[]", ["r"]), ("missing", []), ("a.b", []), ("a[]", []), ("b[]", []), ("e.f", []), ("null", []),
    ],
)  # fmt: skip
def test_paths(path, expected):
    """A name goes into an object, [] into each element, [0] into one; what is not there gives nothing."""
    document = {"a": 1, "b": {"c": "x"}, "d": [1, 2], "e": [{"f": "p"}, {"f": "q", "g": ["r"]}, 7], "null": None}
    assert expected == pick(document, path)


@given(JSON, st.lists(NAMES, min_size=1, max_size=3))
def test_what_is_put_is_found(value, names):
    """A value written at a path of names stands there, whatever it is."""
    document, path = {}, ".".join(names)
    put(document, path, value)
    assert value == first(document, path)


@given(JSON)
def test_a_list_at_the_top(document):
    """`[]` names the document itself, where it is a list."""
    assert (document if isinstance(document, list) else None) == elements(document, "[]")


@given(JSON, NAMES)
def test_every_leaf_is_seen(document, name):
    """Texts and numbers are found however deep they stand."""
    assert "needle" in list(leaves({name: [document, {"x": [["needle"]]}]}))


@given(st.text(min_size=1))
def test_an_id_never_leads_elsewhere(value):
    """Whatever an id holds, it stays one segment of its path; what would be another place is refused."""
    hypothesis.assume(value.strip("."))
    path = template.fill_path("/customers/{id}/orders", {"id": value})
    url = httpx.URL("https://shop.example").copy_with(raw_path=path.encode("ascii"))
    before, segment, after = url.raw_path.decode().removeprefix("/").split("/")
    assert ("customers", value, "orders") == (before, unquote(segment), after)
    assert (b"", "") == (url.query, url.fragment)


@pytest.mark.parametrize("value", [".", "..", "", "\ud800"])
def test_an_id_that_is_no_segment_is_refused(value):
    """What would be read as another place, or cannot be written, is final."""
    with pytest.raises(Final, match="an id cannot stand in a path"):
        template.fill_path("/customers/{id}", {"id": value})


def test_what_a_search_may_ask_for():
    """An address gives its parts, a number its digits and the last six, any other id itself."""
    assert {"value": "a@b.example", "local": "a", "domain": "b.example", "digits": "", "tail": ""} == template.sought(
        Identifier(EMAIL, "a@b.example")
    )
    number = template.sought(Identifier(PHONE, "+4930123456;ext=7"))
    assert ("+4930123456;ext=7", "4930123456", "123456") == (number["value"], number["digits"], number["tail"])
    assert "v-17" == template.sought(Identifier("visitor_id", "v-17"))["value"]


def test_a_body_keeps_types():
    """A string that is one name becomes the value itself; a part of a text becomes text."""
    values = {"id": 7, "changes": {"a": None}}
    assert {"one": 7, "two": "no 7", "all": [{"a": None}], "x": None} == template.fill(
        {"one": "{id}", "two": "no {id}", "all": ["{changes}"], "x": None}, values
    )


NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None), ("120", 120), (" 0 ", 0), ("999999999999999", LONGEST_WAIT), ("soon", None), ("-5", None),
        ("1.5", None), ("Mon, 01 Jun 2026 12:02:00 GMT", 120), ("Mon, 01 Jun 2020 12:02:00 GMT", 0), ("", None),
        ("Mon, 01 Jun 2099 12:02:00 GMT", LONGEST_WAIT), ("Monday, 01-Jun-26 12:01:00 GMT", 60),
    ],
)  # fmt: skip
def test_retry_after(value, expected):
    """Seconds or an HTTP date (RFC 9110 10.2.3), at most a day; anything else says nothing."""
    assert expected == retry_after(value, NOW)


@given(st.integers(0, 80_000))
def test_a_date_means_its_distance(seconds):
    """A date is as far away as it is."""
    assert seconds == retry_after(format_datetime(NOW + timedelta(seconds=seconds), usegmt=True), NOW)


@given(st.text())
def test_any_header_is_survived(value):
    """Whatever a server writes into Retry-After, it is a wait or nothing."""
    found = retry_after(value, NOW)
    assert found is None or 0 <= found <= LONGEST_WAIT


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (1780315200, NOW), (1780315200000, NOW), ("2026-06-01T12:00:00Z", NOW), ("2026-06-01T14:00:00+02:00", NOW),
        ("2026-06-01T12:00:00", NOW), (NOW, NOW), (None, None), ("", None), ("soon", None), (True, None), ({}, None),
        (10**30, None),
    ],
)  # fmt: skip
def test_times_as_systems_write_them(raw, expected):
    """Seconds, milliseconds and ISO 8601; what is no time is none."""
    assert expected == moment(raw)
