"""Data maps: a Fides dataset works unchanged; our extension is checked; what is misspelt names its neighbour."""

import os
from copy import deepcopy
from datetime import date
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from shared.datamap import Edge, FileExt, Link, LinkEnd, load, parse
from shared.domain.errors import UsageError

ROOT = Path(__file__).parent.parent.parent
SHOP = Path(__file__).parent / "data" / "fides_shop.yml"
CLINIC = SHOP.with_name("fides_clinic.yml")
SHIPPED = sorted(
    path for folder in ("deploy/datamaps", "workers/demo/datamaps") for path in (ROOT / folder).glob("*.yaml")
)
KEY = {"name": "id", "fides_meta": {"primary_key": True}}
EMAIL = {"name": "email", "data_categories": ["user.contact.email"], "fides_meta": {"identity": "email"}}


def contacts(*fields, **more):
    """Return a dataset with one collection of people, and more of that collection's keys."""
    return {
        "fides_key": "d",
        "name": "D",
        "collections": [{"name": "contacts", "fields": [KEY, EMAIL, *fields]} | more],
    }


def messages(dataset, *fields, **more):
    """Add a collection that leads back to the people."""
    back = {"name": "contact_id", "fides_meta": {"references": [{"dataset": "d", "field": "contacts.id"}]}}
    dataset["collections"].append({"name": "messages", "fields": [KEY, back, *fields]} | more)
    return dataset


def refused(dataset):
    """Return the line by which a dataset is refused."""
    with pytest.raises(UsageError) as caught:
        parse([dataset])
    assert "\n" not in str(caught.value)
    return str(caught.value)


def loaded(folder, text):
    """Load a file's text."""
    path = folder / "map.yaml"
    path.write_text(text)
    return load(path)


def test_a_fides_dataset_works_unchanged():
    """Keys, identities, references of each direction, former names, lengths, erase_after, masking overrides."""
    graph = load(SHOP)
    assert ["address", "customer", "orders", "review"] == sorted(graph.collections)
    customer = graph.collections["customer"]
    assert {"email": "email", "mobile": "phone_number"} == {
        name: column.identity for name, column in customer.identities.items()
    }
    assert ("id",) == customer.primary_key
    assert ("order_id", "place") == graph.collections["review"].primary_key
    assert graph.collections["review"].columns["place"].read_only
    assert ("string", 40) == (customer.columns["name"].data_type, customer.columns["name"].length)
    assert {"strategy": "truncate", "length": 3} == customer.columns["name"].ext.mask
    assert ("review",) == graph.collections["orders"].erase_after
    assert {
        Edge("customer", "address_id", "address", "id", "customer"),
        Edge("customer", "id", "orders", "customer_id", "orders"),
        Edge("orders", "id", "review", "order_id", "review"),
        Edge("review", "order_id", "orders", "id", "review"),
    } == set(graph.edges)
    assert 4 == len(graph.edges)


def test_what_fides_can_say_of_a_dataset_is_honoured():
    """Two datasets, fields in fields, identities of several kinds, erase_after across them, every override."""
    graph = load(CLINIC)
    assert ["letter", "patient", "visit"] == sorted(graph.collections)  # skip_processing leaves one out
    patient = graph.collections["patient"]
    assert {
        "email": ("email",), "insurance_no": ("insurance_number",), "history.doctors.phone": ("phone_number",),
    } == {name: one.kinds for name, one in patient.identities.items()}  # fmt: skip
    assert ("visit", "letter") == patient.erase_after
    assert {
        "note": {"strategy": "rewrite", "text": "gone", "suffix": "-x"}, "nick": {"strategy": "random", "length": 5},
        "token": "hmac", "address_ip": "ip", "born": "null",
    } == {name: one.ext.mask for name, one in patient.fields.items() if one.ext.mask}  # fmt: skip
    allergies = patient.fields["history.allergies"]
    assert (("history", "allergies"), "history", True) == (
        (allergies.column, *allergies.path), allergies.root, allergies.all_elements,
    )  # fmt: skip
    assert ("user.content",) == graph.collections["letter"].columns["text"].categories
    assert Edge("patient", "history.doctors.visit_id", "visit", "id", "patient") in graph.edges
    assert Edge("visit", "next_visit", "visit", "id", "visit") in graph.edges
    assert () == graph.collections["visit"].primary_key


