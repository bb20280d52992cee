"""What a message says, and what it never says."""

from datetime import timedelta
from uuid import UUID

from shared.store.tables import AlertRow
from tests.workers.alerts.duty import NOON, told
from workers.alerts.text import for_machines, headline, span, text, title

TICKET = UUID("6f8f2b4e-0000-4000-8000-000000000001")


def alert(**more):
    """Return an alert about a ticket that is due in three days."""
    common = {"id": "a1", "kind": "milestone", "milestone": "90%", "clock": "statutory", "client": "acme"}
    common |= {"right": "erasure", "ticket_id": TICKET, "due_at": NOON + timedelta(days=3, hours=5), "raised_at": NOON}
    return AlertRow(**common | {"urgent": False, "late": False} | more)


def test_one_alert():
    """Ids, right, client, the due time where the team is, what is left, and both ways to acknowledge."""
    found = text(
        [alert()], batch="b1", now=NOON, zone="Europe/Berlin", link="https://x.example/a/t", then="Then the next."
    )
    assert (
        "erasure for acme: 90 % of the time has passed (statutory clock)\n"
        "  ticket 6f8f2b4e-0000-4000-8000-000000000001\n"
        "  due    2026-01-09 18:00 CET (3 d 5 h left)\n"
        "  alert  a1\n\n"
        "Acknowledge: https://x.example/a/t\n"
        "or: rightsdesk alerts ack a1 --as NAME\n"
        "Then the next.\n\nMessage b1\n"
    ) == found


def test_a_digest():
    """It begins with how to acknowledge it, for some services cut what is long; of many alerts the rest is counted."""
    found = text(
        [alert(id=f"a{n}") for n in range(30)], batch="b1", now=NOON, zone="UTC", link=None, then="Then the next."
    )
    assert found.startswith("Acknowledge: rightsdesk alerts ack b1 --as NAME\nThen the next.\n\nerasure for acme: 90 %")
    assert 25 == found.count("  alert  a")
    assert found.endswith("… and 5 more: 5 of milestone, erasure for acme\n\nMessage b1\n")


def test_titles():
    """One alert says all; a digest counts; a breach is marked; what was noticed late says so."""
    late = alert(milestone="passed", late=True, urgent=True, right="breach", clock="awareness", due_at=NOON)
    assert (
        "[rightsdesk] URGENT breach for acme: the time has passed (awareness clock), noticed late, ticket 6f8f2b4e"
        == title([late])
    )
    circuit = alert(kind="circuit", milestone=None, clock=None, client=None, right=None, ticket_id=None, system="chat")
    assert "[rightsdesk] system chat: the system does not answer" == title([circuit])
    assert "[rightsdesk] 3 alerts: 2 circuit, 1 milestone" == title([circuit, alert(), circuit])


def test_an_end_says_on_which_reading():
    """On the strictest one there is still time left; on every one there is none."""
    assert "the time has passed on the strictest reading (statutory clock)" == headline(alert(milestone="passed"))
    assert "the time has passed (statutory clock)" == headline(alert(milestone="passed", due_at=NOON))
    assert "the time has run out on every reading (notice clock)" == headline(
        alert(milestone="run out", clock="notice")
    )


def test_spans():
    """The two largest units."""
    minutes = {"30 s": 0.5, "5 min": 5.9, "2 h 5 min": 125, "3 d 5 h": 77 * 60 + 59}
    assert list(minutes) == [span(timedelta(minutes=number)) for number in minutes.values()]


def test_a_message_has_the_link_only_where_it_leads_somewhere(on_duty, web):
    """With RIGHTSDESK_PUBLIC_URL each person has their own; without, the command is named."""
    duty = on_duty(public_url="https://rights.vendor.example/")
    duty.raised()
    duty.look()
    duty.look(minutes=30)
    links = [heard.json()["link"] for heard in web.heard]
    assert all(link.startswith("https://rights.vendor.example/a/") for link in links)
    assert 2 == len(set(links))
    assert all(link in heard.json()["message"] for link, heard in zip(links, web.heard, strict=True))
    told(web)
    duty = on_duty()
    duty.raised()
    duty.look()
    assert web.heard[0].json()["link"] is None
    assert "Acknowledge: rightsdesk alerts ack " in web.heard[0].json()["message"]


def test_a_system_that_is_down_says_when_it_is_tried_again():
    """To people in the team's time, to machines with its offset; other alerts say nothing of it."""
    tries = {"chat": NOON + timedelta(minutes=5)}
    about = {"milestone": None, "clock": None, "right": None, "ticket_id": None, "due_at": None, "system": "chat"}
    circuit, held = (alert(kind=kind, **about) for kind in ("circuit", "held"))
    found = text([circuit, held], batch="b1", now=NOON, zone="Europe/Berlin", link=None, then="", tries=tries)
    assert 1 == found.count("  tried  again at 2026-01-06 13:05 CET\n")
    assert [tries["chat"].isoformat(), None] == [for_machines(one, tries)["next_try_at"] for one in (circuit, held)]
