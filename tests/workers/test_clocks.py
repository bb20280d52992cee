"""A ticket's clocks: what begins, moves, rests and ends them, and the timers with them."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from sqlalchemy import delete, select, update

from shared.domain.errors import UsageError
from shared.inventory import Alerts
from shared.store.tables import TIMER_RUNS, AlertRow, StepRow, TicketRow, TimerRow
from tests import small
from tests.line import open_line
from tests.small import ticket
from workers.recount import recount
from workers.sla import look
from workflows import breach

RECEIVED = "2026-03-05T10:00:00+01:00"
HOURS = 'sla = "PT40H"\nworking_hours = { mon = "09:00-17:00", tue = "09:00-17:00", wed = "09:00-17:00" }\n'
INCIDENT = {
    "nature": "A backup disk was lost", "consequences": "Phishing is likely", "measures": "Keys were changed",
    "from": "2026-01-01T00:00:00+01:00", "to": "2026-02-02T00:00:00+01:00",
}  # fmt: skip


@pytest.fixture
def opened(tmp_path, valkey, valkey_url):
    """Open lines over worlds of a client with these keys, on the day of the receipt."""
    lines = []

    def make(head=""):
        world = small.build(tmp_path / f"world{len(lines)}", head=head)
        lines.append(open_line(tmp_path / f"home{len(lines)}", world.systems, broker=valkey_url))
        at(lines[-1], 2026, 3, 5, 10)
        return lines[-1]

    yield make
    for line in lines:
        line.close()


def at(line, *moment):
    """Let the office's clock stand at a moment."""
    line.office.now = lambda: datetime(*moment, tzinfo=UTC)


def waiting(line, **more):
    """Submit an access whose identity nobody vouches for, so that it waits."""
    ident = line.submit(ticket("access", identity=None, received_at=RECEIVED, **more))
    line.run()
    return ident


def clocks(line, ident):
    """Return a ticket's clocks by name."""
    return {one["name"]: one for one in line.ticket(ident)["clocks"]}


def running(line, ident):
    """Return the timers that may fire, in the order in which they are due."""
    with line.office.store.read() as session:
        rows = session.execute(
            select(TimerRow.clock, TimerRow.milestone, TimerRow.due_at)
            .where(TIMER_RUNS, TimerRow.ticket_id == ident)
            .order_by(TimerRow.due_at, TimerRow.clock)
        )
        return [(clock, milestone, f"{due_at:%m-%d %H:%M}") for clock, milestone, due_at in rows]


def acknowledge(line):
    """Let somebody see to all that stands."""
    with line.office.store.write() as session:
        session.execute(update(AlertRow).where(AlertRow.state == "open").values(state="acknowledged"))


def called(line):
    """Return the clocks and milestones that nobody has acknowledged."""
    with line.office.store.read() as session:
        rows = session.execute(select(AlertRow.clock, AlertRow.milestone).where(AlertRow.state == "open"))
        return sorted(tuple(one) for one in rows if one[0])


def standing(line):
    """Return the alerts that are not over."""
    with line.office.store.read() as session:
        rows = select(AlertRow.kind, AlertRow.clock, AlertRow.milestone).where(AlertRow.state != "over")
        return sorted((one[0], *filter(None, one[1:])) for one in session.execute(rows))


def test_a_ticket_begins_with_its_clocks_and_their_timers(opened):
    """Milestones are parts of the time to the strictest reading; the contract's count in its working hours."""
    line = opened(HOURS)
    ident = waiting(line)
    # forty hours on Mondays to Wednesdays, from a Thursday on: two weeks less a day
    assert "2026-03-17T17:00:00+01:00" == clocks(line, ident)["sla"]["due_at"]
    assert [
        ("sla", "50%", "03-11 12:30"), ("identity", "passed", "03-12 23:00"), ("sla", "75%", "03-14 14:15"),
        ("sla", "90%", "03-16 10:30"), ("sla", "passed", "03-17 16:00"), ("statutory", "50%", "03-21 03:30"),
        ("statutory", "75%", "03-29 00:45"), ("statutory", "90%", "04-02 18:18"),
        ("statutory", "passed", "04-05 22:00"), ("statutory", "run out", "04-07 22:00"),
    ] == running(line, ident)  # fmt: skip
    assert [("decision",)] == standing(line)


