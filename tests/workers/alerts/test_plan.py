"""Planning: whatever comes, each alert is in one letter or waits; a message begun is kept together."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from shared.on_call.settings import Alerts
from shared.store.tables import AlertRow
from tests.workers.alerts.duty import NOON
from workers.alerts.plan import Held, plan

ALERTS = Alerts(
    people=dict.fromkeys(("ines", "omar", "uma"), ("json://localhost",)),
    rota=[
        {"starts": "2026-01-05T09:00", "people": ["ines", "omar"], "quiet": {"from": "22:00", "until": "07:00"}},
        {
            "team": "breach",
            "starts": "2026-01-05T09:00",
            "people": ["uma"],
            "quiet": {"from": "01:00", "until": "00:00"},
        },
    ],
)
ROWS = st.lists(
    st.builds(
        AlertRow,
        id=st.uuids().map(lambda one: one.hex),
        kind=st.just("held"),
        right=st.sampled_from(["access", "breach"]),
        urgent=st.booleans(),
        level=st.integers(0, 4),
    ),
    max_size=20,
    unique_by=lambda row: row.id,
)


@given(
    ROWS,
    st.integers(0, 24 * 60),
    st.frozensets(st.sampled_from(["ines", "omar", "uma"])),
    st.dictionaries(st.sampled_from(["ines", "omar", "uma"]), st.integers(-5, 5)),
    st.data(),
)
def test_nothing_is_lost_nothing_twice(rows, minutes, busy, gathering, data):
    """Each alert is in one letter or waits for a later time; nothing holds back a breach."""
    now = NOON + timedelta(minutes=minutes)
    begun = {row.id: data.draw(st.sampled_from(["b1", "b2"])) for row in rows if data.draw(st.booleans())}
    held = Held(busy, {name: now + timedelta(minutes=later) for name, later in gathering.items()})
    found = plan(rows, ALERTS, now=now, unfinished=begun, held=held)
    waiting = [ident for ids in found.waits.values() for ident in ids]
    assert sorted(row.id for row in rows) == sorted([*waiting, *(ident for one in found.letters for ident in one.ids)])
    assert all(until > now for until in found.waits)
    urgent = {row.id for row in rows if row.urgent}
    assert not urgent.intersection(waiting)
    for letter in found.letters:
        assert {begun.get(ident, letter.batch) for ident in letter.ids} == {letter.batch}
        assert 1 == len({row.urgent for row in letter.alerts})
        assert letter.urgent or letter.call.everyone or not busy.intersection(letter.call.people[:1])


def test_a_letter_begins_with_what_is_due_first():
    """Of one ticket the latest milestone comes first; what is due at no time comes last."""
    due = {"a": (5, "75%"), "b": (5, "passed"), "c": (1, "50%"), "d": (5, "90%"), "e": (None, None)}
    rows = [
        AlertRow(
            id=ident, kind="milestone", right="access", urgent=False, level=0, milestone=milestone,
            due_at=None if days is None else NOON + timedelta(days=days),
        )
        for ident, (days, milestone) in due.items()
    ]  # fmt: skip
    (letter,) = plan(rows, ALERTS, now=NOON, unfinished={}, held=Held()).letters
    assert ["c", "b", "d", "a", "e"] == letter.ids


def test_a_digests_thread_outlives_its_message():
    """A reminder is in the same thread: that of the oldest alert, also once another joins that is due first."""
    rows = [
        AlertRow(
            id=ident, kind="held", right="access", urgent=False, level=2, raised_at=NOON + timedelta(hours=hours),
            due_at=NOON + timedelta(days=9 - hours),
        )
        for ident, hours in (("b", 0), ("a", 1), ("c", 2))
    ]  # fmt: skip
    threads = [
        letter.thread
        for several in (rows[:2], rows)
        for letter in plan(several, ALERTS, now=NOON, unfinished={}, held=Held()).letters
    ]
    assert ["b", "b"] == threads


def test_alerts_of_one_kind_of_call_are_one_letter():
    """What goes to the same people at the same level leaves as one message; another level or team is another."""
    rows = [
        AlertRow(id=f"{number}", kind="held", right=right, urgent=False, level=level)
        for number, (right, level) in enumerate(
            [("access", 0), ("erasure", 0), ("access", 1), ("access", 2), ("access", 3)]
        )
    ]
    told = {"2": frozenset({"ines"}), "4": frozenset({"ines", "omar"})}
    found = plan(rows, ALERTS, now=NOON, unfinished={}, held=Held(), told=told)
    assert [["0", "1"], ["2"], ["3", "4"]] == [letter.ids for letter in found.letters]
