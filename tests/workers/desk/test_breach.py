"""Art. 33 and 34: people are told, each once; the client, the authority's form and the register have the facts."""

import json
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from shared.domain.errors import Final, Retryable
from shared.domain.identifier import Identifier
from shared.envelope import unseal_json
from shared.ports import Affected
from shared.store.tables import DeliveryRow, IncidentRow
from tests.workers.desk.jobs import INCIDENT, NOW, taken

ADA = Affected(
    frozenset({Identifier("email", "ada@example.org"), Identifier("phone_number", "+491")}),
    "Ada <b>",
    frozenset({"user.contact.email"}),
)
BOB = Affected(frozenset({Identifier("phone_number", "+4930999")}), "Bob", frozenset({"user.content"}))
EVE = Affected(frozenset({Identifier("email", "eve@example.org")}))
FOUND = [
    taken("subjects", counts={"people": {"affected": 2}}),
    taken("subjects", "mail", counts={"people": {"affected": 1500}}),
]


def breach(desk, url=None, **how):
    """A desk with three people affected."""
    return desk("breach", people=[ADA, BOB, EVE], settings={"smtp_url": url} if url else {}, steps=list(FOUND), **how)


@pytest.mark.parametrize(("language", "said"), [("de", "Art. 34 DSGVO"), ("en", "Art. 34 GDPR")])
def test_people_are_told_what_article_34_asks_for(desk, post_office, language, said):
    """Nature, contact, consequences and measures stand in each mail; who has no address gets a letter."""
    url, box = post_office
    here = breach(desk, url, client={"language": language})
    outcome = here.do("tell")
    assert {"people": {"sent": 2}, "letters": {"exported": 1}} == outcome.counts
    assert ["no e-mail address known: the letter is to be posted"] == [one.ground for one in outcome.reasons]
    assert {"ada@example.org", "eve@example.org"} == {mail["To"] for mail in box.mails}
    letter = here.content("breach/letters/1.txt")
    assert letter.startswith("Bob\n+4930999\n")
    for text in (box.mails[0].get_content(), letter):
        for fact in (said, "A backup disk was lost", "Phishing is likely", "Keys were changed", "privacy@acme.example"):
            assert fact in text
    assert "Ada <b>" in box.mails[0].get_content()


def test_who_was_told_is_not_told_again(desk, post_office):
    """A run after a crash goes on where the last one ended; the counts are those of all people."""
    url, box = post_office
    here = breach(desk, url)
    box.answer = "451 later"
    with pytest.raises(Retryable):
        here.do("tell")
    box.answer = "250 OK"
    here.do("tell")
    outcome = here.do("tell")
    assert {"people": {"sent": 2}, "letters": {"exported": 1}} == outcome.counts
    assert 2 == len(box.mails)


def test_a_crash_before_the_note_is_shown(desk, post_office):
    """A mail whose answer was not stored goes again with its own id, the others do not."""
    url, box = post_office
    here = breach(desk, url)
    here.do("tell")
    first = box.mails[0]["Message-ID"]
    with here.store.write() as session:
        session.execute(update(DeliveryRow).where(DeliveryRow.message_id == first.strip("<>")).values(state="sending"))
    outcome = here.do("tell")
    assert [first] == [mail["Message-ID"] for mail in box.mails[2:]]
    assert 1 == sum(one.ground.startswith("maybe twice") for one in outcome.reasons)


def test_one_refused_address_does_not_hold_back_the_others(desk, post_office):
    """An address that the server refuses gets a letter; the rest are told."""
    url, box = post_office
    box.refused["ada@example.org"] = "550 gone"
    outcome = breach(desk, url).do("tell")
    assert {"people": {"sent": 1}, "letters": {"exported": 2}} == outcome.counts
    assert ["eve@example.org"] == [mail["To"] for mail in box.mails]