def test_our_paths_are_fields_like_nested_ones():
    """`rightsdesk: {paths: …}` and Fideslang's `fields:` say the same; keys with dots stand in quotes."""
    inner = {"data_categories": ["user.contact.email"], "fides_meta": {"identity": "email"}}
    ours = {"name": "a", "rightsdesk": {"paths": {'"x.y".from[]': inner, "z": None}}}
    graph = parse([contacts(ours)])
    leaf = graph.collections["contacts"].leaves['a."x.y".from']
    assert ("a", ("x.y", "from"), "email") == (leaf.column, leaf.path, leaf.identity)
    assert ["z"] == [one.path[0] for one in graph.collections["contacts"].within("a") if not one.identity]


def test_a_reference_to_another_dataset_is_a_link():
    """It is kept for the systems beside this one; a collection is reached by it."""
    back = {"references": [{"dataset": "crm", "field": "customers.data.ids[]", "direction": "from"}]}
    orders = {"name": "orders", "fields": [KEY, {"name": "customer", "fides_meta": back}]}
    graph = parse([{"fides_key": "shop", "name": "S", "collections": [orders]}])
    assert (Link("orders", "customer", "crm", "customers.data.ids", "from"),) == graph.links
    assert "crm.customers.data.ids" == graph.links[0].kind
    (collection,) = graph.ended([LinkEnd("orders", "customer", graph.links[0].kind, emits=False)]).collections.values()
    assert ("crm.customers.data.ids",) == collection.identities["customer"].kinds


def test_categories_come_from_the_field_within_it_or_from_its_collection():
    """A field within a document has its own categories; one without any has its collection's."""
    graph = load(SHOP)
    customer = graph.collections["customer"]
    assert not customer.columns["workplace"].personal
    assert ["workplace.employer", "workplace.position"] == list(customer.leaves)
    assert ("user.job_title",) == customer.fields["workplace.position"].categories
    text = graph.collections["review"].columns["text"]
    assert ("user.content",) == text.categories
    assert (True, True, False) == (text.has("user"), text.has("user.content"), text.has("user.cont"))
    assert not graph.collections["address"].columns["id"].personal


def test_the_graph_is_walked_by_its_edges():
    """`out_of` leads on; `references_to` are the children's references to a parent."""
    graph = load(SHOP)
    assert {"address", "orders"} == {one.target for one in graph.out_of("customer")}
    assert {"orders"} == {one.target for one in graph.references_to("customer")}
    assert {"review"} == {one.holder for one in graph.references_to("orders")}


def test_a_key_that_stands_twice_stops_the_load(tmp_path):
    """YAML's loader would take the last one in silence."""
    text = yaml.safe_dump({"dataset": [contacts()]})
    with pytest.raises(UsageError, match=r"^map\.yaml: line \d+: the key fides_key stands twice; keep one$"):
        loaded(tmp_path, text.replace("fides_key: d", "fides_key: e\n  fides_key: d"))


def test_a_map_is_read_once_until_it_changes(tmp_path):
    """The same file gives the same graph; a changed one is read again."""
    text = yaml.safe_dump({"dataset": [contacts()]})
    first = loaded(tmp_path, text)
    assert first is load(tmp_path / "map.yaml")
    second = loaded(tmp_path, yaml.safe_dump({"dataset": [messages(contacts())]}))
    os.utime(tmp_path / "map.yaml", ns=(1, 1))
    assert {"contacts"} == set(first.collections)
    assert {"contacts", "messages"} == set(second.collections)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: "/".join(path.parts[-3:]))
def test_what_is_shipped_loads(path):
    """The demo's and the examples' maps are right, each with a way to recognise a person."""
    graph = load(path)
    assert [one.name for one in graph.collections.values() if one.identities]


