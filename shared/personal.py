"""What looks personal: a column by its name, values by the identifiers that stand in them."""

import re
from collections import Counter
from collections.abc import Iterable

from shared.freetext import find

_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+")
# in English, German and French, as they stand in schemas
_PERSONAL = frozenset(
    {
        "email", "mail", "courriel", "phone", "telephone", "telefon", "tel", "mobile", "mobil", "handy", "portable",
        "fax", "msisdn", "whatsapp", "sms", "firstname", "lastname", "surname", "fullname", "forename", "familyname",
        "givenname", "vorname", "nachname", "prenom", "nickname", "birthday", "birthdate", "birth", "dob",
        "geburtsdatum", "geburtstag", "naissance", "address", "adresse", "anschrift", "street", "strasse", "rue",
        "zip", "zipcode", "postcode", "postal", "plz", "iban", "bic", "ssn", "passport", "ausweis", "nationality",
        "gender", "geschlecht", "sexe", "ip", "ipaddress", "signature", "avatar", "latitude", "longitude", "salary",
        "gehalt",
    }
)  # fmt: skip
_NAMES = frozenset(
    {
        "first", "last", "full", "given", "family", "middle", "display", "contact", "customer", "client", "sender",
        "caller", "user", "author", "kunde", "kunden",
    }
)  # fmt: skip
# of a thing beside the data: `email_sent_at`, `phone_id`, `mail_template`
_ABOUT = frozenset(
    {
        "at", "on", "id", "ids", "count", "type", "kind", "enabled", "verified", "confirmed", "sent", "status",
        "template", "format", "valid", "validated", "required", "optin", "optout", "notification", "notifications",
        "frequency", "version", "hash", "digest",
    }
)  # fmt: skip
_KINDS = {
    "EMAIL": "e-mail addresses", "PHONE": "phone numbers", "CARD": "card numbers", "IBAN": "IBANs",
    "IP": "IP addresses",
}  # fmt: skip
_LOOSE = {"PHONE", "IP"}  # order numbers and versions look like them: one in ten has to
LONGEST = 2000  # characters of a value that are looked at


def by_name(column: str) -> bool:
    """Say whether a column is named like personal data, in English, German or French."""
    words = [word.lower() for word in _WORDS.findall(column)]
    if not words or words[-1] in _ABOUT:
        return False
    if words[-1] in ("name", "nom") and len(words) > 1:
        return words[-2] in _NAMES
    return not _PERSONAL.isdisjoint(words) or "".join(words) in _PERSONAL


def by_values(values: Iterable[str], *, regions: Iterable[str]) -> str:
    """Say what stands in values, such as `e-mail addresses (37 of 50)`; an empty text if nothing does."""
    regions, number, seen = tuple(regions), 0, Counter[str]()
    for value in values:
        number += 1
        seen.update({span.kind for span in find(value[:LONGEST], regions=regions)})
    told = [kind for kind, hits in seen.most_common() if kind not in _LOOSE or hits * 10 >= number]
    return ", ".join(f"{_KINDS[kind]} ({seen[kind]} of {number})" for kind in told)
