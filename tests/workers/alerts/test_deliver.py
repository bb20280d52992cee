"""Delivery to real servers: once, with back-off, falling over, escalating, repeated until acknowledged, never lost."""

import threading
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import event, update

from shared.on_call.settings import LONGEST_REST
from shared.store import alert_channels, circuits
from shared.store.alert_channels import rest_after
from shared.store.alerts import settle
from shared.store.tables import AlertRow, TicketRow, TimerRow
from tests.waiting import until
from tests.workers.alerts.duty import ROTA, inbox, told
from tests.workers.desk.jobs import mail_server
from workers.alarms import CIRCUIT
from workers.alerts.acknowledging import acknowledge
from workers.alerts.deliver import deliver


def test_an_alert_reaches_who_is_on_call_once(on_duty, web, any_database_url):
    """Delivered is recorded with the channel's answer; until the escalation nothing is due. On either database."""
    duty = on_duty(database=any_database_url)
    (ident,) = duty.raised()
    found = duty.look()
    assert (1, 1, 0) == (found.messages, found.delivered, found.failed)
    assert ["ines"] == told(web)
    assert [("ines", 1, "delivered", "HTTP 204")] == duty.deliveries()
    assert (1, duty.at + timedelta(minutes=30)) == (duty.row(ident).level, duty.row(ident).next_at)
    assert 0 == duty.look(minutes=29).messages
    assert [] == told(web)


def test_an_outage_says_when_the_system_is_tried_again(on_duty, web):
    """As it stands when the message goes."""
    duty = on_duty()
    with duty.office.store.write() as session:
        later = [circuits.failed(session, "chat", now=duty.at, after=60) for _ in range(circuits.TRIES)][-1]
    duty.raised(kind=CIRCUIT, milestone=None, clock=None, system="chat")
    duty.look()
    (heard,) = [one.json() for one in web.heard]
    assert later.isoformat() == heard["alerts"][0]["next_try_at"]
    assert "tried  again at 2026-01-06 12:01 UTC" in heard["message"]


def test_escalation_repetition_acknowledgement(on_duty, web):
    """The next after half an hour, everyone after another, again each hour, until somebody acknowledges."""
    duty = on_duty()
    (ident,) = duty.raised()
    heard = []
    for minutes in (0, 30, 30, 59, 1, 60):
        duty.look(minutes=minutes)
        heard.append(sorted(told(web)))
    assert [["ines"], ["omar"], ["ines", "omar"], [], ["ines", "omar"], ["ines", "omar"]] == heard
    acknowledge(duty.office.store, ident, by="omar", now=duty.at)
    assert 0 == duty.look(days=30).messages
    assert ("acknowledged", "omar", None) == (
        duty.row(ident).state,
        duty.row(ident).acknowledged_by,
        duty.row(ident).next_at,
    )


def test_after_a_handover_who_is_on_call_now_is_told(on_duty, web):
    """The alert went to ines before the handover, and to omar, who has taken over, a quarter of an hour after it."""
    duty = on_duty({name: [inbox(web, name)] for name in ("ines", "omar", "eva")}, rota=ROTA.replace('"]', '", "eva"]'))
    duty.at += timedelta(days=5, hours=20, minutes=45)  # Monday, 08:45
    duty.raised()
    duty.look()
    duty.look(minutes=30)
    assert ["ines", "omar"] == told(web)


def test_a_repetition_has_an_id_of_its_own_and_the_same_thread(on_duty, web):
    """A receiver that drops what comes twice by its id still gets the reminder."""
    duty = on_duty({"ines": [inbox(web, "ines")]}, rota=ROTA.replace(', "omar"', ""))
    duty.raised()
    duty.look()
    duty.look(hours=1)
    first, second = [heard.json() for heard in web.heard]
    assert first["id"] != second["id"]
    assert first["alerts"][0]["id"] == second["alerts"][0]["id"]


def test_a_message_whose_answer_failed_comes_again_with_its_id(on_duty, web):
    """500, then 200: the receiver may have taken the first, and can drop the second."""
    duty = on_duty()
    web.statuses = [500, 500, 200]  # ines, then omar whom it falls over to, then ines again
    (ident,) = duty.raised()
    assert 0 == duty.look().delivered
    assert ["ines", "omar"] == [heard.path.strip("/") for heard in web.heard]
    assert 0 == duty.look(seconds=4).messages
    assert 1 == duty.look(seconds=1).delivered
    assert 1 == len({heard.headers["Idempotency-Key"] for heard in web.heard})
    assert [
        ("ines", 1, "failed", "HTTP 500"), ("omar", 1, "failed", "HTTP 500"), ("ines", 2, "delivered", "HTTP 200"),
    ] == duty.deliveries(ident)  # fmt: skip
    assert 1 == duty.row(ident).level