def test_ours_stands_beside_theirs():
    """Scope, information and provision are inherited from the dataset, and a collection's own word counts more."""
    dataset = messages(contacts({"name": "note", "rightsdesk": {"provided": "inferred", "free_text": True}}))
    dataset["rightsdesk"] = {
        "info": {"purpose": "support", "retention": "2 years"}, "provided": True, "scope": {"account_id": 1},
    }  # fmt: skip
    dataset["collections"][1]["rightsdesk"] = {
        "info": {"retention": "8 years"}, "provided": "observed", "scope": {"kind": "m"}, "on_erasure": "mask",
        "retain": {"for": "P8Y", "from": "id", "starts": "end_of_year", "ground": "§ 257 HGB"},
        "files": [{"column": "path"}], "at": "id", "restrict": {"hidden": True},
    }  # fmt: skip
    graph = parse([dataset])
    first, second = graph.collections["contacts"], graph.collections["messages"]
    assert ("true", "inferred") == (first.columns["email"].provided, first.columns["note"].provided)
    assert "observed" == second.columns["id"].provided
    assert ("support", "2 years") == (first.info.purpose, first.info.retention)
    assert ("support", "8 years") == (second.info.purpose, second.info.retention)
    assert {"account_id": 1} == first.ext.scope
    assert {"account_id": 1, "kind": "m"} == second.ext.scope
    assert ("P8Y", "end_of_year", "§ 257 HGB") == (
        second.ext.retain.period, second.ext.retain.starts, second.ext.retain.ground,
    )  # fmt: skip
    assert ["path"] == [one.column for one in second.ext.files]


def test_our_mask_counts_more_than_an_override():
    """Both may stand there; ours is chosen."""
    meta = {"masking_strategy_override": {"strategy": "null_rewrite"}}
    graph = parse([contacts({"name": "name", "fides_meta": meta, "rightsdesk": {"mask": "redact"}})])
    assert "redact" == graph.collections["contacts"].columns["name"].ext.mask


def test_anothers_data_are_not_personal():
    """A column marked as others' is not the person's, whatever its category."""
    number = {"name": "src", "data_categories": ["user.contact.phone_number"], "rightsdesk": {"others": True}}
    assert not parse([contacts(number)]).collections["contacts"].columns["src"].personal


def test_a_polymorphic_edge_has_its_condition():
    """`sender_type = 'Contact'` stands with the edge, held by the child."""
    dataset = messages(contacts(), {"name": "sender_id"}, {"name": "sender_type"})
    edge = {"field": "sender_id", "to": "contacts.id", "when": {"sender_type": "Contact"}}
    dataset["collections"][1]["rightsdesk"] = {"edges": [edge]}
    found = Edge("contacts", "id", "messages", "sender_id", "messages", (("sender_type", "Contact"),))
    assert found in parse([dataset]).references_to("contacts")


def test_two_datasets_of_one_file_are_one_graph():
    """References lead from one dataset of a system to another."""
    other = {"fides_key": "e", "name": "E", "collections": [messages(contacts())["collections"][1]]}
    assert {"messages"} == {one.target for one in parse([contacts(), other]).out_of("contacts")}


def test_two_collections_of_one_name_are_an_error():
    """Neither hides the other, in one dataset or in two of a system."""
    with pytest.raises(UsageError, match="two collections are called contacts"):
        parse([contacts(), contacts() | {"fides_key": "e"}])
    with pytest.raises(ValidationError, match="Duplicate entries found"):
        parse([messages(contacts(), name="contacts")])


def changed(**keys):
    """Return a dataset with more keys on its first field that is an identity."""
    dataset = deepcopy(contacts())
    dataset["collections"][0]["fields"][1] |= keys
    return dataset


