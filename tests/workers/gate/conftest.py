"""A store in which something stands against Ada, and nothing against Bob; made once."""

import pytest

from tests import small
from tests.line import open_line
from tests.small import ADA, ticket

ADA_PHONE = "030 231250001"


@pytest.fixture(scope="module")
def line(tmp_path_factory, valkey_url):
    """A line on SQLite to which Ada has objected, by address and number."""
    folder = tmp_path_factory.mktemp("gate")
    token = 'gate_tokens = ["env:ACME_GATE", "env:ACME_GATE_NEXT"]\n'
    made = open_line(folder / "home", small.build(folder / "world", head=token).systems, broker=valkey_url)
    made.intake.broker.flushall()
    subject = {"email": [ADA], "phone_number": [ADA_PHONE]}
    made.submit(ticket("objection", details={"purposes": ["direct-marketing"]}, subject=subject))
    yield made
    made.close()
