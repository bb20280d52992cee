"""What a certificate says, for it is kept in the clear longer than any ticket's key."""

import pytest

from tests.workflows.cases import case_of
from workers.certificate import instruction_of

ADA = {"email": ["ada@example.org"], "phone_number": ["030 23125-7789"], "name": "Ada Example", "other": {"no": "K-17"}}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, None),
        ("DPA-2026-01 §4", "DPA-2026-01 §4"),
        ("Framework agreement of 2026-01-31, annex 2 no. 1.3", "Framework agreement of 2026-01-31, annex 2 no. 1.3"),
        ("mail of ADA EXAMPLE <Ada@Example.org>", "mail of [redacted] [redacted] <[redacted]>"),
        ("by phone (+49 30 231257789), customer K-17", "by phone ([redacted]), customer [redacted]"),
        ("bob@example.org, card 4539 5787 6362 1486", "[redacted], card [redacted]"),
        ("Adaptation agreement", "Adaptation agreement"),
    ],
)
def test_an_instruction_names_nobody(text, expected):
    """References stay; the person's name and whatever identifies anybody does not."""
    assert expected == instruction_of(case_of(ticket={"instruction": text, "subject": ADA}))


def test_an_instruction_about_nobody_in_particular():
    """A breach has no subject; who stands in its instruction is hidden all the same."""
    case = case_of(ticket={"instruction": "§4, told by bob@example.org", "subject": None})
    assert "§4, told by [redacted]" == instruction_of(case)
