"""The data center's documents: files in folders, each with a JSON sidecar that says whose it is."""

import json
from pathlib import Path
from random import Random

from workers.demo.world.chat import new_address
from workers.demo.world.ledger import MOVED, Ledger, Place, Then
from workers.demo.world.people import Person

_ALWAYS = {"acme:ada", "acme:namesake", "acme:kurt", "acme:emil", "globex:ada", "globex:paula", "globex:gina"}


class Documents:
    """One client's documents in the making."""

    def __init__(self, client: str, folder: Path, ledger: Ledger, random: Random) -> None:
        self.store, self.folder = f"{client}-documents", folder / client / "documents"
        self.ledger, self.random = ledger, random

    def seed(self, people: list[Person]) -> None:
        """Seed a contract and a delivery note for some of the crowd and for those of whom a ticket tells."""
        for kind in ("contracts", "delivery-notes"):
            (self.folder / kind).mkdir(parents=True)
        for person in people:
            if person.key in _ALWAYS or person.fate in {"restrict", "rectify"} or self.random.random() < 0.14:
                self.keep(person, "contracts", f"%PDF-1.4\n% {person.name}\n%%EOF\n", "pdf")
                note = f"{person.name}\n{person.street}\n{person.postal_code} {person.city}\n"
                self.keep(person, "delivery-notes", note, "txt")

    def keep(self, person: Person, kind: str, text: str, ending: str, then: Then | None = None) -> None:
        """Seed a document and its sidecar."""
        path = f"{kind}/{self.random.getrandbits(40):010x}.{ending}"
        sidecar = {"email": person.email, "title": kind, "created_at": "2025-08-14T10:00:00+02:00"}
        moved = MOVED if person.fate == "restrict" else None
        beside = Then(has=(new_address(person), sidecar["created_at"])) if person.fate == "rectify" else moved
        self._write(path, text, person, then or moved)
        self._write(f"{path}.json", json.dumps(sidecar, indent=1), person, beside)

    def _write(self, path: str, text: str, person: Person, then: Then | None) -> None:
        (self.folder / path).write_text(text, encoding="utf-8")
        self.ledger.add(Place(self.store, "files", path), text.encode(), person, then)


def stories(documents: Documents, who: dict[str, Person]) -> None:
    """Seed a document of one of acme's people that names another."""
    ada = who["ada"]
    documents.keep(
        who["emil"], "delivery-notes", f"Zweiter Stuhl geht an {ada.email}.\nStellplatz Hof.\n", "txt",
        Then(lacks=(ada.email,), has=("Zweiter Stuhl geht an", "Stellplatz Hof.")),
    )  # fmt: skip
