"""The outside door and the intake: what is refused where, receipts, the spool, dead letters."""

import json
import os
from contextlib import closing

import pytest
import redis
from joserfc import jwe, jws
from sqlalchemy import func, select

from shared.domain.errors import UsageError
from shared.domain.ticket import MAX_BYTES
from shared.message import seal_message
from shared.store.tables import TicketRow
from tests import small
from tests.line import open_line
from tests.small import ADA, ticket
from workers import views
from workers.broker import ALIVE, CONSUMERS, INTAKE, RECEIPT, TAKEN
from workers.dead import replay
from workers.intake import Intake
from workers.submit import QueueDown, Refused, Submitter, check, content_of, read_tickets


@pytest.fixture
def world(tmp_path):
    """A small world."""
    return small.build(tmp_path / "world")


@pytest.fixture
def line(tmp_path, world, valkey, valkey_url):
    """A line over it."""
    made = open_line(tmp_path / "home", world.systems, broker=valkey_url)
    yield made
    made.close()


def dead(line):
    """Return the dead letters."""
    with line.office.store.read() as session:
        return views.dead_letters(session)


def accepted(line):
    """Return how many tickets are stored."""
    with line.office.store.read() as session:
        return session.scalar(select(func.count()).select_from(TicketRow))


def push(line, raw, **keys):
    """Push a sealed message past the door, as another program would."""
    vault = line.office.vault
    content = raw if isinstance(raw, bytes) else json.dumps(raw).encode()
    entry = seal_message(content, intake=vault.intake, submitter=keys.get("submitter", vault.submitter))
    line.intake.broker.lpush(INTAKE, entry)
    return entry


WRONG = [
    ({"client": "nobody"}, "client: no such client in the inventory"),
    ({"right": "levitation"}, "right: there is no such right"),
    ({"id": "k"}, "id: not a UUID"),
    ({"colour": "red"}, "?: unknown key"),
    ({"subject": {"email": ["not an address"]}}, "subject.email.0: not an e-mail address"),
    ({"subject": {"name": "Ada Example"}}, "subject: give at least one"),
    ({"subject": {"phone_number": ["12"]}}, "subject.phone_number.0"),
    ({"received_at": "2026-01-31T10:00:00"}, "received_at: Input should have timezone info"),
    ({"received_at": "0001-01-01T00:00:00+01:00"}, "received_at: lies before 24 May 2016"),
    ({"received_at": "2016-05-23T23:59:00+00:00"}, "received_at: lies before 24 May 2016"),
    ({"received_at": "2199-01-01T00:00:00+00:00"}, "received_at: lies in the future"),
    ({"received_at": "9999-12-31T23:59:59-01:00"}, "received_at: lies before 1970 or after 2199"),
    (
        {"identity": {"method": "seen", "by": "agent-7", "at": "9999-12-31T23:59:59-01:00"}},
        "identity.at: lies before 1970 or after 2199",
    ),
    ({"right": "rectification", "details": {}}, "details: give `changes`"),
    ({"right": "access", "details": {"x": 1}}, "details.?: unknown key"),
    (
        {
            "right": "consent",
            "details": {
                "consent": {
                    "action": "give",
                    "purposes": ["a"],
                    "channel": "web",
                    "wording": "1",
                    "act": "pre-ticked box",
                }
            },
        },
        "details.consent.act: implied consent is no consent",
    ),
]


@pytest.mark.parametrize(("change", "text"), WRONG)
def test_a_wrong_ticket_is_refused_at_the_door(line, change, text):
    """Each wrong input gets one line that says where and what, and quotes no address."""
    with pytest.raises(UsageError) as caught:
        check(ticket("access") | change, inventory=line.office.inventory)
    assert str(caught.value).startswith(text)
    assert "\n" not in str(caught.value)
    assert ADA not in str(caught.value)


@pytest.mark.parametrize(("change", "text"), WRONG)
def test_a_wrong_ticket_that_comes_by_another_way_is_a_dead_letter(line, change, text):
    """What reaches the queue past the door is kept with its reason, and nothing is dropped."""
    push(line, ticket("access") | change)
    line.intake.round()
    assert [True] == [one["reason"].startswith(text) for one in dead(line)]
    assert 0 == accepted(line)


