"""The order of work: the earliest deadline first, breaches and objections ahead, nobody held up by another's flood."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import insert, select

from shared.settings import Settings
from shared.store import steps
from shared.store.nudge import Nudge
from shared.store.session import Store
from shared.store.tables import StepRow, TicketRow
from tests import small
from tests.line import open_line
from tests.schema import to_head
from tests.small import ticket
from workers.app import make_worker
from workers.queues import make_app, publish

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
INCIDENT = {
    "nature": "A backup disk was lost", "consequences": "Phishing is likely", "measures": "Keys were changed",
    "from": "2026-01-01T00:00:00+01:00", "to": "2026-02-02T00:00:00+01:00",
}  # fmt: skip


@pytest.fixture
def store(any_database_url):
    """A database with one ticket."""
    store = Store(any_database_url)
    to_head(store)
    yield store
    store.close()


@pytest.fixture
def put(store):
    """Write ready steps of a system, each by the days until it is due and its priority; return their ids."""
    ident = uuid4()
    with store.write() as session:
        session.execute(
            insert(TicketRow).values(
                id=ident, client="acme", right="access", stage="locate", stage_since=NOW, priority=5, received_at=NOW,
                accepted_at=NOW, due_at=NOW, strict_at=NOW, fingerprint=b"", state="open", clocks=[],
            )
        )  # fmt: skip

    def write(system, *due, verb="locate"):
        rows = [
            {
                "ticket_id": ident, "stage": "s", "key": uuid4().hex, "system": system, "lane": system,
                "channel": "chat", "verb": verb, "part": "", "waits": "", "state": "ready", "priority": priority,
                "due_at": NOW + timedelta(days=days), "counts": {}, "reasons": [], "created_at": NOW,
            }
            for days, priority in due
        ]  # fmt: skip
        with store.write() as session:
            return [session.scalars(insert(StepRow).returning(StepRow.id), row).one() for row in rows]

    return write


def fill(store, **windows):
    """Fill windows; return the ids that are sent."""
    with store.write() as session:
        return sorted(one.id for one in steps.fill(session, windows, now=NOW))


def claimed(store, step, *, end=False):
    """Claim as a worker does that gets a step's message; return which step it is good for."""
    with store.write() as session:
        found = steps.claim(session, step, now=NOW, lease=15, most_urgent=True)
        if found and end:
            steps.end(session, found.id, found.token, state="done")
        return found and found.id


def test_the_window_takes_the_earliest_due_and_breaches_first(store, put):
    """By priority, then by due date, then by age."""
    late, soon, objection, first, second = put("a", (9, 5), (1, 5), (20, 1), (3, 5), (3, 5))
    assert sorted([objection, soon]) == fill(store, a=2)
    assert claimed(store, objection, end=True)
    assert [first] == fill(store, a=2)
    assert [] == fill(store, a=2)
    assert [late, second] == fill(store, a=4)


def test_a_flood_of_one_system_does_not_delay_another(store, put):
    """However many steps wait for one, the other's are sent at once."""
    put("flooded", *[(1, 5)] * 50)
    (other,) = put("quiet", (30, 5))
    assert other in fill(store, flooded=3, quiet=3)
    with store.read() as session:
        assert 4 == len(session.scalars(select(StepRow.id).where(StepRow.state == "queued")).all())


def test_a_message_is_good_for_the_most_urgent_of_its_system_and_verb(store, put):
    """What became due sooner after others were sent overtakes them in the line; each is worked once."""
    sent = put("a", (9, 5), (8, 5))
    assert sent == fill(store, a=9)
    (sooner,), (other,) = put("a", (1, 5)), put("a", (0, 5), verb="export")
    (elsewhere,) = put("b", (0, 5))
    assert sorted([sooner, other, elsewhere]) == fill(store, a=9, b=9)
    messages = [*sent, sooner, sooner]
    assert [sooner, sent[1], sent[0], None] == [claimed(store, one) for one in messages]
    assert [other, elsewhere] == [claimed(store, one) for one in (other, elsewhere)]


def test_more_lanes_than_one_statement_takes(store, put):
    """However many systems have steps ready, each window is filled."""
    ready = [put(f"s{number}", (1, 5))[0] for number in range(101)]
    assert ready == fill(store, **{f"s{number}": 1 for number in range(101)})


