"""The data center's CRM: customers, addresses, orders under a retention duty, newsletter."""

from datetime import datetime, timedelta
from pathlib import Path
from random import Random

from workers.demo.world.chat import new_address
from workers.demo.world.ledger import Conditions, Ledger
from workers.demo.world.people import Person, lives_with
from workers.demo.world.phrases import PHRASES
from workers.demo.world.tables import Tables

SCHEMA = {
    "addresses": (
        "id INTEGER PRIMARY KEY", "street TEXT", "postal_code TEXT", "city TEXT", "country TEXT NOT NULL",
    ),
    "customers": (
        "id INTEGER PRIMARY KEY", "number TEXT NOT NULL", "name TEXT NOT NULL", "email TEXT", "phone TEXT",
        "birthday TEXT", "address_id INTEGER REFERENCES addresses", "restricted INTEGER NOT NULL DEFAULT 0",
        "remarks TEXT", "created_at TEXT NOT NULL",
    ),
    "orders": (
        "id INTEGER PRIMARY KEY", "customer_id INTEGER NOT NULL REFERENCES customers",
        "address_id INTEGER REFERENCES addresses", "number TEXT NOT NULL", "total_cents INTEGER NOT NULL",
        "restricted INTEGER NOT NULL DEFAULT 0", "created_at TEXT NOT NULL",
    ),
    "order_items": (
        "id INTEGER PRIMARY KEY", "order_id INTEGER NOT NULL REFERENCES orders", "article TEXT NOT NULL",
        "quantity INTEGER NOT NULL", "price_cents INTEGER NOT NULL", "created_at TEXT NOT NULL",
    ),
    "newsletter": (
        "id INTEGER PRIMARY KEY", "email TEXT NOT NULL", "name TEXT", "active INTEGER NOT NULL", "wording TEXT",
        "confirmed_at TEXT",
    ),
}  # fmt: skip

_EXPIRED, _KEPT = datetime(2012, 3, 9), datetime(2025, 9, 18)  # noqa: DTZ001 - local dates, as an ERP stores them
_NO_PHONE = {"acme:ada", "globex:ada"}  # their number stands in the chat alone, and leads from there to their calls


class Crm:
    """One client's CRM in the making."""

    def __init__(self, client: str, folder: Path, ledger: Ledger, random: Random) -> None:
        self.phrases, self.random, self.country = PHRASES[client], random, "DE" if client == "acme" else "IE"
        self.tables = Tables(f"{client}-crm", folder / client / "crm.db", SCHEMA, ledger)

    def seed(self, people: list[Person]) -> None:
        """Seed a customer for everyone; an address for each house."""
        by_key = {person.key: person for person in people}
        for person in people:
            host = lives_with(person.key)
            self._customer(person, by_key[host] if host else person)
            for at in self._order_times(person):
                self._order(person, by_key[host].number if host else person.number, at)
            if self.random.random() < 0.3 or person.fate:
                self._newsletter(person)

    def _customer(self, person: Person, host: Person) -> None:
        if host is person:
            self.tables.add(
                "addresses", person, stays=person.fate in {"keep orders", "shared address"}, id=person.number,
                then={"street": {"is": new_street(person)}} if person.fate == "rectify" else None,
                street=person.street, postal_code=person.postal_code, city=person.city, country=self.country,
            )  # fmt: skip
        by_fate: dict[str, Conditions] = {
            "restrict": {"restricted": {"is": 1}},
            "rectify": {"email": {"is": new_address(person)}},
            "keep orders": {
                "email": {"lacks": [person.email]},
                "phone": {"lacks": [person.phone, person.dialled, person.phone[-8:]]},
                "birthday": {"is": None},
                "remarks": {"is": None},
                "restricted": {"any": True},
            },
        }
        phone_known = person.key not in _NO_PHONE and (person.number < 20 or self.random.random() < 0.8)
        birthday = datetime(1950, 1, 1) + timedelta(days=self.random.randrange(20_000))  # noqa: DTZ001 - a date
        self.tables.add(
            "customers", person, then=by_fate.get(person.fate), id=person.number, number=person.customer_number,
            name=person.name, email=person.email, phone=person.dialled if phone_known else None,
            birthday=str(birthday.date()), address_id=host.number, restricted=0,
            remarks=self.random.choice((None, *self.phrases.notes)), created_at="2012-01-02 09:00:00",
        )  # fmt: skip

    def _order_times(self, person: Person) -> list[datetime]:
        if person.fate == "keep orders":
            return [_EXPIRED, _KEPT]
        if person.erased:
            return [_EXPIRED] if person.number % 2 else []
        return [
            _EXPIRED + timedelta(days=self.random.randrange(5_000)) for _ in range(self.random.choice((0, 1, 1, 2)))
        ]

    def _order(self, person: Person, address: int, at: datetime) -> None:
        kept = person.fate == "keep orders" and at == _KEPT
        then = {"restricted": {"is": 1}} if kept or person.fate == "restrict" else None
        order = self.tables.add(
            "orders", person, then=then, customer_id=person.number, address_id=address,
            number=f"B-{at.year}-{self.random.randrange(10**6):06d}", total_cents=self.random.randrange(900, 90_000),
            restricted=0, created_at=str(at),
        )  # fmt: skip
        for _ in range(self.random.choice((1, 2))):
            self.tables.add(
                "order_items", person, stays=kept, order_id=order, article=self.random.choice(self.phrases.articles),
                quantity=self.random.choice((1, 2)), price_cents=self.random.randrange(900, 45_000), created_at=str(at),
            )  # fmt: skip

    def _newsletter(self, person: Person) -> None:
        by_fate: dict[str, Conditions] = {
            "restrict": {"active": {"is": 0}},
            "rectify": {"email": {"is": new_address(person)}},
        }
        self.tables.add(
            "newsletter", person, then=by_fate.get(person.fate), email=person.email, name=person.name, active=1,
            wording="newsletter-2025-01", confirmed_at="2025-02-03 08:00:00",
        )  # fmt: skip


def new_street(person: Person) -> str:
    """Return the street that a rectification writes for a person."""
    return f"{person.street}a"
