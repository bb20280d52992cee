"""The queue: whatever is pushed there is a ticket or a dead letter, and holds up nobody."""

import json
import uuid

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from joserfc import jwe
from joserfc.jwk import OKPKey
from joserfc.util import urlsafe_b64encode
from sqlalchemy import func, select
from structlog.testing import capture_logs

from shared.domain.errors import UsageError
from shared.message import _JWE, TYPE, seal_message
from shared.store.tables import DeadLetterRow, StepRow, TicketRow
from tests.fuzz.nasty import changed, fuzz, refusals, spoilt, text, thought_of, values
from tests.line import small_line
from tests.small import ticket
from workers.broker import INTAKE
from workers.submit import check, read_tickets

CONSENT = {"purposes": ["newsletter"], "channel": "web", "wording": "v1", "act": "ticked an empty box"}
INCIDENT = {
    "nature": "n", "consequences": "c", "measures": "m", "from": "2026-01-30T10:00:00+01:00",
    "to": "2026-01-30T11:00:00+01:00", "systems": ["chat"], "categories": ["user.name"],
    "people": [{"email": "ada@example.org"}],
}  # fmt: skip
TICKETS = [
    ticket("access", received_via="email", callback_urls=["https://client.example/dsr"]),
    ticket("access", subject={
        "email": ["ada@example.org"], "phone_number": ["+4930231250001"], "name": "Ada", "other": {"visitor": "v-1"},
        "represented_by": {"name": "Eve", "mandate": "a letter"},
    }),
    ticket("portability", details={"transfer_to": "https://other.example/in"}),
    ticket("rectification", details={"changes": {"user.name": "Ada B"}, "statement": "so", "restrict": True}),
    ticket("erasure", details={"silence": [{"system": "documents", "file": "a.wav", "from": 0, "to": 1.5}]}),
    ticket("restriction", details={"ground": "claims", "purposes": ["ads"], "exceptions": {"claims": "a lawsuit"}}),
    ticket("objection", details={"purposes": ["direct-marketing", "profiling"], "grounds": "mine"}),
    ticket("consent", details={"consent": CONSENT | {"action": "give"}}),
    ticket("breach", subject=None, identity=None, details={"incident": INCIDENT}),
]  # fmt: skip
raws = changed(TICKETS)


@pytest.fixture
def line(tmp_path, valkey, valkey_url, any_database_url):
    """A line over a small world, on each database: PostgreSQL takes no zeros, SQLite does."""
    with small_line(tmp_path, broker=valkey_url, database=any_database_url) as made:
        yield made


def rows(line):
    """Return how many tickets and dead letters there are."""
    with line.office.store.read() as session:
        return [session.scalar(select(func.count()).select_from(one)) for one in (TicketRow, DeadLetterRow)]


def stored(line, *entries):
    """Push entries and let intake take them; return how many tickets and dead letters that made."""
    before = rows(line)
    line.intake.broker.lpush(INTAKE, *entries)
    with capture_logs():
        assert len(entries) == line.intake.round()
    assert (0, 0) == (line.intake.broker.llen(INTAKE), line.intake.broker.llen(line.intake.taken))
    return [now - then for now, then in zip(rows(line), before, strict=True)]


def reasons(line):
    """Return why the last one is a dead letter."""
    with line.office.store.read() as session:
        return session.scalars(select(DeadLetterRow.reason).order_by(DeadLetterRow.id.desc()).limit(1)).one()


def fresh(raw):
    """Return a ticket under an id of its own; without one the same again is the same ticket."""
    known = isinstance(raw, dict) and raw.get("id") in [None, *(one["id"] for one in TICKETS)]
    return raw | {"id": str(uuid.uuid4())} if known else raw


@fuzz()
@given(raws)
def test_any_ticket_is_a_ticket_or_a_dead_letter_with_a_reason(line, raw):
    """A submitter who signs well may write anything."""
    vault = line.office.vault
    content = json.dumps(fresh(raw)).encode()
    made = stored(line, seal_message(content, intake=vault.intake, submitter=vault.submitter))
    assert made in ([1, 0], [0, 1])
    assert made == [1, 0] or thought_of(reasons(line)), reasons(line)