def test_what_is_urgent_gets_room_in_a_full_window(store, put):
    """The least urgent that was sent and not begun goes back; what runs goes on, and no more fly than may."""
    soon, later, latest = put("a", (1, 5), (2, 5), (3, 5))
    assert [soon, later, latest] == fill(store, a=3)
    assert soon == claimed(store, latest)
    with store.write() as session:
        steps.make_room(session, "a", wanted=1, window=3, priority=0)
    (breach,) = put("a", (30, 0))
    assert [breach] == fill(store, a=3)
    assert breach == claimed(store, later)
    assert later == claimed(store, breach)
    assert claimed(store, latest) is None  # it is not sent any more, its message is void
    with store.write() as session:
        steps.make_room(session, "a", wanted=1, window=3, priority=0)
    with store.read() as session:
        assert [latest] == session.scalars(select(StepRow.id).where(StepRow.state == "ready")).all()


def test_the_broker_hands_out_breaches_first_then_objections(tmp_path, valkey, valkey_url):
    """Across queues and systems, in the broker itself: what was sent last comes first if it is more urgent."""
    sent = [(1, "chat", 5), (2, "email", 4), (3, "chat", 1), (4, "email", 0), (5, "chat", 5), (6, "chat", 0)]
    taken = handed_out(make_app(Settings(home=tmp_path, broker_url=valkey_url)), sent)
    assert {4, 6} == set(taken[:2])
    assert 3 == taken[2]
    assert {1, 2, 5} == set(taken[3:])
    assert taken.index(1) < taken.index(5)


def test_a_flood_of_urgent_steps_leaves_a_place_to_others(tmp_path, valkey, valkey_url):
    """Each fourth message that the pool fetches is one of the least urgent."""
    sent = [(number, "email", 1) for number in range(9)] + [(9, "chat", 5), (10, "chat", 5)]
    taken = handed_out(make_worker(Settings(home=tmp_path, broker_url=valkey_url)), sent)
    first, second = taken.index(9), taken.index(10)
    assert first < 4
    assert second == first + 4
    assert list(range(9)) == [one for one in taken if one < 9]


def handed_out(app, sent):
    """Send steps (id, channel, priority); return their ids as the app fetches them."""
    taken = []
    publish(app, [Nudge(ident, channel, "locate", priority) for ident, channel, priority in sent])

    def take(body, message):
        taken.append(body[0][0])
        message.ack()

    with app.connection_for_read() as connection:
        queues = [queue for queue in app.conf.task_queues if queue.name in ("chat", "email")]
        with connection.Consumer(queues, callbacks=[take], prefetch_count=1, accept=["json"]):
            while len(taken) < len(sent):
                connection.drain_events(timeout=5)
    app.close()
    return taken


def test_a_breach_gets_a_place_in_a_flooded_window(tmp_path, valkey, valkey_url):
    """Of a system whose window is full of accesses, a breach's step is sent at once, in the place of one of them."""
    world = small.build(tmp_path / "world")
    text = world.systems.read_text().replace('channel = "chat"', 'channel = "chat"\nmax_in_flight = 2')
    world.systems.write_text(text)
    line = open_line(tmp_path / "home", world.systems, broker=valkey_url)
    for number in range(4):
        line.submit(ticket("access", f"nobody{number}@never.example"))
    first, _ = (one.id for one in line.nudges if one.channel == "chat")
    breach = line.submit(ticket("breach", details={"incident": INCIDENT}, subject=None, identity=None))
    (mine,) = [one["id"] for one in line.ticket(breach)["steps"] if one["system"] == "chat"]
    with line.office.store.read() as session:
        queued = select(StepRow.id).where(StepRow.system == "chat", StepRow.state == "queued").order_by(StepRow.id)
        assert [first, mine] == session.scalars(queued).all()
    assert (mine, 0) == min((one.priority, one.id) for one in line.nudges if one.channel == "chat")[::-1]
    assert "done" == line.performer.perform(mine, most_urgent=True)
    assert "done" == line.performer.perform(first, most_urgent=True)
    line.run()
    assert {"done"} == {one["state"] for one in line.ticket(breach)["steps"] if one["verb"] == "subjects"}
    line.close()


def test_an_objection_gets_a_place_among_the_few_that_a_system_may_have(tmp_path, valkey, valkey_url):
    """The window is wide, but no more are sent than there are places: what was sent and not begun goes back."""
    world = small.build(tmp_path / "world")
    line = open_line(tmp_path / "home", world.systems, broker=valkey_url, concurrency=2)
    for number in range(4):
        line.submit(ticket("access", f"nobody{number}@never.example"))
    objection = line.submit(ticket("objection", details={"purposes": ["analytics"]}))
    assert {"queued"} == {step["state"] for step in line.ticket(objection)["steps"]}
    with line.office.store.read() as session:
        queued = select(StepRow.priority).where(StepRow.lane == "chat", StepRow.state == "queued")
        assert [1, 5] == sorted(session.scalars(queued))
    line.close()
