"""A world full of canaries: in every system, in every ticket, in what fails on the way, in what servers answer."""

import json
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from aiosmtpd.controller import Controller

from tests import small
from tests.leaks import CARD, TEXT, Canary
from tests.small import ticket
from tests.workers.test_canaries import Forbidding, Rubbish, serving, sql
from workers.embedded.flower import free_port

RIGHTS = (
    "access",
    "portability",
    "rectification",
    "restriction",
    "marketing",
    "profiling",
    "consent",
    "erasure",
    "nobody",
)
BROKEN = ("postgresql", "mysql", "sqlite", "objects", "maildir", "imap", "http", "raising")
PEOPLE = {word: Canary(word, number) for number, word in enumerate(RIGHTS)}


class Post:
    """A mail server that is busy at first, refuses one person for good, and quotes whom it is asked about."""

    def __init__(self):
        self.asked = set()

    async def handle_RCPT(self, _server, _session, envelope, address, _options):  # noqa: N802 - aiosmtpd's name
        if "refused" in address:
            return f"550 <{address}> Kanarie Quixwell has left"
        if address not in self.asked:
            self.asked.add(address)
            return f"450 <{address}> Kanarie Quixwell is busy"
        envelope.rcpt_tos.append(address)
        return "250 OK"


@contextmanager
def posting() -> Iterator[str]:
    """Run that server; yield its URL."""
    controller = Controller(Post(), hostname="127.0.0.1", port=free_port())
    controller.start()
    try:
        yield f"smtp://127.0.0.1:{controller.port}"
    finally:
        controller.stop()


def broken(ports: dict[str, int]) -> str:
    """Return systems that fail, each in its own way, with canaries in what leads to them."""
    url = "{}://kanarie-user:kanarie-pass@127.0.0.1:{}/kanarie-db"
    kinds = {
        "postgresql": sql(url.format("postgresql+psycopg", ports["refused"])),
        "mysql": sql(url.format("mysql+pymysql", ports["rubbish"])),
        "sqlite": sql("sqlite:///kanarie-missing.db"),
        "objects": 'connector = "objects"\nurl = "kanarie-missing"\nowner = { path = "{email}/{name}" }\n',
        "maildir": 'connector = "maildir"\npath = "kanarie-mail"\n',
        "imap": f'connector = "imap"\nhost = "127.0.0.1"\nport = {ports["rubbish"]}\ntls = "none"\n'
        'password = "kanarie-pass"\nmailboxes = ["kanarie@quixwell.example"]\n',
        "http": f'connector = "http"\nurl = "http://127.0.0.1:{ports["rubbish"]}"\ndefinition = "http.yaml"\n'
        'credentials = { token = "kanarie-pass" }\nparameters = { account_id = "1" }\n',
        "raising": 'connector = "raising"\n',
    }  # fmt: skip
    head = '[[systems]]\nid = "{}"\nclient = "globex"\nchannel = "data-center"\nregion = "country:DE"\n{}'
    return "\n".join(head.format(name, keys) for name, keys in kinds.items())


def seed(folder: Path, ports: dict[str, int]) -> small.Small:
    """Build the world: in every system everyone's name, address, number and card, in file names, too."""
    world = small.build(folder, chat="breaking")
    written = world.systems.read_text() + small.CLIENT.replace("acme", "globex") + broken(ports)
    world.systems.write_text(written)
    (folder / "http.yaml").write_bytes((Path(__file__).parents[2] / "deploy" / "http" / "chatwoot.yaml").read_bytes())
    with closing(sqlite3.connect(folder / "chat.db")) as database, database:
        for number, one in enumerate(PEOPLE.values(), 10):
            row = number, one.name, one.email, one.phone.replace(" ", "").replace("-", "")
            database.execute("INSERT INTO contacts VALUES (?, ?, ?, ?, 0, '2026-01-05 10:00:00')", row)
            database.execute(
                "INSERT INTO messages VALUES (?, ?, ?)", (number, number, f"{one.name}: {one.email}, {TEXT}")
            )
    for one in PEOPLE.values():
        small._mail(folder, one.email)
        document = folder / "documents" / "contracts" / f"{one.name} {one.phone}.txt"
        document.write_text(TEXT)
        document.with_name(document.name + ".json").write_text(json.dumps({"email": one.email}))
    return world