def test_a_message_that_was_cut_off_comes_again_with_its_id(on_duty, web):
    """The process died after it had sent and before it had stored the answer: the claim ends, the id stays."""
    duty = on_duty()
    (ident,) = duty.raised()

    def die(_):
        if web.heard:
            raise SystemExit

    engine = duty.office.store.engine
    event.listen(engine, "begin", die)
    with pytest.raises(SystemExit):
        duty.look()
    event.remove(engine, "begin", die)
    assert [("ines", 1, "sending", "")] == duty.deliveries()
    assert 0 == duty.look(minutes=2).messages
    assert 1 == duty.look(minutes=1).delivered
    assert 1 == len({heard.headers["Idempotency-Key"] for heard in web.heard})
    assert [
        ("ines", 1, "failed", "stopped before an answer was stored"), ("ines", 2, "delivered", "HTTP 204"),
    ] == duty.deliveries(ident)  # fmt: skip


def test_a_failing_channel_rests_and_falls_over(on_duty, web):
    """A person's second channel is next, the failed one is not bothered until its rest is over."""
    duty = on_duty({"ines": ["json://127.0.0.1:1/x", inbox(web, "ines")], "omar": [inbox(web, "omar")]})
    duty.raised()
    assert (1, 1) == ((found := duty.look()).delivered, found.failed)
    assert ["ines"] == told(web)
    assert (1, "not reached (ConnectError)") == (duty.channel("ines.1").failures, duty.channel("ines.1").answer)
    duty.raised()
    assert (1, 0) == ((found := duty.look(seconds=4)).delivered, found.failed)
    duty.raised()
    assert (1, 1) == ((found := duty.look(seconds=1)).delivered, found.failed)
    assert ["ines", "ines"] == told(web)
    assert {"ines.1"} == set(duty.overview()["channels_failing"])


def test_the_rest_doubles():
    """Five seconds, ten, twenty, up to a quarter hour."""
    assert [5, 10, 20, 40] == [rest_after(failures).total_seconds() for failures in (1, 2, 3, 4)]
    assert LONGEST_REST == rest_after(9) == rest_after(10**6)


def test_a_channel_is_used_by_one_at_a_time(on_duty):
    """Taken until it answers or its time is over; a failed one rests."""
    duty = on_duty()

    def take(seconds):
        now = duty.at + timedelta(seconds=seconds)
        with duty.office.store.write() as session:
            return alert_channels.take(session, "ines", now=now, until=now + timedelta(seconds=15))

    assert [True, False, True, False] == [take(seconds) for seconds in (0, 14, 15, 20)]
    with duty.office.store.write() as session:
        common = {"delivered": False, "answer": "", "gather": timedelta(minutes=5)}
        alert_channels.answered(session, "ines", now=duty.at + timedelta(seconds=20), **common)
    assert [False, True] == [take(seconds) for seconds in (24, 25)]


def test_what_cannot_be_delivered_waits_and_shows(on_duty, web):
    """It is counted, named with its reason, and delivered when somebody can be reached."""
    duty = on_duty()
    web.statuses = [500] * 4
    (ident,) = duty.raised()
    for seconds in (0, 5):
        assert 0 == duty.look(seconds=seconds).delivered
    found = duty.overview()
    assert (1, 1) == (found["open"], found["undelivered"])
    assert {"ines", "omar"} == set(found["channels_failing"])
    assert ("open", 0) == (duty.row(ident).state, duty.row(ident).level)
    assert 1 == duty.look(seconds=10).delivered
    found = duty.overview()
    assert (1, 0) == (found["open"], found["undelivered"])


