"""How an IMAP system is set up, reached and logged in to, on real servers."""

import traceback

import pytest

from shared.domain.errors import Final, Retryable
from shared.testing import Desk
from tests.mail_servers import PASSWORD, between, dovecot_server, free_port, needs_dovecot
from tests.workers.connectors.imap_store import Store, fill
from tests.workers.connectors.mails import ADA, SUPPORT, mail, subject


def told(error: BaseException) -> str:
    """Return all that an operator may come to see of an error."""
    return "".join(traceback.format_exception(error)) + repr(error)


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        ({"host": "mail.example.org"}, "loopback only"),
        ({"host": "10.0.0.7"}, "loopback only"),
        ({"tls_ca": "ca.pem"}, "tls_ca"),
        ({"username": "admin"}, "username is one login"),
        ({"mailboxes": []}, "mailboxes is empty"),
        ({"mailboxes": ["a@acme.example", "a@acme.example"]}, "listed twice"),
        ({"password": None}, "has no password"),
        ({"passwords": {"b@acme.example": "env:RD_TEST_SECRET"}}, "not in mailboxes"),
        ({"passwords": {"b@acme.example": "env:RD_NOT_SET"}}, "RD_NOT_SET"),
        ({"shared_messages": {"author": "keep"}}, "author"),
        ({"shared_messages": "burn"}, "shared_messages"),
        ({"restricted_folder": "../x"}, "restricted_folder"),
        ({"tls": "ssl"}, "tls"),
        ({"port": 0}, "port"),
        ({"pasword": PASSWORD}, "pasword"),
    ],
)
def test_a_wrong_set_up_is_one_line(on_pymap, monkeypatch, keys, line):
    """What is set up wrong is refused at once, in one line that names the key and never a password."""
    monkeypatch.setenv("RD_TEST_SECRET", "streng geheim")
    said = on_pymap.refused(**keys)
    assert line in said
    assert "\n" not in said
    assert PASSWORD not in said
    assert "geheim" not in said


def test_tls_is_the_default(on_pymap):
    """What says nothing of TLS speaks it from the first byte, at its port."""
    one = on_pymap.connector(tls=None, port=None)
    assert ("tls", 993) == (one._mail.tls, one._mail.at)


def test_each_mailbox_may_have_a_password_of_its_own(store, monkeypatch):
    """`passwords` goes before `password`; a wrong one is only the mailbox's that has it."""
    fill(store)
    monkeypatch.setenv("RD_TEST_SECRET", PASSWORD)
    mine = {"password": "wrong", "passwords": dict.fromkeys(store.boxes.values(), "env:RD_TEST_SECRET")}
    assert 4 == store.run(Desk(subject()), "locate", mine).total("found")
    del mine["passwords"][store.boxes["sales"]]
    with pytest.raises(Final, match=r"mailbox 2 of the inventory's list; check username and password$"):
        store.run(Desk(subject()), "locate", mine)


def test_a_plain_username_is_one_login(store):
    """Without `{mailbox}` there is one login; its mailbox need not be listed."""
    fill(store)
    keys = {"username": store.boxes["support"], "mailboxes": None}
    desk = Desk(subject())
    assert 3 == store.run(desk, "locate", keys).total("found")
    assert {store.boxes["support"]} == {note.collection.partition("/")[0] for note in desk.notes}


def test_a_wrong_password_is_one_clear_line(store):
    """A refused login says which one and what to check, and nobody's name or password."""
    keys = {"password": "streng geheim"}
    with pytest.raises(Final) as caught:
        store.run(Desk(subject()), "locate", keys)
    assert "the mail server refused the login of mailbox 1 of the inventory's list; check username and password" == str(
        caught.value
    )
    assert not any(secret in told(caught.value) for secret in ("geheim", "support@", "dsr-admin"))


def test_a_password_may_have_any_letter(on_pymap):
    """A password that no login takes raises nothing that quotes it."""
    keys = {"password": "größte Geheimnisse"}
    with between(on_pymap.server.port, hide=b" AUTH=PLAIN") as port, pytest.raises(Final, match="ASCII") as caught:
        on_pymap.run(Desk(subject()), "locate", keys | {"port": port})
    assert "Geheim" not in told(caught.value)


def test_a_server_that_is_away_is_tried_again(on_pymap):
    """Nobody listens: the step may be tried again, and the host is not named."""
    with pytest.raises(Retryable, match=r"^the mail server cannot be reached$"):
        on_pymap.run(Desk(subject()), "locate", {"port": free_port()})


@pytest.mark.processes
@pytest.mark.parametrize("tls", ["tls", "starttls"])
def test_tls_is_spoken_and_verified(tls):
    """Both ways of TLS work with a trusted certificate, and nothing is sent where it is not trusted."""
    needs_dovecot()
    with dovecot_server(tls=True) as server, Store(server) as store:
        store.put(mail(ADA, SUPPORT))
        port = server.tls_port if tls == "tls" else server.port
        keys = {"tls": tls, "host": "localhost", "port": port, "tls_ca": "cert.pem"}
        assert 1 == store.run(Desk(subject()), "locate", keys).total("found")
        with pytest.raises(Final, match="certificate is not trusted"):
            store.run(Desk(subject()), "locate", keys | {"tls_ca": None})
        with pytest.raises(Final, match="certificate is not trusted"):
            store.run(Desk(subject()), "locate", keys | {"host": "127.0.0.1"})
        with pytest.raises(Final, match="tls_ca"):
            store.run(Desk(subject()), "locate", keys | {"tls_ca": "missing.pem"})
        assert "Login" in (server.place / "log").read_text()


def test_no_library_logs_what_comes_and_goes(on_pymap, caplog):
    """Even at DEBUG nothing of a message, a name or a password is logged."""
    caplog.set_level("DEBUG")
    on_pymap.put(mail(ADA, SUPPORT))
    on_pymap.run(Desk(subject()), "locate")
    assert "" == caplog.text


def test_a_mailbox_that_left_the_inventory_is_asked_for(store):
    """What was noted in a mailbox that is listed no more can not be acted on, and says so."""
    fill(store)
    desk = Desk(subject())
    store.run(desk, "locate")
    with pytest.raises(Final, match="no longer in the inventory"):
        store.run(desk, "delete", {"mailboxes": [store.boxes["sales"]]})


def test_a_check_says_what_is_lacking(on_dovecot):
    """A check opens every folder, asks for UIDPLUS, and names mailboxes by their number only."""
    fill(on_dovecot)
    before = on_dovecot.everything()
    folder = on_dovecot.server.place / "mail" / on_dovecot.boxes["sales"] / "Maildir" / ".Sent.2026"
    mode = folder.stat().st_mode
    folder.chmod(0)
    try:
        with between(on_dovecot.server.port, hide=b" UIDPLUS") as port:
            one = on_dovecot.connector(port=port)
            found = [(x.severity, x.place, x.what.partition(",")[0]) for x in one.check()]
            one.close()
    finally:
        folder.chmod(mode)
    lists = "of the inventory's list"
    assert [
        ("error", f"mailbox 1 {lists}", "the server has no UIDPLUS"),
        ("error", f"mailbox 2 {lists}", "the server has no UIDPLUS"),
        ("error", f"mailbox 2 {lists}", "some folders may not be opened or changed"),
    ] == found
    assert before == on_dovecot.everything()


def test_a_check_needs_the_right_password(on_dovecot):
    """A login that is refused is what a check raises, as any verb does."""
    one = on_dovecot.connector(password="wrong")
    with pytest.raises(Final, match="check username and password"):
        list(one.check())
    one.close()
