"""What an HTTP system holds of others near her: their records are never taken with hers."""

from copy import deepcopy

from shared.testing import Desk
from tests.workers.connectors.rest import BASIC, ada, shop


def test_an_id_found_on_the_way_takes_nobody_elses_record(tmp_path):
    """A visitor id that stands for none is on Bob's record too, and on one that bears a nickname alone: both wait."""
    definition = deepcopy(BASIC)
    customers = definition["resources"]["customers"]
    customers["fields"]["vid"] = {"categories": ["user.unique_id"], "identity": "visitor_id"}
    customers["fields"]["nick"] = {"categories": ["user.name"]}
    customers["find"].append(
        {"by": "visitor_id", "method": "GET", "path": "/seen", "query": {"vid": "{value}"}, "items": "[]"}
    )
    with shop(tmp_path) as place:
        held = place.shop.customers
        for number, mail in ((1, "ada@example.org"), (2, "bob@example.org"), (3, None)):
            held[number] = {"id": number, "mail": mail, "vid": "unknown", "nick": f"Guest {number}"}
        for number in (4, 5, 6):
            del held[number]
        place.shop.app.add_api_route("/seen", lambda vid: [one for one in held.values() if one["vid"] == vid])
        desk, connector = Desk(ada()), place.connector(definition)
        assert {"customers": {"found": 1, "ambiguous": 2}} == connector.locate(desk.work()).counts
        assert {"customers": {"erased": 1}} == connector.delete(desk.work()).counts
        assert {} == connector.absent(desk.work(act="delete")).counts
        assert [2, 3] == list(held)