WRONG = [
    (contacts(primry_key=1), "dataset.collections.contacts: unknown key primry_key"),
    (changed(data_categores=[]), "dataset.collections.contacts.fields.email: unknown key data_categores"),
    (changed(data_categores=[]), "did you mean data_categories?"),
    (
        changed(data_categories=["user.contact.emial"]),
        "unknown data category user.contact.emial; did you mean user.con",
    ),
    (changed(data_categories="user.contact.emial"), "unknown data category user.contact.emial"),
    (changed(data_categories=[["user.name"]]), "unknown data category ['user.name']"),
    (changed(fides_meta={"identiy": "email"}), "email.fides_meta: unknown key identiy; did you mean identity?"),
    (changed(fidesops_meta={"identiy": "email"}), "unknown key identiy; did you mean identity?"),
    (changed(fields=[{"name": "x", "data_category": "y"}]), "fields.email.fields.x: unknown key data_category"),
    (contacts({"name": "name"}) | {"fides_ky": 1}, "dataset: unknown key fides_ky; did you mean fides_key?"),
    (
        contacts({"name": "x", "fides_meta": {"references": [{"dataset": "d", "field": "contact.id"}]}}),
        "a reference names contact, which is no collection of this file; did you mean contacts?",
    ),
    (
        contacts({"name": "x", "fides_meta": {"references": [{"dataset": "d", "field": "contacts.ids"}]}}),
        "a reference names contacts.ids, which is no field of it; did you mean id?",
    ),
    (changed(fides_meta={"data_type": "strng"}), "unknown data type strng; did you mean string?"),
    (changed(fides_meta={"data_type": "objects[]"}), "unknown data type objects[]; did you mean object?"),
    (changed(fides_meta={"identity": "e-mail"}), "unknown identity e-mail; did you mean email?"),
    (changed(fides_meta={"identity": "email_address"}), "unknown identity email_address; did you mean email?"),
    (changed(fides_meta={"identity": "Phone"}), "unknown identity Phone; did you mean phone_number?"),
    (changed(fides_meta={"identity": "telephone"}), "unknown identity telephone; did you mean phone_number?"),
    (changed(fides_meta={"identity": "PHONE_NUMBER"}), "unknown identity PHONE_NUMBER; did you mean phone_number?"),
    (
        changed(fides_meta={"references": [{"dataset": "d", "field": "contacts.id", "direction": "form"}]}),
        "direction is from or to, not form; did you mean from?",
    ),
    (changed(fides_meta={"custom_request_field": "x"}), "custom_request_field is not supported; state `identity`"),
    (changed(fides_meta={"redact": "name"}), "redact is not supported"),
    (changed(rightsdesk={"widn": False}), "email.rightsdesk: unknown key widn; did you mean widen?"),
    (changed(rightsdesk={"mask": "redakt"}), "contacts.email: no masking strategy redakt; did you mean redact?"),
    (changed(rightsdesk={"mask": {"strategy": "truncate", "lenght": 3}}), "truncate does not take lenght: 3"),
    (changed(fides_meta={"masking_strategy_override": {"strategy": "null_rewrit"}}), "did you mean null_rewrite?"),
    (changed(fides_meta={"masking_strategy_override": {"strategy": "aes_encrypt"}}), "aes_encrypt is not supported"),
    (changed(fides_meta={"masking_strategy_override": {"strategy": "preserve"}}), "preserve is not supported"),
    (changed(rightsdesk={"paths": {"a..b": {}}}), "a..b is not a path"),
    (changed(rightsdesk={"paths": {"a": {"data_categores": []}}}), "paths.a: unknown key data_categores"),
    (changed(rightsdesk={"paths": {"a": {}}}), "contacts.email is an object; state identity and references within"),
    (contacts(rightsdesk={"scpe": {}}), "contacts.rightsdesk: unknown key scpe; did you mean scope?"),
    (contacts({"name": "x", "fields": [{"name": "y", "fides_meta": {"primary_key": True}}]}), "has no primary_key"),
    (contacts(fides_meta={"erase_after": ["d.contact"]}), "names d.contact, which is not in this file; did you mean"),
    (contacts(fides_meta={"erase_after": ["e.contacts"]}), "systems are erased side by side"),
    (contacts(rightsdesk={"edges": [{"field": "emial", "to": "contacts.id"}]}), "did you mean email?"),
    (contacts(rightsdesk={"retain": {"for": "P8Y", "from": "at", "ground": "x"}}), "retain.from names no field of it"),
    (contacts(rightsdesk={"statement": "notes"}), "statement names no field of it"),
]


@pytest.mark.parametrize(("dataset", "said"), WRONG, ids=lambda one: one if isinstance(one, str) else "")
def test_what_is_misspelt_names_its_neighbour(dataset, said):
    """An unknown key, category, collection or field stops the load, with its place and the nearest known name."""
    assert said in refused(dataset)


def test_a_primary_key_may_be_left_to_the_database():
    """Many a Fides dataset names none; the database knows it."""
    dataset = contacts()
    dataset["collections"][0]["fields"] = [EMAIL]
    assert () == parse([dataset]).collections["contacts"].primary_key


def test_a_collection_that_nothing_leads_to_is_an_error():
    """What can be reached neither by an identity nor by a reference would be missed in silence."""
    dataset = contacts()
    dataset["collections"] += [{"name": name, "fields": [KEY]} for name in ("zebras", "ants")]
    assert "no identity and no reference leads to ants, zebras; add references" == refused(dataset)


