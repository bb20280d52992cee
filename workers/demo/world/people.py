"""The people of the demo's world: a cast with a story each, and a crowd around them. All are made up.

Addresses end in reserved names (RFC 2606); phone numbers come from the ranges that regulators set aside for films
(030 23125 xxx in Berlin, 020 7946 0xxx in London).
"""

from dataclasses import dataclass
from random import Random
from typing import Literal
from unicodedata import normalize

Fate = Literal["", "erase", "keep orders", "shared address", "restrict", "rectify"]

_FIRST = (
    "Alma", "Anton", "Astrid", "Bastian", "Birte", "Carlo", "Clara", "Daria", "David", "Edda", "Elias", "Fabian",
    "Fenja", "Gesa", "Georg", "Hedda", "Henrik", "Ida", "Ilyas", "Jette", "Jonas", "Karla", "Konrad", "Leonie",
    "Levin", "Maja", "Marek", "Nadia", "Nils", "Ole", "Oda", "Pia", "Paul", "Quirin", "Ronja", "Rafael", "Sanna",
    "Sören", "Tilda", "Timo", "Ulla", "Uwe", "Vera", "Viktor", "Wanda", "Willem", "Yara", "Zoë",
)  # fmt: skip
_LAST = (
    "Ahrens", "Albrecht", "Bäcker", "Brandt", "Carstens", "Conrad", "Dietz", "Dörfler", "Ebert", "Engel", "Falk",
    "Fromm", "Gärtner", "Geiger", "Hahn", "Hinz", "Iversen", "Jansen", "Jost", "Kessler", "Krüger", "Lange",
    "Lindner", "Menzel", "Möller", "Nagel", "Nolte", "Otte", "Petersen", "Pohl", "Quast", "Reuter", "Richter",
    "Sander", "Seidel", "Thiel", "Timm", "Ulrich", "Vogt", "Voss", "Weiß", "Wendt", "Ziegler",
)  # fmt: skip
_DOMAINS = ("example.org", "example.com", "post.example", "mail.test", "familie.example")
_STREETS = {
    "acme": ("Lindenweg", "Ahornallee", "Am Kanal", "Gartenstraße", "Mühlendamm", "Zur Alten Post"),
    "globex": ("Harbour Row", "Chapel Lane", "Mill Road", "Old Quay", "Orchard Terrace", "Kiln Street"),
}
_TOWNS = {
    "acme": (("10999", "Berlin"), ("14467", "Potsdam"), ("20095", "Hamburg"), ("50667", "Köln")),
    "globex": (("D02 X285", "Dublin"), ("T12 W8KP", "Cork"), ("H91 E2F3", "Galway"), ("V94 T9PX", "Limerick")),
}
CROWD = {"acme": 170, "globex": 120}


@dataclass(frozen=True, slots=True)
class Person:
    """Someone in a client's records. `key` is the only name that the check's texts use."""

    key: str
    client: str
    number: int  # stands in the primary keys of this person's rows
    name: str
    email: str
    phone: str  # E.164
    street: str
    postal_code: str
    city: str
    fate: Fate = ""  # what the demo's tickets do to this person's records

    @property
    def customer_number(self) -> str:
        """The client's own id of this person, which chat and CRM share."""
        return f"K-{10000 + self.number}"

    @property
    def erased(self) -> bool:
        """Whether an erasure about this person ends in the demo."""
        return self.fate in {"erase", "keep orders", "shared address"}

    @property
    def dialled(self) -> str:
        """The number as it is dialled at home: without +, in every third case with 00."""
        if self.phone.startswith("+49") and self.number % 3:
            return "0" + self.phone.removeprefix("+49")
        return "00" + self.phone.removeprefix("+") if self.number % 3 == 0 else self.phone


