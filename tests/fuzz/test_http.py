"""What REST systems answer: any JSON, or none, is read or refused in one line, and goes into a package or not."""

import json
from copy import deepcopy

import pytest
from fastapi.responses import Response
from hypothesis import example, given
from hypothesis import strategies as st

from shared.domain.errors import RightsdeskError
from shared.testing import Desk
from tests.fuzz.nasty import changed, fuzz, refusals, spoilt, text, values
from tests.workers.connectors.rest import ADA, BASIC, ada, shop
from workers.package import PackageStore, PartWriter

FOUND = [{"data": [{"id": 1, "mail": ADA, "name": "Ada", "at": "2026-01-01"}, {"id": 2, "mail": "xada@example.org"}],
          "meta": {"next": None}}]  # fmt: skip
VERBS = ("locate", "export", "mask", "rectify", "restrict", "delete", "absent")
PAGED = deepcopy(BASIC)
PAGED["resources"]["customers"]["find"][0]["pages"] = {"cursor": "cursor", "next": "meta.next"}
ARGS = {"act": "delete", "changes": {"user.name": "Ada B"}}


@pytest.fixture
def place(tmp_path):
    """A shop, and connectors to it."""
    with shop(tmp_path) as made:
        yield made


def worked(place, answers, folder):
    """Do what the connector can while the system answers so; what cannot be done is refused in one line."""
    desk = Desk(ada())
    desk.package = PartWriter(PackageStore(f"file://{folder}"), desk.ticket, desk.key, "shop")
    connector = place.connector(PAGED)
    for verb in VERBS:
        place.shop.instead = list(answers)
        if act := getattr(connector, verb, None):
            with refusals(RightsdeskError):
                act(desk.work(**ARGS))
    place.shop.instead = []
    place.made.pop().close()
    return desk


@fuzz()
@given(st.lists(st.one_of(changed(FOUND), values), min_size=1, max_size=3))
@example([{"data": [{"id": {"a": 1}, "mail": [ADA]}]}])
@example([{"data": [{"id": "../../admin", "mail": ADA}], "meta": {"next": "\ud800"}}])
@example([{"data": [{"id": 1, "mail": ADA, "name": "\ud800"}, {"id": 10**400, "mail": ADA}]}])
@example([{"data": [{"id": float("nan"), "mail": ADA}]}])
def test_any_json(place, tmp_path, documents):
    """A system may answer any JSON to any request."""
    worked(place, [Response(json.dumps(one).encode(), media_type="application/json") for one in documents], tmp_path)


@fuzz()
@given(
    st.lists(st.one_of(st.binary(max_size=60), spoilt([json.dumps(FOUND[0]).encode()])), min_size=1, max_size=3),
    st.sampled_from((200, 201, 204, 206, 299, 302, 404, 410, 418, 429, 500)),
    st.dictionaries(
        st.sampled_from(("Link", "Location", "Retry-After", "Content-Encoding", "Content-Type")), text, max_size=2
    ),
)
@example([b"[" * 100_000], 200, {})
@example([b"\x1f\x8b"], 200, {"Content-Encoding": "gzip"})
@example([b"9" * 5000], 200, {})
def test_any_bytes(place, tmp_path, contents, status, headers):
    """A system may answer anything."""
    plain = {name: value.encode("ascii", "ignore").decode() for name, value in headers.items()}
    plain = {name: value for name, value in plain.items() if value.isprintable()}
    if plain.get("Retry-After", "").strip().isdecimal():
        plain.pop("Retry-After")  # which would be sat out
    worked(place, [Response(one, status, headers=plain) for one in contents], tmp_path)