def asked(right: str, word: str, details: dict, **more) -> dict:
    """Return a ticket with canaries in every field that may hold a person's data."""
    one = PEOPLE[word]
    subject = {
        "email": [one.email],
        "phone_number": [one.phone],
        "name": one.name,
        "other": {"number": f"kanarie-{word}", "card": f"{CARD}-{one.number}"},
    }
    identity = {"method": "attested-by-client", "by": f"agent {one.name}", "at": "2026-01-31T10:05:00+01:00"}
    instruction = f"{one.name}, {one.email}, {one.phone}, card {CARD}"
    return ticket(right, subject=subject, identity=identity, instruction=instruction, details=details) | more


def tickets(folder: Path, port: int) -> dict[str, dict]:
    """Return a ticket of every right, and what has to fail on its way."""
    one, wording = PEOPLE["consent"], {"purposes": ["newsletter"], "channel": "web", "wording": TEXT, "act": TEXT}
    represented = {"represented_by": {"name": one.name, "mandate": TEXT}}
    incident = {"nature": TEXT, "consequences": TEXT, "measures": TEXT}
    people = [{"email": f"kanarie.{word}@quixwell.example", "name": one.name} for word in ("refused", "told")]
    access = asked("access", "access", {})
    access["subject"] |= represented
    access["callback_urls"] = [f"http://127.0.0.1:{port}/kanarie@quixwell.example?name=Quixwell&card={CARD}"]
    where = f"file://{folder}/missing/kanarie.quixwell.zip"
    (folder / "kanarie.csv").write_text("email,name\nkanarie.listed@quixwell.example,Kanarie Quixwell\n")
    made = {
        "access": access,
        "portability": asked("portability", "portability", {"transfer_to": where}),
        "rectification": asked("rectification", "rectification", {
            "changes": {"user.contact.email": "kanarie.new@quixwell.example", "user.name": "Kanarie New Quixwell"},
            "statement": TEXT, "restrict": True,
        }),
        "restriction": asked("restriction", "restriction", {"exceptions": {"claims": TEXT}}),
        "marketing": asked("objection", "marketing", {"purposes": ["direct-marketing"], "grounds": TEXT}),
        "profiling": asked("objection", "profiling", {"purposes": ["profiling"], "grounds": TEXT}),
        "given": asked("consent", "consent", {"consent": wording | {"action": "give"}}),
        "withdrawn": asked("consent", "consent", {"consent": wording | {"action": "withdraw"}}),
        "erasure": asked("erasure", "erasure", {}),
        "nobody": asked("erasure", "nobody", {}, identity=None),
        "breach": asked("breach", "access", {"incident": incident | {"people": people}}),
        "listed": asked("breach", "access", {"incident": incident | {"people_file": f"file://{folder}/kanarie.csv"}}),
        "broken access": asked("access", "access", {}, client="globex"),
        "broken erasure": asked("erasure", "erasure", {}, client="globex"),
    }  # fmt: skip
    for name in ("breach", "listed"):
        del made[name]["subject"], made[name]["identity"]
        made[name]["instruction"] = f"by kanarie@quixwell.example, {one.phone}, card {CARD}"
    return made


@contextmanager
def ports() -> Iterator[dict[str, int]]:
    """Yield ports by what answers there: nobody, rubbish, a storage that forbids; the answers quote canaries."""
    rubbish = type("Quoting", (Rubbish,), {"answer": TEXT.encode() + b"\r\n"})
    body = Forbidding.body.replace(b"canary", b"kanarie quixwell")
    answer = Forbidding.answer.split(b"Content-Length")[0] + b"Content-Length: %d\r\n\r\n" % len(body) + body
    forbidding = type("Denying", (Forbidding,), {"answer": answer})
    with closing(socket.socket()) as held, serving(rubbish) as first, serving(forbidding) as second:
        held.bind(("127.0.0.1", 0))
        yield {"refused": held.getsockname()[1], "rubbish": first, "forbidding": second}
