"""Art. 18: the gate opens again for what is lifted, and for nothing and nobody else."""

from uuid import uuid4

import pytest
from sqlalchemy import select

from shared.domain.case import Gate
from shared.domain.errors import Final
from shared.domain.identifier import Identifier
from shared.store.gates import ask, open_gates
from shared.store.tables import SuppressionRow, TicketRow
from tests.workers.desk.jobs import NOW

MAIL, OTHER = Identifier("email", "ada@example.org"), Identifier("email", "bob@example.org")
PHONE = Identifier("phone_number", "+4930999")


def restricted(desk, *identifiers, kind="restriction"):
    """A ticket that has restricted, for these identifiers."""
    ident = uuid4()
    with desk.store.write() as session:
        session.add(
            TicketRow(
                id=ident, client="acme", right="restriction", stage_since=NOW, received_at=NOW, accepted_at=NOW,
                strict_at=NOW, fingerprint=b"", priority=5, due_at=NOW, stage="x",
            )
        )  # fmt: skip
        session.flush()
        digests = [desk.vault.blind("acme", one) for one in identifiers]
        open_gates(session, ident, [Gate("*", kind)], digests, key=desk.key, at=NOW, declared=NOW)
    return ident


def answer(desk, identifier):
    """What the gate answers."""
    with desk.store.read() as session:
        return ask(session, desk.vault.blind("acme", identifier), "newsletter")[0]


def test_the_named_restriction_ends(desk):
    """All that the former ticket restricted for the person ends, also for identifiers that this one does not name."""
    here = desk("restriction")
    of = restricted(here, MAIL, PHONE)
    restricted(here, OTHER)
    assert {"gate": {"lifted": 2}} == here.do("lift-gate", of=str(of)).counts
    assert ["allow", "allow", "deny"] == [answer(here, one) for one in (MAIL, PHONE, OTHER)]
    assert {} == here.do("lift-gate", of=str(of)).counts


def test_another_persons_restriction_does_not_end(desk):
    """A ticket id that is someone else's opens nothing."""
    here = desk("restriction")
    of = restricted(here, OTHER)
    with pytest.raises(Final, match="restricted nothing for this person"):
        here.do("lift-gate", of=str(of))
    assert "deny" == answer(here, OTHER)


def test_an_objection_outlives_the_lifting(desk):
    """Only restrictions end."""
    here = desk("restriction")
    restricted(here, MAIL)
    restricted(here, MAIL, kind="objection")
    here.do("lift-gate")
    with here.store.read() as session:
        open_kinds = set(session.scalars(select(SuppressionRow.kind).where(SuppressionRow.ended_at.is_(None))))
    assert {"objection"} == open_kinds