def sealed(vault, header, content):
    """Seal to the intake what is signed with any header, by hand: the library would check it."""
    signer, reader = OKPKey.import_key(vault.submitter), OKPKey.import_key(vault.intake)
    signed = {"alg": "Ed25519", "typ": TYPE, "kid": signer.thumbprint(), "aud": reader.thumbprint()} | header
    text = b".".join(urlsafe_b64encode(part) for part in (json.dumps(signed).encode(), content))
    inner = text + b"." + urlsafe_b64encode(signer.private_key.sign(text))
    return jwe.encrypt_compact({"alg": "ECDH-ES", "enc": "A256GCM"}, inner, reader, algorithms=_JWE)


@fuzz()
@given(st.dictionaries(st.sampled_from(("kid", "aud", "iat", "exp", "typ", "cty", "x")), values, max_size=3))
@example({"kid": "a\0b"})
@example({"kid": "\ud800"})
@example({"iat": 10**30, "exp": 10**30 + 1})
def test_any_signed_header_is_a_dead_letter(line, header):
    """Whoever has the intake's public key can write a header: an unknown key's id is looked up in the database."""
    made = stored(line, sealed(line.office.vault, header, b"{}"), b"rubbish")
    assert [0, 2] == made
    assert thought_of(reasons(line)), reasons(line)


ENTRY = b"eyJhbGciOiJFQ0RILUVTIiwiZW5jIjoiQTI1NkdDTSJ9..AAAAAAAAAAAAAAAA.AAAA.AAAAAAAAAAAAAAAAAAAAAA"


@fuzz()
@given(data=st.data())
def test_any_bytes_are_a_dead_letter(line, data):
    """What is no message at all, or one that was damaged, ends there; nothing of a batch is lost."""
    vault = line.office.vault
    whole = seal_message(json.dumps(ticket("access")).encode(), intake=vault.intake, submitter=vault.submitter)
    entries = data.draw(st.lists(st.one_of(spoilt([whole, ENTRY]), st.binary(max_size=200)), min_size=1, max_size=5))
    tickets, dead = stored(line, *entries)
    assert len(entries) == tickets + dead or whole in entries


@fuzz(5)
@given(raws)
def test_a_wrong_ticket_is_refused_in_one_line(raw):
    """At the door every wrong ticket ends in one line."""
    with refusals(UsageError):
        check(raw, inventory=None)


@fuzz(5)
@given(st.one_of(st.binary(max_size=60), spoilt([json.dumps(one).encode() for one in TICKETS])), text)
@example(b"[" * 100_000, "")
@example(b"9" * 5000, "")
def test_any_file_is_read_or_refused(raw, tail):
    """A file of tickets may hold anything."""
    with refusals(UsageError):
        read_tickets(raw.decode(errors="replace") + tail, lambda one: check(one, inventory=None))


@fuzz(0.5)
@given(raws)
@example(ticket("access", subject={"email": ["ada@example.org"], "other": {"visitor": "a\0b"}}))
@example(ticket("erasure", subject={"email": ["ada@example.org"], "name": "a\0b"}))
@example(ticket("rectification", details={"changes": {"user.name": "a\0b"}, "statement": "\u202e"}))
def test_whatever_is_accepted_is_worked(line, raw):
    """No step of a ticket that passed the door ends in what nobody thought of."""
    vault = line.office.vault
    raw = fresh(raw)
    with capture_logs():
        stored(line, seal_message(json.dumps(raw).encode(), intake=vault.intake, submitter=vault.submitter))
        line.run()
    with line.office.store.read() as session:
        errors = session.scalars(select(StepRow.error).where(StepRow.error.is_not(None))).all()
    assert [] == [one for one in errors if not thought_of(one)]