def test_garbage_on_the_queue_is_a_dead_letter(line):
    """What is not sealed, not signed by a known key, or not JSON becomes a dead letter with its reason."""
    from joserfc.jwk import OKPKey

    line.intake.broker.lpush(INTAKE, b"garbage", b"\xff\xfe", b"a.b.c.d.e", os.urandom(200_000))
    push(line, ticket("access"), submitter=OKPKey.generate_key("Ed25519").as_dict(private=True))
    push(line, b"[1, 2")
    push(line, b'"' + b"x" * 33_000 + b'"')
    push(line, b"[" * 20_000)
    line.intake.round()
    reasons = sorted(one["reason"] for one in dead(line))
    assert [
        "not sealed to this intake",
        "not sealed to this intake",
        "not sealed to this intake",
        "not signed by a known submitter",
        "not valid JSON",
        "not valid JSON",
        "too large",
        "too large",
    ] == reasons


def test_an_entry_of_megabytes_does_not_reach_the_queue(line, valkey):
    """The embedded broker refuses it, as that of `deploy/` does: the intake takes a hundred entries at once."""
    with pytest.raises(redis.RedisError):
        valkey.lpush(INTAKE, b"x" * 2_000_000)
    assert 0 == valkey.llen(INTAKE)


def test_what_a_column_cannot_hold_stops_nobody(tmp_path, world, valkey, valkey_url, database):
    """PostgreSQL takes no U+0000: a key's id or a ticket's that has one is buried, and the next entry taken."""
    from joserfc.jwk import OKPKey

    with closing(open_line(tmp_path / "home", world.systems, broker=valkey_url, database=database)) as line:
        odd = OKPKey.generate_key("Ed25519").as_dict(private=True)
        signed = {"alg": "Ed25519", "kid": "a\0b"}
        reader = OKPKey.import_key(line.office.vault.intake)
        inner = jws.serialize_compact(signed, b"{}", OKPKey.import_key(odd), algorithms=["Ed25519"])
        header = {"alg": "ECDH-ES", "enc": "A256GCM"}
        valkey.lpush(INTAKE, jwe.encrypt_compact(header, inner, reader, algorithms=["ECDH-ES", "A256GCM"]))
        push(line, ticket("access") | {"id": "\0"})
        push(line, ticket("access"))
        line.intake.round()
        assert ["id: not a UUID", "not signed by a known submitter"] == sorted(one["reason"] for one in dead(line))
        assert 1 == accepted(line)


def test_the_same_ticket_twice_is_one_ticket(line):
    """Submitting again is harmless, in another batch and in the same."""
    raw = ticket("access")
    for _ in range(2):
        assert raw["id"] == str(line.submit(raw))
    push(line, raw)
    push(line, raw)
    line.intake.round()
    assert 1 == accepted(line)
    assert [] == dead(line)


@pytest.mark.parametrize("idless", [{"id": None}, {}])
def test_the_same_message_twice_is_one_ticket(line, idless):
    """Delivered again as it is, a message without an id makes no second ticket."""
    entry = push(line, {name: value for name, value in ticket("access").items() if name != "id"} | idless)
    line.intake.round()
    line.intake.broker.lpush(INTAKE, entry, entry)
    line.intake.round()
    assert 1 == accepted(line)
    assert [] == dead(line)


def test_an_id_used_for_other_content_is_a_dead_letter(line):
    """The same id with other content is refused with `id reused`, and the submitter is told."""
    raw = ticket("access")
    line.submit(raw)
    with pytest.raises(Refused, match="id reused"):
        line.submit(raw | {"instruction": "another one"})
    assert ["id reused"] == [one["reason"] for one in dead(line)]
    assert b"accepted" == line.intake.broker.get(f"{RECEIPT}{raw['id']}")


def sized(size):
    """Return a ticket's JSON of that many bytes."""
    raw = json.dumps(ticket("access")).encode()
    return raw + b" " * (size - len(raw))


def test_a_ticket_may_have_32_kib(line):
    """No less by another way than by the door; whatever is larger is called too large, however much larger it is."""
    push(line, sized(MAX_BYTES))
    for size in (MAX_BYTES + 1, 36_000, 40_000, 60_000, 100_000, 500_000):
        push(line, sized(size))
    line.intake.round()
    assert 1 == accepted(line)
    assert ["too large"] * 6 == [one["reason"] for one in dead(line)]


