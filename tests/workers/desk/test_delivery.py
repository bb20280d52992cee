"""What goes to the outside: links, codes, notices, callbacks; once, or shown as maybe twice with the same id."""

import pytest
from sqlalchemy import select, update

from shared.domain.errors import Final, Retryable, Unsure
from shared.store.tables import DeliveryRow
from tests.workers.desk.jobs import ADA, free_port, taken
from workers import delivery
from workers.desk.deliver import link_code
from workers.desk.one_time_code import check_code

PUBLIC = "https://rights.vendor.example/"


def rows(desk):
    """The deliveries, in order."""
    with desk.store.read() as session:
        return list(session.scalars(select(DeliveryRow).order_by(DeliveryRow.id)))


def by_link(desk, post_office, **how):
    """A desk that mails links."""
    url, _ = post_office
    settings = {"smtp_url": url, "public_url": PUBLIC}
    return desk(
        "access", client={"deliver": "link", "language": "de"} | how.pop("client", {}), settings=settings, **how
    )


def link_in(mail):
    """The link that a mail holds."""
    return next(line for line in mail.get_content().splitlines() if line.startswith("https://"))


def test_a_package_is_kept_for_the_client(desk):
    """Where the client fetches packages nothing is sent, and the hand-over has its row."""
    here = desk("access")
    assert {"package": {"sent": 1}} == here.do("deliver").counts
    (row,) = rows(here)
    assert ("letter", "sent", None) == (row.kind, row.state, row.link_digest)


def test_a_link_is_mailed_and_its_code_is_not(desk, post_office):
    """The mail has the link in the client's language; the code stands sealed in its row only."""
    here = by_link(desk, post_office)
    assert {"package": {"sent": 1}} == here.do("deliver").counts
    (mail,) = post_office[1].mails
    assert "ada@example.org" == mail["To"]
    assert "bis zum 16. März 2026" in mail.get_content()
    assert link_in(mail).startswith("https://rights.vendor.example/p/")
    with here.store.read() as session:
        code = link_code(session, here.key, here.ticket)
    assert (8, True) == (len(code), code.isdigit())
    assert code not in str(mail)
    (row,) = rows(here)
    assert b"ada@example.org" not in row.sealed


def test_a_ticket_without_a_link_has_no_code(desk):
    """Asking for a code where no link was sent finds none."""
    here = desk("access")
    with here.store.read() as session:
        assert link_code(session, here.key, here.ticket) is None


def test_a_breach_is_delivered_to_the_client(desk, post_office):
    """Where there is no person, the link goes to the client's contact."""
    url, box = post_office
    here = desk("breach", client={"deliver": "link"}, settings={"smtp_url": url, "public_url": PUBLIC})
    here.do("deliver")
    assert ["privacy@acme.example"] == [mail["To"] for mail in box.mails]


@pytest.mark.parametrize(
    ("subject", "settings", "said"),
    [
        (ADA, {}, "RIGHTSDESK_PUBLIC_URL"),
        (ADA, {"public_url": PUBLIC}, "RIGHTSDESK_SMTP_URL"),
        ({"phone_number": ["+4930123456"]}, {"public_url": PUBLIC}, "by post"),
    ],
)
def test_a_link_that_cannot_be_sent_says_what_to_do(desk, subject, settings, said):
    """Without a public address, a mail server or the person's address the step fails in one line, without data."""
    with pytest.raises(Final, match=said) as error:
        desk("access", subject=subject, client={"deliver": "link"}, settings=settings).do("deliver")
    assert "ada" not in str(error.value).lower()


def test_a_crash_between_send_and_note_repeats_the_same_message(desk, post_office):
    """The message goes again with the same id, link and code, and is shown as maybe twice."""
    here = by_link(desk, post_office)
    here.do("deliver")
    with here.store.write() as session:
        session.execute(update(DeliveryRow).values(state="sending", sent_at=None))
    outcome = here.do("deliver")
    first, second = post_office[1].mails
    assert (first["Message-ID"], link_in(first)) == (second["Message-ID"], link_in(second))
    assert ["maybe twice"] == [row.state for row in rows(here)]
    assert ["maybe twice: the answer to an earlier attempt was never stored"] == [r.ground for r in outcome.reasons]
    here.do("deliver")
    assert 2 == len(post_office[1].mails)


