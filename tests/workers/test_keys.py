"""Who may submit: keys registered for clients, their dates, rotation, revocation; receipts that only they get."""

import json
import time
import tracemalloc
from datetime import UTC, datetime, timedelta

import pytest
from joserfc.jwk import OKPKey

from shared.domain.errors import UsageError
from shared.message import kid_of, seal_message
from shared.settings import Settings
from shared.store import submitters
from shared.store.tables import SubmitterKeyRow
from tests import small
from tests.line import open_line
from tests.shared.by_hand import unb64
from tests.shared.test_message import by_other
from tests.small import ticket
from tests.workers.test_door import accepted, dead
from workers.broker import INTAKE, RECEIPT
from workers.submit import ACCEPTED, Submitter, check, receipt_of

DAY = timedelta(days=1)
NOT_ALLOWED = "signed by a key that is not allowed for this client"


@pytest.fixture
def line(tmp_path, valkey, valkey_url):
    """A line over a small world with a second client, globex."""
    world = small.build(tmp_path / "world")
    text = world.systems.read_text()
    world.systems.write_text(text + text.split("[[systems]]")[0].replace("clients.acme", "clients.globex"))
    made = open_line(tmp_path / "home", world.systems, broker=valkey_url)
    yield made
    made.close()


def pair():
    """Make a submitter's key."""
    return OKPKey.generate_key("Ed25519").as_dict(private=True)


def register(line, key, client="acme", since=None, until=None):
    """Register it, as `rightsdesk keys add` does."""
    now = datetime.now(UTC)
    row = SubmitterKeyRow(
        kid=kid_of(key), client=client, public=unb64(key["x"]), added_at=now, valid_until=until and now + until
    )
    with line.office.store.write() as session:
        submitters.allow(session, row, since=since and now + since)
    return key


def push(line, raw, key, **more):
    """Push what that key signs; have it judged; return the receipt of this very message."""
    content = raw if isinstance(raw, bytes) else json.dumps(raw).encode()
    entry = seal_message(content, intake=line.office.vault.intake, submitter=key, **more)
    line.intake.broker.lpush(INTAKE, entry)
    line.intake.round()
    found = line.intake.broker.get(RECEIPT + receipt_of(raw["id"], entry)) if isinstance(raw, dict) else None
    return found and found.decode()


def reasons(line):
    """Return why letters are dead."""
    return [one["reason"] for one in dead(line)]


def test_a_registered_key_submits_for_its_client_and_no_other(line):
    """A ticket for one client signed by another's key is a dead letter; a key may be registered for both."""
    acme, globex = register(line, pair()), register(line, pair(), "globex")
    assert ACCEPTED == push(line, ticket("access"), acme)
    assert ACCEPTED == push(line, ticket("access", client="globex"), globex)
    assert f"dead: {NOT_ALLOWED}" == push(line, ticket("access"), globex)
    assert (2, [NOT_ALLOWED]) == (accepted(line), reasons(line))
    register(line, globex, "acme")
    assert ACCEPTED == push(line, ticket("access"), globex)


@pytest.mark.parametrize("client", [None, 5, ["acme"], {"a": 1}, "acme\0", "ACME"])
def test_no_odd_client_passes(line, client):
    """Whatever stands in its place, a key is allowed for exactly its client."""
    assert f"dead: {NOT_ALLOWED}" == push(line, ticket("access") | {"client": client}, register(line, pair()))
    assert 0 == accepted(line)


def test_an_unknown_key_is_refused(line):
    """Sealed to us by somebody whom nobody registered, even under a registered key's id."""
    known, stranger = register(line, pair()), pair()
    push(line, ticket("access"), stranger)
    push(line, ticket("access"), stranger | {"kid": kid_of(known)})
    assert ["not signed by a known submitter"] * 2 == reasons(line)


def test_a_foreign_key_tells_nobody_that_a_ticket_is_dead(line):
    """Who sends another client's id leaves no receipt under it, and does not change the one that is there."""
    acme, globex = register(line, pair()), register(line, pair(), "globex")
    raw = ticket("access")
    push(line, raw, globex)
    assert line.intake.broker.get(RECEIPT + raw["id"]) is None
    push(line, raw, acme)
    push(line, raw, globex)
    assert ACCEPTED.encode() == line.intake.broker.get(RECEIPT + raw["id"])
    assert [NOT_ALLOWED] * 2 == reasons(line)