def test_a_reference_to_leads_one_way():
    """`to` leads from the row that holds it, so its holder is not reached by it."""
    dataset = contacts()
    leads = {"references": [{"dataset": "d", "field": "contacts.id", "direction": "to"}]}
    dataset["collections"].append({"name": "logs", "fields": [KEY, {"name": "contact_id", "fides_meta": leads}]})
    assert "no identity and no reference leads to logs; add references" == refused(dataset)


@pytest.mark.parametrize("ours", [{"on_erasure": "shred"}, [1], {"retain": {"for": "P1Y"}}])
def test_our_own_keys_are_checked(ours):
    """What stands under `rightsdesk:` is validated by our own models."""
    with pytest.raises(ValidationError):
        parse([contacts(rightsdesk=ours)])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[", "is not valid YAML"),
        ("dataset: &a [*a]", "nested too deep"),
        ("a: !!python/object/apply:os.system [true]", "is not valid YAML"),
        ("", "a Fideslang dataset file starts with `dataset:` and a list"),
        ("dataset: 5", "a Fideslang dataset file starts with `dataset:` and a list"),
        ("dataset: [null]", "Input should be a valid dictionary"),
        ("dataset: [{1: 2}]", "unknown key 1"),
        ("dataset: [{fides_key: d, name: D}]", "collections: missing"),
        ("dataset: [{fides_key: d, collections: [5]}]", "collections.0: "),
        ("dataset: [{fides_key: d, collections: [{name: a, fields: [{name: b, rightsdesk: {x: 1}}]}]}]", "unknown key"),
    ],
)
def test_a_wrong_file_is_one_line_with_its_name(tmp_path, text, said):
    """Whatever the file holds, the error is one line that begins with the file's name."""
    with pytest.raises(UsageError) as caught:
        loaded(tmp_path, text)
    assert said in str(caught.value)
    assert str(caught.value).startswith("map.yaml")
    assert "\n" not in str(caught.value)


def test_no_file(tmp_path):
    """A map that is not there says where it is named."""
    with pytest.raises(UsageError, match=r"no data map at gone\.yaml; check `datamap` in the inventory"):
        load(tmp_path / "gone.yaml")


@pytest.mark.parametrize(
    ("ours", "said"),
    [
        ({"files": [{"column": "path", "path": "{at:%Y}/x"}]}, r"path of files names no field of it"),
        ({"files": [{"column": "email", "path": "{id}/x"}]}, r"path of files has to end with \{email\}"),
        ({"files": [{"column": "email", "path": "{id"}]}, "no path of columns in braces"),
    ],
)
def test_a_path_is_made_of_columns(ours, said):
    """A path that no row can give, or from which no row is found again, stops the load."""
    dataset = contacts()
    dataset["collections"][0]["rightsdesk"] = ours
    with pytest.raises((UsageError, ValidationError), match=said):
        parse([dataset])


def test_a_file_stands_where_its_path_says():
    """Columns, their letters and their dates make a path; a name with folders is one already."""
    by_day = FileExt(column="name", path="{at:%Y/%m/%d}/{name}")
    assert "2026/03/01/a.wav" == by_day.of({"at": date(2026, 3, 1), "name": "a.wav"})
    assert "old/a.wav" == by_day.of({"at": date(2026, 3, 1), "name": "old/a.wav"})
    by_letters = FileExt(column="key", path="{key[0]}{key[1]}/{key}")
    assert "ab/abc" == by_letters.of({"key": "abc"})
    with pytest.raises(ValueError, match="cannot be made of the row"):
        by_letters.of({"key": "a"})


def test_about_names_a_field():
    """A field speaks of whoever stands in a field of its own collection."""
    with pytest.raises(UsageError, match=r"about of note names no field of it; did you mean email\?"):
        parse([contacts({"name": "note", "rightsdesk": {"about": "emial"}})])


def test_rows_of_nobody_are_only_searched_for_mentions():
    """A collection without a person's field needs no way to it if it has free texts; one with such a field does."""
    nobodys = {"name": "filters", "fields": [{"name": "id"}, {"name": "query", "rightsdesk": {"free_text": True}}]}
    dataset = contacts()
    dataset["collections"].append(nobodys)
    assert "filters" in parse([dataset]).collections
    nobodys["fields"][1]["data_categories"] = ["user.content"]
    with pytest.raises(UsageError, match="no reference leads to filters"):
        parse([dataset])
