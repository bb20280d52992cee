"""What a search commits to: all that stands written down by it, whichever attempt wrote it."""

from dataclasses import replace

import pytest
from sqlalchemy import select, update

from shared.domain.errors import RightsdeskError
from shared.domain.outcome import Found
from shared.evidence import verify_record
from shared.store import findings
from shared.store.steps import Claim
from shared.store.tables import StepRow, TicketRow
from tests import small
from tests.line import open_line
from tests.small import ticket
from workers.notes import Notes
from workers.records import prove

LOST = Found("contacts", "[99]", digest="aa")


@pytest.fixture
def line(tmp_path, valkey, valkey_url):
    """A line over a small world."""
    made = open_line(tmp_path / "home", small.build(tmp_path / "world").systems, broker=valkey_url)
    yield made
    made.close()


def test_a_search_that_broke_off_is_committed_to_as_well(line):
    """What an earlier attempt has written down stands there, so it belongs to the commitment."""
    ident = line.submit(ticket("access"))
    line.run()
    office = line.office
    with office.store.write() as session:
        row = session.get_one(TicketRow, ident)
        key, _ = office.ticket(row)
        step = session.scalars(
            select(StepRow).where(StepRow.ticket_id == ident, StepRow.system == "chat", StepRow.verb == "locate")
        ).first()
        written = [note for by, note in findings.read(session, key, ticket=ident, system="chat") if by == step.id]
        findings.keep(session, key, ticket=ident, step=step.id, system="chat", notes=[LOST])
    claim = Claim(
        id=step.id, token="", ticket=ident, stage="locate", key=step.key, system="chat", lane="chat", channel="chat",
        verb="locate", part="", attempts=1, sealed=b"", cursor=None, holds=False, was_down=False,
    )  # fmt: skip

    def committed(attempts):
        notes = Notes(office, replace(claim, attempts=attempts), key, of=None, taken_until=0)
        for note in written:
            notes.add(note)
        return notes.commitment

    assert step.commitment == committed(1)
    assert step.commitment != committed(2)
    with pytest.raises(RightsdeskError, match="not what the certificate commits to"):
        prove(office, row, system="chat", collection="contacts", key="[99]")
    with office.store.write() as session:
        session.execute(update(StepRow).where(StepRow.id == step.id).values(commitment=committed(2)))
    proof = prove(office, row, system="chat", collection="contacts", key="[99]")
    certificate = line.certificate(ident)["certificate"]
    assert "the certificate does not commit to this record" == verify_record(proof, certificate)
    (chat,) = [one for one in certificate["systems"] if one["id"] == "chat"]
    chat["found_before"][0]["commitment"] = committed(2)
    assert verify_record(proof, certificate) is None
