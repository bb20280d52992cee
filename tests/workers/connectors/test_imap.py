"""The connector of mailboxes on an IMAP server, on real pymap and Dovecot servers with real mail in them."""

import mailbox

import pytest

from shared.domain.identifier import EMAIL, Identifier, Subject
from tests.contracts.connector import ConnectorContract, World
from tests.workers.connectors.imap_store import fill, strangers
from tests.workers.connectors.mails import (
    ADA,
    STANDS,
    SUPPORT,
    mail,
    said,
    subject,
)


class TestImap(ConnectorContract):
    @pytest.fixture
    def world(self, store):
        """Two mailboxes with folders at several depths."""
        fill(store)

        def hers_outside():
            for (_, folder), entries in store.everything().items():
                for entry in entries:
                    head = mailbox.MaildirMessage(entry.raw)
                    hers = (
                        STANDS.search(f"{head['From']} {head['To']}") and "bob@" not in f"{head['From']} {head['To']}"
                    )
                    if not folder.startswith("Restricted") and hers:
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