def test_what_ends_leaves_no_timer_and_no_alert(opened):
    """Neither a ticket that is fulfilled nor one that is withdrawn calls anybody."""
    line = opened()
    for verb in ("approve", "withdraw"):
        ident = waiting(line)
        at(line, 2026, 3, 22)
        look(line.office)
        assert ("milestone", "statutory", "50%") in standing(line)
        line.decide(ident, verb)
        assert "closed" == line.ticket(ident)["state"]
        assert ([], []) == (running(line, ident), standing(line))


def test_a_withdrawn_ticket_rests_before_it_is_closed(opened):
    """While its answer is still being given, nobody is called for its deadline any more."""
    line = opened()
    ident = waiting(line)
    line.run = lambda: None
    line.decide(ident, "withdraw")
    assert "open" == line.ticket(ident)["state"]
    assert [] == running(line, ident)


def test_a_paused_tickets_timers_rest_but_for_the_identity(opened):
    """On resuming they run again, later by what it rested; the unpaused date stays beside."""
    line = opened(HOURS)
    ident = waiting(line)
    line.decide(ident, "approve", step=line.ticket(ident)["steps"][0]["id"])
    other = waiting(line)
    before, whole = running(line, other), clocks(line, other)
    line.decide(other, "pause")
    assert [("identity", "passed", "03-12 23:00")] == running(line, other)
    assert {"paused", "running"} == {one["state"] for one in clocks(line, other).values()}
    at(line, 2026, 4, 20, 10)
    assert 1 == look(line.office).fired
    assert ("identity overdue", "identity", "passed") in standing(line)
    line.decide(other, "resume")
    after, now = running(line, other), clocks(line, other)
    # 21 May is a working day, so the strictest reading is the only one
    gone = {("identity", "passed"), ("statutory", "run out")}
    assert {one[:2] for one in before} - gone == {one[:2] for one in after}
    assert (
        whole["statutory"]["due_at"]
        == datetime.fromisoformat(now["unpaused"]["due_at"])
        .astimezone(datetime.fromisoformat(whole["statutory"]["due_at"]).tzinfo)
        .isoformat()
    )
    assert ("statutory", "passed", "05-21 22:00") == after[-1]
    # from a Monday noon on: none of the forty hours had passed
    assert ("2026-03-17T17:00:00+01:00", "2026-04-29T12:00:00+02:00") == (whole["sla"]["due_at"], now["sla"]["due_at"])


def test_a_pause_asks_for_an_identity_in_time(opened):
    """A ticket that was vouched for and is doubted has a clock for that, which ends when it is resumed."""
    line = opened()
    ident = line.submit(ticket("access", received_at=RECEIVED))
    line.decide(ident, "pause")
    assert [("identity", "passed", "03-12 23:00")] == running(line, ident)
    at(line, 2026, 3, 13)
    look(line.office)
    assert [("identity overdue", "identity", "passed")] == standing(line)
    line.decide(ident, "resume")
    assert "missed" == clocks(line, ident)["identity"]["state"]
    assert [] == standing(line)


def test_the_notice_of_an_extension_has_a_deadline_of_its_own(opened):
    """Where nobody can send it, those on call are told until month one is over; when it goes, they are not."""
    line = opened('deliver = "link"\n')
    ident = waiting(line)
    at(line, 2026, 4, 3, 10)
    look(line.office)
    line.decide(ident, "extend")
    (step,) = [one for one in line.ticket(ident)["steps"] if one["verb"] == "extension"]
    assert ("failed", "no mail server") == (step["state"], step["error"].partition(":")[0])
    assert ("held",) in standing(line)
    assert {"notice", "unextended", "statutory", "identity"} == set(clocks(line, ident))
    assert "2026-04-08T00:00:00+02:00" == clocks(line, ident)["notice"]["due_at"]
    assert [("notice", "50%"), ("notice", "75%"), ("notice", "90%"), ("notice", "passed"), ("notice", "run out")] == [
        one[:2] for one in running(line, ident) if one[0] == "notice"
    ]
    at(line, 2026, 4, 6, 10)
    look(line.office)
    assert 4 == sum(one[0:2] == ("milestone", "notice") for one in standing(line))
    line.decide(ident, "waive", step=step["id"])
    assert not [one for one in standing(line) if one[1:2] == ("notice",) or one[0] == "held"]
    assert "met" == clocks(line, ident)["notice"]["state"]  # the strict reading is over, the law's is not