def test_a_dead_letter_is_tried_again(line, world):
    """Once the inventory knows the client, replaying the letter makes it a ticket."""
    raw = ticket("access", client="globex")
    push(line, raw)
    line.intake.round()
    (letter,) = dead(line)
    assert raw["id"] == letter["ticket_id"]
    text = world.systems.read_text()
    world.systems.write_text(text + text.split("[[systems]]")[0].replace("clients.acme", "clients.globex"))
    again = open_line(line.office.settings.root, world.systems, broker=line.office.settings.broker)
    replay(again.office, letter["id"])
    again.intake.round()
    assert 1 == accepted(again)
    assert [] == dead(again)
    with pytest.raises(UsageError, match="no such dead letter"):
        replay(again.office, letter["id"])
    again.close()


def test_a_ticket_survives_a_flushed_broker(line):
    """The spool keeps the sealed message until the receipt is seen, and sends it again."""
    (ident,) = line.submitter.queue([check(ticket("access"), inventory=line.office.inventory)])
    line.intake.broker.flushall()
    assert 0 == line.intake.round()
    assert 1 == line.submitter.resend()
    line.intake.round()
    assert [ident] == list(line.submitter.accepted([ident], timeout=5))
    assert [] == list(line.submitter.spool.iterdir())


def test_a_broker_that_is_down_loses_nothing(tmp_path, world):
    """The submitter says that the queue is down, and the ticket is spooled, sealed."""
    from shared.settings import Settings

    submitter = Submitter(
        Settings(
            home=tmp_path / "home", systems=world.systems, broker_url="redis+socket:///nowhere.sock?virtual_host=0"
        )
    )
    with pytest.raises(QueueDown, match="the queue is down"):
        submitter.queue([check(ticket("access"), inventory=submitter.inventory)])
    (spooled,) = submitter.spool.iterdir()
    assert ADA.encode() not in spooled.read_bytes()
    assert 0o600 == spooled.stat().st_mode & 0o777


def test_a_dead_consumers_entries_are_moved_back(line):
    """An intake that died between taking and storing loses nothing: another moves its list back."""
    ids = [ticket("access") for _ in range(3)]
    for raw in ids:
        push(line, raw)
    broker = line.intake.broker
    while broker.lmove(INTAKE, f"{TAKEN}dead", "RIGHT", "LEFT"):
        pass
    broker.set(f"{ALIVE}dead", "1")
    broker.sadd(CONSUMERS, "dead")
    assert 0 == line.intake.rescue()
    broker.delete(f"{ALIVE}dead")
    assert 3 == line.intake.rescue()
    line.intake.round()
    assert 3 == accepted(line)


def test_an_intake_killed_after_its_commit_stores_nothing_twice(line):
    """What was stored but not yet removed from the taken list is recognised."""
    entry = push(line, ticket("access"))
    line.intake.broker.lmove(INTAKE, line.intake.taken, "RIGHT", "LEFT")
    line.intake.store([entry])
    assert 1 == line.intake.round()
    assert 1 == accepted(line)
    assert 0 == line.intake.broker.llen(line.intake.taken)


def test_two_intakes_share_the_queue(line):
    """Two consumers at once store each ticket once."""
    for _ in range(150):
        push(
            line,
            ticket(
                "consent",
                details={"consent": {"action": "withdraw", "purposes": ["a"], "channel": "web", "act": "clicked"}},
            ),
        )
    other = Intake(line.office, line.nudges.extend)
    while line.intake.round() or other.round():
        pass
    assert 150 == accepted(line)


def test_the_spool_and_the_queue_hold_no_personal_data(line):
    """Neither the entry, nor the receipts, nor the stored rows hold an address in clear."""
    line.submit(ticket("access"))
    broker = line.intake.broker
    held = b"".join(broker.dump(key) for key in broker.keys("*"))
    held += b"".join(path.read_bytes() for path in line.office.settings.root.rglob("*") if path.is_file())
    assert b"ada@example.org" not in held
    assert b"Ada" not in held


def test_json_lines_name_the_line_that_is_wrong(line):
    """A wrong line among many is named by its number."""
    text = "\n".join([json.dumps(ticket("access")), "{nonsense"])
    with pytest.raises(UsageError, match="line 2: not valid JSON"):
        read_tickets(text, lambda raw: check(raw, inventory=line.office.inventory))


def test_the_content_of_a_ticket_is_one_text(line):
    """The same ticket written in another order is the same content."""
    raw = ticket("access")
    turned = dict(reversed(raw.items()))
    one, other = (check(one, inventory=line.office.inventory) for one in (raw, turned))
    assert content_of(one) == content_of(other)
