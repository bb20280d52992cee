"""Beat works alone: no step, no broker and no channel keeps it from the clocks and the alerts."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, select, update

from shared.store.tables import AlertRow, EvidenceRow, TimerRow
from tests.line import open_line
from tests.small import build, ticket
from tests.waiting import until
from tests.workers.alerts.conftest import on_duty, stuck, web  # noqa: F401 - fixtures
from tests.workers.alerts.duty import ROTA, inbox
from workers.beat import _Nightly, beating


def nowhere(_nudges):
    """Stand for a broker that is away for good."""
    raise OSError


def test_clocks_run_and_people_are_told_without_worker_and_broker(tmp_path, valkey, valkey_url):
    """What is due becomes alerts while no worker runs and nothing can be sent, again and again."""
    line = open_line(tmp_path / "home", build(tmp_path / "world").systems, broker=valkey_url)
    line.submit(ticket("access", identity=None, received_at="2020-01-31T10:00:00+01:00"))

    def raised():
        with line.office.store.read() as session:
            return set(session.scalars(select(AlertRow.milestone).where(AlertRow.milestone.is_not(None))))

    with beating(line.office, nowhere, every=0.05):
        until(lambda: raised() == {"50%", "75%", "90%", "passed", "run out"})
        with line.office.store.write() as session:  # that was not the only look
            session.execute(update(TimerRow).values(fired_at=None))
            session.execute(update(AlertRow).values(state="over", next_at=None))
            session.execute(update(AlertRow).values(milestone=None))
        until(lambda: "passed" in raised())
    line.close()


def test_a_channel_that_hangs_holds_up_no_later_alert(on_duty, web, stuck):  # noqa: F811 - fixtures
    """While uma's channel is waited for, a breach that comes later reaches ines."""
    rota = ROTA.replace('"ines", "omar"', '"uma"') + 'team = "breach"\n' + ROTA
    people = {"uma": [f"json://127.0.0.1:{stuck}"], "ines": [inbox(web, "ines")], "omar": [inbox(web, "omar")]}
    duty = on_duty(people, rota=rota, keys="timeout = 30")
    (first,) = duty.raised(right="breach", urgent=True)
    with beating(duty.office, nowhere, every=0.05):
        until(lambda: duty.deliveries(first))
        duty.raised()
        until(lambda: web.heard, timeout=5)


def test_each_night_all_evidence_is_looked_at(tmp_path, valkey, valkey_url):
    """Once a night, also of a beat that was started in the evening, or is late."""
    line = open_line(tmp_path / "home", build(tmp_path / "world").systems, broker=valkey_url)
    line.submit(ticket("access"))
    evening = datetime(2026, 3, 2, 21, tzinfo=UTC)
    nightly, found = _Nightly(evening), []
    for hours in (0, 6, 6.5, 20, 30.5):
        line.office.now = lambda hours=hours: evening + timedelta(hours=hours)
        with line.office.store.write() as session:
            session.execute(update(EvidenceRow).values(payload="{}"))
            session.execute(delete(AlertRow))
        nightly(line.office)
        with line.office.store.read() as session:
            found.append(len(session.scalars(select(AlertRow).where(AlertRow.kind == "evidence")).all()))
    line.close()
    assert [0, 0, 1, 0, 1] == found