_CAST: dict[str, tuple[tuple[str, str, str, Fate], ...]] = {
    "acme": (
        ("ada", "Ada Lorenz", "ada.lorenz@example.org", "erase"),
        ("namesake", "Ada Lorenz", "ada.lorenz@post.example", ""),
        ("bob", "Bob Braun", "bob@familie-braun.example", ""),
        ("jimbob", "Jimbob Braun", "jimbob@familie-braun.example", "erase"),
        ("kurt", "Kurt Kaufmann", "kurt.kaufmann@example.com", "keep orders"),
        ("greta", "Greta Hoffmann", "greta@hoffmann.example", "shared address"),
        ("gustav", "Gustav Hoffmann", "gustav@hoffmann.example", ""),
        ("hanna", "Hanna Winkler", "hanna.winkler@example.org", "erase"),
        ("heiko", "Heiko Winkler", "heiko.winkler@mail.test", ""),
        ("cleo", "Cleo Beispiel", "cleo@beispiel.example", "erase"),
        ("berta", "Berta Busch", "berta.busch@example.com", "erase"),
        ("anton", "Anton Adler", "anton.adler@example.org", ""),
        ("emil", "Emil Ernst", "emil.ernst@example.com", ""),
        ("rita", "Rita Reimann", "rita.reimann@example.org", "rectify"),
        ("otto", "Otto Ohlsen", "otto.ohlsen@example.com", ""),
        ("carla", "Carla Cordes", "carla.cordes@example.org", ""),
        ("mira", "Mira Maurer", "mira.maurer@example.com", ""),
        ("moritz", "Moritz Mohn", "moritz.mohn@example.org", ""),
        ("malte", "Malte Merz", "malte.merz@post.example", ""),
    ),
    "globex": (
        ("ada", "Ada Lorenz", "ada.lorenz@example.org", ""),
        ("paula", "Paula Prendergast", "paula.prendergast@example.com", ""),
        ("rolf", "Rolf Rooney", "rolf.rooney@example.org", "restrict"),
        ("olga", "Olga O'Dowd", "olga.odowd@example.com", "restrict"),
        ("gina", "Gina Gallagher", "gina.gallagher@example.org", "erase"),
        ("bob", "Bob Byrne", "bob@example.test", ""),
        ("jimbob", "Jimbob Byrne", "jimbob@example.test", ""),
        ("oscar", "Oscar O'Neill", "oscar.oneill@example.com", ""),
        ("wendy", "Wendy Walsh", "wendy.walsh@example.org", ""),
    ),
}
AFFECTED = ("mira", "moritz", "malte")  # in acme's breach
_HOUSEHOLDS = {"heiko": "hanna"}  # who shares whose phone
_SAME_HOUSE = {"gustav": "greta"}  # who shares whose address


def people(client: str, random: Random) -> list[Person]:
    """Return a client's people: the cast first, then the crowd."""
    cast = [_person(client, n, *one, random) for n, one in enumerate(_CAST[client], start=1)]
    first = len(cast) + 1
    return cast + [_stranger(client, n, random) for n in range(first, first + CROWD[client])]


def _person(client: str, number: int, key: str, name: str, email: str, fate: Fate, random: Random) -> Person:
    keys = [one[0] for one in _CAST[client]]
    line = keys.index(_HOUSEHOLDS[key]) + 1 if key in _HOUSEHOLDS else number
    postal_code, city = random.choice(_TOWNS[client])
    street = f"{random.choice(_STREETS[client])} {random.randrange(1, 90)}"
    return Person(f"{client}:{key}", client, number, name, email, _phone(client, line), street, postal_code, city, fate)


def _stranger(client: str, number: int, random: Random) -> Person:
    first, last = random.choice(_FIRST), random.choice(_LAST)
    local = normalize("NFKD", f"{first}.{last}".casefold()).encode("ascii", "ignore").decode()
    email = f"{local}{number}@{random.choice(_DOMAINS)}"
    return _person(client, number, f"p{number}", f"{first} {last}", email, "", random)


def _phone(client: str, line: int) -> str:
    return f"+493023125{line:03d}" if client == "acme" else f"+44207946{line:04d}"


def lives_with(key: str) -> str | None:
    """Return the key of the one whose address row a person uses too."""
    client, _, name = key.partition(":")
    return f"{client}:{_SAME_HOUSE[name]}" if name in _SAME_HOUSE else None