def test_an_extension_on_the_last_day_is_followed_by_a_last_warning(opened):
    """All milestones of the first month have fired, the end by its strictest reading too: both come again."""
    line = opened()
    ident = waiting(line)
    at(line, 2026, 4, 7, 10)  # the strict end was on Easter Sunday
    assert 5 == look(line.office).fired
    line.decide(ident, "extend")
    assert [("statutory", "90%", "05-27 15:54"), ("statutory", "passed", "06-05 22:00")] == running(line, ident)
    assert [("decision",), ("identity overdue", "identity", "passed")] == standing(line)
    at(line, 2026, 6, 6)
    assert 2 == look(line.office).fired


def test_an_extension_is_for_once_for_a_month_and_in_time(opened):
    """Not twice, not after month one, not while the ticket is paused, and not for a breach."""
    line = opened()
    ident = waiting(line)
    line.decide(ident, "extend")
    with pytest.raises(UsageError, match="extended already"):
        line.decide(ident, "extend")
    late = waiting(line)
    line.decide(late, "pause")
    with pytest.raises(UsageError, match="paused"):
        line.decide(late, "extend")
    line.decide(late, "resume")
    at(line, 2026, 4, 8)
    with pytest.raises(UsageError, match="first month is over"):
        line.decide(late, "extend")


@pytest.mark.parametrize(("moment", "late"), [((2026, 4, 3, 10), False), ((2026, 5, 3, 10), True)])
def test_a_refusal_is_told_inside_month_one(opened, moment, late):
    """Art. 12(4), however long the ticket was extended; one that comes later says so in evidence, and calls people."""
    line = opened()
    ident = waiting(line)
    line.decide(ident, "extend")
    at(line, *moment)
    work, line.run = line.run, lambda: None
    line.decide(ident, "refuse")
    notice = clocks(line, ident)["notice"]
    assert ("2026-04-08T00:00:00+02:00", "passed" if late else "running") == (notice["due_at"], notice["state"])
    look(line.office)
    assert late == (("milestone", "notice", "passed") in standing(line))
    work()
    assert ("refused", "missed" if late else "met") == (
        line.ticket(ident)["outcome"], clocks(line, ident)["notice"]["state"],
    )  # fmt: skip
    assert [] == standing(line)


def test_a_breach_has_our_own_clock_until_the_client_is_told(opened):
    """From our awareness; its alerts heed no quiet hours."""
    line = opened('told_within = "PT10H"\n')
    at(line, 2026, 3, 5, 16)
    raw = ticket("breach", received_at=RECEIVED, subject=None, identity=None, details={"incident": INCIDENT})
    ident = line.submit(raw)
    assert "2026-03-05T21:00:00+01:00" == clocks(line, ident)["awareness"]["due_at"]
    assert "2026-03-08T11:00:00+01:00" == clocks(line, ident)["statutory"]["due_at"]
    look(line.office)
    with line.office.store.read() as session:
        assert [("50%", True, True)] == [
            tuple(row) for row in session.execute(select(AlertRow.milestone, AlertRow.late, AlertRow.urgent))
        ]
    with line.office.store.write() as session:
        session.execute(update(StepRow).where(StepRow.verb == "subjects").values(state="done"))
        session.execute(update(TicketRow).values(wake_at=line.office.now()))
    line.office.settings.__dict__["smtp_url"] = None
    from workers.sweep import sweep

    sweep(line.office, line.nudges.extend)
    line.run()
    told = [one for one in line.ticket(ident)["steps"] if one["verb"] == "tell-client"]
    assert told
    if told[0]["state"] != "done":
        line.decide(ident, "waive", step=told[0]["id"])
    assert "met" == clocks(line, ident)["awareness"]["state"]
    assert not [one for one in running(line, ident) if one[0] == "awareness"]


def test_a_ticket_keeps_the_law_that_it_began_under(opened):
    """A reform counts for what is received from its first day on; an older ticket is counted as before, also anew."""
    line = opened()
    reformed = replace(breach.RIGHT, changes=((date(2026, 3, 1), "PT96H"), (date(2030, 1, 1), "PT1H")))
    line.office.rights["breach"] = reformed
    raw = {"subject": None, "identity": None, "details": {"incident": INCIDENT}}
    old = line.submit(ticket("breach", received_at="2026-02-28T23:30:00+01:00", **raw))
    new = line.submit(ticket("breach", received_at="2026-02-28T23:30:00Z", **raw))  # 1 March in Berlin
    assert "2026-03-04T00:00:00+01:00" == clocks(line, old)["statutory"]["due_at"]
    assert "2026-03-05T01:00:00+01:00" == clocks(line, new)["statutory"]["due_at"]
    assert (0, 0, 0) == recount(line.office)