def test_a_server_that_hangs_up_leaves_doubt(desk, post_office):
    """A message whose answer never came is unsure, and its repetition says so."""
    here = by_link(desk, post_office)
    post_office[1].hang_up = True
    with pytest.raises(Unsure):
        here.do("deliver")
    post_office[1].hang_up = False
    here.do("deliver")
    assert (["maybe twice"], 2) == ([row.state for row in rows(here)], len(post_office[1].mails))


def test_a_server_that_is_not_there_leaves_no_doubt(desk, post_office):
    """What surely was not sent is sent once, and nothing is shown as maybe twice."""
    here = by_link(desk, post_office)
    good, dead = here.made.smtp_url, f"smtp://127.0.0.1:{free_port()}"
    with pytest.raises(Retryable) as error:
        here.with_settings(smtp_url=dead).do("deliver")
    assert not isinstance(error.value, Unsure)
    here.with_settings(smtp_url=good).do("deliver")
    assert ["sent"] == [row.state for row in rows(here)]


@pytest.mark.parametrize(
    ("where", "answer", "family", "said"),
    [
        ("RCPT", "450 greylisted ada@example.org", Retryable, "now"),
        ("RCPT", "550 no such user ada@example.org", delivery.Refused, "refuses this recipient"),
        ("DATA", "451 later ada@example.org", Retryable, "451"),
        ("DATA", "554 spam ada@example.org", delivery.Refused, "554"),
    ],
)
def test_what_the_server_says_decides_whether_to_try_again(desk, post_office, where, answer, family, said):
    """4xx is tried again, 5xx waits for a person; the server's text, which quotes addresses, is not repeated."""
    here, box = by_link(desk, post_office), post_office[1]
    if where == "RCPT":
        box.refused["ada@example.org"] = answer
    else:
        box.answer = answer
    with pytest.raises(family, match=said) as error:
        here.do("deliver")
    assert "ada" not in str(error.value)
    assert ["unsent"] == [row.state for row in rows(here)]


def test_an_internationalised_domain_needs_no_special_server(desk, post_office):
    """The domain goes as mail servers write it (RFC 5891); the local part stays as it was given."""
    url, box = post_office
    here = desk("access", client={"deliver": "link"}, subject={"email": ["Udo@bücher.example"]})
    here.with_settings(smtp_url=url, public_url="https://rights.example").do("deliver")
    assert [["Udo@xn--bcher-kva.example"]] == box.envelopes


def test_a_server_without_tls_is_not_trusted_from_afar(desk, post_office):
    """A login that the server does not offer is an error of the settings, not of the message."""
    here = by_link(desk, post_office)
    port = here.made.smtp_url.get_secret_value().rpartition(":")[2]
    with pytest.raises(Final, match="no TLS or no login"):
        here.with_settings(smtp_url=f"smtp://user:secret@127.0.0.1:{port}").do("deliver")


def test_recipients_are_told_who_and_what(desk, web):
    """An Art. 19 notice names the ticket, the right and the person, and of a rectification what was written."""
    changes = {"user.contact.email": "ada@new.example", "user.name": "Ada B."}
    reasons = tuple({"outcome": "rectified", "ground": one} for one in ("user.contact.email", "statement"))
    here = desk(
        "rectification", details={"changes": changes, "statement": "I moved."},
        steps=[taken("rectify", counts={"contacts": {"rectified": 1}}, reasons=reasons)],
    )  # fmt: skip
    assert {"recipients": {"sent": 1}} == here.do("notify", url=web.url + "/dsr").counts
    (heard,) = web.heard
    assert {
        "ticket": str(here.ticket),
        "client": "acme",
        "right": "rectification",
        "article": "16",
        "at": "2026-03-02T08:30:00+00:00",
        "subject": {"email": ["ada@example.org"], "phone_number": ["+4930123456"]},
        "changes": {"user.contact.email": "ada@new.example"},
        "statement": "I moved.",
    } == heard.json()
    assert heard.headers["Idempotency-Key"].endswith(".1@rightsdesk")


@pytest.mark.parametrize("statuses", [[503], [0]])
def test_a_notice_is_repeated_as_it_was(desk, web, statuses):
    """A recipient that fails, or hangs up, hears the same body with the same key again."""
    here = desk("erasure")
    web.statuses += statuses
    with pytest.raises(Retryable):
        here.do("notify", url=web.url)
    here.do("notify", url=web.url)
    first, second = web.heard
    assert (first.body, first.headers["Idempotency-Key"]) == (second.body, second.headers["Idempotency-Key"])
    assert ["maybe twice" if statuses == [0] else "sent"] == [row.state for row in rows(here)]


