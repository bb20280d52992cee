import mailbox
import shutil
import sqlite3
from contextlib import closing
from email.message import EmailMessage
from pathlib import Path

import pytest

from shared import inventory
from shared.datamap import load as load_map
from shared.domain.identifier import normalise
from shared.domain.ticket import Ticket
from workers.demo.check import differences, read, unreached
from workers.demo.tickets import script, tickets
from workers.demo.world import World, build, load

RIGHTS = {"access", "portability", "rectification", "erasure", "restriction", "objection", "consent", "breach"}


@pytest.fixture(scope="module")
def seeded(tmp_path_factory) -> World:
    """Build the world once."""
    return build(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def before(seeded) -> list[str]:
    """Say what differs before any ticket."""
    return differences(seeded.folder, seeded)


@pytest.fixture
def world(seeded, tmp_path) -> World:
    """Copy the world, so that a test may change it."""
    shutil.copytree(seeded.folder, tmp_path / "world")
    return World(tmp_path / "world", seeded.people, seeded.records)


def settle(world: World, person: str | None = None) -> None:
    """Bring the stores (of one person) to the state that must be, by hand."""
    for place, record in world.records.items():
        if record.then and person in (None, record.person):
            if place.table == "files":
                _settle_file(world, place, record.then)
            elif place.store.endswith("-mail"):
                _settle_message(world, place, record.then)
            else:
                _settle_row(world, place, record.then)


def _file(world: World, place) -> Path:
    client, _, kind = place.store.partition("-")
    return world.folder / client / {"chat": "chat-blobs", "calls": "recordings"}.get(kind, kind) / place.key


def _settle_file(world, place, then) -> None:
    path = _file(world, place)
    if then.moved:
        there = world.folder / place.store.partition("-")[0] / "documents" / ".restricted" / place.key
        there.parent.mkdir(parents=True, exist_ok=True)
        path.rename(there)
    elif then.gone:
        path.unlink()
    else:
        text = path.read_text().replace("rita.reimann@", "new.rita.reimann@")
        for value in then.lacks:
            text = text.replace(value, "[redacted]")
        path.write_text(text)


def _settle_message(world, place, then) -> None:
    box = world.folder / place.store.partition("-")[0] / "mail" / place.table
    (path,) = (one for one in box.glob("[cn]*/*") if f"Message-ID: {place.key}".encode() in one.read_bytes())
    if then.moved:
        for part in ("cur", "new", "tmp"):
            (box / ".Restricted" / part).mkdir(parents=True, exist_ok=True)
        path.rename(box / ".Restricted" / "cur" / path.name)
    elif then.gone:
        path.unlink()
    else:
        text = path.read_text()
        for value in then.lacks:
            text = text.replace(value, "[redacted]")
        path.write_text(text)


def _settle_row(world, place, then) -> None:
    client, _, kind = place.store.partition("-")
    name = {"chat": "chat.db", "calls": "asterisk.db", "crm": "crm.db"}[kind]
    with closing(sqlite3.connect(world.folder / client / name)) as database, database:
        columns = database.execute(f"PRAGMA table_info({place.table})").fetchall()
        keys = [column[1] for column in sorted(columns, key=lambda column: column[5]) if column[5]]
        where = f"WHERE {' AND '.join(f'{key} = ?' for key in keys)}"
        key = place.key.split("|")
        if then.gone:
            database.execute(f"DELETE FROM {place.table} {where}", key)
        for column, wanted in then.columns.items():
            (value,) = database.execute(f"SELECT {column} FROM {place.table} {where}", key).fetchone()
            for one in wanted.get("lacks", ()):
                value = value and value.replace(one, "[redacted]")
            new = wanted.get("is", value)
            database.execute(f"UPDATE {place.table} SET {column} = ? {where}", [new, *key])


def of(person: str, found: list[str]) -> list[str]:
    """Keep the differences about a person's records."""
    return [one for one in found if f"({person})" in one]


def test_the_same_seed_makes_the_same_world(seeded, tmp_path):
    """Building twice gives the same people and the same bytes, and what was expected can be read back."""
    again = build(tmp_path / "again")
    assert (seeded.people, seeded.records) == (again.people, again.records)
    assert (seeded.people, seeded.records) == (load(seeded.folder).people, load(seeded.folder).records)


def test_another_seed_makes_another_crowd(seeded, tmp_path):
    """The seed decides who the people are."""
    assert seeded.people != build(tmp_path / "other", seed=7).people


def test_there_are_a_few_hundred_people_with_numbers_that_can_be_read(seeded):
    """Every made-up number normalises in its client's region, however it is dialled."""
    regions = {"acme": "DE", "globex": "IE"}
    for person in seeded.people.values():
        one = normalise("phone_number", person.dialled, region=regions[person.client])
        assert one is not None
        assert person.phone == one.value
    assert 300 <= len(seeded.people) <= 400


def test_the_inventory_and_its_maps_load(seeded):
    """Both clients have all four channels, and every data map is valid and says all that Art. 15(1) asks for."""
    loaded = inventory.load(seeded.folder / "systems.toml")
    for client in ("acme", "globex"):
        assert {"chat", "email", "call", "data-center"} == {one.channel for one in loaded.of_client(client)}
    for system in loaded.systems:
        for collection in load_map(system.folder / system.settings["datamap"]).collections.values():
            assert all(value for value in collection.info.model_dump().values())
            assert any(column.provided for column in collection.columns.values())


def test_each_client_has_its_own_law(seeded):
    """Acme keeps its books under German law and says so in German, Globex under Irish law."""
    grounds = {}
    for client in ("acme", "globex"):
        orders = load_map(seeded.folder / "datamaps" / client / "crm.yaml").collections["orders"]
        grounds[client] = orders.ext.retain.ground, orders.info.recipients[0]
    assert {
        "acme": ("§ 257 HGB", "Paketdienst"),
        "globex": ("s. 886 Taxes Consolidation Act 1997", "The parcel service"),
    } == grounds


def test_nothing_is_read_but_what_was_seeded(seeded):
    """The check reads back every record that was seeded, each once, and nothing else."""
    places = [place for place, _ in read(seeded.folder)]
    assert len(places) == len(set(places))
    assert seeded.records.keys() == set(places)


def test_an_untouched_world_is_not_as_it_must_be(seeded, before):
    """Before any ticket Ada's records still stand in every store; nobody else's are at fault."""
    stores = {one.split()[0] for one in of("acme:ada", before)}
    assert {f"acme-{kind}" for kind in ("chat", "mail", "calls", "crm", "documents")} == stores
    expected = sum(1 for record in seeded.records.values() if record.then)
    assert expected == len({one.partition(" (")[0] for one in before})


def test_differences_name_nobody(seeded, before):
    """The check's texts hold no address and no number of the people, but in a recording's or message's own name."""
    for one in before:
        if " files " not in one:
            assert not any(person.email in one or person.phone in one for person in seeded.people.values())


def test_the_right_end_of_one_ticket_satisfies_the_check(world, before):
    """Once Ada's records are gone and her mail with a third party is redacted, nothing about her differs."""
    settle(world, "acme:ada")
    after = differences(world.folder, world)
    assert [] == of("acme:ada", after)
    assert set(after) == set(before) - set(of("acme:ada", before))


def test_the_right_end_of_all_tickets_leaves_no_difference(world):
    """The list of what must be can be met, and then Ada's address stands only where it is not Acme's to touch."""
    settle(world)
    assert [] == differences(world.folder, world)
    ada = world.person("acme:ada").email
    left = [place for place, one in read(world.folder) if place.store.startswith("acme") and ada in str(one.content)]
    assert {("contacts", "9001")} == {(place.table, place.key) for place in left if "mail" not in place.store}
    similar = f"{ada}.example"
    assert all(similar in str(one.content) for place, one in read(world.folder) if place in left and "mail" in place[0])


def test_the_right_end_of_one_persons_tickets_leaves_no_difference(world):
    """Asked for Ada alone, her records must go, where others wrote of her, too; the others' tickets change nothing."""
    alone = world.after({"acme:ada"})
    assert {"acme:ada", "acme:emil", "acme:namesake", ""} == {one.person for one in alone.records.values() if one.then}
    settle(alone)
    assert [] == differences(alone.folder, alone)


@pytest.mark.parametrize(
    ("database", "statement"),
    [
        ("acme/chat.db", "DELETE FROM conversations WHERE contact_id = 2"),
        ("acme/chat.db", "DELETE FROM contacts WHERE account_id = 2"),
        ("acme/asterisk.db", "DELETE FROM cdr WHERE lastapp = 'ConfBridge'"),
        ("acme/crm.db", "UPDATE addresses SET street = NULL WHERE id = 6"),
        ("globex/crm.db", "UPDATE customers SET email = 'x' WHERE id = 1"),
    ],
)
def test_harm_to_others_is_reported(world, before, database, statement):
    """A row of someone else that goes or changes is named."""
    with closing(sqlite3.connect(world.folder / database)) as connection, connection:
        assert connection.execute(statement).rowcount > 0
    assert set(differences(world.folder, world)) - set(before)


def test_harm_to_files_and_messages_is_reported(world, before):
    """A stranger's document that goes, a letter that changes, a letter that stands twice and a new file are named."""
    strangers = [place for place, one in world.records.items() if not one.then and one.person]
    document = next(place for place in strangers if place.store == "globex-documents")
    _file(world, document).unlink()
    (world.folder / "globex/documents/left.tmp").write_bytes(b"left")
    letters = sorted((world.folder / "globex/mail/help@globex.example/cur").iterdir())
    letters[-1].write_bytes(letters[-1].read_bytes() + b"!")
    shutil.copy(letters[-2], letters[-2].with_name("1.M1P1.copy:2,S"))
    found = {one.rpartition(": ")[2] for one in set(differences(world.folder, world)) - set(before)}
    assert {"is gone", "was changed", "stands there twice", "was not there at seeding"} == found


def test_every_right_is_asked_for(seeded):
    """The tickets are valid, have ids of their own, and cover all rights; the ids do not change with the time."""
    asked = script(seeded)
    assert RIGHTS == {one.ticket["right"] for one in asked}
    assert len(asked) == len({Ticket.model_validate(one.ticket).id for one in asked})
    assert [one["id"] for one in tickets(seeded)] == [one["id"] for one in tickets(load(seeded.folder))]
    assert {"fulfilled", "partial", "refused", "withdrawn"} == {one.outcome for one in asked}


def test_only_the_affected_stand_in_the_window(seeded):
    """In the breach's window, and in the chat alone, stand the records of the people whom it names."""
    breach = script(seeded)[-1]
    inside = {
        seeded.records[place].person
        for place, one in read(seeded.folder)
        if not isinstance(one.content, bytes)
        if any(str(value).startswith("2026-01-10 0") for value in one.content.values())
        if place.store == "acme-chat"
    }
    assert set(breach.affected) == inside


def test_who_was_not_told_of_a_breach_is_named(seeded, tmp_path):
    """A notice that was never sent is reported, and one that reached somebody who is not affected."""
    affected = script(seeded)[-1].affected
    sent = mailbox.Maildir(tmp_path / "sent")
    for key in (*affected[1:], "acme:bob"):
        letter = EmailMessage()
        letter["To"] = f"<{seeded.person(key).email}>"
        sent.add(letter)
    assert [
        f"{affected[0]}: was not told of the breach",
        "acme:bob: was told of a breach without being affected",
    ] == unreached(tmp_path / "sent", seeded, affected)
    assert [] == unreached(tmp_path / "sent", seeded, ())