def test_a_ticket_of_before_gets_its_timers(opened):
    """One that was accepted before there were timers has them once it is counted anew, and then keeps them."""
    line = opened()
    ident = waiting(line)
    before = running(line, ident)
    with line.office.store.write() as session:
        row = session.get_one(TicketRow, ident)
        row.clocks = [{key: one[key] for key in ("name", "due_at", "strict_at")} for one in row.clocks[:1]]
        session.execute(delete(TimerRow))
    assert (0, 1, 0) == recount(line.office)
    assert [one for one in before if one[0] == "statutory"] == running(line, ident)
    assert (0, 0, 0) == recount(line.office)


def test_a_change_of_the_inventory_moves_what_is_open(opened):
    """Other milestones, another SLA, another country: timers move, pauses and extensions stay."""
    line = opened('sla = "PT120H"\n')
    plain, rested, longer = waiting(line), waiting(line), waiting(line)
    line.decide(rested, "pause")
    at(line, 2026, 3, 8, 10)
    line.decide(rested, "resume")
    line.decide(longer, "extend")
    assert (0, 0, 0) == recount(line.office)
    inventory = line.office.inventory
    line.office.inventory = inventory.model_copy(update={"alerts": Alerts(milestones=(0.8,))})
    assert (0, 3, 0) == recount(line.office, client="acme")
    assert ["80%", "passed", "run out"] == [one[1] for one in running(line, plain) if one[0] == "statutory"]
    acme = inventory.clients["acme"].model_copy(update={"country": "SE", "timezone": "Europe/Stockholm", "sla": "P9D"})
    line.office.inventory = inventory.model_copy(update={"clients": {"acme": acme}})
    assert (3, 0, 0) == recount(line.office)
    due = {ident: line.ticket(ident)["due_on"] for ident in (plain, rested, longer)}
    # Easter Monday rests there, too; National Day on 6 June is a Saturday
    assert {plain: "2026-04-07", rested: "2026-04-08", longer: "2026-06-05"} == due
    assert "2026-03-17T00:00:00+01:00" == clocks(line, plain)["sla"]["due_at"]
    assert (0, 0, 0) == recount(line.office)


def changed(line, **keys):
    """Let the inventory say something else about the client."""
    inventory = line.office.inventory
    acme = inventory.clients["acme"].model_copy(update=keys)
    line.office.inventory = inventory.model_copy(update={"clients": {"acme": acme}})


def by_law(line):
    """Return what stands for the statutory clock."""
    return [one for one in standing(line) if one[1:2] == ("statutory",)]


def test_what_lies_behind_calls_on(opened):
    """A pause of two hours, a resume, or counting anew ends no alert about a time that has passed all the same."""
    line = opened()
    ident = waiting(line)
    at(line, 2026, 4, 9, 10)
    look(line.office)
    before = by_law(line)
    assert ("milestone", "statutory", "passed") in before
    line.decide(ident, "pause")
    at(line, 2026, 4, 9, 12)
    line.decide(ident, "resume")
    assert before == by_law(line)
    changed(line, sla="P90D")
    assert (1, 0, 0) == recount(line.office)
    assert before == by_law(line)
    changed(line, sla=None)
    at(line, 2026, 6, 9)
    look(line.office)
    assert ("milestone", "sla", "passed") in standing(line)
    assert (1, 0, 0) == recount(line.office)
    assert before == by_law(line)
    assert ("milestone", "sla", "passed") not in standing(line)


