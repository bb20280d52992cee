"""Objects for the connector, written and read without it; the same worlds on every kind of storage."""

import json
import re
from collections.abc import Mapping
from contextlib import closing
from typing import ClassVar

import fsspec
import pytest

from shared.domain.identifier import EMAIL, PHONE, Identifier, Subject
from shared.inventory import Client, System
from shared.testing import Desk
from tests.contracts.connector import ConnectorContract, World
from workers.connectors.objects import CONNECTOR, ObjectsSettings

ADA = "ada@example.org"
PHONE_NUMBER = "+4930123456"
STANDS = re.compile(r"(?<![\w.+-])ada@example\.org(?!\.?[\w-])|(?:\+49|0)[ ]?30[ /]?12 ?34 ?56(?!\d)", re.IGNORECASE)
SIDECAR = {"sidecar": ".json", "field": "email"}
IN_PATH = {"path": "calls/{phone_number}/{name}"}
SCAN = {"scan": True}


def subject(**more):
    """Return Ada, as her client knows her."""
    given = frozenset({Identifier(EMAIL, ADA), Identifier(PHONE, PHONE_NUMBER)})
    return Subject(given, names=frozenset({"ada example"}), region="DE", **more)


class Disk:
    """Objects below a URL, written and read without the connector; `driver` are options of its own."""

    driver: ClassVar[Mapping] = {}

    def __init__(self, url, folder, **options):
        self.url, self.folder, self.options = url, folder, options
        where = url if "://" in url else str(folder / url)
        plain = {name: value for name, value in options.items() if name != "host_key"}  # ours, not fsspec's
        plain |= {"use_listings_cache": False, "skip_instance_cache": True} | self.driver
        self.fs, self.root = fsspec.core.url_to_fs(where, **plain)
        self.fs.makedirs(self.root, exist_ok=True)

    def connector(self, owner, **keys):
        """Return a fresh connector."""
        client = Client(name="Acme", country="DE", contact="privacy@acme.example")
        system = System(
            id="docs",
            client="acme",
            channel="data-center",
            connector="objects",
            region="country:DE",
            folder=self.folder,
        )
        return CONNECTOR(system, client, ObjectsSettings(url=self.url, options=self.options, owner=owner, **keys))

    def run(self, desk, verb, owner, *, keys=None, **args):
        """Run one verb on a fresh connector, with more keys of the inventory."""
        with closing(self.connector(owner, **keys or {})) as connector:
            return getattr(connector, verb)(desk.work(**args))

    def put(self, key, content):
        """Write an object; a dict as JSON."""
        path = f"{self.root}/{key}"
        self.fs.makedirs(path.rpartition("/")[0], exist_ok=True)
        raw = json.dumps(content).encode() if isinstance(content, dict) else content
        self.fs.pipe_file(path, raw if isinstance(raw, bytes) else raw.encode())

    def all(self):
        """Return every object by its key."""
        return {path.removeprefix(self.root).lstrip("/"): self.fs.cat_file(path) for path in self.fs.find(self.root)}

    def present(self):
        """Return Ada's values, in paths and contents."""
        return {
            found
            for key, raw in self.all().items()
            for found in STANDS.findall(key + "\n" + raw.decode("utf-8", "replace"))
        }


def world(disk, owner, strangers, records, lie, **more):
    """Describe the storage to the contract."""
    return World(
        make=lambda: disk.connector(owner),
        ada=subject(),
        present=disk.present,
        others=lambda: {key: content for key, content in disk.all().items() if key in strangers},
        lie=lie,
        records=records,
        nobody=Subject(frozenset({Identifier(EMAIL, "nobody@example.org"), Identifier(PHONE, "+4930999999")})),
        **more,
    )


def with_sidecars(disk):
    """Write objects whose owners stand beside them; return the keys of other people's."""
    disk.put("contracts/a.pdf", b"%PDF of Ada")
    disk.put("contracts/a.pdf.json", {"email": "ADA@example.org", "phone": "030 123456", "name": "Ada Example"})
    disk.put("contracts/2026/b[1].pdf", b"%PDF of Ada, too")
    disk.put("contracts/2026/b[1].json", {"email": [ADA], "by": "bob"})
    disk.put("notes/bob.txt", "Bob knows ada@example.org, 030/12 34 56.\r\n\xff")
    disk.put("notes/bob.txt.json", {"email": "bob@example.org"})
    strangers = {
        "contracts/c.pdf": b"%PDF of Bob",
        "contracts/c.pdf.json": {"email": "bob@example.org"},
        "contracts/2026/b1.pdf": b"what b[1].pdf is as a pattern",
        "contracts/j.pdf": b"x",
        "contracts/j.json": {"email": "jada@example.org", "phone": "030 1234567"},
        "contracts/nobody.pdf": b"ada?",
        "contracts/broken.json": b'{"email": ["ada@example.org.test"',
        "loose.bin": b"\x00",
    }
    for key, content in strangers.items():
        disk.put(key, content)
    return strangers