def test_keys_are_rotated_with_overlap(line):
    """The old one until its end, the new one from its beginning, both between; the signature's time counts."""
    old, new = register(line, pair(), since=-10 * DAY, until=-DAY), register(line, pair(), since=-3 * DAY)
    now, outside = time.time(), "dead: signed by a key outside its dates"
    for days, key, receipt in [
        (5, old, ACCEPTED), (5, new, outside), (2, old, ACCEPTED), (2, new, ACCEPTED), (0.5, old, outside),
        (0.5, new, ACCEPTED), (11, old, outside),
    ]:  # fmt: skip
        assert receipt == push(line, ticket("access"), key, issued=now - days * 86_400, lifetime=15 * 86_400), days


def test_a_revoked_key_ends_at_once(line):
    """Whatever it signed and whenever: what is on the queue is refused; for another client it may go on."""
    key = register(line, register(line, pair()), "globex")
    raw = ticket("access")
    entry = seal_message(json.dumps(raw).encode(), intake=line.office.vault.intake, submitter=key)
    line.intake.broker.lpush(INTAKE, entry)
    with line.office.store.write() as session:
        assert ["acme"] == submitters.revoke(session, kid_of(key), "acme", datetime.now(UTC))
    line.intake.round()
    assert ["signed by a key that was revoked"] == reasons(line)
    assert ACCEPTED == push(line, ticket("access", client="globex"), key)
    with pytest.raises(UsageError, match="this key was revoked for the client: make a new pair"):
        register(line, key)


def test_a_replayed_message_makes_no_second_ticket(line):
    """Within its time the id tells it, after its time it is refused."""
    key = register(line, pair())
    raw = ticket("access")
    entry = seal_message(
        json.dumps(raw).encode(), intake=line.office.vault.intake, submitter=key,
        issued=time.time() - 60, lifetime=120,
    )  # fmt: skip
    for _ in range(3):
        line.intake.broker.lpush(INTAKE, entry, entry)
        line.intake.round()
    assert (1, []) == (accepted(line), reasons(line))
    raw = ticket("access")
    push(line, raw, key, issued=time.time() - 60, lifetime=59)
    assert (1, ["expired: submit it again"]) == (accepted(line), reasons(line))


def test_a_submitter_from_elsewhere_needs_its_key_and_the_intakes(line, tmp_path, valkey_url):
    """With two files of settings, and neither the installation's keys nor its inventory."""
    key = register(line, pair())
    mine, theirs = tmp_path / "mine.jwk", tmp_path / "intake.jwk"
    mine.write_text(json.dumps(key))
    theirs.write_text(json.dumps({name: line.office.vault.intake[name] for name in ("kty", "crv", "x")}))
    keys = {"submitter_key": mine, "intake_key": theirs}
    elsewhere = Settings(home=tmp_path / "elsewhere", systems=tmp_path / "none.toml", broker_url=valkey_url, **keys)
    submitter = Submitter(elsewhere)
    ids = submitter.queue([check(ticket("access"), inventory=None)])
    line.intake.round()
    assert ids == list(submitter.accepted(ids, timeout=5))
    assert ["spool"] == [one.name for one in elsewhere.root.iterdir()]
    with pytest.raises(UsageError, match="go together"):
        Submitter(elsewhere.model_copy(update={"intake_key": None}))
    assert "key" not in repr(submitter.keys)


def nested(depth):
    """Return a ticket whose details are nested so deep."""
    raw = json.dumps(ticket("rectification", details={"changes": "x"}))
    return raw.replace('"x"', "[" * depth + "]" * depth).encode()


def test_what_may_not_pass_costs_little_and_stops_nobody(line):
    """Oversized, nested, wrongly typed, not UTF-8, compressed: dead letters in bounded memory; then a good one."""
    key, vault = register(line, pair()), line.office.vault
    broker = line.intake.broker
    bombs = [by_other(b"0" * 30_000_000, vault, outer={"zip": "DEF"}), b"x" * 1_000_000]
    inner = [nested(depth) for depth in (40, 400, 900, 5000)]
    inner += [
        b"[" * 32_000,
        b'{"a":' * 6000,
        b"\xff\xfe{}",
        b"\x00",
        b"null",
        b"5",
        b'"x"',
        b"[]",
        b"1" * 30_000,
        b"1e999",
    ]
    inner += [json.dumps(ticket("access") | {name: [{}]}).encode() for name in ticket("access")]
    bad = bombs + [seal_message(one, intake=vault.intake, submitter=vault.submitter) for one in inner]
    bad += [seal_message(one, intake=vault.intake, submitter=key) for one in inner]
    broker.lpush(INTAKE, *bad)
    tracemalloc.start()
    try:
        while line.intake.round():
            pass
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(bad) == len(dead(line))
    assert not [one for one in reasons(line) if one.startswith("unexpected")]
    assert peak < 25_000_000  # the largest entry twice, and the dead letters
    assert ACCEPTED == push(line, ticket("access"), key)