def test_a_pause_and_an_extension_count_in_either_order(opened):
    """Seventy days of rest, and two months: the same end, the same first month, and the same again when recounted."""
    line = opened()
    first, second = waiting(line), waiting(line)
    at(line, 2026, 3, 6, 10)
    line.decide(first, "pause")
    line.decide(second, "extend")
    line.decide(second, "pause")
    at(line, 2026, 5, 15, 11)
    line.decide(first, "resume")
    line.decide(first, "extend")
    line.decide(second, "resume")
    ends = [
        {name: one["due_at"][:10] for name, one in clocks(line, ident).items() if name not in ("identity", "notice")}
        for ident in (first, second)
    ]
    # 5 June and 5 April, and seventy days; each then a working day
    assert {"statutory": "2026-08-15", "unextended": "2026-06-16", "unpaused": "2026-06-06"} == ends[0] == ends[1]
    assert (0, 0, 0) == recount(line.office)
    assert ["2026-06-16", "2026-04-08"] == [clocks(line, ident)["notice"]["due_at"][:10] for ident in (first, second)]


def test_a_pause_mends_nothing_that_was_missed(opened):
    """What had run out before it began does not run again; what runs out while it lasts does."""
    line = opened('sla = "P20D"\n')
    ident = waiting(line)
    at(line, 2026, 4, 1, 10)
    line.decide(ident, "pause")
    at(line, 2026, 4, 21, 10)
    line.decide(ident, "resume")
    assert ("passed", "running") == tuple(clocks(line, ident)[name]["state"] for name in ("sla", "statutory"))
    assert ("2026-03-26", "2026-04-28") == tuple(
        clocks(line, ident)[name]["due_at"][:10] for name in ("sla", "statutory")
    )


def test_counting_anew_counts_the_first_month_and_its_notice_too(opened):
    """Where the calendar was wrong, a notice that came a day late must not count as met."""
    line = opened()
    ident = waiting(line)
    line.decide(ident, "extend")
    changed(line, country="GR", timezone="Europe/Athens")
    assert (1, 0, 0) == recount(line.office)
    # in 2026 Easter is a week later there: month one ends with Monday the 6th
    month = {name: clocks(line, ident)[name]["due_at"] for name in ("unextended", "notice")}
    assert {"unextended": "2026-04-07T00:00:00+03:00", "notice": "2026-04-07T00:00:00+03:00"} == month
    assert "2026-03-13T00:00:00+02:00" == clocks(line, ident)["identity"]["due_at"]
    assert (0, 0, 0) == recount(line.office)


def test_a_contract_in_working_hours_rests_in_them(opened):
    """Four hours were left of eight: as many are on the Monday on which it is resumed, not after as many days."""
    week = dict.fromkeys(("mon", "tue", "wed", "thu", "fri"), "09:00-17:00")
    line = opened(
        f'sla = "PT8H"\nworking_hours = {{ {", ".join(f"{day} = {hours!r}" for day, hours in week.items())} }}\n'
    )
    ident = waiting(line)
    assert "2026-03-06T10:00:00+01:00" == clocks(line, ident)["sla"]["due_at"]
    at(line, 2026, 3, 5, 13)  # 14:00 in Berlin
    line.decide(ident, "pause")
    at(line, 2026, 3, 9, 9)
    line.decide(ident, "resume")
    assert "2026-03-09T14:00:00+01:00" == clocks(line, ident)["sla"]["due_at"]
    assert (0, 0, 0) == recount(line.office)


def test_a_notice_is_owed_while_the_ticket_is_paused(opened):
    """Its clock and its step go on: month one passes for it, and a retry is not put off until the ticket is resumed."""
    line = opened('deliver = "link"\n')
    ident = waiting(line)
    line.decide(ident, "extend")
    line.decide(ident, "pause")
    assert "running" == clocks(line, ident)["notice"]["state"]
    at(line, 2026, 4, 9, 10)
    look(line.office)
    assert ("milestone", "notice", "passed") in standing(line)
    changed(line, deliver="package")
    line.decide(ident, "retry")
    assert "missed" == clocks(line, ident)["notice"]["state"]
    assert not [one for one in standing(line) if one[1:2] == ("notice",)]
    assert {"waiting"} == {one["state"] for one in line.ticket(ident)["steps"] if one["verb"] != "extension"}