@pytest.mark.parametrize(
    ("where", "answer"),
    [("refused", "452 full"), ("refused", "550 gone"), ("spam", "451 greylisted"), ("spam", "554 spam")],
)
def test_nobody_waits_for_one_who_cannot_be_told(desk, post_office, where, answer):
    """Whatever the server says of the first, the others are told in the same run."""
    url, box = post_office
    getattr(box, where)["ada@example.org"] = answer
    here = breach(desk, url)
    if answer.startswith("4"):
        with pytest.raises(Retryable, match="1 of the people"):
            here.do("tell")
    else:
        assert {"people": {"sent": 1}, "letters": {"exported": 2}} == here.do("tell").counts
    assert ["eve@example.org"] == [mail["To"] for mail in box.mails]


def test_who_could_not_be_told_by_mail_at_last_gets_a_letter(desk, post_office):
    """The last attempt leaves nobody untold, and those told before are told once."""
    url, box = post_office
    box.refused["ada@example.org"] = "452 full"
    here = breach(desk, url)
    with pytest.raises(Retryable):
        here.do("tell")
    outcome = here.do("tell", last_try=True)
    assert {"people": {"sent": 1}, "letters": {"exported": 2}} == outcome.counts
    assert "the mail server does not take mail for this recipient now: the letter is to be posted" in {
        one.ground for one in outcome.reasons
    }
    assert "ada@example.org" in here.content("breach/letters/1.txt")
    assert 1 == len(box.mails)


@pytest.mark.parametrize("address", ["a@[.de", "(a@x.de", "a(b@x.de", "a:b@x.de", "a]@x.de", "=?utf-8?q?a?=@x.de"])
def test_an_address_that_cannot_be_written_gets_a_letter(desk, post_office, address):
    """It came in a mail's header from anybody: nobody else is written to in its stead, and the rest are told."""
    url, box = post_office
    here = breach(desk, url)
    here.people = [Affected(frozenset({Identifier("email", address)}), "Evil"), EVE]
    assert {"people": {"sent": 1}, "letters": {"exported": 1}} == here.do("tell").counts
    assert [["eve@example.org"]] == box.envelopes
    assert here.content("breach/letters/1.txt").startswith(f"Evil\n{address}\n")


def test_who_has_another_address_is_told_there(desk, post_office):
    """One of a person's addresses that is refused does not make a letter of a mail."""
    url, box = post_office
    here = breach(desk, url)
    here.people = [Affected(frozenset({Identifier("email", "a@[.de"), Identifier("email", "ada@example.org")}))]
    assert {"people": {"sent": 1}} == here.do("tell").counts
    assert [["ada@example.org"]] == box.envelopes


def test_a_server_that_takes_no_mail_at_all_is_not_asked_for_each(desk, post_office):
    """What is wrong with the server is no reason to write letters: the step is tried again, or asks a person."""
    url, box = post_office
    box.welcome = "451 not now"
    here = breach(desk, url)
    with pytest.raises(Retryable):
        here.do("tell", last_try=True)
    box.welcome = "550 who are you"
    with pytest.raises(Final):
        here.do("tell", last_try=True)
    assert set() == here.names()


def test_without_a_mail_server_everyone_gets_a_letter(desk):
    """No server: letters for all, with the reason."""
    here = breach(desk)
    outcome = here.do("tell")
    assert {"letters": {"exported": 3}} == outcome.counts
    assert {"breach/letters/1.txt", "breach/letters/2.txt", "breach/letters/3.txt"} == here.names()


def test_no_address_stands_in_the_clear(desk, post_office):
    """Neither the message ids nor the rows say who was told."""
    here = breach(desk, post_office[0])
    here.do("tell")
    with here.store.read() as session:
        kept = [(row.message_id, row.sealed) for row in session.scalars(select(DeliveryRow))]
    assert b"example.org" not in b"".join(one.encode() + sealed for one, sealed in kept)