class SidecarWorld(ConnectorContract):
    lacks = frozenset({"mask"})

    @pytest.fixture
    def world(self, disk):
        """Contracts with JSON files beside them."""
        strangers = with_sidecars(disk)
        old = STANDS.pattern

        def rectified():
            beside = disk.all()["contracts/a.pdf.json"].decode()
            return "ada@new.example" in beside and "+4930777777" in beside and not re.search(old, beside, re.IGNORECASE)

        return world(
            disk,
            SIDECAR,
            strangers,
            4,
            lambda: disk.put("contracts/a.pdf.json", {"email": ADA}),
            changes={
                "user.contact.email": "ada@new.example",
                "user.contact.phone_number": "+4930777777",
                "user.name": "Ada Lovelace",
            },
            rectified=rectified,
            restricted=lambda: not {"contracts/a.pdf", "contracts/2026/b[1].json"} & set(disk.all()),
        )


class InPathWorld(ConnectorContract):
    lacks = frozenset({"mask"})

    @pytest.fixture
    def world(self, disk):
        """Recordings whose paths name the caller."""
        disk.put("calls/+4930123456/one.wav", b"RIFF")
        disk.put("calls/030 12 34 56/deep/er/two.wav", b"RIFF")
        strangers = {"calls/+49301234567/x.wav": b"RIFF", "calls/notes.md": b"x", "+49301234.wav": b"RIFF"}
        for key, content in strangers.items():
            disk.put(key, content)
        return world(
            disk,
            IN_PATH,
            strangers,
            2,
            lambda: disk.put("calls/+4930123456/orphan/three.wav", b"RIFF"),
            restricted=lambda: not any(key.startswith(("calls/+4930123456/", "calls/030")) for key in disk.all()),
        )


class ScanWorld(ConnectorContract):
    lacks = frozenset({"mask"})

    @pytest.fixture
    def world(self, disk):
        """Texts that nobody has sorted."""
        disk.put("exports/ada.csv", "\ufeffada@example.org;Ada\nprivacy@acme.example;us\n".encode())
        disk.put("exports/ada.txt", "to ADA@example.org, or ring +49 30 123456".encode("utf-16"))
        disk.put("exports/all.csv", "mail\r\nbob@example.org\r\nada@example.org\r\n\xe9\r\n".encode("latin-1"))
        disk.put("exports/all.html", b"<p>bob@example.org, ada&#64;<i>example</i>.org</p>")
        strangers = {
            "exports/bob.csv": b"mail\nbob@example.org\nada@example.org.test\n",
            "exports/a.bin": b"\x00ada",
            "empty.txt": b"",
        }
        for key, content in strangers.items():
            disk.put(key, content)
        return world(
            disk,
            SCAN,
            strangers,
            2,
            lambda: disk.put("exports/all.csv", b"bob@example.org,ada@example.org"),
            restricted=lambda: not {"exports/ada.csv", "exports/ada.txt"} & set(disk.all()),
        )

    def test_mentions_lose_the_person_only(self, world):
        """A text with other people in it stays, byte for byte but for the person."""
        desk = Desk(world.ada)
        connector = world.make()
        assert {"exports": {"found": 2, "mention": 2, "residual": 1}} == connector.locate(desk.work()).counts
        assert {"exports": {"erased": 2, "redacted": 2}} == connector.delete(desk.work()).counts
        store = connector._store
        after = {place.key: store.fs.cat_file(place.path) for one in store.folders() for (place,) in one.values()}
        assert "mail\r\nbob@example.org\r\n[redacted]\r\n\xe9\r\n".encode("latin-1") == after["exports/all.csv"]
        assert b"<p>bob@example.org, [redacted]<i></i></p>" == after["exports/all.html"]
