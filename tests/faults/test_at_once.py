"""Two of what there is one of: intakes, sweeps, looks; at once, they are harmless."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta

from sqlalchemy import func, select, update

from shared.store.tables import AlertRow, StepRow, TicketRow, TimerRow
from tests import small
from tests.line import open_line
from workers.doctor import examine
from workers.intake import Intake
from workers.office import open_office, utc_now
from workers.sla import look
from workers.submit import check
from workers.sweep import sweep

TICKETS = 6


def test_two_intakes_sweeps_and_looks_at_once(tmp_path, valkey, valkey_url, database):
    """Each ticket is stored once though it came twice, each step runs once, each milestone is told once."""
    world = small.build(tmp_path / "world")
    with closing(
        open_line(tmp_path / "home", world.systems, broker=valkey_url, database=database)
    ) as line, closing(open_office(line.office.settings)) as other, ThreadPoolExecutor(2) as pool:  # fmt: skip
        now, people = utc_now().isoformat(), (f"p{one}@example.org" for one in range(TICKETS))
        tickets = [small.ticket("access", one, received_at=now) for one in people]
        for _ in range(2):
            line.submitter.queue(check(raw, inventory=line.office.inventory) for raw in tickets)
        offices = line.office, other
        intakes = [Intake(one, line.nudges.extend) for one in offices]

        def both(act, many):
            return list(pool.map(act, many))

        while any(both(lambda one: one.round(), intakes)):
            pass
        for one in intakes:
            one.beat()
        late = utc_now() + timedelta(seconds=40)
        with line.office.store.write() as session:
            session.execute(update(TimerRow).where(TimerRow.milestone == "50%").values(due_at=utc_now()))
            session.execute(update(StepRow).where(StepRow.state == "queued").values(state="running", attempts=1))
            session.execute(update(StepRow).where(StepRow.state == "running").values(lease_until=utc_now()))
            running = session.scalar(select(func.count()).where(StepRow.state == "running"))
        for one in offices:
            one.now = lambda: late
        swept = both(lambda one: sweep(one, line.nudges.extend), offices)
        looked = both(look, offices)
        assert running == sum(one.reclaimed for one in swept)
        line.run()
        with line.office.store.read() as session:
            milestones = session.scalar(select(func.count()).where(AlertRow.milestone == "50%"))
            fired = session.scalar(select(func.count()).where(TimerRow.fired_at.is_not(None)))
            assert [("fulfilled",)] * TICKETS == [tuple(row) for row in session.execute(select(TicketRow.outcome))]
        assert milestones == fired == sum(one.fired for one in looked)
        assert [] == list(examine(line.office))
        for one in intakes:
            one.broker.close()
