"""What looks personal: by the name of a column, by the values in it."""

import pytest

from shared.personal import by_name, by_values


@pytest.mark.parametrize(
    "column",
    [
        *(
            "email",
            "E-Mail",
            "customer_email",
            "emailAddress",
            "EMAIL",
            "phone_number",
            "mobile2",
            "telefonnummer_mobil",
        ),
        *("first_name", "firstname", "lastName", "displayName", "kunden_name", "date_of_birth", "geburtsdatum", "plz"),
        *("ip", "last_ip", "ip_address", "billing_address", "adresse", "prenom", "iban", "whatsapp"),
    ],
)
def test_named_like_personal_data(column):
    """In English, German and French, however words are joined."""
    assert by_name(column)


@pytest.mark.parametrize(
    "column",
    [
        *(
            "id",
            "name",
            "product_name",
            "email_sent_at",
            "phone_verified",
            "mail_template_id",
            "email_count",
            "shipped_at",
        ),
        *("description", "zipped", "recipe", "hotel", "ship", "address_type", "status", "", "_", "content"),
    ],
)
def test_not_named_like_personal_data(column):
    """Parts of words, flags, times and ids beside the data are none."""
    assert not by_name(column)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], ""),
        (["hello", "order 17"], ""),
        (["ask ada@example.org", "x", "bob@example.org"], "e-mail addresses (2 of 3)"),
        (["x"] * 49 + ["DE89 3704 0044 0532 0130 00"], "IBANs (1 of 50)"),
        (["x"] * 49 + ["+49 30 1234567"], ""),
        (["x"] * 4 + ["+49 30 1234567"], "phone numbers (1 of 5)"),
        (["192.0.2.1 ada@example.org", "192.0.2.2"], "IP addresses (2 of 2), e-mail addresses (1 of 2)"),
        (["x" * 3000 + " ada@example.org"], ""),
    ],
)
def test_values_that_look_personal(values, expected):
    """Kinds are counted by value; a kind that other numbers look like has to be common."""
    assert expected == by_values(iter(values), regions=("DE",))
