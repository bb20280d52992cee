"""Reads the demo's stores again with sqlite3, mailbox and pathlib alone, and says what differs from what must be.

Nothing of the product takes part: not its connectors, not its data maps. Texts name stores, tables, keys and columns,
never a value of a record.
"""

import mailbox
import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from email.header import decode_header, make_header
from email.message import Message
from pathlib import Path
from typing import Any, NamedTuple

from workers.demo.world import Place, Record, Then, World
from workers.demo.world.ledger import digest

_DATABASES = {"chat": "chat.db", "calls": "asterisk.db", "crm": "crm.db"}
_RESTRICTED = ".restricted/"
_FILES = {"chat": "chat-blobs", "calls": "recordings", "documents": "documents"}


class Standing(NamedTuple):
    """What stands at a place: a row or a file's bytes, and for a message or file the folder to which it was moved."""

    content: Mapping[str, Any] | bytes
    folder: str = ""


def differences(folder: Path, world: World) -> list[str]:
    """Say, one line each, where the stores in a folder are not as they must be; an empty list if all is well."""
    standing: dict[Place, list[Standing]] = {}
    for place, one in read(folder):
        standing.setdefault(place, []).append(one)
    found = [
        f"{place} ({record.person or 'nobody'}): {wrong}"
        for place, record in world.records.items()
        for wrong in _wrong(record, standing.get(place, []))
    ]
    return found + [f"{place}: was not there at seeding" for place in standing if place not in world.records]


def unreached(sent: Path, world: World, affected: Iterable[str]) -> list[str]:
    """Say which of the people affected by a breach no mail of a Maildir was sent to, and who else was told instead."""
    keys = frozenset(affected)
    if not keys:
        return []
    box = mailbox.Maildir(sent, create=False)
    texts = " ".join(str(one.get(name, "")) for one in box for name in ("To", "Cc", "X-RcptTo")).casefold()
    told = set(re.findall(r"[^\s<>,;]+@[^\s<>,;]+", texts))
    missed = [f"{key}: was not told of the breach" for key in sorted(keys) if world.people[key].email not in told]
    wrongly = [one.key for one in world.people.values() if one.email in told and one.key not in keys]
    return missed + [f"{key}: was told of a breach without being affected" for key in wrongly]


def read(folder: Path) -> Iterator[tuple[Place, Standing]]:
    """Yield every row, message and file of all stores."""
    for client in sorted(path.parent for path in folder.glob("*/chat.db")):
        for kind, name in _DATABASES.items():
            yield from _rows(f"{client.name}-{kind}", client / name)
        for kind, name in _FILES.items():
            for path in sorted((client / name).rglob("*")):
                if path.is_file():
                    inside = path.relative_to(client / name).as_posix()
                    place = Place(f"{client.name}-{kind}", "files", inside.removeprefix(_RESTRICTED))
                    yield place, Standing(path.read_bytes(), _RESTRICTED if inside.startswith(_RESTRICTED) else "")
        for path in sorted((client / "mail").iterdir()):
            yield from _messages(f"{client.name}-mail", path)


def _rows(store: str, file: Path) -> Iterator[tuple[Place, Standing]]:
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
        database.row_factory = sqlite3.Row
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            columns = database.execute(f"PRAGMA table_info({table})").fetchall()
            keys = [row["name"] for row in sorted(columns, key=lambda row: row["pk"]) if row["pk"]]
            for row in database.execute(f"SELECT * FROM {table}"):  # noqa: S608 - the schema's own names
                key = "|".join(str(row[name]) for name in keys)
                yield Place(store, table, key), Standing(dict(row))


def _messages(store: str, path: Path) -> Iterator[tuple[Place, Standing]]:
    box = mailbox.Maildir(path, create=False)
    for name, one in [("", box), *((name, box.get_folder(name)) for name in box.list_folders())]:
        for key in one.iterkeys():
            content = one.get_bytes(key)
            message_id = re.sub(r"\s", "", str(one.get_message(key)["Message-ID"]))
            yield Place(store, path.name, message_id), Standing(content, name)
    box.close()


def _wrong(record: Record, standing: list[Standing]) -> Iterator[str]:
    then = record.then or Then()
    if then.gone:
        if standing:
            yield "is still there"
    elif not standing:
        yield "is gone"
    elif len(standing) > 1:
        yield "stands there twice"
    elif isinstance(standing[0].content, bytes):
        yield from _wrong_bytes(record, then, standing[0].content, standing[0].folder)
    else:
        yield from _wrong_row(record, then, standing[0].content)


def _wrong_row(record: Record, then: Then, row: Mapping[str, Any]) -> Iterator[str]:
    rest = digest({name: value for name, value in row.items() if name not in then.columns})
    if rest != (then.rest or record.digest):
        yield "was changed where it must not be"
    for name, wanted in then.columns.items():
        value = row.get(name)
        if "is" in wanted and value != wanted["is"]:
            yield f"{name} is not what it must be"
        if any(one in str(value) for one in wanted.get("lacks", ())):
            yield f"{name} still names the person"
        if any(one not in str(value) for one in wanted.get("has", ())):
            yield f"{name} lost what is not the person's"


def _wrong_bytes(record: Record, then: Then, content: bytes, folder: str) -> Iterator[str]:
    if bool(folder) != then.moved:
        yield "stands where it always stood" if then.moved else "was moved"
    if not (then.lacks or then.has):
        if digest(content) != record.digest:
            yield "was changed"
        return
    text = _text(content)
    if any(one.casefold() in text.casefold() for one in then.lacks):
        yield "still names the person"
    if any(one not in text for one in then.has):
        yield "lost what is not the person's"


def _text(content: bytes) -> str:
    """Return all that a reader of a message can see, however it is encoded, with its raw form."""
    message = mailbox.MaildirMessage(content)
    parts = [content.decode("utf-8", "replace")]
    for part in message.walk():
        parts += [str(make_header(decode_header(str(value)))) for value in part.values()]
        parts += _payload(part)
    return "\n".join(parts)


def _payload(part: Message) -> list[str]:
    if part.is_multipart():
        return []
    payload = part.get_payload(decode=True)
    return [payload.decode(part.get_content_charset("utf-8"), "replace")] if isinstance(payload, bytes) else []