@pytest.mark.parametrize(
    "url",
    [
        "http://recipient.example/ada",
        "ftp://127.0.0.1/ada",
        "https:///ada",
        "https://ada\n/x",
        "file:///tmp/ada",
        "http://localhost.evil.example/ada",
    ],
)
def test_a_recipient_without_https_is_refused(desk, url):
    """Personal data go over HTTPS, or stay on this machine; the error does not repeat the address."""
    with pytest.raises(Final) as error:
        desk("erasure").do("notify", url=url)
    assert "ada" not in str(error.value)


def test_a_refused_notice_waits_for_a_person(desk, web):
    """A 4xx is final."""
    web.statuses.append(404)
    with pytest.raises(Final, match="404"):
        desk("erasure").do("notify", url=web.url)


def test_a_redirect_is_not_followed(desk, web):
    """Data do not go where a recipient points to."""
    web.statuses.append(302)
    with pytest.raises(Final, match="302"):
        desk("erasure").do("notify", url=web.url)


def test_a_callback_has_no_personal_data(desk, web):
    """The submitter's own address hears the end, and nothing of the person."""
    here = desk("erasure", steps=[taken("delete", counts={"orders": {"retained": 1}})])
    assert {"callbacks": {"sent": 1}} == here.do("callback", url=web.url).counts
    assert {
        "ticket": str(here.ticket), "client": "acme", "right": "erasure", "state": "closed", "outcome": "partial"
    } == web.heard[0].json()  # fmt: skip


def code_mailed(desk, post_office):
    """A desk that has mailed a code, and the code."""
    url, box = post_office
    here = desk("access", settings={"smtp_url": url})
    assert {"code": {"sent": 1}} == here.do("code").counts
    code = next(line for line in box.mails[-1].get_content().splitlines() if line.isdigit())
    assert 6 == len(code)
    return here, code


def said(here, code):
    """Whether the code is right."""
    with here.store.write() as session:
        return check_code(session, here.key, here.ticket, code)


def test_a_code_is_good_once(desk, post_office):
    """The code that was mailed is right, with blanks, one time."""
    here, code = code_mailed(desk, post_office)
    assert [False, True, False] == [said(here, one) for one in ("wrong", f" {code[:3]} {code[3:]} ", code)]


def test_after_five_tries_the_code_is_dead(desk, post_office):
    """The sixth try fails even with the right code; the fifth may still be right."""
    here, code = code_mailed(desk, post_office)
    wrong = f"{(int(code) + 1) % 10**6:06}"
    assert [False] * 6 == [said(here, one) for one in [wrong] * 5 + [code]]
    here, code = code_mailed(desk, post_office)
    assert [False] * 4 + [True] == [said(here, one) for one in ["ä"] * 4 + [code]]


def test_a_ticket_without_a_code_knows_none(desk):
    """Nothing is right where no code was sent."""
    assert not said(desk("access"), "")


def test_a_code_needs_an_address(desk, post_office):
    """Without an address the step fails and says what to do."""
    with pytest.raises(Final, match="establish the identity otherwise"):
        desk("access", subject={"other": {"visitor_id": "v-1"}}).do("code")


def test_the_same_code_goes_again(desk, post_office):
    """A repeated mail has the code of the first one."""
    here, code = code_mailed(desk, post_office)
    with here.store.write() as session:
        session.execute(update(DeliveryRow).values(state="sending"))
    here.do("code")
    assert all(code in mail.get_content() for mail in post_office[1].mails)


def test_a_restriction_is_announced_before_it_is_lifted(desk, post_office):
    """By mail where there is an address and a server, else by a letter in the package."""
    url, box = post_office
    here = desk("restriction", settings={"smtp_url": url}, client={"language": "de"})
    assert {"person": {"sent": 1}} == here.do("tell-person").counts
    assert "Art. 18 Abs. 3 DSGVO" in box.mails[0].get_content()
    for how in ({"subject": {"phone_number": ["+4930123456"]}, "settings": {"smtp_url": url}}, {}):
        here = desk("restriction", **how)
        outcome = here.do("tell-person")
        assert {"letters": {"exported": 1}} == outcome.counts
        assert "is to be posted" in outcome.reasons[0].ground
        assert "Art. 18(3) GDPR" in here.content("letters/before-lifting.txt")
