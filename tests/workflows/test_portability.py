"""Art. 20."""

import pytest
from pydantic import ValidationError

from tests.workflows.cases import FOUND, asked, case_of, done
from workflows.portability import Details


def test_what_the_person_provided_is_exported():
    """Not what was inferred about them."""
    case = case_of("portability", done("locate", "chat", FOUND))
    (step,) = case.right.stage("export")(case)
    assert ("chat.export", {"provided": True}) == (step.key, step.args)


def test_it_goes_straight_to_another_vendor():
    """With its schemas, and before the answer, which says whether it went."""
    case = case_of("portability", details={"transfer_to": "https://other.example/in"})
    (step,) = case.right.stage("transfer")(case)
    assert ("desk.transfer", {"url": "https://other.example/in"}) == (step.key, step.args)
    assert [] == asked(case_of("portability"), "transfer")
    order = [case.right.names.index(name) for name in ("export", "describe", "transfer", "answer")]
    assert sorted(order) == order


def test_what_was_exported_is_described():
    """Art. 20(1), machine-readable: where nothing was exported there is nothing to describe."""
    assert [] == asked(case_of("portability"), "describe")
    assert ["desk.describe"] == asked(case_of("portability", done("export", "chat")), "describe")


@pytest.mark.parametrize("url", ["http://other.example/in", "nowhere", "//x", 5])
def test_data_do_not_travel_in_clear(url):
    """Plain HTTP is for this machine alone."""
    with pytest.raises(ValidationError):
        Details.model_validate({"transfer_to": url})


@pytest.mark.parametrize("url", ["https://a.example/x", "sftp://a.example/x", "s3://bucket/x", "http://127.0.0.1:9/x"])
def test_ways_that_are_encrypted_or_local(url):
    """Any fsspec URL, and HTTP on this machine."""
    assert url == str(Details.model_validate({"transfer_to": url}).transfer_to)