def test_what_nobody_looks_at_shows(on_duty):
    """Alerts and milestones that have been due for a minute and stay there say that no beat runs."""
    duty = on_duty()
    duty.raised()
    ticket = TicketRow(
        id=uuid4(), client="acme", right="access", stage="", stage_since=duty.at, priority=5, received_at=duty.at,
        accepted_at=duty.at, due_at=duty.at, strict_at=duty.at, fingerprint=b"", state="open", clocks=[],
    )  # fmt: skip
    with duty.office.store.write() as session:
        session.add(ticket)
        session.flush()
        session.add(TimerRow(ticket_id=ticket.id, clock="statutory", milestone="50%", due_at=duty.at, resting=False))
    found = []
    for minutes in (0, 1, 1):
        duty.at += timedelta(minutes=minutes)
        found.append((duty.overview()["undelivered"], duty.overview()["milestones_missed"]))
    assert [(0, 0), (0, 0), (1, 1)] == found


def test_a_secret_that_is_not_set_fails_over(on_duty, web):
    """A channel whose variable is missing says so, and the next is told."""
    duty = on_duty({"ines": ["json://ines:env%3ANOT_SET@127.0.0.1:1"], "omar": [inbox(web, "omar")]})
    duty.raised()
    assert 1 == duty.look().delivered
    assert ["omar"] == told(web)
    assert "the environment variable NOT_SET, named in the inventory, is not set" == duty.channel("ines").answer


def test_a_channel_that_hangs_holds_neither_the_others_nor_the_database(on_duty, web, stuck):
    """While a breach's team waits for an answer, the others are told, and the database can be written."""
    rota = ROTA.replace('"ines", "omar"', '"uma"') + 'team = "breach"\n' + ROTA
    people = {"uma": [f"json://127.0.0.1:{stuck}"], "ines": [inbox(web, "ines")], "omar": [inbox(web, "omar")]}
    duty = on_duty(people, rota=rota, keys="timeout = 0.4")
    duty.raised()
    (breach,) = duty.raised(right="breach", urgent=True)
    looking = threading.Thread(target=duty.look)
    looking.start()
    with duty.office.store.write() as session:  # at once, not when the channel has answered
        session.execute(update(AlertRow).values(late=True))
    looking.join()
    assert "ines" == told(web)[0]
    assert ("uma", 1, "failed") == duty.deliveries(breach)[0][:3]
    assert ("ines", "delivered") == (duty.deliveries(breach)[1][0], duty.deliveries(breach)[1][2])  # it fell over


def test_one_persons_hanging_channel_delays_nobody_else(on_duty, web, stuck):
    """While eva's channel hangs with an earlier message, ines is told of the next."""
    people = {"ines": [inbox(web, "ines")], "eva": [f"json://127.0.0.1:{stuck}"]}
    duty = on_duty(people, rota="", keys="timeout = 1.5")
    looks = [threading.Thread(target=duty.look) for _ in range(2)]
    duty.raised()
    looks[0].start()
    until(lambda: duty.deliveries() and web.heard)
    duty.raised(right="breach", urgent=True)
    looks[1].start()
    until(lambda: len(web.heard) == 2)
    assert looks[0].is_alive()
    for look in looks:
        look.join()
    assert ["ines", "ines"] == told(web)


def test_no_channel_is_called_inside_a_transaction(on_duty, web):
    """While the message is on its way, no connection of the office is in use."""
    duty, busy = on_duty(), []

    class Spy(list):
        def append(self, heard):
            busy.append(duty.office.store.engine.pool.checkedout())
            super().append(heard)

    web.heard = Spy()
    duty.raised()
    duty.look()
    assert [0] == busy


def test_an_alert_that_was_put_off_by_a_clock_ahead_is_told(on_duty, web):
    """Nobody has an alert wait for longer than the hours that are set; what waits for longer is looked at now."""
    duty = on_duty()
    (ident,) = duty.raised()
    duty.look(days=365)
    assert ["ines"] == told(web)
    assert 1 == duty.look(days=-364).messages
    assert ["omar"] == told(web)
    assert duty.at + timedelta(minutes=30) == duty.row(ident).next_at


def test_several_looks_at_once_send_one_message(on_duty, web, any_database_url):
    """Four processes look at the same moment at twenty alerts: each is in one message."""
    duty = on_duty(database=any_database_url)
    idents = duty.raised(20)
    offices = [duty.another() for _ in range(4)]
    threads = [threading.Thread(target=deliver, args=(office,)) for office in offices]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for office in offices:
        office.close()
    assert sorted(idents) == sorted(one["id"] for heard in web.heard for one in heard.json()["alerts"])