@pytest.mark.parametrize(
    ("tells", "before", "said"),
    [
        ("vendor", [], "We are telling the people affected at this time"),
        (
            "vendor",
            [taken("tell", "desk", counts={"people": {"sent": 2}})],
            "We told the people affected on 2 March 2026",
        ),
        ("client", [], "let us know without delay whether we shall tell them"),
    ],
)
def test_the_client_is_notified(desk, post_office, tells, before, said):
    """Art. 33(2): a mail to the client's contact, and the notice in the package; how the people stand is told."""
    url, box = post_office
    here = breach(desk, url, client={"tells_people": tells})
    here.steps += before
    assert {"client": {"sent": 1}} == here.do("tell-client").counts
    (mail,) = box.mails
    assert "privacy@acme.example" == mail["To"]
    text = " ".join(mail.get_content().split())
    for fact in (said, "about 3", "chat: about 2", "mail: about 1,500", "A backup disk was lost"):
        assert fact in text
    assert "example.org" not in mail.get_content()
    page = here.content("breach/notice-to-client.html")
    assert "1,502" in page
    assert "User Contact Email, User Content" in page


def test_a_client_that_cannot_be_told_is_not_skipped(desk):
    """Without a mail server the step fails and waits; an untold client is not reported as told."""
    with pytest.raises(Final, match="RIGHTSDESK_SMTP_URL"):
        breach(desk).do("tell-client")


@pytest.mark.parametrize(("late", "language"), [(False, "de"), (True, "de"), (False, "en"), (True, "en")])
def test_the_authority_form_is_ready(desk, late, language):
    """Everything that Art. 33(3) asks for, for people and machines; lateness asks for its reasons."""
    here = breach(desk, client={"language": language})
    here.now = NOW + timedelta(hours=2 if late else 0)
    here.do("authority")
    form = json.loads(here.content("breach/authority-form.json"))
    assert {
        "nature": "A backup disk was lost", "approximate_people": 3, "approximate_records": 1502, "late": late,
        "categories": ["user.contact.email", "user.content"], "contact_point": "privacy@acme.example",
        "consequences": "Phishing is likely", "measures": "Keys were changed",
        "aware_at": "2026-02-03T08:00:00+00:00", "due_at": "2026-03-02T10:30:00+00:00",
        "reasons_for_delay": "" if late else None,
    }.items() <= form.items()  # fmt: skip
    page = here.content("breach/authority-form.html")
    assert late == ("_____" in page)
    assert ("3. Februar 2026, 09:00 Uhr" if language == "de" else "3 February 2026, 09:00") in page


def test_markup_in_an_incident_stays_text(desk):
    """What someone typed into the report is escaped in the form."""
    here = breach(desk, details={"incident": INCIDENT | {"nature": "<script>x</script>"}})
    here.do("authority")
    assert "<script" not in here.content("breach/authority-form.html")


def test_the_register_says_what_happened_and_who_was_told(desk):
    """Art. 33(5): facts, effects and remedy stand sealed; a second run writes the same row anew."""
    here = breach(desk)
    here.do("register")
    here.steps += [taken(verb, "desk") for verb in ("tell", "tell-client", "authority")]
    here.do("register")
    with here.store.read() as session:
        (row,) = session.scalars(select(IncidentRow))
    assert ("acme", 3, {who: NOW.isoformat() for who in ("people", "client", "authority")}) == (
        row.client, row.affected, row.told,
    )  # fmt: skip
    entry = unseal_json(here.key, row.sealed, aad=b"incident:" + here.ticket.bytes)
    assert "A backup disk was lost" == entry["facts"]["nature"]
    assert ("Phishing is likely", "Keys were changed") == (entry["effects"], entry["remedial_action"])


def test_the_closing_letter_tells_of_letters_to_be_posted(desk):
    """The client reads how many people were told, and that letters wait."""
    here = breach(desk)
    here.steps.append(taken("tell", "desk", counts={"people": {"sent": 2}, "letters": {"exported": 1}}))
    here.do("answer")
    assert "breach/letters" in here.content("letter.txt")
