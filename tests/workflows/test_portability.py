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
    """After the answer with its schemas was written."""
    case = case_of("portability", details={"transfer_to": "https://other.example/in"})
    (step,) = case.right.stage("transfer")(case)
    assert ("desk.transfer", {"url": "https://other.example/in"}) == (step.key, step.args)
    assert [] == asked(case_of("portability"), "transfer")
    assert case.right.names.index("answer") < case.right.names.index("transfer")


@pytest.mark.parametrize("verdict", ["refused", "withdrawn"])
def test_nothing_goes_anywhere_once_it_was_refused_or_withdrawn(verdict):
    """The other vendor gets nothing of a request that has ended."""
    details = {"transfer_to": "https://other.example/in"}
    assert [] == asked(case_of("portability", details=details, verdict=verdict), "transfer")


@pytest.mark.parametrize("url", ["http://other.example/in", "nowhere", "//x", 5])
def test_data_do_not_travel_in_clear(url):
    """Plain HTTP is for this machine alone."""
    with pytest.raises(ValidationError):
        Details.model_validate({"transfer_to": url})


@pytest.mark.parametrize("url", ["https://a.example/x", "sftp://a.example/x", "s3://bucket/x", "http://127.0.0.1:9/x"])
def test_ways_that_are_encrypted_or_local(url):
    """Any fsspec URL, and HTTP on this machine."""
    assert url == str(Details.model_validate({"transfer_to": url}).transfer_to)
