"""Mail by a real SMTP server: our Message-ID, the server's answer, and what fails."""

import pytest

from workers.channels import Undelivered
from workers.channels.sending import send


def url(where, more=""):
    """Return a mail URL as the published example writes it."""
    return f"mailto://ines:env%3ASMTP_PASSWORD@{where}?to=ines@vendor.example{more}"


@pytest.fixture(autouse=True)
def password(monkeypatch):
    """The password that the URL refers to."""
    monkeypatch.setenv("SMTP_PASSWORD", "canary@secret/:%")


def test_a_mail_arrives_with_its_ids(post_office, message):
    """The Message-ID is the message's, repetitions refer to the alert, and the server's answer is returned."""
    where, box = post_office
    box.answer = "250 2.0.0 Ok: queued as 4F2C for <ines@vendor.example>"
    assert "SMTP 250 2.0.0 Ok: queued as 4F2C for" == send("ines", url(where), message, timeout=5)
    (mail,) = box.mails
    assert ("<b1@rightsdesk>", "<a1@rightsdesk>") == (mail["Message-ID"], mail["References"])
    assert ("ines@vendor.example", "auto-generated") == (mail["To"], mail["Auto-Submitted"])
    assert ("[rightsdesk] erasure for acme: 90 %", None) == (mail["Subject"], mail["Importance"])
    assert "Müller\nalert a1" == mail.get_content().rstrip()


def test_several_recipients_get_one_mail_and_the_refused_are_counted(post_office, message):
    """It is delivered if one takes it; a server that takes it for nobody has not."""
    where, box = post_office
    box.refused = {"omar@vendor.example": "550 no such user"}
    many = url(
        where, "&to=ines@vendor.example,omar@vendor.example&cc=uma@vendor.example&from=Desk<desk@vendor.example>"
    )
    assert "SMTP 250 OK; 1 of 3 recipients refused" == send("ines", many, message, timeout=5)
    assert ["ines@vendor.example", "uma@vendor.example"] == box.envelopes[0]
    assert "Desk <desk@vendor.example>" == box.mails[0]["From"]
    box.refused = {"ines@vendor.example": "450 later"}
    with pytest.raises(Undelivered, match="SMTP 450: no recipient taken"):
        send("ines", url(where), message, timeout=5)


def test_a_server_that_refuses_is_quoted_by_its_code_only(post_office, message):
    """At the sender, and at the message itself."""
    where, box = post_office
    box.answer = "554 canary-text looks like spam"
    with pytest.raises(Undelivered, match=r"^SMTP 554$"):
        send("ines", url(where), message, timeout=5)
    box.welcome = "421 canary-text"
    with pytest.raises(Undelivered, match=r"^SMTP 421$"):
        send("ines", url(where), message, timeout=5)


def test_a_server_that_hangs_holds_nobody_for_long(stuck, message):
    """Silent or dripping: after the timeout and a second it is given up."""
    with pytest.raises(Undelivered, match=r"no answer within [01.25]+ s"):
        send("ines", url(f"127.0.0.1:{stuck}"), message, timeout=0.2)


def test_a_server_that_is_not_there(message):
    """Its error is named, not its address."""
    with pytest.raises(Undelivered, match=r"^not reached \(ConnectionRefusedError\)$"):
        send("ines", url("127.0.0.1:1"), message, timeout=5)
