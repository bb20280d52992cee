"""The demo's world: two clients, each with chat, mailboxes, calls, CRM and documents of some hundred people.

`build` writes it into a folder, with `systems.toml`, data maps and `expected.json`: the list, frozen at seeding, of
what must stand and what must be gone once the demo's tickets are closed.
"""

from pathlib import Path
from random import Random

from pydantic import TypeAdapter

from workers.demo.world import calls, chat, documents, inventory, mail
from workers.demo.world.calls import Calls
from workers.demo.world.chat import Chat
from workers.demo.world.crm import Crm
from workers.demo.world.documents import Documents
from workers.demo.world.ledger import Ledger, Place, Record, Then, World
from workers.demo.world.mail import Mail
from workers.demo.world.people import CROWD, Person, people

SEED = 20260131
EXPECTED = "expected.json"
TRANSFERRED = "transferred"  # where another vendor takes in what a portability ticket hands over
_EXPECTED = TypeAdapter(tuple[list[Person], list[tuple[Place, Record]]])

__all__ = ["EXPECTED", "SEED", "TRANSFERRED", "Person", "Place", "Record", "Then", "World", "build", "load"]


def build(folder: Path, *, seed: int = SEED) -> World:
    """Write the world into a folder that is empty or does not exist; the same seed makes the same world."""
    folder.mkdir(parents=True, exist_ok=True)
    random, ledger, everyone = Random(seed), Ledger(), dict[str, Person]()  # noqa: S311 - made-up people, no secrets
    for client in CROWD:
        (folder / client).mkdir()
        here = people(client, random)
        everyone |= {person.key: person for person in here}
        _seed(client, folder, ledger, random, here)
    (folder / TRANSFERRED).mkdir()
    inventory.write(folder)
    world = World(folder, everyone, ledger.records)
    _write(world)
    return world


def load(folder: Path) -> World:
    """Read back what `build` expected of a world."""
    everyone, records = _EXPECTED.validate_json((folder / EXPECTED).read_bytes())
    return World(folder, {person.key: person for person in everyone}, dict(records))


def _seed(client: str, folder: Path, ledger: Ledger, random: Random, here: list[Person]) -> None:
    chats, phones = Chat(client, folder, ledger, random), Calls(client, folder, ledger, random)
    mails, crm = Mail(client, folder, ledger, random), Crm(client, folder, ledger, random)
    papers = Documents(client, folder, ledger, random)
    for store in (chats, mails, phones, crm, papers):
        store.seed(here)
    if client == "acme":
        who = {person.key.partition(":")[2]: person for person in here}
        chat.stories(chats, who)
        mail.stories(mails, who)
        calls.stories(phones, who)
        documents.stories(papers, who)
    for tables in (chats.tables, phones.tables, crm.tables):
        tables.write()


def _write(world: World) -> None:
    content = _EXPECTED.dump_json(([*world.people.values()], [*world.records.items()]), exclude_defaults=True)
    (world.folder / EXPECTED).write_bytes(content)