def test_a_thousand_alerts_are_one_digest(on_duty, web):
    """When a system is down, one message names it all; its id acknowledges the thousand."""
    duty = on_duty()
    idents = duty.raised(1000, kind="held", milestone=None, clock=None, system="chat")
    assert (1, 1) == ((found := duty.look()).messages, found.delivered)
    (heard,) = web.heard
    found = heard.json()
    assert "[rightsdesk] 1000 alerts: 1000 held" == found["title"]
    assert "and 975 more: 975 of held, erasure for acme, system chat" in found["message"]
    assert set(idents) == {one["id"] for one in found["alerts"]}
    assert 1000 == len(acknowledge(duty.office.store, found["id"], by="ines", now=duty.at))
    assert 0 == duty.look(days=1).messages


def test_alerts_that_trickle_in_are_gathered(on_duty, web):
    """Five messages go at once; what comes after them waits for the end of the five minutes, as one."""
    duty = on_duty()
    for _ in range(40):
        duty.raised()
        duty.look(seconds=5)
    assert ["ines"] * 5 == told(web)
    duty.look(seconds=105)
    (heard,) = web.heard
    assert 35 == len(heard.json()["alerts"])


def test_quiet_hours_never_apply_to_breaches(on_duty, web):
    """At night an ordinary alert waits until seven, a breach comes at once; gathering does not hold it either."""
    duty = on_duty(rota=ROTA + 'timezone = "Europe/Berlin"\nquiet = { from = "22:00", until = "07:00" }\n')
    duty.at = duty.at.replace(hour=22)  # 23:00 in Berlin
    (ident,) = duty.raised()
    assert 0 == duty.look().messages
    assert duty.at.replace(day=7, hour=6) == duty.row(ident).next_at
    for _ in range(7):
        duty.raised(right="breach", urgent=True)
        duty.look(seconds=5)
    assert ["ines"] * 7 == told(web)
    duty.look(hours=8)  # the breaches' escalation is due, too
    assert [False, True] == sorted(heard.json()["alerts"][0]["urgent"] for heard in web.heard)


def test_what_ended_by_itself_is_not_told(on_duty, web):
    """An alert that is over rests, told or not."""
    duty = on_duty()
    duty.raised(dedup="x")
    with duty.office.store.write() as session:
        settle(session, "x")
    assert 0 == duty.look().messages
    duty.raised(dedup="x")
    duty.look()
    with duty.office.store.write() as session:
        settle(session, "x")
    assert 0 == duty.look(days=1).messages
    assert ["ines"] == told(web)


def test_a_clock_that_jumped_back_silences_nobody(on_duty, web):
    """A rest or a use that ends absurdly far ahead does not count."""
    duty = on_duty()
    web.statuses = [500, 500]
    duty.at += timedelta(days=300)
    duty.raised()
    duty.look()
    duty.at -= timedelta(days=300)
    duty.raised()
    assert 2 == duty.look().delivered


def test_without_people_alerts_stay_and_the_log_names_them(on_duty):
    """Nobody to tell is said by id, again each hour, until [alerts.people] has somebody."""
    from structlog.testing import capture_logs

    duty = on_duty()
    empty = duty.office.inventory.model_copy(update={"alerts": type(duty.office.inventory.alerts)()})
    duty.office.inventory, full = empty, duty.office.inventory
    (ident,) = duty.raised()
    with capture_logs() as logs:
        assert 0 == duty.look().messages
        duty.look(minutes=59)
        duty.look(minutes=1)
    assert [("alert.nobody_to_tell", ident)] * 2 == [(one["event"], one["alert"]) for one in logs]
    assert ("open", 0) == (duty.row(ident).state, duty.row(ident).level)
    assert (1, 1) == (duty.overview()["open"], duty.overview()["undelivered"])
    duty.office.inventory = full
    assert 1 == duty.look(hours=1).delivered


def test_a_mail_is_delivered_by_a_real_server(on_duty, web):
    """The published example's form; the message's id is the Message-ID."""
    with mail_server() as (url, box):
        where = url.removeprefix("smtp://")
        duty = on_duty({"ines": [f"mailto://ines@{where}?to=ines@vendor.example"], "omar": [inbox(web, "omar")]})
        (ident,) = duty.raised()
        duty.look()
    assert "SMTP 250 OK" == duty.deliveries(ident)[0][3]
    assert f"<{ident}@rightsdesk>" == box.mails[0]["References"]
    assert f"rightsdesk alerts ack {ident}" in box.mails[0].get_content()
