"""The connector of mailboxes on an IMAP server, on real pymap and Dovecot servers with real mail in them."""

import mailbox
from email import message_from_bytes
from email.policy import SMTP

import pytest

from shared.domain.identifier import EMAIL, Identifier, Subject
from shared.testing import Desk
from tests.contracts.connector import ConnectorContract, World
from tests.mail_servers import PASSWORD, between, dovecot_server, needs_dovecot, pymap_server
from tests.workers.connectors.imap_store import DATE, Store
from tests.workers.connectors.mails import (
    ADA,
    STANDS,
    SUPPORT,
    forwarded,
    mail,
    said,
    subject,
    with_attachments,
    with_html,
)

UMLAUTS = "&AMQ-rger 2026"  # Ärger 2026, in modified UTF-7


@pytest.fixture(scope="session")
def pymap():
    """A pymap for all tests."""
    with pymap_server() as server:
        yield server


@pytest.fixture(scope="session")
def dovecot():
    """A Dovecot for all tests."""
    needs_dovecot()
    with dovecot_server() as server:
        yield server


@pytest.fixture(params=["pymap", "dovecot"])
def store(request):
    """Fresh mailboxes on each kind of server."""
    with Store(request.getfixturevalue(request.param)) as fresh:
        yield fresh


def fill(store):
    """Put the person's mail, mail of others, mail of both and mail about her into two mailboxes."""
    store.put(mail(f"Ada Example <{ADA}>", f"{SUPPORT}, privacy@acme.example"), flags="")
    store.put(with_html(), "Sent", r"\Answered \Seen")
    store.put(with_attachments(), "Sent/2026", r"\Flagged", box="sales")
    store.put(mail(ADA, f"{SUPPORT}, Bob <bob@example.org>", "To both of you."))
    store.put(mail("bob@example.org", SUPPORT, "Ada's address is <ada@example.org>, you know."), UMLAUTS)
    store.put(forwarded(), flags=r"\Seen \Flagged")
    store.put(mail("bob@example.org", SUPPORT, "Nothing about anyone.", x="stranger"), flags=r"\Deleted")
    store.put(mail("xada@example.org", SUPPORT, "From ada@example.org.uk and ada+x@example.org.", x="stranger"))
    store.put(mail("ada@example.org.test", "sales@acme.example", "+49 30 1234567", x="stranger"), box="sales")
    sender = b"\xff\xfe" if store.server.kind == "dovecot" else b'"'  # pymap takes no header that is not ASCII
    store.put(b"From: " + sender + b" <<,;@\nX: stranger\nContent-Type: multipart/mixed\nY: =?x?q?=zz?=\n\nbody")
    store.put(mail("Carl <carl@example.org>", SUPPORT, "x", x="stranger").as_bytes(policy=SMTP), "Sent")


def strangers(store):
    """Return all that is other people's, as it stands."""
    return {
        place: kept
        for place, entries in store.everything().items()
        if (kept := [entry for entry in entries if b"X: stranger" in entry.raw])
    }


class TestImap(ConnectorContract):
    @pytest.fixture
    def world(self, store):
        """Two mailboxes with folders at several depths."""
        fill(store)

        def hers_outside():
            for (_, folder), entries in store.everything().items():
                for entry in entries:
                    head = mailbox.MaildirMessage(entry.raw)
                    if not folder.startswith("Restricted") and STANDS.search(f"{head['From']} {head['To']}"):
                        yield folder

        return World(
            make=store.connector,
            ada=subject(),
            present=lambda: {found for raw in store.raws() for found in STANDS.findall(said(raw))},
            others=lambda: strangers(store),
            lie=lambda: store.put(mail(ADA, SUPPORT)),
            records=4,
            restricted=lambda: not list(hers_outside()),
            nobody=Subject(frozenset({Identifier(EMAIL, "nobody@example.org")})),
        )