@pytest.mark.parametrize("verb", ["withdraw", "refuse"])
def test_no_time_is_moved_once_the_answer_was_decided(opened, verb):
    """While it cannot be delivered yet, extending, pausing and resuming are refused; a withdrawn ticket rests."""
    line = opened('deliver = "link"\n')
    ident = waiting(line)
    line.decide(ident, "extend")
    at(line, 2026, 4, 9, 10)
    look(line.office)
    assert ("milestone", "notice", "passed") in standing(line)
    line.decide(ident, verb)
    assert ["failed"] == [one["state"] for one in line.ticket(ident)["steps"] if one["verb"] == "deliver"]
    for later in ("extend", "pause", "resume"):
        with pytest.raises(UsageError, match="its time stays as it is until the answer is given"):
            line.decide(ident, later)
    changed(line, sla="P5D")
    assert (1, 0, 0) == recount(line.office)
    withdrawn = verb == "withdraw"
    look(line.office)
    assert withdrawn == ([] == running(line, ident))
    assert withdrawn == ([("held",)] == standing(line))
    at(line, 2026, 4, 7)
    assert ("missed" if withdrawn else "running") == clocks(line, ident)["notice"]["state"]


def test_a_clock_that_begins_anew_calls_anew(opened):
    """That the extension's notice was seen to says nothing of the refusal's, which is late at once."""
    line = opened('deliver = "link"\n')
    ident = waiting(line)
    line.decide(ident, "extend")
    at(line, 2026, 4, 9, 10)
    look(line.office)
    acknowledge(line)
    line.decide(ident, "refuse")
    look(line.office)
    assert ("notice", "passed") in called(line)


def test_each_pause_has_its_own_time_for_the_identity(opened):
    """Also where the check was overdue already and somebody saw to it: a paused ticket is never without a clock."""
    line = opened()
    ident = waiting(line)
    for day, later, end in ((14, (3, 22), "03-21 23:00"), (25, (4, 2), "04-01 22:00")):
        at(line, 2026, 3, day, 10)
        look(line.office)
        acknowledge(line)
        line.decide(ident, "pause")
        assert [("identity", "passed", end)] == running(line, ident)
        at(line, 2026, *later)
        look(line.office)
        assert [("identity", "passed")] == called(line)
        line.decide(ident, "resume")


def test_a_refusal_ends_a_pause_and_counts_it(opened):
    """Whose identity could not be established is refused in time: the month stood still while it was in doubt."""
    line = opened()
    ident = waiting(line)
    at(line, 2026, 3, 10, 10)
    line.decide(ident, "pause")
    at(line, 2026, 4, 10, 11)
    work, line.run = line.run, lambda: None
    line.decide(ident, "refuse")
    found = {name: (one["due_at"][:10], one["state"]) for name, one in clocks(line, ident).items()}
    assert (("2026-05-07", "running"),) * 2 == (found["statutory"], found["notice"])
    work()
    assert "refused" == line.ticket(ident)["outcome"]


def test_a_client_who_left_stops_no_recount(opened):
    """Their tickets stay as they are and are counted; those of the others are counted anew."""
    line = opened()
    gone, here = waiting(line), waiting(line)
    with line.office.store.write() as session:
        session.execute(update(TicketRow).where(TicketRow.id == gone).values(client="former"))
    changed(line, sla="P9D")
    assert (1, 0, 1) == recount(line.office)
    assert ("sla" in clocks(line, here), "sla" in clocks(line, gone)) == (True, False)


def test_the_laws_end_calls_where_the_strictest_reading_was_seen_to(opened):
    """Easter prolongs the month by two days; whoever knew of the first end is told of the last one, too."""
    line = opened()
    ident = waiting(line)
    at(line, 2026, 4, 6)
    look(line.office)
    acknowledge(line)
    at(line, 2026, 4, 7, 21, 59)
    assert 0 == look(line.office).fired
    at(line, 2026, 4, 7, 22)
    assert 1 == look(line.office).fired
    assert [("statutory", "run out")] == called(line)
    line.decide(ident, "approve")
    assert [] == standing(line)


def test_what_calls_on_tells_the_new_date(opened):
    """A warning that lies behind stands when a pause moves the end, and its reminders must not tell the old one."""
    line = opened()
    ident = waiting(line)
    at(line, 2026, 4, 4, 23)
    look(line.office)
    line.decide(ident, "pause")
    at(line, 2026, 4, 8, 23)
    line.decide(ident, "resume")
    with line.office.store.read() as session:
        found = session.execute(
            select(AlertRow.milestone, AlertRow.due_at).where(AlertRow.state == "open", AlertRow.clock == "statutory")
        )
        # 5 April, and four days
        assert [(f"{part}%", datetime(2026, 4, 9, 22, tzinfo=UTC)) for part in (50, 75, 90)] == sorted(
            map(tuple, found)
        )
